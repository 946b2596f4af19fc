"""`streamgenre report`: a report of a scanned library or of a radio log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..wording import counted
from .options import model_option

if TYPE_CHECKING:
    from ..library.results import Results
    from ..model.card import ModelCard


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("results", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The page, or with --format csv a folder.  [default: the name of RESULTS with .html]",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["html", "csv"]),
    default="html",
    show_default=True,
    help="One page with tables, plots and a player, or a folder with one CSV file per table.",
)
@model_option
def command(results: Path, output: Path | None, kind: str, model: Path | None) -> None:
    """Report genres by artist, album, year and folder, and files to review.

    RESULTS is the table of a scan, or a log of `streamgenre radio`. For a radio log, the page shows
    what each station plays by hour of the day and of the week. If RESULTS was not made with the
    bundled model, pass --model, which defines the names and colours of genres.
    """
    from ..library.report.csv_files import write_csv_files
    from ..library.report.inputs import input_kind
    from ..library.report.looks import looks
    from ..library.report.page import write_page
    from ..library.report.tables import build
    from ..library.results import read_results
    from ..model.card import read_card
    from ..model.model import read_model

    if kind == "csv" and output is None:
        raise click.UsageError("--format csv needs -o FOLDER")
    if kind == "csv" and output is not None and output.is_file():
        raise click.UsageError(f"{output}: is a file; --format csv needs a folder")
    if kind == "html" and output is not None and output.is_dir():
        raise click.UsageError(f"{output}: is a folder; choose a file in it")
    target = output or results.with_suffix(".html")
    if target.resolve() == results.resolve():
        raise click.UsageError(f"{target}: is the input; choose another name for -o")
    of_radio = input_kind(results) == "radio"
    name, data = read_model(model)
    card = read_card(data, name)
    if of_radio:
        if kind == "csv":
            raise click.UsageError("--format csv needs the results of a scan")
        from ..radio.page import write_page as write_radio_page

        stations = write_radio_page(target, results, card.labels).stations
        click.echo(f"{target}: {counted(len(stations), 'station')}")
        return
    table = read_results(results)
    report = build(table, table.labels, _usual_unsure(table, card))
    if kind == "csv":
        write_csv_files(target, report)
    else:
        write_page(target, report, results.name, looks(report.genres, card))
    click.echo(f"{target}: {counted(report.files, 'file')}")


def _usual_unsure(table: Results, card: ModelCard) -> float | None:
    """The threshold of the card if its model made the results; None derives it from the rows."""
    from ..library.row import model_name

    first = next(iter(table), None)
    made = first is not None and first.model == model_name(card)
    return card.thresholds.unsure if made else None
