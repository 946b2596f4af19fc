"""`streamgenre export`: the embedded package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import model_option

if TYPE_CHECKING:
    from ..export.weights import Dtype

_DTYPES = ("fp32", "fp16", "int8")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(path_type=Path))
@model_option
@click.option("--hop", type=float, metavar="S", help="Seconds a step.  [default: the live hop]")
@click.option(
    "--batch",
    type=click.IntRange(1, 1024),
    default=1,
    show_default=True,
    help="Streams in one step.",
)
@click.option(
    "--dtype",
    "dtypes",
    type=click.Choice(_DTYPES),
    multiple=True,
    default=("int8",),
    show_default=True,
    help="How weights are stored in a file beside model.onnx, which is fp32 (that alone: fp32). "
    "Any number of times.",
)
@click.option(
    "--opset",
    type=click.IntRange(17, 22),
    default=17,
    show_default=True,
    help="Version of the ONNX operators.",
)
@click.option(
    "--labelled",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Clips to measure each file on, named jazz/song.mp3 or jazz-song.mp3.  "
    "[default: the example clips of a checkout]",
)
@click.option(
    "--verify", "only_verify", is_flag=True, help="Write nothing: check the package in FOLDER."
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
    """Write the model as a package that needs nothing else of ours into FOLDER.

    ONNX files with everything inside, one for reduced builds of ONNX Runtime, a card, a test vector
    and hosts in Python, C++ and JavaScript. It is verified before it is kept.
    """
    from rich.table import Table

    from ..errors import OptionError
    from ..output.console import Console

    try:
        from ..export.contents import read_package_card
        from ..export.package import export_package
        from ..export.readme import rows
        from ..export.verify import verify
    except ImportError as error:
        raise OptionError(f"export needs {error.name}: pip install 'streamgenre[export]'") from None
    if only_verify:
        measured = verify(folder, labelled)
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
        )
        measured = {entry["file"]: entry for entry in card["variants"]}
    head, *lines = rows(measured, card)
    table = Table(*head[:1], box=None, pad_edge=False)
    for file in head[1:]:
        table.add_column(file, justify="right", no_wrap=True)
    for line in lines:
        table.add_row(*line)
    Console().print(table)
    against = "model.onnx" if only_verify else "the model"
    click.echo(f"{folder}: whole; compared with {against} over 500 carried steps of changing sound")
