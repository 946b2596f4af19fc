"""What a file costs, held against decoding, mixing and resampling it alone.

The slope between a short and a long mp3 leaves start-up out. Both sides are whole processes in the
same run, taken in turn; processor time, not wall-clock, so that a busy machine matters less.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import soundfile

from streamgenre.timing import test_signal

_DECODE = """
import sys
from streamgenre.audio.mix import mix_to_mono
from streamgenre.audio.resample import Resampler
from streamgenre.audio.sources import open_source
source = open_source(sys.argv[1])
resampler = Resampler(source.sample_rate, 16000)
heard = sum(len(resampler.push(mix_to_mono(block)[0])) for block in source.blocks())
"""


def write_mp3(path: Path, minutes: float) -> None:
    """A stereo mp3 at 44.1 kHz, minute after minute of the same made-up music."""
    minute = test_signal(60.0, 44_100)
    with soundfile.SoundFile(path, "w", 44_100, 2, format="MP3", subtype="MPEG_LAYER_III") as out:
        left = round(minutes * 60 * 44_100)
        while left > 0:
            part = minute[:left]
            out.write(part.repeat(2).reshape(-1, 2))
            left -= len(part)


def file_cost(minutes: tuple[float, float], repeats: int) -> dict[str, Any]:
    """Processor seconds of both sides for two lengths, their slopes, and the slopes' ratio."""
    sides = {
        "decode": [sys.executable, "-c", _DECODE],
        "streamgenre": [sys.executable, "-m", "streamgenre"],
    }
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{length:g}.mp3" for length in minutes]
        for path, length in zip(files, minutes, strict=True):
            write_mp3(path, length)
        seconds: dict[str, list[list[float]]] = {side: [[], []] for side in sides}
        for _ in range(repeats):
            for i, path in enumerate(files):
                for side, command in sides.items():
                    seconds[side][i].append(_processor_seconds([*command, str(path)]))
    found: dict[str, Any] = {"minutes": minutes, "repeats": repeats}
    audio = (minutes[1] - minutes[0]) * 60
    for side, (short, long) in seconds.items():
        slopes = [(b - a) / audio for a, b in zip(short, long, strict=True)]
        found[side] = {"short_s": min(short), "long_s": min(long), "slopes": slopes}
        print(
            f"{side:12} mp3 of {minutes[0]:g} min {min(short):6.2f} s, of {minutes[1]:g} min "
            f"{min(long):6.2f} s processor time: {min(slopes) * 1e3:.3f} ms a second of audio"
        )
    ratios = [
        a / b
        for a, b in zip(found["streamgenre"]["slopes"], found["decode"]["slopes"], strict=True)
    ]
    found["ratio"] = statistics.median(ratios)
    print(
        f"streamgenre / decoding alone: {found['ratio']:.2f} "
        f"(median of {repeats}, {min(ratios):.2f} to {max(ratios):.2f})"
    )
    return found


def _processor_seconds(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)
