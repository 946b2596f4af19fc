"""Whether a package is whole, and does what its card says.

`streamgenre export` keeps no package that fails here, and `streamgenre export --verify DIR` asks it
of one that exists, on the machine that it is to run on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from ..errors import ModelFileError
from ..model.card import ModelCard, read_card
from .contents import REFERENCE, PackageError, check_sums, read_array, read_package_card, shape_of
from .labelled import Clip, clips, examples
from .probe import cost
from .run import Heard, Shape, run
from .session import session
from .signal import changing_sound
from .work import multiply_adds

PARITY_STEPS = 500
ALLOWED = {"fp32": 1e-4, "fp16": 0.05, "int8": 0.2}
"""Largest difference in a probability, on sounds made to be hard; far less on music."""
_COST_STEPS = 300


class Source:
    """The model that a package was made from, as a reference; batches of any size."""

    def __init__(self, data: bytes, shape: Shape) -> None:
        self._session, self._shape = session(data), shape

    def run(self, samples: Any) -> Heard:
        """As run.run; `states` are the whole memory."""
        return run(self._session, self._shape, samples, self._shape.state)


def verify(
    folder: Path,
    labelled: Path | None = None,
    source: Source | None = None,
) -> dict[str, dict[str, Any]]:
    """Check a package and measure its variants; gives the figures by file.

    Checked are hashes, cards, graphs, the test vector and PARITY_STEPS carried steps against
    `source`, without it against model.onnx. `labelled`: clips for accuracy, None for the example
    clips where there are any. Raises PackageError with the reason at the first failure.
    """
    check_sums(folder)
    card = read_package_card(folder)
    variants = {variant["file"]: variant for variant in card["variants"]}
    if REFERENCE not in variants:
        raise PackageError(f"{folder}: the card names no {REFERENCE}; export anew")
    # From the cheapest check to the dearest.
    engines = {file: _runner(folder, file, card) for file in variants}
    for file, variant in variants.items():
        if file.endswith(".onnx"):
            _check_graph(folder, variant, card)
    on_vector = {
        file: _check_vector(folder, variant, card, engines[file])
        for file, variant in variants.items()
    }
    reference = source.run if source else engines[REFERENCE]
    samples = _parity_sound(card)
    expected = reference(samples)
    heard = _clips(card, labelled)
    by_reference = [_verdict(reference, card, clip) for clip in heard]
    return {
        file: {
            "multiply_adds": _multiply_adds(folder / file),
            "test_difference": on_vector[file],
            **_compare(file, variant["dtype"], expected, engines[file](samples)),
            **_on_clips(engines[file], card, heard, by_reference),
            **cost(folder / file, _COST_STEPS),
        }
        for file, variant in variants.items()
    }


def _runner(folder: Path, file: str, card: dict[str, Any]) -> Callable[[Any], Heard]:
    loaded, shape = session(folder / file), shape_of(card)
    memory = card["test"]["memory"]["shape"][-1]
    wanted = {"samples": [shape.batch, shape.window], "state": [shape.batch, shape.state]}
    given = {entry.name: entry.shape for entry in loaded.get_inputs()}
    if given != wanted:
        raise PackageError(f"{folder}: {file} takes {given}, the card says {wanted}; export anew")
    return lambda samples: run(loaded, shape, samples, memory)


def _check_graph(folder: Path, variant: dict[str, Any], card: dict[str, Any]) -> None:
    """The file is ONNX for everybody, and its own card says what the package's says."""
    file = variant["file"]
    data = (folder / file).read_bytes()
    own = read_card(data, str(folder / file))
    try:
        model = onnx.load_from_string(data)
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # of protobuf's and the checker's own types
        first = str(error).strip().splitlines()[0]
        raise PackageError(f"{folder}: {file} is not valid ONNX: {first}") from None
    foreign = {node.domain for node in model.graph.node} - {"", "ai.onnx"}
    if foreign:
        raise PackageError(f"{folder}: {file} needs operators of {', '.join(sorted(foreign))}")
    for what, (said, stated) in _both(own, card).items():
        if said != stated:
            raise PackageError(
                f"{folder}: card.json does not match {file}: {what} {stated!r}, the file says "
                f"{said!r}; export anew"
            )


def _both(own: ModelCard, card: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What a file's own card and the package's both state."""
    (hop,) = own.hops
    return {
        "model": (own.about.get("exported_from"), card["model"]["sha256"]),
        "labels": (list(own.label_names), [label["name"] for label in card["labels"]]),
        "styles": ([s.name for s in own.styles], [s["name"] for s in card["styles"]]),
        "sample rate": (own.sample_rate, card["sample_rate"]),
        "hop": (hop.samples, card["hop"]["samples"]),
        "window": (hop.window, card["window"]),
        "state": (own.state_size, card["state"]),
        "thresholds": (vars(own.thresholds), card["thresholds"]),
    }


def _check_vector(
    folder: Path, variant: dict[str, Any], card: dict[str, Any], engine: Callable[[Any], Heard]
) -> float:
    """Largest difference in a probability on the test vector; raises PackageError."""
    test = card["test"]
    samples = read_array(folder, test["samples"]).astype(np.float32) / np.float32(32768)
    heard = engine(samples)
    worst = 0.0
    for name, given in (("probabilities", heard.probabilities), ("music", heard.music)):
        wanted = read_array(folder, test[name])
        if wanted.shape != given.shape:
            raise PackageError(f"{folder}: {variant['file']} gives {name} of shape {given.shape}")
        worst = max(worst, _difference(wanted, given))
    return _within(worst, variant, f"{folder}: its test vector")


def _compare(file: str, dtype: str, expected: Heard, given: Heard) -> dict[str, Any]:
    worst = max(
        _difference(expected.probabilities, given.probabilities),
        _difference(expected.music, given.music),
    )
    _within(worst, {"file": file, "dtype": dtype}, f"{PARITY_STEPS} carried steps")
    same = expected.probabilities.argmax(-1) == given.probabilities.argmax(-1)
    return {"difference": worst, "same_label": float(same.mean())}


def _within(worst: float, variant: dict[str, Any], of: str) -> float:
    dtype = variant["dtype"]
    if not worst <= ALLOWED[dtype]:  # also where it is not a number
        remedy = "export anew" if dtype == "fp32" else "choose another --dtype"
        raise PackageError(
            f"{of}: {variant['file']} differs by {worst:.2g} where {ALLOWED[dtype]:g} is allowed; "
            f"{remedy}"
        )
    return worst


def _difference(wanted: Any, given: Any) -> float:
    worst = float(np.abs(wanted - given).max())
    return worst if np.isfinite(given).all() else float("nan")


def _parity_sound(card: dict[str, Any]) -> Any:
    shape, rate = shape_of(card), card["sample_rate"]
    count = PARITY_STEPS * shape.hop
    sounds = [changing_sound(count, rate, 1000 + i) for i in range(shape.batch)]
    return np.stack(sounds).astype(np.float32) / np.float32(32768)


def _clips(card: dict[str, Any], labelled: Path | None) -> list[Clip]:
    names = [label["name"] for label in card["labels"]]
    folder = labelled or examples(names)
    if folder is None:
        return []
    found = clips(folder, names, card["sample_rate"])
    return [clip for clip in found if len(clip.samples) >= shape_of(card).hop]


def _verdict(engine: Callable[[Any], Heard], card: dict[str, Any], clip: Clip) -> tuple[int, Any]:
    """The label of a clip's mean probabilities over its steps with music, and that of each step."""
    heard = engine(np.repeat(clip.samples[None], card["batch"], 0))
    steps = heard.probabilities[:, 0]
    music = heard.music[:, 0] >= card["thresholds"]["music"]
    return int((steps[music] if music.any() else steps).mean(0).argmax()), steps.argmax(1)


def _on_clips(
    engine: Callable[[Any], Heard], card: dict[str, Any], heard: list[Clip], by_reference: list[Any]
) -> dict[str, Any]:
    if not heard:
        return {}
    names = [label["name"] for label in card["labels"]]
    verdicts = [_verdict(engine, card, clip) for clip in heard]
    same = np.concatenate([a[1] == b[1] for a, b in zip(verdicts, by_reference, strict=True)])
    right = sum(names[v[0]] == clip.genre for v, clip in zip(verdicts, heard, strict=True))
    return {
        "clips": len(heard),
        "clips_right": right,
        "clip_steps": len(same),
        "clip_steps_same": float(same.mean()),
    }


def _multiply_adds(path: Path) -> int | None:
    if path.suffix != ".onnx":
        return None
    try:
        return multiply_adds(onnx.load(path))
    except Exception as error:  # as it comes out of the runtime
        raise ModelFileError(f"{path.name}: cannot be counted: {error}") from None
