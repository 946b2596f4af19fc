"""What a network was found to listen for: the sound, what it reached, and the files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamgenre.model.timeline import Timeline, model_to_dict
from streamgenre.networks.logmel import SAMPLE_RATE, LogMel

from ..adapt.features import run_base
from .ascent import Reached, Target
from .bands import LEVEL, SOUNDING
from .neurons import Choice
from .picture import picture
from .subject import Subject

_FULL = 32767  # of sixteen bits


@dataclass(frozen=True)
class Listened:
    """One call's result; `path` of the sound lacks its suffix, which its picture and JSON share."""

    path: Path
    subject: Subject
    asked: Mapping[str, Any]
    choice: Choice | None
    logmel: Tensor  # (SOUNDING, frames), as it was painted
    samples: NDArray[np.int16]
    start: Reached
    before: Reached
    after: Reached
    timeline: Timeline  # of the sound

    def entries(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "asked": dict(self.asked),
            "model": model_to_dict(self.subject.model.card),
            "neuron": None if self.choice is None else self.choice.entries(),
            "seconds": len(self.samples) / SAMPLE_RATE,
            "hop": self.subject.hop.seconds,
            # A network that reads samples has heard the sound itself: there is nothing to invert.
            "inverted": self.subject.reads_bands,
            "at_start": self.start.entries(),
            "before_inversion": self.before.entries(),
            "after_inversion": self.after.entries()
            | {"status": self.timeline.status, "genre": self.timeline.genre},
        }

    def write(self) -> list[Path]:
        """The picture and the JSON; gives all three files, the sound first."""
        title = f"{self.name}\non the log-mel {self.before}\nheard again {self.after}"
        again = log_mel_of(self.samples)
        image = self.path.with_suffix(".png")
        picture(title, self.logmel.numpy(), again, self.samples, image)
        text = self.path.with_suffix(".json")
        text.write_text(json.dumps(self.entries(), indent=1) + "\n", encoding="utf-8")
        return [self.path.with_suffix(".wav"), image, text]

    @property
    def name(self) -> str:
        """What was asked, in words."""
        return name_of(self.asked)


def name_of(asked: Mapping[str, Any]) -> str:
    """What was asked, in words: "jazz", "jazz, neuron 7", "neuron 7, its weights"."""
    neuron = None if asked["neuron"] is None else f"neuron {asked['neuron']}"
    weights = "its weights" if asked["method"] == "weights" else None
    return ", ".join(part for part in (asked["genre"], neuron, weights) if part)


def file_name(asked: Mapping[str, Any]) -> str:
    """The same for a file, without suffix."""
    return re.sub(r"\W+", "-", name_of(asked).replace("its ", ""))


def write_sound(path: Path, samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Write 16 kHz mono of sixteen bits at LEVEL, quieter where peaks would be cut; gives it."""
    loudness = max(float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))), 1e-9)
    peak = max(float(np.abs(samples).max()), 1e-9)
    scale = min(10 ** (LEVEL / 20) / loudness, 1 / peak)
    written = np.round(samples * scale * _FULL).astype(np.int16)
    soundfile.write(path, written, SAMPLE_RATE, subtype="PCM_16")
    return written


def heard_again(
    subject: Subject, path: Path, samples: NDArray[np.int16], target: Target
) -> tuple[Reached, Timeline]:
    """What the running model says of a sound in a file."""
    timeline = subject.model.classify(path)
    updates = list(timeline.updates)
    labels = subject.model.card.label_names
    probability = activation = None
    if target.genre is not None:
        genre = labels[target.genre]
        probability = np.array([u.probabilities[genre] for u in updates], np.float32)
    if target.neuron is not None:
        name = str(path)
        found = run_base(subject.model.engine, {name: samples}, [name], subject.hop, ("embedding",))
        activation = found[name][:, target.neuron]
    music = np.array([u.music for u in updates], np.float32)
    return Reached(probability, music, activation), timeline


def log_mel_of(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """The front end's log-mel (SOUNDING, frames) of a sound."""
    with torch.no_grad():
        found = LogMel()(torch.from_numpy(samples.astype(np.float32) / 32768)[None])
    return np.asarray(found[0, 0].numpy()[SOUNDING])
