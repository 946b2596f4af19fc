"""Endless audio for the soak test: music, silence, noise and speech-like sound in random order.

All pieces have a length of whole hops and 44.1 kHz stereo, the most common format of live input.
Every hour begins with the same reference clips, whose answers are compared over time.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import soundfile
from numpy.typing import NDArray

from streamgenre.signals import changing_sound, syllables, synthetic_music

from ..common import CLIPS, EXAMPLES

RATE = 44_100
SECONDS = 20.0  # of a piece
REFERENCES = ("classical-brandenburg-2", "metal-farewell", "reggae-island-dreams")
"""The clips whose answers are compared."""
SETTLING = 6
"""Repetitions of a reference clip. After 120 s, the weight of earlier audio is below 0.1 %."""
_HOUR = 3600.0
_LEVELS = (-40.0, 0.0)  # dB
_SILENCE = 0.1  # share of the pieces that are digital silence


@dataclass(frozen=True)
class Piece:
    """A part of the programme; `genre` is set at the end of a settled reference clip only."""

    samples: NDArray[np.int16]  # (n, 2)
    gain: float
    reference: str = ""
    genre: str = ""


def genres() -> dict[str, str]:
    """Name of each example clip -> its genre."""
    with (EXAMPLES / "ATTRIBUTION.csv").open(newline="", encoding="utf-8") as file:
        return {row["file"].removesuffix(".ogg"): row["genre"] for row in csv.DictReader(file)}


def clips() -> dict[str, NDArray[np.int16]]:
    """Name -> int16 (n, 2) at RATE, n being SECONDS."""
    found = {}
    for path in CLIPS:
        samples, rate = soundfile.read(path, dtype="int16", always_2d=True)
        if rate != RATE:
            raise ValueError(f"{path.name} has a sample rate of {rate} Hz instead of {RATE}")
        stereo = np.repeat(samples, 2 // samples.shape[1], axis=1)[: _count()]
        found[path.stem] = np.asarray(stereo, np.int16)
    return found


def sounds() -> list[NDArray[np.int16]]:
    """Noise, speech-like and synthetic sounds: int16 (n, 2) each."""
    noise = np.random.default_rng(0).normal(0, 0.1, _count())
    made = [
        changing_sound(_count(), RATE),
        _integers(noise),
        *(_integers(syllables(SECONDS, RATE, seed)) for seed in range(3)),
        _integers(synthetic_music(SECONDS, RATE)),
    ]
    return [np.repeat(one[:, None], 2, axis=1) for one in made]


def programme(seed: int = 0) -> Iterator[Piece]:
    """Endless pieces. Each hour starts with the reference clips at full level."""
    rng = np.random.default_rng(seed)
    music, others, named = clips(), sounds(), genres()
    silence = np.zeros((_count(), 2), np.int16)
    while True:
        for name in REFERENCES:
            for turn in range(SETTLING):
                genre = named[name] if turn == SETTLING - 1 else ""
                yield Piece(music[name], 1.0, name, genre)
        pieces = [*music.values(), *others]
        for _ in range(round(_HOUR / SECONDS) - len(REFERENCES) * SETTLING):
            if rng.random() < _SILENCE:
                yield Piece(silence, 1.0)
                continue
            gain = 10 ** (rng.uniform(*_LEVELS) / 20)
            yield Piece(pieces[rng.integers(len(pieces))], float(gain))


def scaled(samples: NDArray[np.int16], gain: float) -> NDArray[np.float32]:
    """Samples times a gain: float32 (n, channels) in [-1, 1]."""
    return samples * np.float32(gain / 32768)


def _count() -> int:
    return round(SECONDS * RATE)


def _integers(samples: NDArray[np.floating]) -> NDArray[np.int16]:
    return np.asarray(np.rint(np.clip(samples, -1, 1) * 32767), np.int16)
