"""Write the genres of results into the tags of their files, and undo it.

What each file stated before is kept in a file beside the results (record.py), on the disk before
the file is replaced (rewrite.py). The journal of the scan is held open meanwhile, so that no scan
and no second run works on the same results.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ...errors import ConfigError, OutputError, reason
from ..corrections import Corrections, read_corrections
from ..groups import Groups
from ..journal import JOURNAL, Journal
from ..results import Results, read_results
from ..row import Row, shown_path, system_path
from .genre import GenreTag, read_genre
from .names import genre_names
from .plan import By, Choice, Decision, Planned, Planner, TagChange, decide
from .record import SUFFIX, FileState, Genre, History, Record, RecordError
from .rewrite import Temporaries, cause, content_hash, refusal, rewrite, why

PathLike = str | os.PathLike[str]
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


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
    """Plan the genre tag of each file of the results of a scan, and with `write` write it.

    A file is replaced by a copy whose audio is the same; it is the old or the new one at every
    moment. Corrections beside the results win over the model.

    Args:
        results: a file of `scan`.
        write: write; otherwise only yield the plan.
        min_confidence: probability that a verdict needs.
        only_missing: leave files alone that state a genre.
        by: "track", or "album" or "artist" for the verdict of all tracks of a group.
        names: a map of names: "id3v1", "beets", "musicbrainz", or a TOML file; None: the names
            that the bundled model shows.
        styles: write the styles, too.

    Raises InputError, ConfigError, and OutputError if the original values cannot be kept or the
    disk is full; files that were yielded as "written" before are complete.
    """
    if by not in ("track", "album", "artist"):
        raise ConfigError(f"by must be track, album or artist, not {by!r}")
    if not 0 <= min_confidence <= 1:
        raise ConfigError(f"min_confidence must be between 0 and 1, not {min_confidence}")
    choice = Choice(genre_names(names), min_confidence, only_missing, styles)
    table = read_results(results)
    with _locked(results, write):
        history = History(Path(os.fspath(results) + SUFFIX))
        planner = Planner(choice, history)
        temporaries = Temporaries(history.path)
        if write:
            _clean(table, temporaries)
        for row, decision in _decisions(table, by):
            planned = planner.plan(row, decision)
            yield _write(planned, history, temporaries) if write else planned.change


def undo_tags(results: PathLike) -> Iterator[TagChange]:
    """Give each file whose genre was written the values back that it had before.

    A file that has changed since it was written is "failed". Raises as tag_files.
    """
    table = read_results(results)
    with _locked(results, True):
        history = History(Path(os.fspath(results) + SUFFIX))
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


def _write(planned: Planned, history: History, temporaries: Temporaries) -> TagChange:
    tag, change = planned.tag, planned.change
    if tag is None:
        return change
    path = str(tag.path)

    def announce(before: FileState, after: FileState, content: str) -> None:
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
            temporaries.beside(tag.path),
            lambda copy: copy.put(change.new),
            lambda copy: copy.states(change.new),
            announce,
        )
    except Exception as error:
        return replace(change, outcome="failed", why=_failure(error, path))
    return replace(change, outcome="written")


def _original(tag: GenreTag, history: History) -> Genre:
    """What the file stated before it was first written, if it is as it was written then."""
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
                return TagChange(shown, "same")  # the run ended before it was replaced
            return failed("has changed since its genre was written; it keeps its tags")
        if record.action == "undo":
            return TagChange(shown, "same")
        if (refused := refusal(file)) is not None:
            return failed(refused)
        return _restore(read_genre(file), record, history, temporaries)
    except FileNotFoundError:
        return failed("no such file; put it back where it was")
    except Exception as error:
        return failed(_failure(error, path))


def _restore(
    tag: GenreTag, record: Record, history: History, temporaries: Temporaries
) -> TagChange:
    names: list[tuple[str, ...]] = []

    def right(copy: GenreTag) -> bool:
        names.append(copy.names)
        return _values(copy.genre) == _values(record.original)

    def announce(before: FileState, after: FileState, content: str) -> None:
        history.append(
            replace(record, action="undo", before=before, after=after, content=content, genres=())
        )

    rewrite(
        tag,
        temporaries.beside(tag.path),
        lambda copy: copy.restore(record.original),
        right,
        announce,
    )
    return TagChange(shown_path(str(tag.path)), "restored", tag.names, names[-1])


def _values(genre: Genre) -> list[tuple[str, tuple[str, ...]]]:
    """Field by field; a field of ID3 without text is not kept, and a place changes nothing."""
    return [(field.name, field.values) for field in genre.fields if any(field.values)]


def _failure(error: Exception, path: str) -> str:
    """The reason why one file failed; raises what ends the run."""
    if isinstance(error, RecordError):
        raise error
    inner = cause(error)
    if isinstance(inner, OSError) and inner.errno in _FULL:
        raise OutputError(
            f"{path}: cannot be written: {reason(inner)}; it stays as it is: make room, and run "
            "the same command again"
        ) from None
    return why(error, path)
