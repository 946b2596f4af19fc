"""`experiments`: the systems of the literature, trained and measured under one protocol."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import FOLDER, IN_FILE, data_options, open_data

if TYPE_CHECKING:
    from ..literature.rows import Row


@click.command()
@click.argument("data", type=click.Path(path_type=Path), required=False)
@click.option(
    "--row",
    "patterns",
    multiple=True,
    metavar="NAME",
    help="A system, a pattern (choi-*) or the number of a section; can be repeated.  "
    "[default: all]",
)
@click.option("--seed", "seeds", multiple=True, type=click.IntRange(0), help="Only these seeds.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="SECTION.ENTRY=VALUE",
    help="Override the config of the selected networks: network.width=128, run.updates=9000. "
    "Needs separate --results and --runs.",
)
@click.option("--list", "listed", is_flag=True, help="List the systems without training.")
@click.option("--again", is_flag=True, help="Repeat measurements that exist already.")
@click.option(
    "--runs",
    type=FOLDER,
    default=Path("runs/experiments"),
    show_default=True,
    help="Folder for the runs: checkpoints and learning curves.",
)
@click.option(
    "--results",
    type=FOLDER,
    default=Path("training/results"),
    show_default=True,
    help="Folder for results.json, predictions, tables and charts.",
)
@click.option(
    "--pack", is_flag=True, help="Merge the predictions of each section into one compressed table."
)
@click.option(
    "--tags",
    type=IN_FILE,
    help="Tags of the tracks (CSV of `teach --tags-csv`), for systems that are trained on tags.",
)
@data_options
def command(
    data: Path | None,
    patterns: tuple[str, ...],
    seeds: tuple[int, ...],
    changes: tuple[str, ...],
    listed: bool,
    again: bool,
    runs: Path,
    results: Path,
    pack: bool,
    tags: Path | None,
    kind: str,
    subset: str,
    lists: Path | None,
    cache: Path | None,
) -> None:
    """Train and measure the systems of the literature on DATA, each with its seeds.

    Called again, it resumes. Several processes share the rows. A folder of results is for one data
    set.

    Without DATA, the tables and charts are rewritten from the results.
    """
    from ..literature.rows import changed_rows, chosen_rows

    rows, failed = chosen_rows(patterns), []
    if changes:
        rows = changed_rows(rows, changes)
    if listed:
        _list(rows)
        return
    if data is not None:
        from ..literature.queue import work_off
        from ..literature.run import Bench

        dataset, audio = open_data(data, kind, subset, lists, cache)
        bench = Bench(dataset, audio, runs, results, tags)
        failed = work_off(bench, rows, seeds, again=again, progress=click.echo)
    from ..data import DataError
    from ..literature.report import write_report
    from ..literature.results import pack_predictions, reword

    reword(results, {row.system: row.words for row in chosen_rows(())})
    if not (written := write_report(results)) and not failed:
        raise DataError(f"{results}: contains no results; give DATA, or another --results")
    for path in [*(pack_predictions(results) if pack else []), *written]:
        click.echo(f"wrote {path}")
    if failed:
        click.echo(f"{len(failed)} rows failed: {', '.join(failed)}", err=True)
        sys.exit(1)


def _list(rows: tuple[Row, ...]) -> None:
    for row in rows:
        seeds = ", ".join(map(str, row.seeds))
        click.echo(f"{row.section:2}  {row.system:28} seeds {seeds:8}  {row.title}")
