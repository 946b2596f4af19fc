"""The rings beside what Python has for the same: samples a second from a producer to a consumer.

The producer writes blocks, as a sound card gives them, the consumer takes a hop at a time, as a
stream does: in turn in one thread, and flat out in two. Beside Ring and LiveRing: queue.Queue of
blocks, collections.deque of blocks and of samples, and a NumPy array that is rolled. After every
run what came is held against what was written: in order, nothing twice, nothing missing; LiveRing
may drop the oldest, and must have counted exactly what is missing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..common import Options, ratios, table
from .channels import CHANNELS, PATIENCE, Channel, Samples

TITLE = "Rings against queue.Queue, deque and numpy.roll, in one thread and in two"

BLOCKS = (64, 512, 4_096)
_HOP = 8_000  # samples that the consumer takes: half a second
_LONGEST = 2**24  # samples: float32 counts no further

Parts = list[tuple[int, Samples]]
"""What a consumer got, in order: how many samples were dropped, and those that came after."""


def alone(channel: Channel, samples: Samples, block: int) -> Parts:
    """One thread: blocks in, and a hop out as soon as there is one."""
    parts: Parts = []
    waiting = 0
    for start in range(0, len(samples), block):
        waiting += channel.write(samples[start : start + block])
        while waiting >= _HOP:
            parts.append(channel.read(_HOP))
            waiting -= parts[-1][0] + len(parts[-1][1])
    if waiting:
        parts.append(channel.read(waiting))
    return parts


def in_two(channel: Channel, samples: Samples, block: int) -> Parts:
    """A thread that writes as fast as there is room, and one that reads as fast as it can."""

    def produce() -> None:
        for start in range(0, len(samples), block):
            part = samples[start : start + block]
            while len(part := part[channel.write(part) :]):
                time.sleep(0)  # lets the other side have the interpreter

    producer = threading.Thread(target=produce, daemon=True)
    parts: Parts = []
    position = 0
    producer.start()
    while position < len(samples):
        lost, got = channel.read(min(_HOP, len(samples) - position))
        if lost or len(got):
            parts.append((lost, got))
            position += lost + len(got)
        else:
            time.sleep(0)
    producer.join(PATIENCE)
    return parts


def check(parts: Sequence[tuple[int, Samples]], samples: Samples) -> int:
    """AssertionError unless the parts are the samples in order; how many were dropped."""
    position = missing = 0
    for lost, got in parts:
        position += lost
        missing += lost
        assert np.array_equal(got, samples[position : position + len(got)]), f"at {position}"
        position += len(got)
    assert position == len(samples), f"{position} of {len(samples)} samples came"
    return missing


def measure(options: Options) -> dict[str, Any]:
    """Samples a second that came out, of each channel, for each block size."""
    count, rounds = (100_000, 1) if options.quick else (1_000_000, 5)
    samples = np.arange(count, dtype=np.float32)
    assert count <= _LONGEST
    ways = {"one thread": alone, "two threads": in_two}
    found: dict[str, Any] = {}
    for block in BLOCKS:
        found[str(block)] = {}
        for how, way in ways.items():
            seconds: dict[str, list[float]] = {name: [] for name in CHANNELS}
            missing = dict.fromkeys(CHANNELS, 0)
            for turn in range(1 + rounds):
                for name, make in CHANNELS.items():
                    channel = make(block)
                    began = time.perf_counter()
                    parts = way(channel, samples, block)
                    taken = time.perf_counter() - began
                    lost = check(parts, samples)
                    assert not lost or (name, how) == ("LiveRing", "two threads"), name
                    if turn:  # the first compiles
                        # Only what came counts; where all of it was dropped, nothing did.
                        seconds[name].append(taken * count / max(1, count - lost))
                        missing[name] += lost
            found[str(block)][how] = {
                name: {
                    "samples_a_second": count / min(seconds[name]),
                    "times_ring": ratios(seconds, name, "Ring").to_json(),
                    "missing_share": missing[name] / count / rounds,
                }
                for name in CHANNELS
            }
    return found


def report(found: dict[str, Any]) -> list[str]:
    """A table of one thread and one of two."""
    lines: list[str] = []
    for how in ("one thread", "two threads"):
        rows = []
        for name in CHANNELS:
            row = [name]
            for of_block in found.values():
                one = of_block[how][name]
                row += [
                    f"{one['samples_a_second'] / 1e6:.1f} M",
                    f"{one['times_ring']['median']:.2f}",
                ]
            rows.append(row)
        head = [how]
        for block in found:
            head += [f"samples a second, blocks of {block}", "time, Ring 1"]
        lines += [*table(head, rows), ""]
    dropped = ", ".join(
        f"{one['two threads']['LiveRing']['missing_share']:.0%} with blocks of {block}"
        for block, one in found.items()
    )
    return [
        *lines,
        "Best rate and median ratio. In every run all samples came in order, none twice, none "
        f"missing; only LiveRing may drop, and counted all that was missing: {dropped}, its "
        "producer flat out in a thread of its own, which no sound card is; it is rated by what "
        "came through. All copy each block once, since a sound card takes it back.",
    ]
