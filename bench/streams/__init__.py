"""Maximum number of simultaneous real-time streams on this machine.

One process per core feeds its share of the streams in real time (station.py). A number of streams
is sustained if the 99th percentile of the lateness of updates over the whole run is below one hop.
Increasing numbers are tried until one is not sustained.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass

import numpy as np

from streamgenre.model.model import load

from ..common import ROOT, Options, table
from .station import Served

TITLE = "real-time streams at once"

_HOP = 1.25  # s
_BATCH = 16
_CASES = {
    "16 kHz samples, batched": (_BATCH, "samples", (1000, 1250, 1500, 1750)),
    "16 kHz samples, one by one": (0, "samples", (750, 1000, 1250, 1500)),
    "44.1 kHz stereo mp3, batched": (_BATCH, "mp3", (400, 500, 600, 700)),
}


@dataclass(frozen=True)
class Load:
    """One number of streams."""

    streams: int
    updates: int
    updates_wanted: float
    late_p50_s: float
    late_p99_s: float
    late_p999_s: float
    cores_used: float
    kb_a_stream: float


@dataclass(frozen=True)
class Capacity:
    """The result of this measurement."""

    hop_s: float
    seconds: float
    ring_kb: float
    history_kb: float
    cases: dict[str, tuple[Load, ...]]


def measure(options: Options) -> Capacity:
    """Measure increasing numbers of streams for each case."""
    seconds = 5.0 if options.quick else 30.0
    hop = next(h for h in load().card.hops if h.seconds == _HOP)
    cases = {}
    for name, (batch, kind, numbers) in _CASES.items():
        rows: list[Load] = []
        for count in (20,) if options.quick else numbers:
            rows.append(_try(count, seconds, batch, kind))
            if rows[-1].late_p99_s > _HOP:
                break
        cases[name] = tuple(rows)
    return Capacity(
        hop_s=_HOP,
        seconds=seconds,
        ring_kb=(hop.window + hop.samples) * 4 / 1024,
        history_kb=128 * (hop.window // 160 + 1) * 4 / 1024,
        cases=cases,
    )


def _try(count: int, seconds: float, batch: int, kind: str) -> Load:
    cores = os.cpu_count() or 1
    shares = [count // cores + (i < count % cores) for i in range(cores)]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.streams.station", str(share), str(seconds), str(_HOP),
             str(batch), kind],
            cwd=ROOT, stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        for share in shares if share
    ]  # fmt: skip
    parts = []
    for process in running:
        out, _ = process.communicate()
        if process.returncode:
            raise RuntimeError(f"bench.streams.station ended with {process.returncode}")
        parts.append(Served(**json.loads(out)))
    late = np.concatenate([part.late for part in parts])
    p50, p99, p999 = map(float, np.percentile(late, [50, 99, 99.9]))
    return Load(
        streams=count,
        updates=len(late),
        updates_wanted=count * (seconds / _HOP - 1),
        late_p50_s=p50,
        late_p99_s=p99,
        late_p999_s=p999,
        cores_used=sum(part.share for part in parts),
        kb_a_stream=max(part.kb_a_stream for part in parts),
    )


def report(result: Capacity) -> list[str]:
    """A table per case, below the largest sustained number."""
    lines = [
        f"An update every {result.hop_s:g} s for each, {result.seconds:g} s a row. Memory a "
        f"stream holds {result.ring_kb:.0f} kB of samples (its ring) and "
        f"{result.history_kb:.0f} kB of log-mel, which are left out in the last column.",
    ]
    held = result.ring_kb + result.history_kb
    for name, rows in result.cases.items():
        carried = [row.streams for row in rows if row.late_p99_s <= result.hop_s]
        lines += [f"**{name}**: {max(carried, default=0)} carried"]
        lines.append(table(
            ["streams", "updates", "late p50", "p99", "p99.9", "cores busy", "memory a stream",
             "beside ring and log-mel"],
            [
                [row.streams, row.updates, f"{row.late_p50_s:.3f} s", f"{row.late_p99_s:.3f} s",
                 f"{row.late_p999_s:.3f} s", f"{row.cores_used:.2f}",
                 f"{row.kb_a_stream:.0f} kB", f"{row.kb_a_stream - held:.0f} kB"]
                for row in rows
            ],
        ))  # fmt: skip
    return lines
