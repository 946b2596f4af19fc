"""Ring buffers compared with Python's alternatives: samples per second from producer to consumer.

The producer writes blocks, like a sound card. The consumer reads a hop at a time, like a stream.
They alternate in one thread, or run at full speed in two threads. Ring and LiveRing are compared
with queue.Queue of blocks, collections.deque of blocks and of samples, and numpy.roll. After every
run the output is compared with the input: in order, without duplicates or gaps. LiveRing may drop
the oldest samples, and must count exactly the missing ones.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..common import MismatchError, Options, Spread, ratios, table
from .channels import CHANNELS, PATIENCE, Channel, Samples

TITLE = "Rings against queue.Queue, deque and numpy.roll, in one thread and in two"

BLOCKS = (64, 512, 4_096)
_HOP = 8_000  # samples per read: half a second
_QUICK, _SAMPLES = 100_000, 1_000_000  # below 2**24, so that float32 can count them

Parts = list[tuple[int, Samples]]
"""The output of a consumer: numbers of dropped samples, each followed by the next samples."""


@dataclass(frozen=True)
class Throughput:
    """The speed of one channel."""

    samples_a_second: float
    times_ring: Spread
    missing_share: float


BySize = dict[str, dict[str, dict[str, Throughput]]]
"""Throughput by block size, number of threads, and channel."""


def alone(channel: Channel, samples: Samples, block: int) -> Parts:
    """One thread: write blocks, and read a hop as soon as it is available."""
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
    """Two threads: one writes and one reads, both as fast as possible."""

    def produce() -> None:
        for start in range(0, len(samples), block):
            part = samples[start : start + block]
            while len(part := part[channel.write(part) :]):
                time.sleep(0)  # yield to the other thread

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
    """Return the number of dropped samples. Raises MismatchError for any other difference."""
    position = missing = 0
    for lost, got in parts:
        position += lost
        missing += lost
        if not np.array_equal(got, samples[position : position + len(got)]):
            raise MismatchError(f"samples differ after sample {position}")
        position += len(got)
    if position != len(samples):
        raise MismatchError(f"{position} of {len(samples)} samples arrived")
    return missing


def measure(options: Options) -> BySize:
    """Measure each channel for each block size."""
    count, rounds = (_QUICK, 1) if options.quick else (_SAMPLES, 5)
    samples = np.arange(count, dtype=np.float32)
    ways = {"one thread": alone, "two threads": in_two}
    result: BySize = {}
    for block in BLOCKS:
        result[str(block)] = {}
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
                    if lost and (name, how) != ("LiveRing", "two threads"):
                        raise MismatchError(f"{name} dropped {lost} samples in {how}")
                    if turn:  # the first round compiles
                        # The rate is that of the samples that arrived.
                        seconds[name].append(taken * count / max(1, count - lost))
                        missing[name] += lost
            result[str(block)][how] = {
                name: Throughput(
                    samples_a_second=count / min(seconds[name]),
                    times_ring=ratios(seconds, name, "Ring"),
                    missing_share=missing[name] / count / rounds,
                )
                for name in CHANNELS
            }
    return result


def report(result: Mapping[str, Mapping[str, Mapping[str, Throughput]]]) -> list[str]:
    """A table for one thread and one for two."""
    lines: list[str] = []
    for how in ("one thread", "two threads"):
        rows = []
        for name in CHANNELS:
            row = [name]
            for of_block in result.values():
                one = of_block[how][name]
                row += [f"{one.samples_a_second / 1e6:.1f} M", f"{one.times_ring.median:.2f}"]
            rows.append(row)
        head = [how]
        for block in result:
            head += [f"samples a second, blocks of {block}", "time, Ring 1"]
        lines.append(table(head, rows))
    dropped = ", ".join(
        f"{one['two threads']['LiveRing'].missing_share:.0%} with blocks of {block}"
        for block, one in result.items()
    )
    return [
        *lines,
        "Best rate and median ratio. In every run all samples came in order, none twice, none "
        f"missing; only LiveRing may drop, and counted all that was missing: {dropped}, its "
        "producer flat out in a thread of its own, which no sound card is; it is rated by what "
        "came through. All copy each block once, since a sound card takes it back.",
    ]
