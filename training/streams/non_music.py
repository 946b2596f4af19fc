"""Non-music sounds: recorded speech from a folder, and generated noise of many kinds.

They train the `music` output and its threshold, and the speech layer (speech.py).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..data import SAMPLE_RATE, DataError
from ..data.decoding import to_int16
from ..data.recordings import entries, is_recording, read_recording
from .sequences import NO_GENRE, Clip, noise

_EXCERPT = 30 * SAMPLE_RATE
_NOISES, _SECONDS = 60, 5
_LEVELS = (-40.0, -2.0)  # dBFS, peak of a noise
Signal = NDArray[np.float64]


def recordings(folder: Path | None) -> list[Clip]:
    """Read all audio files of a folder (*.s16: raw, 16 kHz mono), cut into excerpts of 30 s."""
    if folder is None:
        return []
    clips = []
    for path in entries(folder):
        if not is_recording(path):
            continue
        samples = read_recording(path)
        clips += [
            Clip(samples[i : i + _EXCERPT], NO_GENRE, False)
            for i in range(0, len(samples), _EXCERPT)
        ]
    if not clips:
        raise DataError(f"{folder}: contains no recordings; add files such as speech.wav")
    return clips


def held_out(folder: Path | None) -> dict[str, np.ndarray]:
    """Noise, and at most as many excerpts of held-out speech, to fit the threshold of `music`."""
    rng = np.random.default_rng(0)
    sounds = {f"noise {i}": noise(rng, _SECONDS * SAMPLE_RATE) for i in range(_NOISES)}
    speech = recordings(folder)[:_NOISES]
    return sounds | {f"speech {i}": clip.samples for i, clip in enumerate(speech)}


def noises(count: int, samples: int, seed: int) -> list[np.ndarray]:
    """Generate `count` noises, int16 (samples,), alternating between kinds, at random levels."""
    rng = np.random.default_rng(seed)
    kinds = list(NOISES.values())
    signals = []
    for i in range(count):
        # Every other noise is one of the kinds used in training: steady noise or silence.
        if i % 2:
            signals.append(noise(rng, samples))
            continue
        made = kinds[i // 2 % len(kinds)](rng, samples)
        made *= 10 ** (rng.uniform(*_LEVELS) / 20) / max(float(np.abs(made).max()), 1e-9)
        signals.append(to_int16(made))
    return signals


def _coloured(rng: np.random.Generator, samples: int, slope: float) -> Signal:
    """Gaussian noise with an amplitude spectrum of 1 / f^slope."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    spectrum /= np.arange(1, len(spectrum) + 1) ** slope
    return np.asarray(np.fft.irfft(spectrum, samples))


def _seconds(samples: int) -> Signal:
    return np.arange(samples) / SAMPLE_RATE


def _hum(rng: np.random.Generator, samples: int) -> Signal:
    """Mains or motor hum with harmonics and a little hiss."""
    pitch, fall = rng.choice([50.0, 60.0, 100.0, 120.0]), rng.uniform(0.5, 2)
    tones = [np.sin(2 * np.pi * pitch * k * _seconds(samples)) / k**fall for k in range(1, 12)]
    return np.asarray(np.sum(tones, 0) + 0.02 * rng.standard_normal(samples))


def _clicks(rng: np.random.Generator, samples: int) -> Signal:
    signal = 0.002 * rng.standard_normal(samples)
    signal[rng.integers(0, samples, _event_count(rng, samples, 0.5, 6))] += 1
    return signal


def _taps(rng: np.random.Generator, samples: int) -> Signal:
    """Short decaying bursts, like keys, or cups on a table."""
    signal = 0.001 * rng.standard_normal(samples)
    length = min(samples, SAMPLE_RATE // 5)
    for at in rng.integers(0, samples - length + 1, _event_count(rng, samples, 0.5, 4)):
        fading = np.exp(-np.arange(length) / rng.uniform(60, 600))
        signal[at : at + length] += rng.standard_normal(length) * fading
    return signal


def _tone(rng: np.random.Generator, samples: int) -> Signal:
    return np.asarray(np.sin(2 * np.pi * rng.uniform(100, 4000) * _seconds(samples)))


def _beeps(rng: np.random.Generator, samples: int) -> Signal:
    t = _seconds(samples)
    gate: Signal = np.sin(2 * np.pi * rng.uniform(0.5, 5) * t)
    return np.asarray(np.sin(2 * np.pi * rng.uniform(300, 1500) * t) * (gate > 0))


def _drops(rng: np.random.Generator, samples: int) -> Signal:
    """Rain, frying, gravel: ten to thousands of tiny sounds per second."""
    signal = np.zeros(samples)
    count = 1 + int(10 ** rng.uniform(1, 4) * samples / SAMPLE_RATE)
    np.add.at(signal, rng.integers(0, samples, count), rng.exponential(1, count))
    one = rng.standard_normal(200) * np.exp(-np.arange(200) / 10 ** rng.uniform(0.5, 1.8))
    return np.asarray(np.convolve(signal, one, "same"))


def _alarm(rng: np.random.Generator, samples: int) -> Signal:
    """A buzzer: a distorted tone, switched on and off or between two pitches."""
    t = _seconds(samples)
    low, every = rng.uniform(250, 2000), rng.uniform(0.5, 8)
    turn = np.sin(2 * np.pi * every * t) > 0
    sine = np.sin(2 * np.pi * np.cumsum(np.where(turn, low, low * rng.uniform(1, 2))) / SAMPLE_RATE)
    hard = np.tanh(10 ** rng.uniform(0, 2) * sine)
    return np.asarray(hard * turn if rng.random() < 0.5 else hard)


def _siren(rng: np.random.Generator, samples: int) -> Signal:
    """A pure tone of varying pitch, slow like a siren or fast like a bird."""
    t = _seconds(samples)
    middle, width, every = rng.uniform(400, 4000), rng.uniform(0.1, 0.6), 10 ** rng.uniform(-1, 1)
    pitch = middle * (1 + width * np.sin(2 * np.pi * every * t))
    return np.asarray(np.sin(2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE))


def _bursts(rng: np.random.Generator, samples: int) -> Signal:
    """Noise modulated at the rate of syllables."""
    swell = 1 + np.sin(2 * np.pi * rng.uniform(1, 8) * _seconds(samples))
    return np.asarray(_coloured(rng, samples, rng.uniform(0, 1)) * swell)


def _event_count(rng: np.random.Generator, samples: int, least: float, most: float) -> int:
    """Number of events at a random rate between `least` and `most` per second."""
    return 1 + int(rng.uniform(least, most) * samples / SAMPLE_RATE)


NOISES: dict[str, Callable[[np.random.Generator, int], Signal]] = {
    "white": lambda rng, samples: _coloured(rng, samples, 0.0),
    "pink": lambda rng, samples: _coloured(rng, samples, 0.5),
    "brown": lambda rng, samples: _coloured(rng, samples, 1.0),
    "hum": _hum,
    "clicks": _clicks,
    "taps": _taps,
    "tone": _tone,
    "beeps": _beeps,
    "drops": _drops,
    "alarm": _alarm,
    "siren": _siren,
    "bursts": _bursts,
}
"""Kind -> function of a generator and a number of samples that returns a signal of any level."""
