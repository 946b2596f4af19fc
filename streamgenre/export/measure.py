"""What a package's variants are held against: hard sounds, labelled music, their work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from ..audio.sources import decode_mono
from .contents import shape_of
from .labelled import Clip
from .limits import PARITY_STEPS
from .run import Floats, Heard
from .signal import as_floats, changing_sounds
from .work import multiply_adds

Engine = Callable[[Floats], Heard]
"""From samples (B, n) to what all steps gave."""


def parity_sound(card: Mapping[str, Any]) -> Floats:
    """Samples (B, n) of PARITY_STEPS steps, each stream its own."""
    shape, rate = shape_of(card), card["sample_rate"]
    return as_floats(changing_sounds(shape.batch, PARITY_STEPS * shape.hop, rate, seed=1000))


def on_clips(
    engines: Mapping[str, Engine], reference: Engine, card: Mapping[str, Any], heard: Sequence[Clip]
) -> dict[str, dict[str, Any]]:
    """How many clips each engine tells right, and how many steps it labels as the reference does.

    Clips shorter than a hop are left out.
    """
    names = [label["name"] for label in card["labels"]]
    right = dict.fromkeys(engines, 0)
    same: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in engines}
    count = 0
    for clip in heard:
        samples = decode_mono(clip.path, card["sample_rate"])
        if len(samples) < shape_of(card).hop:
            continue
        count += 1
        alike = np.repeat(samples[None], card["batch"], 0)
        _, wanted = _labels(reference(alike), card)
        for name, engine in engines.items():
            verdict, steps = _labels(engine(alike), card)
            right[name] += names[verdict] == clip.genre
            same[name].append(steps == wanted)
    if not count:
        return {}
    return {
        name: {
            "clips": count,
            "clips_right": right[name],
            "clip_steps": sum(map(len, same[name])),
            "clip_steps_same": float(np.concatenate(same[name]).mean()),
        }
        for name in engines
    }


def _labels(heard: Heard, card: Mapping[str, Any]) -> tuple[int, NDArray[np.intp]]:
    """The label of the mean probabilities over steps with music, and that of each step."""
    steps = heard.probabilities[:, 0]
    music = heard.music[:, 0] >= card["thresholds"]["music"]
    return int((steps[music] if music.any() else steps).mean(0).argmax()), steps.argmax(1)


def multiply_adds_of(path: Path) -> int | None:
    """Of one step of an ONNX file; None of another."""
    return multiply_adds(onnx.load(path)) if path.suffix == ".onnx" else None
