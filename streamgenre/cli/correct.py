"""`streamgenre correct`: edit the genre corrections of a scan."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import one_line
from ..wording import counted
from .options import on_the_command_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..library.corrections import Corrections, Target
    from ..library.row import Row

_MAX_NAMES = 3  # artists in a hint


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog='Example: streamgenre correct genres.parquet "album:Kind of Blue" jazz. The corrections '
    "are in RESULTS.corrections, a text file that can be edited.",
)
@click.argument("results", type=click.Path(path_type=Path))
@click.argument("target", required=False)
@click.argument("genre", required=False)
@click.option("--artist", metavar="NAME", help="With album:TITLE: only albums of this artist.")
@click.option("--new", is_flag=True, help="Accept GENRE even if it resembles another genre.")
@click.option("--remove", is_flag=True, help="Remove the correction of TARGET.")
@click.option("--list", "show", is_flag=True, help="Print all corrections.")
@click.option(
    "--manifest",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="CSV",
    help="Write the corrected files and their genres as training data for `adapt`.",
)
def command(
    results: Path,
    target: str | None,
    genre: str | None,
    artist: str | None,
    new: bool,
    remove: bool,
    show: bool,
    manifest: Path | None,
) -> None:
    """Correct the genre of files, an album or an artist.

    Scans, reports and `streamgenre tags` use the corrected genre.

    RESULTS is the table of a scan. TARGET is album:TITLE, artist:NAME, path:FILE (or a folder), or
    glob:PATTERN.
    """
    _check_usage(target, genre, remove, show, manifest)
    from ..library.corrections import (
        Correction,
        Corrections,
        Target,
        locked_corrections,
        read_corrections,
        write_corrections,
    )
    from ..library.manifest import write_manifest
    from ..library.results import read_results, update_corrected

    table = read_results(results)
    if show:
        _list(read_corrections(results) or Corrections())
        return
    if manifest is not None:
        if manifest.resolve() == results.resolve():
            raise click.UsageError(f"{manifest}: is the table itself; choose another name")
        summary = write_manifest(manifest, table)
        for warning in summary.warnings:
            click.echo(f"streamgenre: {one_line(warning)}", err=True)
        click.echo(f"{manifest}: {counted(summary.tracks, 'file')} of {len(summary.genres)} genres")
        return
    assert target is not None
    wanted = Target.parse(_absolute(target), artist)
    with locked_corrections(results):
        known = read_corrections(results) or Corrections()
        if remove:
            left = known.without(wanted)
            if len(left) == len(known):
                _no_correction(known, wanted)
            write_corrections(results, left)
            update_corrected(results)
            click.echo(f"removed: {one_line(wanted)}")
            return
        assert genre is not None
        labels = table.labels
        name = _checked_genre(genre, labels, known, new)
        found = _files_of(list(table), wanted)
        write_corrections(results, known.with_correction(Correction(wanted, name)))
        update_corrected(results)
    if name not in labels:
        click.echo(
            f"streamgenre: {one_line(name)} is not a genre of the model, which has "
            f"{', '.join(labels)}; to train a model with it, see --manifest and streamgenre adapt",
            err=True,
        )
    click.echo(f"{one_line(wanted)}: {one_line(name)}, {counted(len(found), 'file')}")
    _hint_several(wanted, found)


def _check_usage(
    target: str | None, genre: str | None, remove: bool, show: bool, manifest: Path | None
) -> None:
    if sum([remove, show, manifest is not None]) > 1:
        raise click.UsageError("use only one of --list, --remove and --manifest")
    if (show or manifest is not None) and (target is not None or on_the_command_line("artist")):
        raise click.UsageError("--list and --manifest take only RESULTS")
    if show or manifest is not None:
        return
    if target is None:
        raise click.UsageError("pass a TARGET and a GENRE, or --list")
    if remove and genre is not None:
        raise click.UsageError("--remove takes a TARGET, but no GENRE")
    if not remove and genre is None:
        raise click.UsageError(f"pass a GENRE for {target}")


def _absolute(target: str) -> str:
    """Convert the path of a target to the form used in the results."""
    from ..library.row import shown_path

    kind, mark, name = target.partition(":")
    if kind != "path" or not name.strip():
        return target
    return kind + mark + shown_path(os.path.abspath(name))  # noqa: PTH100  # links stay


def _list(known: Corrections) -> None:
    for one in known:
        by = f" (artist {one.target.artist})" if one.target.artist is not None else ""
        click.echo(one_line(f"{one.target}{by}: {one.genre}"))
    if not len(known):
        click.echo("streamgenre: no corrections", err=True)


def _no_correction(known: Corrections, wanted: Target) -> None:
    from ..library.names import closest_name

    close = closest_name(str(wanted), [str(one.target) for one in known])
    hint = f"; did you mean {close!r}?" if close else "; --list prints all"
    raise click.UsageError(f"there is no correction for {str(wanted)!r}{hint}")


def _checked_genre(genre: str, labels: Sequence[str], known: Corrections, new: bool) -> str:
    """Return the genre in the spelling already in use.

    Raises UsageError if the genre is invalid, or if it resembles another one and `new` is false.
    """
    from ..library.corrections import MAX_GENRE
    from ..library.names import closest_name, spelling_key
    from ..library.report.tables import WITHOUT_GENRE

    name = " ".join(genre.split())
    if not name or len(name) > MAX_GENRE or not name.isprintable():
        raise click.UsageError(f"a genre has 1 to {MAX_GENRE} printable characters")
    if name in WITHOUT_GENRE:
        raise click.UsageError(f"{name!r} is a status, not a genre")
    used = [*labels, *dict.fromkeys(one.genre for one in known)]
    same = next((one for one in used if spelling_key(one) == spelling_key(name)), None)
    if same is not None:
        return same
    close = None if new else closest_name(name, used)
    if close is not None:
        raise click.UsageError(f"unknown genre {name!r}; did you mean {close!r}? If not, add --new")
    return name


def _files_of(rows: Sequence[Row], wanted: Target) -> list[Row]:
    """The rows that match a target. Raises UsageError if there are none."""
    from ..library.names import closest_name

    matches = wanted.matcher()
    found = [row for row in rows if matches(row)]
    if found:
        return found
    what = {"album": "has the album", "artist": "has the artist"}.get(wanted.kind, "matches")
    by = f" by {wanted.artist!r}" if wanted.artist else ""
    close = None
    if wanted.kind in ("album", "artist"):
        tags = [row.album if wanted.kind == "album" else row.artist for row in rows]
        names = list(filter(None, tags))
        if not names:
            article = "an album" if wanted.kind == "album" else "an artist"
            raise click.UsageError(
                f"no file of the results has {article} tag; select files with path:FILE, "
                "path:FOLDER or glob:PATTERN"
            )
        close = closest_name(wanted.name, names)
    hint = f"; did you mean {close!r}?" if close and not by else "; check the name"
    raise click.UsageError(f"no file of the results {what} {wanted.name!r}{by}{hint}")


def _hint_several(wanted: Target, found: Sequence[Row]) -> None:
    """Print a hint if several albums have this title."""
    from ..library.groups import Groups

    if wanted.kind != "album" or wanted.artist is not None:
        return
    albums = Groups(found).albums
    if len(albums) > 1:
        names = [album.artist or "several artists" for album in albums[:_MAX_NAMES]]
        more = f" and {len(albums) - _MAX_NAMES} more" if len(albums) > _MAX_NAMES else ""
        click.echo(
            f"streamgenre: {len(albums)} albums have this title (by {one_line(', '.join(names))}"
            f"{more}); all were corrected; use --artist NAME to select one",
            err=True,
        )
