"""What is no music: recorded speech of the user's, and noise of many kinds.

For `music` and its threshold, and for the layer that tells speech from the rest (speech.py).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamgenre.audio.files import decode_mono
from streamgenre.errors import StreamgenreError

from ..data import SAMPLE_RATE, DataError
from ..data.audio_files import EXTENSIONS
from ..data.decoding import to_int16
from .sequences import NO_GENRE, Piece, noise

_STRETCH = 30 * SAMPLE_RATE
_NOISES, _SECONDS = 60, 5
_KNOWN = EXTENSIONS | {".s16"}  # a README.txt beside them is no recording
_LEVELS = (-40.0, -2.0)  # dBFS of a noise's peak
Signal = NDArray[np.float64]


def recordings(folder: Path | None) -> list[Piece]:
    """Every audio file of a folder (*.s16: raw, 16 kHz mono), cut to stretches of 30 s."""
    if folder is None:
        return []
    found = []
    try:
        paths = sorted(p for p in folder.iterdir() if p.is_file() and p.name[0] != ".")
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{folder}: cannot be read: {reason}; give a folder of speech") from None
    for path in paths:
        if path.suffix.lower() not in _KNOWN:
            continue
        samples = _read(path)
        found += [
            Piece(samples[i : i + _STRETCH], NO_GENRE, False)
            for i in range(0, len(samples), _STRETCH)
        ]
    if not found:
        raise DataError(f"{folder}: no recordings in it; put files such as speech.wav there")
    return found


def _read(path: Path) -> np.ndarray:
    try:
        if path.suffix.lower() == ".s16":
            return np.fromfile(path, np.int16)
        samples = decode_mono(path, SAMPLE_RATE)
    except (StreamgenreError, OSError) as error:
        raise DataError(f"{path}: not a recording that can be read: {error}") from None
    return to_int16(samples)


def held_out(folder: Path | None) -> dict[str, np.ndarray]:
    """Noise, and up to as many stretches of speech that was not trained on, to fit `music` on."""
    rng = np.random.default_rng(0)
    found = {f"noise {i}": noise(rng, _SECONDS * SAMPLE_RATE) for i in range(_NOISES)}
    speech = recordings(folder)[:_NOISES]
    return found | {f"speech {i}": piece.samples for i, piece in enumerate(speech)}


def noises(count: int, samples: int, seed: int) -> list[np.ndarray]:
    """So many noises, int16 (samples,), of all kinds by turns, each of another level."""
    rng = np.random.default_rng(seed)
    kinds = list(NOISES.values())
    found = []
    for i in range(count):
        # Every other one as training has them: steady, or silence.
        if i % 2:
            found.append(noise(rng, samples))
            continue
        made = kinds[i // 2 % len(kinds)](rng, samples)
        made *= 10 ** (rng.uniform(*_LEVELS) / 20) / max(float(np.abs(made).max()), 1e-9)
        found.append(to_int16(made))
    return found


def _coloured(rng: np.random.Generator, samples: int, slope: float) -> Signal:
    """Gaussian noise whose amplitude falls as 1 / f^slope."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    spectrum /= np.arange(1, len(spectrum) + 1) ** slope
    return np.asarray(np.fft.irfft(spectrum, samples))


def _seconds(samples: int) -> Signal:
    return np.arange(samples) / SAMPLE_RATE


def _hum(rng: np.random.Generator, samples: int) -> Signal:
    """The mains or a motor, with its overtones and a little hiss."""
    pitch, fall = rng.choice([50.0, 60.0, 100.0, 120.0]), rng.uniform(0.5, 2)
    tones = [np.sin(2 * np.pi * pitch * k * _seconds(samples)) / k**fall for k in range(1, 12)]
    return np.asarray(np.sum(tones, 0) + 0.02 * rng.standard_normal(samples))


def _clicks(rng: np.random.Generator, samples: int) -> Signal:
    signal = 0.002 * rng.standard_normal(samples)
    signal[rng.integers(0, samples, _times(rng, samples, 0.5, 6))] += 1
    return signal


def _taps(rng: np.random.Generator, samples: int) -> Signal:
    """Short bursts that die away, as of keys or of cups on a table."""
    signal = 0.001 * rng.standard_normal(samples)
    length = min(samples, SAMPLE_RATE // 5)
    for at in rng.integers(0, samples - length + 1, _times(rng, samples, 0.5, 4)):
        fading = np.exp(-np.arange(length) / rng.uniform(60, 600))
        signal[at : at + length] += rng.standard_normal(length) * fading
    return signal


def _tone(rng: np.random.Generator, samples: int) -> Signal:
    return np.asarray(np.sin(2 * np.pi * rng.uniform(100, 4000) * _seconds(samples)))


def _beeps(rng: np.random.Generator, samples: int) -> Signal:
    t = _seconds(samples)
    heard: Signal = np.sin(2 * np.pi * rng.uniform(0.5, 5) * t)
    return np.asarray(np.sin(2 * np.pi * rng.uniform(300, 1500) * t) * (heard > 0))


def _drops(rng: np.random.Generator, samples: int) -> Signal:
    """Rain, frying, gravel: from a few to thousands of tiny sounds a second."""
    signal = np.zeros(samples)
    count = 1 + int(10 ** rng.uniform(1, 4) * samples / SAMPLE_RATE)
    np.add.at(signal, rng.integers(0, samples, count), rng.exponential(1, count))
    one = rng.standard_normal(200) * np.exp(-np.arange(200) / 10 ** rng.uniform(0.5, 1.8))
    return np.asarray(np.convolve(signal, one, "same"))


def _alarm(rng: np.random.Generator, samples: int) -> Signal:
    """A buzzer: a hard tone, on and off or between two pitches."""
    t = _seconds(samples)
    low, every = rng.uniform(250, 2000), rng.uniform(0.5, 8)
    turn = np.sin(2 * np.pi * every * t) > 0
    sine = np.sin(2 * np.pi * np.cumsum(np.where(turn, low, low * rng.uniform(1, 2))) / SAMPLE_RATE)
    hard = np.tanh(10 ** rng.uniform(0, 2) * sine)
    return np.asarray(hard * turn if rng.random() < 0.5 else hard)


def _siren(rng: np.random.Generator, samples: int) -> Signal:
    """A pure tone that goes up and down, slowly as sirens or as quick as birds."""
    t = _seconds(samples)
    middle, width, every = rng.uniform(400, 4000), rng.uniform(0.1, 0.6), 10 ** rng.uniform(-1, 1)
    pitch = middle * (1 + width * np.sin(2 * np.pi * every * t))
    return np.asarray(np.sin(2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE))


def _bursts(rng: np.random.Generator, samples: int) -> Signal:
    """Noise that swells as often as syllables do."""
    swell = 1 + np.sin(2 * np.pi * rng.uniform(1, 8) * _seconds(samples))
    return np.asarray(_coloured(rng, samples, rng.uniform(0, 1)) * swell)


def _times(rng: np.random.Generator, samples: int, least: float, most: float) -> int:
    """How often something happens that does so `least` to `most` times a second."""
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
"""Generator and number of samples -> a signal of any level, by the kind's name."""
