"""Measure the variants of a package on synthetic sounds and labelled clips."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray

from ..audio.files import decode_mono
from ..errors import InputError
from ..signals import as_floats, changing_sounds
from .contents import shape_of
from .limits import PARITY_STEPS
from .run import Floats, Outputs
from .work import multiply_adds

Engine = Callable[[Floats], Outputs]
"""samples (B, n) -> outputs of all steps."""


def parity_sound(card: Mapping[str, Any]) -> Floats:
    """Test samples (B, n) for PARITY_STEPS steps, different for each stream."""
    shape, rate = shape_of(card), card["sample_rate"]
    return as_floats(changing_sounds(shape.batch, PARITY_STEPS * shape.hop, rate, seed=1000))


def on_clips(
    engines: Mapping[str, Engine], reference: Engine, card: Mapping[str, Any], clips: Sequence[Clip]
) -> dict[str, dict[str, Any]]:
    """Number of correct clips per engine, and share of steps that agree with the reference.

    Clips shorter than a hop are skipped.
    """
    names = [label["name"] for label in card["labels"]]
    right = dict.fromkeys(engines, 0)
    same: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in engines}
    count = 0
    for clip in clips:
        samples = decode_mono(clip.path, card["sample_rate"])
        if len(samples) < shape_of(card).hop:
            continue
        count += 1
        batch = np.repeat(samples[None], card["batch"], 0)
        _, wanted = _labels(reference(batch), card)
        for name, engine in engines.items():
            verdict, steps = _labels(engine(batch), card)
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


def _labels(outputs: Outputs, card: Mapping[str, Any]) -> tuple[int, NDArray[np.intp]]:
    """The label of the mean probabilities over music steps, and the label of each step."""
    steps = outputs.probabilities[:, 0]
    music = outputs.music[:, 0] >= card["thresholds"]["music"]
    return int((steps[music] if music.any() else steps).mean(0).argmax()), steps.argmax(1)


def multiply_adds_of(path: Path) -> int | None:
    """Multiply-adds of one step of an ONNX file; None for other formats."""
    if path.suffix != ".onnx":
        return None
    return multiply_adds(onnx.load(path, load_external_data=False))


_AUDIO = {".ogg", ".opus", ".mp3", ".flac", ".wav", ".m4a", ".aiff", ".aif", ".aac"}


class Clip(NamedTuple):
    """A recording with a known genre."""

    genre: str
    path: Path


def labelled_clips(folder: Path, labels: Sequence[str]) -> list[Clip]:
    """The labelled clips in a folder, named `jazz/any.ogg` or `jazz-any.ogg` for the label "jazz".

    Files with other names are skipped. Raises InputError if there is no clip.
    """
    clips = []
    for path in sorted(folder.rglob("*")):
        names = (path.parent.name, path.stem.split("-")[0])
        genre = next((name for name in names if name in labels), None)
        if genre is not None and path.suffix.lower() in _AUDIO:
            clips.append(Clip(genre, path))
    if not clips:
        raise InputError(
            f"{folder}: has no audio files named after a genre of the model, such as "
            f"{labels[0]}/song.mp3 or {labels[0]}-song.mp3; the genres are {', '.join(labels)}"
        )
    return clips


def example_clips(labels: Sequence[str]) -> list[Clip]:
    """The example clips of a checkout; none outside a checkout or for other genres."""
    folder = Path(__file__).parents[2] / "examples"
    if not (folder / "ATTRIBUTION.csv").is_file():
        return []
    try:
        return labelled_clips(folder, labels)
    except InputError:
        return []
