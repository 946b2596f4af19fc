"""The result of a visualisation: the sound, its target quantities, and the files."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamgenre.model.timeline import Timeline, model_to_dict
from streamgenre.networks.logmel import SAMPLE_RATE, LogMel

from ..adapt.features import run_base
from .ascent import Response, Target
from .bands import LEVEL, SOUNDING
from .neurons import Choice
from .picture import picture
from .subject import Subject

Method = Literal["genre", "neuron", "weights"]
_FULL = 32767  # full scale of 16 bits


@dataclass(frozen=True)
class Request:
    """What is visualised, and how."""

    method: Method
    genre: str | None
    neuron: int | None
    seconds: float
    updates: int
    seed: int

    @property
    def name(self) -> str:
        """The target in words: "jazz", "jazz, neuron 7", "neuron 7, its weights"."""
        neuron = None if self.neuron is None else f"neuron {self.neuron}"
        weights = "its weights" if self.method == "weights" else None
        return ", ".join(part for part in (self.genre, neuron, weights) if part)

    @property
    def file_name(self) -> str:
        """The target as a file name without suffix."""
        return re.sub(r"\W+", "-", self.name.replace("its ", ""))


@dataclass(frozen=True)
class Visualisation:
    """The result of one call. The files are `path` with the suffixes .wav, .png and .json."""

    path: Path
    subject: Subject
    request: Request
    choice: Choice | None
    logmel: Tensor  # (SOUNDING, frames), optimised
    samples: NDArray[np.int16]
    start: Response
    before: Response
    after: Response
    timeline: Timeline  # of the sound

    def entries(self) -> dict[str, Any]:
        """Entries for JSON."""
        return {
            "asked": asdict(self.request),
            "model": model_to_dict(self.subject.model.card),
            "neuron": None if self.choice is None else self.choice.entries(),
            "seconds": len(self.samples) / SAMPLE_RATE,
            "hop": self.subject.hop.seconds,
            # A network that reads samples was given the sound itself, without an inversion.
            "inverted": self.subject.reads_bands,
            "at_start": self.start.entries(),
            "before_inversion": self.before.entries(),
            "after_inversion": self.after.entries()
            | {"status": self.timeline.status, "genre": self.timeline.genre},
        }

    def write(self) -> list[Path]:
        """Write the figure and the JSON. Returns all three files, the sound first."""
        title = f"{self.name}\non the log-mel {self.before}\nafter inversion {self.after}"
        again = log_mel_of(self.samples)
        image = self.path.with_suffix(".png")
        picture(title, self.logmel.numpy(), again, self.samples, image)
        text = self.path.with_suffix(".json")
        text.write_text(
            json.dumps(self.entries(), indent=1, allow_nan=False) + "\n", encoding="utf-8"
        )
        return [self.path.with_suffix(".wav"), image, text]

    @property
    def name(self) -> str:
        """The target in words."""
        return self.request.name


def write_sound(path: Path, samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Write 16-bit mono at 16 kHz at LEVEL, or quieter to avoid clipping. Returns the samples."""
    loudness = max(float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))), 1e-9)
    peak = max(float(np.abs(samples).max()), 1e-9)
    scale = min(10 ** (LEVEL / 20) / loudness, 1 / peak)
    written = np.round(samples * scale * _FULL).astype(np.int16)
    soundfile.write(path, written, SAMPLE_RATE, subtype="PCM_16")
    return written


def classify_sound(
    subject: Subject, path: Path, samples: NDArray[np.int16], target: Target
) -> tuple[Response, Timeline]:
    """Classify a sound with the running model."""
    timeline = subject.model.classify(path)
    updates = list(timeline.updates)
    labels = subject.model.card.label_names
    probability = activation = None
    if target.genre is not None:
        genre = labels[target.genre]
        probability = np.array([u.probabilities[genre] for u in updates], np.float32)
    if target.neuron is not None:
        name = str(path)
        embeddings = run_base(
            subject.model.engine, {name: samples}, [name], subject.hop, ("embedding",)
        )
        activation = embeddings[name][:, target.neuron]
    music = np.array([u.music for u in updates], np.float32)
    return Response(probability, music, activation), timeline


def log_mel_of(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Log-mel (SOUNDING, frames) of a sound, computed by the front end."""
    with torch.no_grad():
        logmel = LogMel()(torch.from_numpy(samples.astype(np.float32) / 32768)[None])
    return np.asarray(logmel[0, 0].numpy()[SOUNDING])
