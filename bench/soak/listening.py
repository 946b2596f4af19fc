"""Hours of live listening with a simulated sound card; prints lines of JSON.

    python -m bench.soak.listening HOURS

The first and the last quarter of the time have all faults of hardware.py. The half between them has
none, so that errors that accumulate are not hidden by the gaps that correct them. The last line
has the counts.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from streamgenre.audio.live.microphone import Microphone
from streamgenre.live.listener import Listener
from streamgenre.model.model import Model, load
from streamgenre.output.sinks.log import Log

from ..records import to_json
from .hardware import Card
from .watch import Listening, Sample, Watch, print_sample

INTERVAL = 1800.0  # s of simulated time
_SETTLED = 3.0  # s after a reference clip within which it is still the smoothed input


def run(
    model: Model,
    hours: float,
    interval: float = INTERVAL,
    progress: Callable[[Sample], None] = lambda sample: None,
) -> tuple[list[Sample], Listening]:
    """The figures of each interval of so many hours of simulated time, and the counts."""
    calm = (hours * 900, hours * 2700)
    card = Card(faulty=lambda seconds: not calm[0] <= seconds < calm[1])
    watch = Watch(progress)
    with tempfile.TemporaryDirectory() as folder, card.installed():
        log = Path(folder) / "log.jsonl"
        with Listener(Microphone(), model, sinks=[Log(log, size=2_000_000)]) as listener:
            card.start()
            try:
                _listen(card, listener, watch, hours * 3600, interval)
            finally:
                card.stop()
            health = listener.health
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
    counts = Listening(
        card.faults, health.gaps, health.dropped, health.overflows, round(size / 1e6, 2)
    )
    return watch.samples, counts


def _listen(card: Card, listener: Listener, watch: Watch, end: float, interval: float) -> None:
    finished, answered = 0, None
    while (now := card.clock.now - card.began) < end:
        card.before_read()
        began = time.thread_time()
        updates = listener.poll()
        seconds = time.thread_time() - began
        card.after_read()
        if not updates:
            continue
        watch.step(listener.stream.state, seconds / len(updates))
        reference = card.reference
        if reference is not None and reference is not answered:
            answered = reference
            piece, at = reference
            if card.clock.now - at < _SETTLED:
                watch.answer(piece.reference, piece.genre, updates[-1], listener.stream.smoothed)
        if now >= (finished + 1) * interval:
            finished += 1
            watch.finish(now, card.clock.now - card.began - listener.stream.time)


if __name__ == "__main__":
    _, counts = run(load(), float(sys.argv[1]), progress=print_sample)
    print(json.dumps(to_json(counts), allow_nan=False))
