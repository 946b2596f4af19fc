"""Options that several commands share, and the data set that they name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ..data import AudioCache, DataSet

Function = TypeVar("Function", bound=Callable[..., Any])

KINDS = ("auto", "manifest", "folders", "fma", "gtzan", "ballroom", "magnatagatune", "msd")

data_argument = click.argument("data", type=click.Path(path_type=Path))


def data_options(function: Function) -> Function:
    """--kind, --subset, --lists, --cache; the command gets them as keyword arguments."""
    for option in (
        click.option(
            "--cache",
            type=click.Path(path_type=Path, file_okay=False),
            envvar="STREAMGENRE_CACHE",
            help="Folder for decoded audio (32 kB a second).  [default: DATA's name in the user's "
            "cache folder; env: STREAMGENRE_CACHE]",
        ),
        click.option(
            "--lists",
            type=click.Path(path_type=Path, file_okay=False, exists=True),
            help="Folder with split lists: GTZAN's fault-filtered ones.",
        ),
        click.option("--subset", default="", help="FMA: small, medium or large."),
        click.option(
            "--kind",
            type=click.Choice(KINDS),
            default="auto",
            show_default=True,
            help="Layout of DATA.",
        ),
    ):
        function = option(function)
    return function


def opened(
    data: Path, kind: str, subset: str, lists: Path | None, cache: Path | None
) -> tuple[DataSet, AudioCache]:
    """The data set with its audio decoded; warnings and skipped files on standard error."""
    from ..data import AudioCache, default_cache, open_dataset

    dataset = open_dataset(data, kind=kind, subset=subset, lists=lists)
    for warning in dataset.warnings:
        click.echo(f"warning: {warning}", err=True)
    audio = AudioCache.build(dataset.tracks, cache or default_cache(data))
    return dataset, audio
