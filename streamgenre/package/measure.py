"""What a package's variants are held against: hard sounds, labelled music, their work."""

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
from .run import Floats, Heard
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


_AUDIO = {".ogg", ".opus", ".mp3", ".flac", ".wav", ".m4a", ".aiff", ".aif", ".aac"}


class Clip(NamedTuple):
    """A recording whose genre is known."""

    genre: str
    path: Path


def clips(folder: Path, labels: Sequence[str]) -> list[Clip]:
    """Clips of a folder: `jazz/anything.ogg`, or `jazz-anything.ogg`, for the label "jazz".

    Files of other names are left out; raises InputError where none is left.
    """
    found = []
    for path in sorted(folder.rglob("*")):
        names = (path.parent.name, path.stem.split("-")[0])
        genre = next((name for name in names if name in labels), None)
        if genre is not None and path.suffix.lower() in _AUDIO:
            found.append(Clip(genre, path))
    if not found:
        raise InputError(
            f"{folder}: holds no audio named after a genre of the model, such as "
            f"{labels[0]}/song.mp3 or {labels[0]}-song.mp3; its genres: {', '.join(labels)}"
        )
    return found


def example_clips(labels: Sequence[str]) -> list[Clip]:
    """Those of a checkout; none where there is no checkout, or none of these genres."""
    folder = Path(__file__).parents[2] / "examples"
    if not (folder / "ATTRIBUTION.csv").is_file():
        return []
    try:
        return clips(folder, labels)
    except InputError:
        return []
