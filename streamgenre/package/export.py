"""Write a package: build it in a temporary folder, verify it, and move it into place."""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import onnx
from onnx import helper

from ..errors import (
    ConfigError,
    ModelFileError,
    OutputError,
    PackageError,
    StreamgenreError,
    first_line,
    reason,
)
from ..files import replace_folder
from ..model.card import METADATA_KEY, Hop, ModelCard, card_to_json, read_card
from ..model.onnxfile import read_onnx
from ..model.session import session
from ..signals import as_floats, changing_sounds
from .contents import (
    CARD,
    EXAMPLES,
    OPERATORS,
    ORT,
    README,
    REFERENCE,
    STEPS,
    file_of,
    not_exported,
    package_card,
    shape_of,
    sizes,
    variant_entry,
    write_array,
    write_json,
    write_sums,
)
from .graph import WEIGHTS, at_hop, step_graph
from .limits import DTYPES, LARGEST_BATCH, LARGEST_OPSET, SMALLEST_OPSET, Dtype
from .measure import Engine, labelled_clips
from .nodes import name_nodes
from .readme import hosts, readme
from .run import Shape, run
from .verify import verify
from .weights import store


def export_package(
    name: str,
    data: bytes,
    target: Path,
    hop: float | None = None,
    batch: int = 1,
    dtypes: Sequence[Dtype] = ("int8",),
    opset: int = SMALLEST_OPSET,
    labelled: Path | None = None,
    progress: Callable[[str], None] = lambda stage: None,
) -> dict[str, Any]:
    """Write the package of a model file. Returns its card with measurements.

    Args:
        name: name of the model in messages.
        data: content of the model file.
        target: the folder of the package. An earlier package is replaced, unless one of its files
            was added or changed.
        hop: seconds per step; None selects the card's live hop.
        batch: streams per step.
        dtypes: types of weights in addition to fp32.
        opset: version of the ONNX operator set.
        labelled: folder of labelled clips to measure on; None selects the example clips, if
            available.
        progress: called with each stage of the work.

    Raises ConfigError for invalid options or an unsuitable target, ModelFileError or PackageError
    if verification fails, and OutputError if the package cannot be written. Nothing is left behind
    then.
    """
    if not (SMALLEST_OPSET <= opset <= LARGEST_OPSET and 1 <= batch <= LARGEST_BATCH):
        raise ConfigError(
            f"opset must be {SMALLEST_OPSET} to {LARGEST_OPSET} and batch 1 to {LARGEST_BATCH}"
        )
    card = read_card(data, name)
    chosen = card.hop(card.live_hop if hop is None else hop)
    if labelled is not None:
        labelled_clips(labelled, card.label_names)  # fail before a minute of work
    data = at_hop(data, card, chosen)
    with _in_place_of(target) as folder:
        progress("writing the step")
        shape = Shape(chosen.samples, chosen.window, batch, card.state_size)
        source = partial(run, session(data), shape, remember=card.state_size)
        graph = _at_opset(step_graph(data, card, chosen, batch), opset)
        stepped = _exported_card(card, chosen, graph)
        outputs = {entry.name: sizes(entry) for entry in graph.graph.output}
        written = package_card(stepped, stepped.hops[0], outputs)
        written["variants"] = _write_variants(folder, graph, stepped, dtypes)
        written["test"] = _write_test(folder, written, source)
        _copy_examples(folder, batch)
        (folder / README).write_text(readme(written), encoding="utf-8")
        write_json(folder / CARD, written)
        write_sums(folder)
        measured = verify(folder, labelled, source, progress)
        for variant in written["variants"]:
            variant |= measured[variant["file"]]
        write_json(folder / CARD, written)
        write_sums(folder)
    return written


@contextlib.contextmanager
def _in_place_of(target: Path) -> Iterator[Path]:
    """Yield a new folder beside the target, which replaces it on success."""
    target = target.resolve()  # a symbolic link keeps pointing to it
    _check_place(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as made:
            folder, before = Path(made) / target.name, Path(made) / "before"
            folder.mkdir()
            try:
                yield folder
            except StreamgenreError as error:
                raise type(error)(str(error).replace(str(folder), str(target))) from None
            replace_folder(folder, target, before)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {reason(error)}") from None


def _check_place(target: Path) -> None:
    """Raise ConfigError if the target cannot be replaced or contains other files."""
    if target.is_dir():
        if target.samefile(Path.cwd()):
            raise ConfigError(f"{target}: is the current folder; run the command from another one")
        if target.is_mount():
            raise ConfigError(f"{target}: is a mount point; choose a folder in it")
        if others := not_exported(target):
            raise ConfigError(
                f"{target}: has files that export did not write ({others[0]}); move them or choose "
                "another folder"
            )
    elif target.exists() or target.is_symlink():
        raise ConfigError(f"{target}: is a file; choose a folder")


def _at_opset(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    (now,) = (entry.version for entry in model.opset_import if entry.domain == "")
    if opset == now:
        return model
    try:
        return onnx.version_converter.convert_version(model, opset)
    except Exception as error:  # of various types
        raise PackageError(
            f"cannot convert to opset {opset}: {first_line(error)}; choose another --opset"
        ) from None


def _exported_card(card: ModelCard, hop: Hop, graph: onnx.ModelProto) -> ModelCard:
    """The card of the exported step, which supports a single hop."""
    shapes = {entry.name: sizes(entry) for entry in graph.graph.input}
    about = {
        **{key: card.about[key] for key in ("licence", "use", "credits") if key in card.about},
        "exported_from": card.sha256,
    }
    return replace(
        card,
        state_size=shapes["state"][1],
        hops=(replace(hop, window=shapes["samples"][1]),),
        live_hop=hop.seconds,
        file_hop=hop.seconds,
        about=about,
        network={},
    )


def _write_variants(
    folder: Path, graph: onnx.ModelProto, card: ModelCard, dtypes: Sequence[Dtype]
) -> list[dict[str, Any]]:
    entries = []
    for dtype in (each for each in DTYPES if each == "fp32" or each in dtypes):
        model = store(graph, dtype, WEIGHTS)
        name_nodes(model.graph)
        digest = read_onnx(model.SerializeToString()).sha256
        own = {key: value for key, value in asdict(card).items() if key != "sha256"}
        helper.set_model_props(model, {METADATA_KEY: card_to_json(own, digest)})
        (folder / file_of(dtype)).write_bytes(model.SerializeToString())
        entries.append(variant_entry(folder, file_of(dtype), dtype))
    _write_ort(folder)
    entries.append(variant_entry(folder, ORT, "fp32"))
    return entries


def _write_ort(folder: Path) -> None:
    """Write the file for reduced builds of ONNX Runtime, and the list of required operators."""
    from onnxruntime.tools.convert_onnx_models_to_ort import (
        OptimizationStyle,
        convert_onnx_models_to_ort,
    )

    logging.disable()  # it logs, and prints to standard output
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            convert_onnx_models_to_ort(
                folder / REFERENCE, optimization_styles=[OptimizationStyle.Fixed]
            )
    except Exception as error:  # of various types
        raise ModelFileError(f"{ORT}: ONNX Runtime cannot write it: {first_line(error)}") from None
    finally:
        logging.disable(logging.NOTSET)
    # Remove the comment with the date, so that the same model gives the same files.
    lines = (folder / OPERATORS).read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("#")]
    (folder / OPERATORS).write_text("".join(kept), encoding="utf-8")


def _write_test(folder: Path, card: dict[str, Any], source: Engine) -> dict[str, Any]:
    """Write the test vector: samples, the outputs of the model, and the final state."""
    shape = shape_of(card)
    sound = changing_sounds(shape.batch, STEPS * shape.hop, card["sample_rate"], seed=0)
    samples = as_floats(sound)
    outputs = source(samples)
    own = run(session(folder / REFERENCE), shape, samples)
    return {
        "steps": STEPS,
        "samples": write_array(folder, "samples", sound, "int16"),
        "probabilities": write_array(folder, "probabilities", outputs.probabilities, "float32"),
        "music": write_array(folder, "music", outputs.music, "float32"),
        "memory": write_array(folder, "memory", outputs.memory, "float32"),
        "state": write_array(folder, "state", own.state, "float32"),
    }


def _copy_examples(folder: Path, batch: int) -> None:
    """Copy the host programs, from the installed package or from the checkout."""
    inside = Path(__file__).parent / EXAMPLES
    origin = inside if inside.is_dir() else Path(__file__).parents[2] / EXAMPLES
    ignored = shutil.ignore_patterns("build", "cache", "node_modules", "__pycache__", ".*")
    for host in hosts(batch):
        shutil.copytree(origin / host, folder / EXAMPLES / host, ignore=ignored)
