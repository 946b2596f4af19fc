"""Options that several commands share, and opening the data set."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from streamgenre.errors import one_line

if TYPE_CHECKING:
    from ..data import AudioCache, DataSet

Function = TypeVar("Function", bound=Callable[..., Any])

CHECKPOINT = "model.safetensors"  # final weights in the folder of a run
FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
IN_PATH = click.Path(path_type=Path, exists=True)
IN_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
IN_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
KINDS = ("auto", "manifest", "folders", "fma", "gtzan", "ballroom", "magnatagatune", "msd")


class Number(click.FloatRange):
    """A float range that rejects NaN."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Convert to a number. Raises the error of click for NaN or a value outside the range."""
        number = super().convert(value, param, ctx)
        return self.fail(f"{value!r} is not a number", param, ctx) if math.isnan(number) else number


data_argument = click.argument("data", type=click.Path(path_type=Path))
held_speech_option = click.option(
    "--held-speech",
    type=IN_FOLDER,
    help="Speech that was not used for training, to fit the threshold of `music`.",
)


def data_options(function: Function) -> Function:
    """Add --kind, --subset, --lists and --cache; the command gets them as keyword arguments."""
    for option in (
        click.option(
            "--cache",
            type=FOLDER,
            envvar="STREAMGENRE_CACHE",
            help="Folder for decoded audio (32 kB per second).  [default: a folder in the user's "
            "cache directory; env: STREAMGENRE_CACHE]",
        ),
        click.option(
            "--lists",
            type=IN_FOLDER,
            help="Folder with split lists: the fault-filtered lists of GTZAN.",
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


def open_data(
    data: Path,
    kind: str,
    subset: str,
    lists: Path | None,
    cache: Path | None,
    *,
    for_training: bool = True,
    tags: Path | None = None,
) -> tuple[DataSet, AudioCache]:
    """Open a data set and decode its audio. Warnings and skipped files go to standard error.

    `tags`: a table that makes it a tagging data set.
    """
    from ..data import AudioCache, DataError, default_cache, open_dataset
    from ..data.copies import cached_copies, copy_warnings, grouped_copies
    from ..data.split import with_split
    from ..data.tags import with_tags

    dataset = open_dataset(data, kind=kind, subset=subset, lists=lists, for_training=for_training)
    for warning in dataset.warnings:
        click.echo(f"warning: {one_line(warning)}", err=True)
    if tags is not None:
        dataset = with_tags(dataset, tags)
    folder = cache or default_cache(data)
    audio = AudioCache.build(dataset.tracks, folder)
    if copies := cached_copies(audio, folder):
        if dataset.drawn:
            tracks = with_split(grouped_copies(dataset.tracks, copies), 0)
            dataset = replace(dataset, tracks=tracks)
            audio = AudioCache.build(tracks, folder)
        for warning in copy_warnings(dataset.tracks, copies):
            click.echo(f"warning: {one_line(warning)}", err=True)
    readable = {t.genre for t in dataset.tracks if t.key in audio and t.split in ("train", "")}
    silent = [label for label in dataset.labels if label not in readable]
    if for_training and dataset.task == "genre" and silent:
        raise DataError(f"no training track of {', '.join(silent)} could be read; see above")
    return dataset, audio


def check_model_path(output: Path, inputs: Sequence[Path]) -> None:
    """Check the path of a new model before the work. Raises DataError if it is unusable."""
    from ..data import DataError

    if output.suffix != ".onnx":
        raise DataError(f"{output}: must be a model file; give a name that ends in .onnx")
    check_outputs([output], inputs)


def check_outputs(outputs: Sequence[Path], inputs: Sequence[Path] = ()) -> None:
    """Check output files before the work. Raises DataError if one cannot be written."""
    from ..data import DataError

    taken = {path.resolve() for path in inputs}
    for path in outputs:
        if not path.resolve().parent.is_dir():
            raise DataError(f"{path}: there is no folder {path.parent}; make it first")
        if path.resolve() in taken:
            raise DataError(
                f"{path}: is an input or another output of this command; give another name"
            )
        if not os.access(path if path.exists() else path.resolve().parent, os.W_OK):
            raise DataError(f"{path}: cannot be written; give another path")
        taken.add(path.resolve())


def checkpoint_in(path: Path) -> Path:
    """The checkpoint in the folder of a finished run; any other path is returned as it is."""
    from ..data import DataError

    if not path.is_dir():
        return path
    if not (path / CHECKPOINT).is_file():
        raise DataError(
            f"{path}: no {CHECKPOINT} in it, which a run writes at its end; finish the run, or "
            "give a model file"
        )
    return path / CHECKPOINT
