"""Options that several commands share, and the data set that they name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from streamgenre.errors import one_line

if TYPE_CHECKING:
    from ..data import AudioCache, DataSet

Function = TypeVar("Function", bound=Callable[..., Any])

KINDS = ("auto", "manifest", "folders", "fma", "gtzan", "ballroom", "magnatagatune", "msd")


class Number(click.FloatRange):
    """A range that "nan", neither below nor above anything, does not slip through."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The number; click's error where it is none or outside."""
        number = super().convert(value, param, ctx)
        return self.fail(f"{value!r} is not a number", param, ctx) if math.isnan(number) else number


data_argument = click.argument("data", type=click.Path(path_type=Path))
held_speech_option = click.option(
    "--held-speech",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Speech that was not trained on, to fit the threshold of `music` on.",
)


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
    data: Path,
    kind: str,
    subset: str,
    lists: Path | None,
    cache: Path | None,
    *,
    for_training: bool = True,
    tags: Path | None = None,
) -> tuple[DataSet, AudioCache]:
    """The data set with its audio decoded; warnings and skipped files on standard error.

    `tags`: a table that makes it a data set of tags.
    """
    from ..data import AudioCache, DataError, default_cache, open_dataset
    from ..data.copies import copy_warnings, kept_copies, one_group
    from ..data.split import with_split
    from ..data.tags import with_tags

    dataset = open_dataset(data, kind=kind, subset=subset, lists=lists, for_training=for_training)
    for warning in dataset.warnings:
        click.echo(f"warning: {one_line(warning)}", err=True)
    if tags is not None:
        dataset = with_tags(dataset, tags)
    folder = cache or default_cache(data)
    audio = AudioCache.build(dataset.tracks, folder)
    if copies := kept_copies(audio, folder):
        if dataset.drawn:
            tracks = with_split(one_group(dataset.tracks, copies), 0)
            dataset = replace(dataset, tracks=tracks)
            audio = AudioCache.build(tracks, folder)
        for warning in copy_warnings(dataset.tracks, copies):
            click.echo(f"warning: {one_line(warning)}", err=True)
    readable = {t.genre for t in dataset.tracks if t.key in audio and t.split in ("train", "")}
    silent = [label for label in dataset.labels if label not in readable]
    if for_training and dataset.task == "genre" and silent:
        raise DataError(f"no track to train on of {', '.join(silent)} could be read; see above")
    return dataset, audio


def check_output(output: Path, inputs: Sequence[Path]) -> None:
    """Refuse, before minutes of work, a model file that could not or should not be written."""
    from ..data import DataError

    if output.suffix != ".onnx":
        raise DataError(f"{output}: is to be a model; give it a name that ends in .onnx")
    if not output.resolve().parent.is_dir():
        raise DataError(f"{output}: there is no folder {output.parent}; make it first")
    if output.resolve() in [path.resolve() for path in inputs]:
        raise DataError(f"{output}: is an input of this command; give another output")
