"""A process that feeds many streams in real time, for `streams`; prints JSON.

    python -m bench.streams.station COUNT SECONDS HOP BATCH KIND

Each stream gets blocks of a quarter second in real time, with different phases. KIND is `samples`
(16 kHz, mono) or `mp3` (44.1 kHz, stereo, decoded and resampled). BATCH 0 uses streams without a
pool.
"""

from __future__ import annotations

import gc
import heapq
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from streamgenre.model.model import Model, load
from streamgenre.model.stream import Stream

from ..common import RATE, music
from ..memory import memory
from ..recordings import write

BLOCK = 0.25  # s
_MUSIC = 60.0  # s, repeated; each stream starts at another position

Blocks = Iterator[tuple[NDArray[np.float32], int]]


def _samples(number: int) -> Blocks:
    """Endless blocks of music at the model's rate."""
    heard, size = music(_MUSIC), round(BLOCK * RATE)
    at = number * 7919 * size
    while True:
        first = at % (len(heard) - size)
        yield heard[first : first + size], RATE
        at += size


def _mp3(path: Path) -> Blocks:
    """Endless blocks decoded from a file."""
    with soundfile.SoundFile(path) as file:
        size = round(BLOCK * file.samplerate)
        while True:
            block = np.asarray(file.read(size, dtype="float32", always_2d=True), np.float32)
            if len(block) < size:
                file.seek(0)
                continue
            yield block, int(file.samplerate)


@dataclass(frozen=True)
class Served:
    """The result of one process."""

    late: list[float]  # s, from when the last block of a hop was due until its update
    share: float  # of a core
    kb_a_stream: float
    blocks: int


def run(count: int, seconds: float, hop: float, batch: int, kind: str) -> Served:
    """Feed `count` streams in real time."""
    model = load()
    _warm(model, hop, batch)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "station.mp3"
        if kind == "mp3":
            write(path, 60.0)
        else:
            music(_MUSIC)
        gc.collect()
        before = memory(os.getpid(), "VmRSS")
        sources = [_mp3(path) if kind == "mp3" else _samples(i) for i in range(count)]
        pool = model.pool(hop, batch=batch) if batch else None
        streams: list[Stream] = [pool.stream() if pool else model.stream(hop) for _ in sources]
        late, fed, share = _serve(streams, sources, seconds, pool.collect if pool else None)
        grown = memory(os.getpid(), "VmRSS") - before
    return Served(late, share, grown * 1024 / count, fed)


def _warm(model: Model, hop: float, batch: int) -> None:
    """Load everything and allocate the memory of a full batch, which no stream owns."""
    silence = np.zeros(2 * RATE, np.float32)
    if not batch:
        model.stream(hop).feed(silence, RATE)
        return
    pool = model.pool(hop, batch=batch)
    for stream in [pool.stream() for _ in range(batch)]:
        stream.feed(silence, RATE)
    pool.collect(everything=True)


def _serve(
    streams: list[Stream],
    sources: list[Blocks],
    seconds: float,
    collect: Callable[[], list[tuple[Any, Any]]] | None,
) -> tuple[list[float], int, float]:
    phases = np.random.default_rng(0).permutation(len(streams)) / len(streams) * BLOCK
    start = time.monotonic() + 0.5
    due = [(start + phase, i) for i, phase in enumerate(phases)]
    heapq.heapify(due)
    completed: dict[int, float] = {}  # stream -> when its newest block was due
    late: list[float] = []
    fed, used = 0, time.process_time()
    number = {id(stream): i for i, stream in enumerate(streams)}
    while due[0][0] < start + seconds:
        now = time.monotonic()
        if (wait := due[0][0] - now) > 0:
            time.sleep(min(wait, 0.01))
        else:
            at, i = due[0]
            heapq.heapreplace(due, (at + BLOCK, i))
            block, rate = next(sources[i])
            updates = streams[i].feed(block, rate)
            completed[i] = at
            fed += 1
            late += [time.monotonic() - at for _ in updates]
        if collect is not None:
            for stream, _ in collect():
                late.append(time.monotonic() - completed[number[id(stream)]])
    return late, fed, (time.process_time() - used) / (time.monotonic() - start)


if __name__ == "__main__":
    given = sys.argv[1:]
    served = run(int(given[0]), float(given[1]), float(given[2]), int(given[3]), given[4])
    print(json.dumps(vars(served), allow_nan=False))
