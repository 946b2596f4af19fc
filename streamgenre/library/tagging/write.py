"""Write the genres of results to the tags of their files, and undo it.

The previous genre fields of each file are stored next to the results (record.py), before the file
is replaced (rewrite.py). The journal of the scan is locked, so that no other scan or run can use
the same results at the same time.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ...errors import ConfigError, InputError, OutputError, reason
from ..corrections import Corrections, read_corrections
from ..groups import Groups
from ..journal import JOURNAL, Journal
from ..results import Results, read_results
from ..row import Row, shown_path, system_path
from .genre import GenreTag, read_genre
from .names import genre_names
from .plan import By, Decision, PlannedChange, Planner, TagChange, TagOptions, decide
from .record import SUFFIX, FileState, Genre, History, Record, RecordError
from .rewrite import Temporaries, cause, content_hash, message_of, refusal, rewrite

PathLike = str | os.PathLike[str]
_DISK_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


def tag_files(
    results: PathLike,
    *,
    write: bool = False,
    min_confidence: float = 0.0,
    only_missing: bool = False,
    by: By = "track",
    names: PathLike | None = None,
    styles: bool = False,
) -> Iterator[TagChange]:
    """Plan the genre tag of each file of a scan, and write it if `write` is true.

    Each file is replaced atomically by a copy with identical audio. Corrections have precedence
    over the model.

    Args:
        results: the results of a scan.
        write: write the tags; otherwise, only yield the planned changes.
        min_confidence: minimum probability of a prediction.
        only_missing: skip files that have a genre.
        by: "track" for the genre of each file, "album" or "artist" for that of the whole group.
        names: "id3v1", "beets", "musicbrainz", or a TOML file; None selects the display names of
            the bundled model.
        styles: also write the styles.

    Raises InputError and ConfigError, and OutputError if the previous values cannot be stored or
    the disk is full. Files that were already yielded as "written" are complete.
    """
    if by not in ("track", "album", "artist"):
        raise ConfigError(f"by must be track, album or artist, not {by!r}")
    if not 0 <= min_confidence <= 1:
        raise ConfigError(f"min_confidence must be between 0 and 1, not {min_confidence}")
    options = TagOptions(genre_names(names), min_confidence, only_missing, styles)
    table = read_results(results)
    with _locked(results, write):
        history = History(Path(os.fspath(results) + SUFFIX))
        planner = Planner(options, history)
        temporaries = Temporaries(history.path)
        if write:
            _clean(table, temporaries)
        for row, decision in _decisions(table, by):
            planned = planner.plan(row, decision)
            yield _write(planned, history, temporaries) if write else planned.change


def undo_tags(results: PathLike) -> Iterator[TagChange]:
    """Restore the genre of each file to its value before the first write.

    A file that was changed by another program is reported as "failed". Raises InputError if there
    is no record of written tags beside the results, and the same errors as `tag_files`.
    """
    table = read_results(results)
    record = Path(os.fspath(results) + SUFFIX)
    if not record.exists():
        raise InputError(f"{record}: not found; undoing needs this file next to the results")
    with _locked(results, True):
        history = History(record)
        temporaries = Temporaries(history.path)
        _clean(table, temporaries)
        for path in history:
            temporaries.remove(Path(path).parent)
            yield _undo(path, history, temporaries)


@contextmanager
def _locked(results: PathLike, lock: bool) -> Iterator[None]:
    if not lock:
        yield
        return
    with Journal(Path(os.fspath(results) + JOURNAL), ""):
        yield


def _clean(table: Results, temporaries: Temporaries) -> None:
    folders = {Path(os.path.realpath(system_path(row.path))).parent for row in table}
    for folder in folders:
        temporaries.remove(folder)


def _decisions(table: Results, by: By) -> Iterator[tuple[Row, Decision]]:
    corrections = read_corrections(table.path) or Corrections()
    groups = None if by == "track" else Groups(map(corrections.applied, table))
    for row in map(corrections.applied, table):
        yield row, decide(row, by, groups)


def _write(planned: PlannedChange, history: History, temporaries: Temporaries) -> TagChange:
    tag, change = planned.tag, planned.change
    if tag is None:
        return change
    path = str(tag.path)

    def store(before: FileState, after: FileState, content: str) -> None:
        history.append(
            Record(
                path=path,
                action="write",
                before=before,
                after=after,
                content=content,
                genres=change.new,
                original=original,
                tag_genre=planned.row.tag_genre,
            )
        )

    try:
        original = _original(tag, history)
        rewrite(
            tag,
            temporaries.path_for(tag.path),
            lambda copy: copy.set_genres(change.new),
            lambda copy: copy.matches(change.new),
            store,
        )
    except Exception as error:
        return replace(change, outcome="failed", why=_failure(error, path))
    return replace(change, outcome="written")


def _original(tag: GenreTag, history: History) -> Genre:
    """The genre fields before the first write; the current ones if the file has changed since."""
    records = history.of(str(tag.path))
    if records:
        content = content_hash(tag.path)
        for record in reversed(records):
            if record.content == content:
                return record.original
    return tag.genre


def _undo(path: str, history: History, temporaries: Temporaries) -> TagChange:
    shown = shown_path(path)
    records, file = history.of(path), Path(path)

    def failed(because: str) -> TagChange:
        return TagChange(shown, "failed", why=because)

    try:
        content = content_hash(file)
        record = next((one for one in reversed(records) if one.content == content), None)
        if record is None:
            if FileState.of(file.stat()) in [one.before for one in records]:
                return TagChange(shown, "same")  # the run was killed before the replacement
            return failed("has changed since its genre was written; its tags are kept")
        if record.action == "undo":
            return TagChange(shown, "same")
        if (refused := refusal(file)) is not None:
            return TagChange(shown, refused.outcome, why=refused.why)
        return _restore(read_genre(file), record, history, temporaries)
    except FileNotFoundError:
        return failed("no such file; move it back to this path")
    except Exception as error:
        return failed(_failure(error, path))


def _restore(
    tag: GenreTag, record: Record, history: History, temporaries: Temporaries
) -> TagChange:
    names: list[tuple[str, ...]] = []

    def verify(copy: GenreTag) -> bool:
        names.append(copy.names)
        return _values(copy.genre) == _values(record.original)

    def store(before: FileState, after: FileState, content: str) -> None:
        history.append(
            replace(record, action="undo", before=before, after=after, content=content, genres=())
        )

    rewrite(
        tag,
        temporaries.path_for(tag.path),
        lambda copy: copy.restore(record.original),
        verify,
        store,
    )
    return TagChange(shown_path(str(tag.path)), "restored", tag.names, names[-1])


def _values(genre: Genre) -> list[tuple[str, tuple[str, ...]]]:
    """Names and values of non-empty fields. Details such as the text encoding are ignored."""
    return [(field.name, field.values) for field in genre.fields if any(field.values)]


def _failure(error: Exception, path: str) -> str:
    """The reason why a file failed. Raises errors that end the run."""
    if isinstance(error, RecordError):
        raise error
    inner = cause(error)
    if isinstance(inner, OSError) and inner.errno in _DISK_FULL:
        raise OutputError(
            f"{path}: cannot be written: {reason(inner)}; free some space and run the same command "
            "again (the file is unchanged)"
        ) from None
    return message_of(error, path)
