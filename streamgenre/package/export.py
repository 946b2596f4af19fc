"""Writing a package: built in a folder beside its place, verified, and only then put there."""

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

from ..errors import ModelFileError, OptionError, StreamgenreError, first_line
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
    PackageError,
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
from .graph import WEIGHTS, step_graph
from .limits import DTYPES, LARGEST_BATCH, LARGEST_OPSET, SMALLEST_OPSET, Dtype
from .measure import Engine, clips
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
    told: Callable[[str], None] = lambda stage: None,
) -> dict[str, Any]:
    """Write the package of a model file and give its card, measured figures included.

    `hop` in seconds, None for the card's live hop; `dtypes` beside fp32, which is always there;
    `labelled`: clips to measure variants on (labelled.py); `told` hears what is done. An earlier
    package in `target` is replaced, unless something in it is not as it was written; raises
    OptionError then, ModelFileError or PackageError where the step is not what it should be, and
    leaves nothing behind.
    """
    if not (SMALLEST_OPSET <= opset <= LARGEST_OPSET and 1 <= batch <= LARGEST_BATCH):
        raise OptionError(
            f"opset {SMALLEST_OPSET} to {LARGEST_OPSET} and batches of 1 to {LARGEST_BATCH} can be "
            "exported"
        )
    card = read_card(data, name)
    chosen = card.hop(card.live_hop if hop is None else hop)
    if labelled is not None:
        clips(labelled, card.label_names)  # before a minute of work
    with _in_place_of(target) as folder:
        told("writing the step")
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
        measured = verify(folder, labelled, source, told)
        for variant in written["variants"]:
            variant |= measured[variant["file"]]
        write_json(folder / CARD, written)
        write_sums(folder)
    return written


@contextlib.contextmanager
def _in_place_of(target: Path) -> Iterator[Path]:
    """A new folder beside the target, which takes its place where nothing was raised."""
    target = target.resolve()  # a link goes on pointing to the place
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
            try:
                if target.exists():
                    target.rename(before)
                folder.rename(target)
            except BaseException:
                if before.exists() and not target.exists():
                    before.rename(target)
                raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise PackageError(f"{target}: the package cannot be written: {reason}") from None


def _check_place(target: Path) -> None:
    """Only what export wrote is replaced; nothing that somebody put there is lost."""
    if target.is_dir():
        if target.samefile(Path.cwd()):
            raise OptionError(f"{target}: is where you are; name it from outside")
        if target.is_mount():
            raise OptionError(f"{target}: is a mount point; name a folder inside of it")
        if others := not_exported(target):
            raise OptionError(
                f"{target}: holds what export did not write ({others[0]}); move it, or name "
                "another folder"
            )
    elif target.exists() or target.is_symlink():
        raise OptionError(f"{target}: is a file; name a folder")


def _at_opset(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    (now,) = (entry.version for entry in model.opset_import if entry.domain == "")
    if opset == now:
        return model
    try:
        return onnx.version_converter.convert_version(model, opset)
    except Exception as error:  # of its own types, and plain ones
        reason = first_line(error)
        raise PackageError(f"the step cannot be written at opset {opset}: {reason}") from None


def _exported_card(card: ModelCard, hop: Hop, graph: onnx.ModelProto) -> ModelCard:
    """The card of the exported step: one hop, which alone its state is for."""
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
        digest = read_onnx(model.SerializeToString()).sha256
        own = {key: value for key, value in asdict(card).items() if key != "sha256"}
        helper.set_model_props(model, {METADATA_KEY: card_to_json(own, digest)})
        (folder / file_of(dtype)).write_bytes(model.SerializeToString())
        entries.append(variant_entry(folder, file_of(dtype), dtype))
    _write_ort(folder)
    entries.append(variant_entry(folder, ORT, "fp32"))
    return entries


def _write_ort(folder: Path) -> None:
    """The format of ONNX Runtime's reduced builds, and the operators that such a build needs."""
    from onnxruntime.tools.convert_onnx_models_to_ort import (
        OptimizationStyle,
        convert_onnx_models_to_ort,
    )

    logging.disable()  # it speaks on both ways out
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            convert_onnx_models_to_ort(
                folder / REFERENCE, optimization_styles=[OptimizationStyle.Fixed]
            )
    except Exception as error:  # as it comes out of the runtime
        raise ModelFileError(f"{ORT}: ONNX Runtime cannot write it: {first_line(error)}") from None
    finally:
        logging.disable(logging.NOTSET)
    # It names the time of its writing: the same model should give the same files.
    lines = (folder / OPERATORS).read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("#")]
    (folder / OPERATORS).write_text("".join(kept), encoding="utf-8")


def _write_test(folder: Path, card: dict[str, Any], source: Engine) -> dict[str, Any]:
    """A sound and what the exported model gives for it; the state is that of the package."""
    shape = shape_of(card)
    sound = changing_sounds(shape.batch, STEPS * shape.hop, card["sample_rate"], seed=0)
    samples = as_floats(sound)
    heard = source(samples)
    own = run(session(folder / REFERENCE), shape, samples)
    return {
        "steps": STEPS,
        "samples": write_array(folder, "samples", sound, "int16"),
        "probabilities": write_array(folder, "probabilities", heard.probabilities, "float32"),
        "music": write_array(folder, "music", heard.music, "float32"),
        "memory": write_array(folder, "memory", heard.memory, "float32"),
        "state": write_array(folder, "state", own.state, "float32"),
    }


def _copy_examples(folder: Path, batch: int) -> None:
    """Hosts in three languages and a page: beside this file where installed, else a checkout's."""
    inside = Path(__file__).parent / EXAMPLES
    origin = inside if inside.is_dir() else Path(__file__).parents[2] / EXAMPLES
    ignored = shutil.ignore_patterns("build", "cache", "node_modules", "__pycache__", ".*")
    for host in hosts(batch):
        shutil.copytree(origin / host, folder / EXAMPLES / host, ignore=ignored)
