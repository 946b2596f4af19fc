"""The ring buffer and the kernels that frame it, against plain models of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fuzz.target import Reader, Target
from streamgenre.audio.framing import frame
from streamgenre.audio.logmel import BANDS, STEP, logmel
from streamgenre.audio.logmel_kernel import logmel as compiled
from streamgenre.audio.ring import Ring

_SOUND = np.random.default_rng(0).uniform(-1, 1, 1 << 17).astype(np.float32)


def _seeds() -> Mapping[str, bytes]:
    rng = np.random.default_rng(1)
    return {f"{kind}-{n}": bytes([kind]) + rng.bytes(200) for kind in (0, 1) for n in range(20)}


def _check(data: bytes, folder: Path) -> None:
    reader = Reader(data)
    (_ring if reader.number() % 2 else _kernels)(reader)


def _ring(reader: Reader) -> None:
    """Operations on a ring, and on a list of all samples written so far."""
    capacity, history = 1 + reader.number(2) % 3_000, reader.number(2) % 3_000
    ring = Ring(capacity, history)
    written = np.zeros(history, np.float32)
    tail = head = 0
    at = 0
    while reader:
        operation, size = reader.number() % 5, reader.number(2) % 4_000
        if operation == 0:
            block = _SOUND[at : at + size].copy()
            if size % 16 == 3:
                block[::5] = np.nan
            count = ring.write(block)
            assert count == min(len(block), capacity - (head - tail))
            written = np.concatenate([written, block[:count]])
            head, at = head + count, (at + count) % 60_000
        elif operation == 1:
            out = np.full(size, 9, np.float32)
            count = ring.read(out)
            assert count == min(size, head - tail)
            wanted = written[history + tail : history + tail + count]
            np.testing.assert_array_equal(out[:count], wanted)
            tail += count
        elif operation == 2 and 0 < size <= head - tail:
            window = size + min(history, size * (size % 3))
            if window > history + size or window > capacity + history:
                continue
            out = np.empty(window, np.float32)
            taken = frame(ring, size, out)
            new = written[history + tail : history + tail + size]
            assert taken.non_finite == int((~np.isfinite(new)).sum())
            new[~np.isfinite(new)] = 0
            tail += size
            wanted = written[history + tail - window : history + tail]
            np.testing.assert_array_equal(np.nan_to_num(out), np.nan_to_num(wanted))
        elif operation == 3 and size <= head - tail:
            ring.advance(size)
            tail += size
        elif operation == 4 and size % 50 == 0:
            ring.clear()
            written, tail, head = np.zeros(history, np.float32), 0, 0
        assert len(ring) == head - tail and ring.tail == tail


def _kernels(reader: Reader) -> None:
    """NumPy and Numba give the same bands for any window of any ring."""
    size = 400 + reader.number(2)
    length = min(size, 1 + reader.number(2))
    begin = reader.number(2) % size
    last = length // STEP + 2
    first = reader.number() % (last + 1)
    frames = range(first, min(first + reader.number() % 20, last + 1))
    ring = np.ascontiguousarray(_SOUND[:size])
    wanted, given = (np.full((BANDS, len(frames)), 9, np.float32) for _ in range(2))
    logmel(ring, begin, length, frames, wanted)
    compiled(ring, begin, length, frames, given)
    np.testing.assert_allclose(given, wanted, atol=2e-4)


TARGET = Target(
    "ring", "the ring buffer and both framing kernels, against plain models", _seeds, _check, 2_048
)
