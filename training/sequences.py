"""Endless streams to train a carried state on: tracks after tracks, as a radio would play them.

A lane plays a stretch of one track, then another; the change comes after a random time, as a hard
cut or a crossfade, sometimes with a fresh state. Non-music (speech, noise, silence) is mixed in
for the `music` output and carries no genre. Everything follows from one seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .data import SAMPLE_RATE

NO_GENRE = -100  # torch's ignore_index


@dataclass(frozen=True)
class Piece:
    """Something a lane can play: int16 samples and what they are."""

    samples: np.ndarray
    label: int  # class index, or NO_GENRE
    music: bool


@dataclass
class Batch:
    """`steps` consecutive steps of every lane."""

    windows: np.ndarray  # float32 (lanes, steps, window)
    labels: np.ndarray  # int64 (lanes, steps), NO_GENRE where none
    music: np.ndarray  # float32 (lanes, steps), 1 or 0
    fresh: np.ndarray  # bool (lanes, steps): the state starts anew before this step


def class_weights(labels: Sequence[int], power: float) -> np.ndarray:
    """Chance of each piece, so that a class comes up as its frequency to the `power`."""
    counts = np.bincount(labels)
    weights = counts[np.asarray(labels)] ** (power - 1.0)
    return np.asarray(weights / weights.sum())


def noise(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Silence, hiss, hum or rumble, int16: what an input without music sounds like."""
    if rng.random() < 0.25:
        return np.zeros(samples, np.int16)
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    hz = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE) + 20.0
    spectrum *= hz ** -rng.uniform(0.0, 1.2)  # white to brown
    if rng.random() < 0.4:
        cut = 10 ** rng.uniform(2.3, 3.8)
        spectrum *= 1 / (1 + (hz / cut) ** 4)
    signal = np.fft.irfft(spectrum, samples)
    if rng.random() < 0.3:
        mains = rng.choice([50.0, 60.0]) * np.arange(1, 6)[:, None]
        t = np.arange(samples) / SAMPLE_RATE
        signal = signal / np.abs(signal).max() + (
            np.sin(2 * np.pi * mains * t) * rng.random((5, 1))
        ).sum(0)
    level = 10 ** (rng.uniform(-70, -10) / 20)
    loudest = np.abs(signal).max()
    coded: np.ndarray = np.array(signal / loudest * level * 32767, np.int16)
    return coded


class Lane:
    """One endless stream; `read` gives its next samples with what they are."""

    def __init__(
        self,
        rng: np.random.Generator,
        choose: Callable[[np.random.Generator], Piece],
        seconds: tuple[float, float],
    ) -> None:
        self._rng, self._choose, self._seconds = rng, choose, seconds
        self._left = np.zeros(0, np.float32)
        self._start(fade=False)

    def _stretch(self) -> np.ndarray:
        """A random part of a random piece, float32, at a random gain."""
        self._piece = self._choose(self._rng)
        samples = self._piece.samples
        length = min(len(samples), int(self._rng.uniform(*self._seconds) * SAMPLE_RATE))
        # Half of the stretches start where the clip does, as a track does.
        free = len(samples) - length
        start = int(self._rng.integers(free + 1)) if self._rng.random() < 0.5 else 0
        gain = 10 ** (self._rng.uniform(-20, 6) / 20)
        part = samples[start : start + length].astype(np.float32) * np.float32(gain / 32768)
        clipped: np.ndarray = np.clip(part, -1.0, 1.0)
        return clipped

    def _start(self, fade: bool) -> None:
        tail = self._left
        self._left = self._stretch()
        if fade and len(tail):
            n = min(len(tail), len(self._left))
            ramp = np.linspace(0.0, 1.0, n, dtype=np.float32)
            self._left[:n] = self._left[:n] * np.sqrt(ramp) + tail[:n] * np.sqrt(1 - ramp)

    def read(self, samples: int) -> tuple[np.ndarray, int, bool, bool]:
        """`samples` new ones, label and music of most of them, whether the state is fresh."""
        fresh, before, rest = False, self._piece, len(self._left)
        if rest < samples:
            kind = self._rng.random()
            if kind < 0.3:  # the listener starts here: no memory, no earlier sound
                self._left = np.zeros(0, np.float32)
                self._start(fade=False)
                fresh = True
            elif kind < 0.6:
                self._start(fade=True)
            else:  # a hard cut inside the step
                tail = self._left
                self._start(fade=False)
                self._left = np.concatenate([tail, self._left])
        block = self._left[:samples]
        self._left = self._left[samples:]
        if len(block) < samples:  # a clip shorter than the step: padded as at a stream's end
            block = np.pad(block, (0, samples - len(block)))
        piece = before if rest > samples / 2 and not fresh else self._piece
        return block, piece.label, piece.music, fresh


class Lanes:
    """Many lanes read in step: batches of windows as a network gets them in streaming."""

    def __init__(
        self,
        music: Sequence[Piece],
        weights: np.ndarray,
        other: Sequence[Piece],
        *,
        seed: Sequence[int],
        lanes: int,
        hop: int,
        window: int,
        seconds: tuple[float, float],
        other_share: float = 0.08,
    ) -> None:
        root = np.random.default_rng(list(seed))
        cumulative = np.cumsum(weights)

        def choose(rng: np.random.Generator) -> Piece:
            if rng.random() < other_share:
                if other and rng.random() < 0.6:
                    return other[int(rng.integers(len(other)))]
                return Piece(noise(rng, 10 * SAMPLE_RATE), NO_GENRE, False)
            return music[int(np.searchsorted(cumulative, rng.random() * cumulative[-1]))]

        self._lanes = [Lane(child, choose, seconds) for child in root.spawn(lanes)]
        self._hop, self._window = hop, window
        self._heard = np.zeros((lanes, window), np.float32)

    def read(self, steps: int) -> Batch:
        """The next `steps` steps of every lane."""
        count = len(self._lanes)
        windows = np.empty((count, steps, self._window), np.float32)
        labels = np.empty((count, steps), np.int64)
        music = np.empty((count, steps), np.float32)
        fresh = np.zeros((count, steps), bool)
        for i, lane in enumerate(self._lanes):
            for t in range(steps):
                block, labels[i, t], music[i, t], fresh[i, t] = lane.read(self._hop)
                if fresh[i, t]:
                    self._heard[i] = 0
                self._heard[i, : -self._hop] = self._heard[i, self._hop :]
                self._heard[i, -self._hop :] = block
                windows[i, t] = self._heard[i]
        return Batch(windows, labels, music, fresh)


def pieces(
    keys: Sequence[str], audio: Mapping[str, np.ndarray], labels: Mapping[str, int]
) -> list[Piece]:
    """Music pieces of labelled tracks."""
    return [Piece(audio[key], labels[key], True) for key in keys]
