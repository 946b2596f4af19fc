"""Hours of audio through one stream, as fast as possible; prints lines of JSON.

    python -m bench.soak.stream HOURS HOP

The stream gets one hop of 44.1 kHz stereo at a time. After 27 hours, the number of frames exceeds
2**32.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from streamgenre.model.model import Model, load

from .programme import RATE, programme, scaled
from .watch import Sample, Watch, print_sample

INTERVAL = 3600.0  # s of audio


def run(
    model: Model,
    hours: float,
    hop: float,
    interval: float = INTERVAL,
    progress: Callable[[Sample], None] = lambda sample: None,
) -> list[Sample]:
    """The figures of each interval. Raises ValueError if a state or a sample is not finite."""
    watch, stream = Watch(progress), model.stream(hop)
    size = round(hop * RATE)
    fed, finished = 0, 0
    for piece in programme():
        for first in range(0, len(piece.samples), size):
            chunk = scaled(piece.samples[first : first + size], piece.gain)
            began = time.thread_time()
            updates = stream.feed(chunk, RATE)
            seconds = time.thread_time() - began
            fed += len(chunk)
            if updates:
                watch.step(stream.state, seconds / len(updates))
        last = updates[-1]  # a piece is whole hops
        if piece.genre:
            watch.answer(piece.reference, piece.genre, last, stream.smoothed)
        if fed >= (finished + 1) * interval * RATE:
            finished += 1
            watch.finish(fed / RATE, fed / RATE - last.time)
        if fed >= hours * 3600 * RATE:
            break
    if stream.state_resets or stream.non_finite:
        raise ValueError(f"{stream.state_resets} resets, {stream.non_finite} non-finite samples")
    return watch.samples


if __name__ == "__main__":
    run(load(), float(sys.argv[1]), float(sys.argv[2]), progress=print_sample)
