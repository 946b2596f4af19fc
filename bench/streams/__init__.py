"""How many real-time streams this machine carries before their updates come late.

A process for each core, each with its share of the streams (station.py), all of them fed as
time passes. The machine carries so many streams where, over the whole run, the 99th percentile of
lateness stays under one hop. Numbers are tried upwards until one is too many.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np

from streamgenre.model.model import load

from ..common import ROOT, Options, table

TITLE = "real-time streams at once"

_HOP = 1.25  # s
_BATCH = 16
_CASES = {
    "16 kHz samples, batched": (_BATCH, "samples", (1000, 1250, 1500, 1750)),
    "16 kHz samples, one by one": (0, "samples", (750, 1000, 1250, 1500)),
    "44.1 kHz stereo mp3, batched": (_BATCH, "mp3", (400, 500, 600, 700)),
}


def measure(options: Options) -> dict[str, Any]:
    """For each case every number tried, with lateness, cores used and memory."""
    seconds = 5.0 if options.quick else 30.0
    hop = next(h for h in load().card.hops if h.seconds == _HOP)
    found: dict[str, Any] = {
        "hop_s": _HOP,
        "seconds": seconds,
        "ring_kb": (hop.window + hop.samples) * 4 / 1024,
        "history_kb": 128 * (hop.window // 160 + 1) * 4 / 1024,
        "cases": {},
    }
    for name, (batch, kind, numbers) in _CASES.items():
        rows: list[dict[str, Any]] = []
        for count in (20,) if options.quick else numbers:
            rows.append(_try(count, seconds, batch, kind))
            if rows[-1]["late_p99_s"] > _HOP:
                break
        found["cases"][name] = rows
    return found


def _try(count: int, seconds: float, batch: int, kind: str) -> dict[str, Any]:
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
        parts.append(json.loads(out))
    late = np.concatenate([part["late"] for part in parts])
    p50, p99, p999 = np.percentile(late, [50, 99, 99.9])
    wanted = count * (seconds / _HOP - 1)
    return {
        "streams": count,
        "updates": len(late),
        "updates_wanted": wanted,
        "late_p50_s": p50,
        "late_p99_s": p99,
        "late_p999_s": p999,
        "cores_used": sum(part["share"] for part in parts),
        "kb_a_stream": max(part["kb_a_stream"] for part in parts),
    }


def report(found: dict[str, Any]) -> list[str]:
    """A table a case, the largest number carried above it."""
    lines = [
        f"An update every {found['hop_s']:g} s for each, {found['seconds']:g} s a row. Memory a "
        f"stream holds {found['ring_kb']:.0f} kB of samples (its ring) and "
        f"{found['history_kb']:.0f} kB of log-mel, which are left out in the last column.",
        "",
    ]
    held = found["ring_kb"] + found["history_kb"]
    for name, rows in found["cases"].items():
        carried = [row["streams"] for row in rows if row["late_p99_s"] <= found["hop_s"]]
        lines += [f"**{name}**: {max(carried, default=0)} carried", ""]
        lines += table(
            ["streams", "updates", "late p50", "p99", "p99.9", "cores busy", "memory a stream",
             "beside ring and log-mel"],
            [
                [row["streams"], row["updates"], *(f"{row[key]:.3f} s" for key in
                 ("late_p50_s", "late_p99_s", "late_p999_s")), f"{row['cores_used']:.2f}",
                 f"{row['kb_a_stream']:.0f} kB", f"{row['kb_a_stream'] - held:.0f} kB"]
                for row in rows
            ],
        )  # fmt: skip
        lines.append("")
    return lines[:-1]
