"""Memory over hours of audio, through a pipe and from a file: curves, peaks, growth.

The command reads hours of music from a pipe, as `jsonl` (keeps nothing) and as `json` (keeps its
updates until the end). Its memory is read after each minute of audio. `classify` reads files of
several lengths, each in a new process, whose peak memory is read at its end. The growth between
lengths is the memory of a timeline. Linux only.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from .common import RATE, ROOT, Options, Skipped, music, table

TITLE = "memory over hours of audio"

_CLASSIFY = """
import json, pathlib, sys
import streamgenre
timeline = streamgenre.classify(sys.argv[1])
status = pathlib.Path("/proc/self/status").read_text().splitlines()
peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
json.dump([len(timeline.updates), peak / 1024], sys.stdout)
"""


@dataclass(frozen=True)
class Pipe:
    """Memory of the command while it reads a pipe."""

    rows: int
    peak_mb: float
    settled_mb: float
    growth_mb: float
    bytes_a_row: float
    curve: tuple[tuple[float, float], ...]  # hours of audio, MB
    times_real_time: float


@dataclass(frozen=True)
class Classified:
    """Peak memory of `classify` for a file."""

    hours: float
    updates: int
    peak_mb: float


@dataclass(frozen=True)
class MemoryUse:
    """The result of this measurement."""

    hours: float
    pipe: dict[str, Pipe]  # by format
    classify: tuple[Classified, ...]


def measure(options: Options) -> MemoryUse:
    """Measure pipes of both formats, and files up to the same length."""
    if not Path("/proc/self/status").exists():
        raise Skipped("needs /proc, as on Linux")
    hours = options.hours or (0.2 if options.quick else 10.0)
    return MemoryUse(
        hours=hours,
        pipe={form: endless_pipe(hours, form) for form in ("jsonl", "json")},
        classify=tuple(classified(hours * part) for part in (0.01, 0.1, 0.5, 1.0)),
    )


def endless_pipe(hours: float, form: str) -> Pipe:
    """Stream samples into the command; read its resident memory at each minute of audio.

    Growth is from the tenth minute of audio to the last. The peak includes the end of the process.
    The bytes per row are those of the second half, when the allocator has settled.
    """
    command = [sys.executable, "-m", "streamgenre", "--format", form]
    command += ["--raw", "s16le", "--rate", str(RATE), "-"]
    minute = (music(60.0) * 32767).astype("<i2").tobytes()
    curve: list[tuple[float, float]] = []
    rows = 0

    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as running:
        assert running.stdin is not None and running.stdout is not None

        def count(stdout: Any) -> None:
            nonlocal rows
            while chunk := stdout.read1(1 << 16):
                rows += chunk.count(b'"time"')

        reader = threading.Thread(target=count, args=(running.stdout,))
        reader.start()
        began = time.monotonic()
        for done in range(1, max(1, round(hours * 60)) + 1):
            running.stdin.write(minute)
            running.stdin.flush()
            curve.append((done / 60, memory(running.pid, "VmRSS")))
        working = curve[-1][1]
        running.stdin.close()
        peak = 0.0
        while running.poll() is None:  # the json format writes its rows now
            peak = max(peak, memory(running.pid, "VmHWM"))
            time.sleep(0.01)
        reader.join()
        seconds = time.monotonic() - began
        if running.returncode:
            raise RuntimeError(f"streamgenre ended with {running.returncode}")
    values = np.array([value for _, value in curve])
    # The first minutes of audio are processed within a second, during the start-up.
    settled = values[min(len(values) - 1, 10)]
    return Pipe(
        rows=rows,
        peak_mb=peak,
        settled_mb=float(settled),
        growth_mb=float(working - settled),
        bytes_a_row=float((working - values[len(values) // 2]) * 2**20 / max(1, rows / 2)),
        curve=tuple((round(h, 3), round(v, 1)) for h, v in curve[:: max(1, len(curve) // 60)]),
        times_real_time=hours * 3600 / seconds,
    )


def classified(hours: float) -> Classified:
    """Measure a process that classifies a wav file of that length."""
    minute = music(60.0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.wav"
        with soundfile.SoundFile(path, "w", RATE, 1, subtype="PCM_16") as file:
            left = round(hours * 3600 * RATE)
            while left > 0:
                file.write(minute[:left])
                left -= len(minute)
        done = subprocess.run(
            [sys.executable, "-c", _CLASSIFY, path], check=True, stdout=subprocess.PIPE, cwd=ROOT
        )
    updates, peak = json.loads(done.stdout)
    return Classified(hours, updates, peak)


def memory(pid: int, what: str) -> float:
    """VmRSS (resident) or VmHWM (peak) in MB; 0 for a process that has ended."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) / 1024
    return 0.0


def report(result: MemoryUse) -> list[str]:
    """Growth, then the curves."""
    rows = [
        [
            form,
            one.rows,
            f"{one.peak_mb:.1f}",
            f"{one.settled_mb:.1f}",
            f"{one.growth_mb:.1f}",
            f"{one.bytes_a_row:.0f}",
            f"{one.times_real_time:.0f}",
        ]
        for form, one in result.pipe.items()
    ]
    head = ("format", "updates", "peak, MB", "after ten minutes", "growth since then",
            "bytes an update, second half", "times real time")  # fmt: skip
    curves = []
    for form, one in result.pipe.items():
        some = [*one.curve[: -1 : max(1, len(one.curve) // 10)], one.curve[-1]]
        at = ", ".join(f"{h:.3g}: {mb:.1f}" for h, mb in some)
        curves.append(f"- {form}, MB at hours: {at}")
    return [
        f"{result.hours:g} hours through a pipe:",
        table(head, rows),
        "\n".join(curves),
        *_report_files(result.classify),
    ]


def _report_files(files: Sequence[Classified]) -> list[str]:
    rows = [[f"{one.hours:.3g}", one.updates, f"{one.peak_mb:.1f}"] for one in files]
    shorter, longest = files[1], files[-1]
    grown = (longest.peak_mb - shorter.peak_mb) * 2**20
    return [
        "`classify` of a wav file, each in a process of its own:",
        table(("hours", "updates", "peak, MB"), rows),
        f"That is {grown / (longest.updates - shorter.updates):.0f} bytes an update between "
        f"{shorter.hours:.3g} and {longest.hours:.3g} hours.",
    ]
