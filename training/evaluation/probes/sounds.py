"""What is no music: silence, noise, recorded and synthesised speech, each as int16 at 16 kHz.

Noise is made in the frequency domain from a fixed seed, white (flat), pink (power falls as 1/f) or
brown (1/f²); a room is brown noise with the mains' hum. Synthesised speech is espeak-ng's.
"""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from streamgenre.audio.resample import Resampler

from ...data.decoding import to_int16
from ...data.record import SAMPLE_RATE, DataError
from ...data.recordings import entries, is_recording, read_recording

Samples = NDArray[np.int16]
SECONDS = 120.0  # of each generated sound
NOISE_LEVELS = (-50.0, -30.0, -15.0)  # dBFS RMS
ROOM_LEVEL = -55.0  # dBFS RMS: a quiet room through a microphone
_MOST_SECONDS = 600.0  # of each recording, or of all in a subfolder
_MOST_FILES = 40  # of a subfolder, evenly over its files in order
_MAINS = 50.0  # Hz
_SYNTHESISER = "espeak-ng"
_WORDS = {
    "en-gb": "The train to the north leaves at a quarter past nine from the second platform. "
    "Please keep your luggage with you, and mind the step when you get off.",
    "en-us": "Well, I told her that we could meet on Thursday, but she had already made other "
    "plans. So let us talk about it again next week, when everyone is back.",
    "de": "Am Abend ziehen von Westen her Wolken auf, und in der Nacht fällt etwas Regen. Morgen "
    "wird es wieder freundlich, bei Werten um achtzehn Grad.",
    "fr": "Le marché ouvre tous les matins sur la grande place. On y trouve des fruits, du pain et "
    "des fleurs, et les gens prennent le temps de parler.",
    "es": "La biblioteca está cerrada los lunes por la mañana. Quien quiera devolver un libro "
    "puede dejarlo en la caja que hay junto a la puerta.",
}  # fmt: skip


def generated() -> dict[str, Samples]:
    """Name -> two minutes of silence, a room, white and pink noise."""
    count = round(SECONDS * SAMPLE_RATE)
    t = np.arange(count) / SAMPLE_RATE
    hum = sum(np.sin(2 * np.pi * _MAINS * k * t) / k**2 for k in range(1, 6))
    sounds = {
        "digital silence": np.zeros(count, np.int16),
        f"a quiet room, {ROOM_LEVEL:g} dBFS": at_level(
            noise(count, 2.0, 0) + 0.5 * hum / np.std(hum), ROOM_LEVEL
        ),
    }
    for seed, (name, slope) in enumerate((("white", 0.0), ("pink", 1.0)), 1):
        hiss = noise(count, slope, seed)
        for level in NOISE_LEVELS:
            sounds[f"{name} noise, {level:g} dBFS"] = at_level(hiss, level)
    return sounds


def noise(count: int, slope: float, seed: int) -> NDArray[np.float64]:
    """Gaussian noise of RMS 1 whose power falls as 1 / f^slope from 20 Hz on, (count,)."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.standard_normal(count))
    spectrum *= np.maximum(np.fft.rfftfreq(count, 1 / SAMPLE_RATE), 20.0) ** (-slope / 2)
    signal = np.fft.irfft(spectrum, count)
    return np.asarray(signal / np.std(signal))


def at_level(signal: NDArray[np.floating], level: float) -> Samples:
    """A signal at so many dBFS RMS; what is beyond full scale is clipped."""
    rms = float(np.sqrt(np.mean(np.square(signal, dtype=np.float64))))
    return to_int16(signal / rms * 10 ** (level / 20)) if rms else signal.astype(np.int16)


def recorded(folder: Path) -> dict[str, list[Samples]]:
    """Name -> streams: each recording of a folder, and all of each subfolder together.

    Of each name at most ten minutes. Audio files, and *.s16: raw, 16 kHz mono. Raises DataError
    where the folder holds no recordings, or one that cannot be read.
    """
    streams: dict[str, list[Samples]] = {}
    for entry in entries(folder):
        if entry.is_dir():
            files = [p for p in sorted(entry.rglob("*")) if is_recording(p)]
            chosen = files[:: -(-len(files) // _MOST_FILES)] if files else []
            if chosen:
                each = _MOST_SECONDS / len(chosen)
                streams[f"{entry.name} (folder)"] = [read_recording(path, each) for path in chosen]
        elif is_recording(entry):
            streams[entry.name] = [read_recording(entry, _MOST_SECONDS)]
    if not streams:
        raise DataError(f"{folder}: no recordings in it; put files such as speech.wav there")
    return streams


def synthesised() -> dict[str, list[Samples]] | str:
    """Voice -> half a minute of speech, or the reason why there is none."""
    program = shutil.which(_SYNTHESISER)
    if program is None:
        return f"{_SYNTHESISER} is not installed"
    try:
        return {
            f"{_SYNTHESISER}, {voice}": [_spoken(program, voice, words)]
            for voice, words in _WORDS.items()
        }
    except (OSError, subprocess.SubprocessError, soundfile.LibsndfileError) as error:
        return f"{_SYNTHESISER} failed: {error}"


def _spoken(program: str, voice: str, words: str) -> Samples:
    wave = subprocess.run(
        [program, "-v", voice, "-s", "150", "--stdout", " ".join([words] * 3)],
        check=True, capture_output=True, timeout=60,
    ).stdout  # fmt: skip
    # Written to a pipe, the header states no length: soundfile reads to the end all the same.
    samples, rate = soundfile.read(io.BytesIO(wave), dtype="float32")
    resampler = Resampler(rate, SAMPLE_RATE)
    parts = [resampler.push(np.asarray(samples, np.float32)), resampler.finish()]
    return to_int16(np.concatenate(parts))


def excerpts(streams: dict[str, list[Samples]], samples: int) -> Iterator[Samples]:
    """Excerpts of `samples` samples from the streams in turn; streams are repeated."""
    whole = [np.concatenate(clips) for clips in streams.values()]
    turn = 0
    while True:
        for stream in whole:
            yield np.take(stream, range(turn * samples, (turn + 1) * samples), mode="wrap")
        turn += 1
