"""Check that a package is complete and agrees with its card.

`streamgenre export` keeps only packages that pass. `streamgenre export --verify DIR` checks an
existing one, for example on the target machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from ..errors import PackageError, first_line, reason
from ..model.card import ModelCard, read_card
from ..model.onnxfile import LARGEST_FILE, ORT_FORMAT
from ..model.session import session
from ..signals import as_floats
from .contents import (
    CARD,
    ORT,
    REFERENCE,
    check_sums,
    package_card,
    read_array,
    read_limited,
    read_package_card,
    shape_of,
    sizes,
    variant_entry,
)
from .limits import PARITY_STEPS
from .measure import Engine, example_clips, labelled_clips, multiply_adds_of, on_clips, parity_sound
from .probe import cost
from .run import Outputs, run

ALLOWED = {"fp32": 3e-4, "fp16": 0.05, "int8": 0.2}
"""Largest allowed difference of a probability, on difficult synthetic sounds.

The tolerance of fp32 is for the front end, which a package computes in another order.
"""
_ALLOWED_IN_STATE = 5e-3  # for fp32; relative for numbers above 1, such as sums
_COST_STEPS = 300


def verify(
    folder: Path,
    labelled: Path | None = None,
    reference: Engine | None = None,
    progress: Callable[[str], None] = lambda stage: None,
) -> dict[str, dict[str, Any]]:
    """Check a package and measure its variants. Returns the measurements by file.

    Checks hashes, cards, graphs, the test vector and PARITY_STEPS steps.

    Args:
        folder: the package.
        labelled: folder of clips to measure accuracy on; None selects the example clips, if
            available.
        reference: engine to compare with; None selects model.onnx.
        progress: called with each stage of the work.

    Raises PackageError at the first failure.
    """
    progress("checking the files")
    check_sums(folder)
    card = read_package_card(folder)
    labels = [label["name"] for label in card["labels"]]
    clips = example_clips(labels) if labelled is None else labelled_clips(labelled, labels)
    variants = {variant["file"]: variant for variant in card["variants"]}
    # From the cheapest check to the most expensive.
    _check_card(folder, card)
    engines = {file: _engine(folder, file, card) for file in variants}
    progress("replaying the test vector")
    vector = {
        file: _check_vector(folder, variant, card, engines[file])
        for file, variant in variants.items()
    }
    progress(f"comparing {PARITY_STEPS} steps")
    reference = reference or engines[REFERENCE]
    samples = parity_sound(card)
    expected = reference(samples)
    compared = {
        file: _compare(variant, expected, engines[file](samples))
        for file, variant in variants.items()
    }
    if clips:
        progress(f"classifying {len(clips)} labelled clips")
    music = on_clips(engines, reference, card, clips)
    progress("timing")
    return {
        file: {
            "multiply_adds": multiply_adds_of(folder / file),
            "test_difference": vector[file],
            **compared[file],
            **music.get(file, {}),
            **cost(folder / file, _COST_STEPS),
        }
        for file in variants
    }


def _check_card(folder: Path, card: dict[str, Any]) -> None:
    """Check that the card matches the files, and that all files belong to the same model."""
    own, outputs = _check_graph(folder, REFERENCE)
    for variant in card["variants"]:
        file = variant["file"]
        if file.endswith(".onnx") and file != REFERENCE:
            other, _ = _check_graph(folder, file)
            if replace(other, sha256=own.sha256) != own:
                raise PackageError(f"{folder}: {file} belongs to another model; export it again")
    try:
        wanted: Mapping[str, Any] = package_card(own, own.hops[0], outputs)
    except (KeyError, ValueError, IndexError) as error:
        raise PackageError(
            f"{folder}: {REFERENCE} is not the step of a package ({reason(error)}); export it again"
        ) from None
    pairs = [(key, wanted[key], card.get(key)) for key in wanted]
    for variant in card["variants"]:
        made = variant_entry(folder, variant["file"], variant["dtype"])
        pairs += [(f"{key} of {variant['file']}", made[key], variant[key]) for key in made]
    for what, made, stated in pairs:
        if made != stated:
            raise PackageError(
                f"{folder}: {CARD} does not match the files: {what} differs; export it again"
            )


def _check_graph(folder: Path, file: str) -> tuple[ModelCard, dict[str, list[int]]]:
    """Check that a file is valid standard ONNX. Returns its card and output shapes."""
    data = read_limited(folder, file, LARGEST_FILE)
    own = read_card(data, str(folder / file))
    try:
        model = onnx.load_from_string(data)
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # protobuf and the checker have their own exception types
        raise PackageError(f"{folder}: {file} is not valid ONNX: {first_line(error)}") from None
    if len({node.name for node in model.graph.node} - {""}) < len(model.graph.node):
        raise PackageError(
            f"{folder}: {file} has nodes without unique names, which ONNX Runtime 1.18 to 1.21 "
            "rejects; export it again"
        )
    if foreign := {node.domain for node in model.graph.node} - {"", "ai.onnx"}:
        raise PackageError(
            f"{folder}: {file} needs operators of {', '.join(sorted(foreign))}; export it again"
        )
    return own, {entry.name: sizes(entry) for entry in model.graph.output}


def _engine(folder: Path, file: str, card: dict[str, Any]) -> Engine:
    data = read_limited(folder, file, LARGEST_FILE)
    # The runtime goes by the content. Only the graph of an ONNX file is checked.
    if (data[4:8] == ORT_FORMAT) != (file == ORT):
        raise PackageError(f"{folder}: {file} has another format than its name; export it again")
    loaded, shape = session(data, file), shape_of(card)
    memory = card["test"]["memory"]["shape"][-1]
    given = {entry.name: entry.shape for entry in loaded.get_inputs()}
    if given != card["inputs"]:
        raise PackageError(
            f"{folder}: the inputs of {file}, {given}, do not match {CARD}; export it again"
        )
    return lambda samples: run(loaded, shape, samples, memory)


def _check_vector(
    folder: Path, variant: dict[str, Any], card: dict[str, Any], engine: Engine
) -> float:
    """Largest difference of a probability on the test vector. Raises PackageError."""
    test = {name: read_array(folder, card["test"][name]) for name in Outputs._fields}
    outputs = engine(as_floats(read_array(folder, card["test"]["samples"])))
    worst = max(_difference(test[name], getattr(outputs, name)) for name in Outputs._fields[:2])
    _within(worst, ALLOWED[variant["dtype"]], variant, f"{folder}: its test vector")
    if variant["dtype"] == "fp32":
        state = max(
            _difference(test[name] / scale, getattr(outputs, name) / scale)
            for name in Outputs._fields[2:]
            for scale in (np.maximum(np.abs(test[name]), 1),)
        )
        _within(state, _ALLOWED_IN_STATE, variant, f"{folder}: the state in its test vector")
    return worst


def _compare(variant: dict[str, Any], expected: Outputs, given: Outputs) -> dict[str, Any]:
    worst = max(
        _difference(expected.probabilities, given.probabilities),
        _difference(expected.music, given.music),
    )
    _within(worst, ALLOWED[variant["dtype"]], variant, f"{PARITY_STEPS} steps")
    same = expected.probabilities.argmax(-1) == given.probabilities.argmax(-1)
    return {"difference": worst, "same_label": float(same.mean())}


def _within(worst: float, allowed: float, variant: dict[str, Any], of: str) -> None:
    if not worst <= allowed:  # also false for NaN
        dtype = variant["dtype"]
        remedy = "export it again" if dtype == "fp32" else "choose another --dtype"
        raise PackageError(
            f"{of}: {variant['file']} differs by {worst:.2g}, more than {allowed:g}; {remedy}"
        )


def _difference(wanted: Any, given: Any) -> float:
    if wanted.shape != given.shape or not np.isfinite(given).all():
        return float("nan")
    return float(np.abs(wanted - given).max())
