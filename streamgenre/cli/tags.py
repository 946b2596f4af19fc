"""`streamgenre tags`: write the genres of a scan to the tags of its files, or undo this."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import OutputError, one_line
from ..wording import counted
from .options import extra, on_the_command_line

if TYPE_CHECKING:
    from ..library.tagging.plan import TagChange

_OUTCOMES = {
    "planned": "to be written",
    "written": "written",
    "restored": "restored",
    "same": "unchanged",
    "skipped": "skipped",
    "read-only": "read-only",
    "failed": "failed",
}
_FAILURES = "read-only", "failed"


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="The previous genres are stored in RESULTS.tags. --undo needs that file. The audio is "
    "never changed.",
)
@click.argument("results", metavar="RESULTS", type=click.Path(path_type=Path))
@click.option("--write", is_flag=True, help=f"Write the tags.{extra('tags')}")
@click.option("--undo", is_flag=True, help="Restore the previous genres of all files.")
@click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    default=0.0,
    metavar="P",
    help="Skip files whose genre has a lower probability, for example 0.6.",
)
@click.option("--only-missing", is_flag=True, help="Skip files that have a genre.")
@click.option(
    "--by",
    type=click.Choice(["track", "album", "artist"]),
    default="track",
    show_default=True,
    help="Write the genre of each file, or of its whole album or artist.",
)
@click.option(
    "--map",
    "names",
    metavar="NAMES",
    help="Names to write: id3v1, beets, musicbrainz, or a TOML file.  [default: those of the "
    "model]",
)
@click.option("--styles", is_flag=True, help="Also write styles such as House, after the genre.")
def command(
    results: Path,
    write: bool,
    undo: bool,
    min_confidence: float,
    only_missing: bool,
    by: Any,
    names: str | None,
    styles: bool,
) -> int:
    """Write the genres of RESULTS, a table of `streamgenre scan`, to the tags of the files.

    Without --write, only print the planned changes. Corrections (see `streamgenre correct`) have
    precedence over the model.
    """
    if undo and on_the_command_line(
        "write", "min_confidence", "only_missing", "by", "names", "styles"
    ):
        raise click.UsageError("--undo cannot be combined with other options")
    from ..library.tagging.write import tag_files, undo_tags
    from . import interrupt

    interrupt.patience = 10.0  # to remove an unfinished copy
    changes = (
        undo_tags(results)
        if undo
        else tag_files(
            results,
            write=write,
            min_confidence=min_confidence,
            only_missing=only_missing,
            by=by,
            names=names,
            styles=styles,
        )
    )
    counts: Counter[str] = Counter()
    try:
        _print(changes, counts)
    except (KeyboardInterrupt, SystemExit):
        if write or undo:
            click.echo(
                f"streamgenre: interrupted after {counts['written'] + counts['restored']:,} files, "
                "which are complete; run the same command again to continue",
                err=True,
            )
        raise
    outcomes = _OUTCOMES if write or undo else _OUTCOMES | {"failed": "cannot be written"}
    parts = [
        f"{counts[outcome]:,} {words}" for outcome, words in outcomes.items() if counts[outcome]
    ]
    click.echo(f"{counted(counts.total(), 'file')}: {', '.join(parts) or 'nothing to do'}")
    if counts["planned"]:
        click.echo("streamgenre: nothing was written; add --write to write the tags", err=True)
    return OutputError.exit_code if any(counts[outcome] for outcome in _FAILURES) else 0


def _print(changes: Iterator[TagChange], counts: Counter[str]) -> None:
    for change in changes:
        counts[change.outcome] += 1
        if change.outcome in _FAILURES:
            click.echo(one_line(f"streamgenre: {change.path}: {change.why}"), err=True)
        elif change.outcome != "same":
            click.echo(one_line(_line(change)))


def _line(change: TagChange) -> str:
    old = "; ".join(change.old) or "none"
    if change.outcome == "skipped":
        existing = f"{old}: " if change.old else ""
        return f"{change.path}: {existing}skipped, {change.why}"
    return f"{change.path}: {old} → {'; '.join(change.new) or 'none'}"
