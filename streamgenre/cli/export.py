"""`streamgenre export`: write or verify the embedded package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..package.limits import (
    DTYPES,
    LARGEST_BATCH,
    LARGEST_OPSET,
    PARITY_STEPS,
    SMALLEST_OPSET,
    Dtype,
)
from .options import model_option, on_the_command_line


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(path_type=Path))
@model_option
@click.option("--hop", type=float, metavar="S", help="Seconds per step.  [default: the live hop]")
@click.option(
    "--batch",
    type=click.IntRange(1, LARGEST_BATCH),
    default=1,
    show_default=True,
    help="Streams per step.",
)
@click.option(
    "--dtype",
    "dtypes",
    type=click.Choice(DTYPES),
    multiple=True,
    default=("int8",),
    show_default=True,
    help="Also write a file with weights stored in this type; fp32: only model.onnx. Can be "
    "repeated.",
)
@click.option(
    "--opset",
    type=click.IntRange(SMALLEST_OPSET, LARGEST_OPSET),
    default=SMALLEST_OPSET,
    show_default=True,
    help="Version of the ONNX operator set.",
)
@click.option(
    "--labelled",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Clips to measure accuracy on, named jazz/song.mp3 or jazz-song.mp3.  "
    "[default: the example clips of a checkout]",
)
@click.option(
    "--verify", "only_verify", is_flag=True, help="Write nothing; check the package in FOLDER."
)
def command(
    folder: Path,
    model: Path | None,
    hop: float | None,
    batch: int,
    dtypes: tuple[Dtype, ...],
    opset: int,
    labelled: Path | None,
    only_verify: bool,
) -> None:
    """Write the model to FOLDER as a package that works without streamgenre.

    The package contains self-contained ONNX files, one of them for reduced builds of ONNX Runtime,
    a card, a test vector and host programs in Python, C++ and JavaScript. It is kept only if it
    passes verification.
    """
    if only_verify and on_the_command_line("model", "hop", "batch", "dtypes", "opset"):
        raise click.UsageError(
            "--verify checks an existing package; leave out --model, --hop, --batch, --dtype and "
            "--opset"
        )

    from rich.table import Table

    from ..errors import ConfigError
    from ..extras import install_command
    from ..output.console import Console
    from . import interrupt

    interrupt.patience = 30.0  # to remove an unfinished package after a long step

    try:
        from ..package.contents import read_package_card
        from ..package.export import export_package
        from ..package.verify import verify
    except ImportError as error:
        command = install_command("export")
        raise ConfigError(f"export needs {error.name}; run {command}") from None
    if only_verify:
        measured = verify(folder, labelled, progress=_progress)
        card = read_package_card(folder)
    else:
        from ..model.model import read_model

        name, data = read_model(model)
        card = export_package(
            name,
            data,
            folder,
            hop,
            batch,
            dtypes,
            opset,
            labelled,
            _progress,
        )
        measured = {entry["file"]: entry for entry in card["variants"]}
    head, *lines = _rows(measured, card)
    table = Table(*head[:1], box=None, pad_edge=False)
    for file in head[1:]:
        table.add_column(file, justify="right", no_wrap=True)
    for line in lines:
        table.add_row(*line)
    Console().print(table)
    reference = "model.onnx" if only_verify else "the model"
    click.echo(f"{folder}: complete; compared with {reference} over {PARITY_STEPS} steps")


def _progress(stage: str) -> None:
    """Print the current stage, since an export takes a minute."""
    click.echo(f"streamgenre: {stage} ...", err=True)


def _rows(measured: dict[str, dict[str, Any]], card: dict[str, Any]) -> list[list[str]]:
    """The table of results, with a column per file. The first row has the names."""
    files = [variant["file"] for variant in card["variants"]]
    every = [measured[file] for file in files]
    sizes = [f"{variant['bytes'] / 1e6:.2f}" for variant in card["variants"]]
    table = [
        ["", *files],
        ["size, MB", *sizes],
        ["weights", *(variant["dtype"] for variant in card["variants"])],
        ["largest difference", *(f"{one['difference']:.1e}" for one in every)],
        ["same label", *(f"{one['same_label']:.1%}" for one in every)],
        ["on the test vector", *(f"{one['test_difference']:.1e}" for one in every)],
        ["million multiply-adds", *(_millions(one["multiply_adds"]) for one in every)],
        ["load, ms", *(f"{one['load_ms']:.0f}" for one in every)],
        ["step p50, ms", *(f"{one['p50_ms']:.2f}" for one in every)],
        ["step p99, ms", *(f"{one['p99_ms']:.2f}" for one in every)],
    ]
    if all(one["peak_mb"] for one in every):
        table.append(["runtime memory, MB", *(f"{one['bare_mb']:.0f}" for one in every)])
        table.append(["peak memory, MB", *(f"{one['peak_mb']:.0f}" for one in every)])
    if all("clips" in one for one in every):
        right = (f"{one['clips_right']} of {one['clips']}" for one in every)
        table.append(["example clips correct", *right])
        table.append(["same label in clips", *(f"{one['clip_steps_same']:.1%}" for one in every)])
    return table


def _millions(count: int | None) -> str:
    return f"{count / 1e6:.1f}" if count else "–"
