"""Run a model on a live input, and pass the updates to the caller and to sinks."""

from __future__ import annotations

import math
import os
import statistics
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from ..audio.address import is_url
from ..audio.live.input import Gap, LiveInput
from ..durations import clock
from ..forks import Owner
from ..model.card import ModelCard
from ..model.model import Model, load
from ..output.ribbon import decision_text
from ..output.sinks import Sink
from ..output.sinks.background import BackgroundSink, Worker
from ..output.sinks.record import Recorder
from ..update import Update
from .levels import Levels

_POLL = 0.05  # s between two reads of the input
_MEASURED = 64  # number of steps and reads over which health is measured
_APART = 2.0  # s of sound between gaps that count as separate outages
_MOST_DECISIONS = 5  # listed in the summary

Activity = Literal["starting", "listening", "paused", "lost", "ended"]
"""The state of the input; "lost" means that the device is gone and will be reopened."""


@dataclass(frozen=True, slots=True)
class Health:
    """Latency, speed and losses of a listener. Durations in seconds."""

    device: str
    sample_rate: float
    channels: int
    uptime: float
    capture: float
    """From the arrival of a sound at the device until it is read, in seconds."""
    window: float
    """The hop, which is the longest wait for the next step."""
    compute: float
    """Median duration of the latest steps."""
    smoothing: float
    """Time constant of the smoothing of decisions."""
    real_time: float
    """Real-time factor of a step; 0 before the first step."""
    dropped: int
    """Number of frames that were not read in time."""
    overflows: int
    """Number of times that PortAudio reported late or lost samples."""
    gaps: int
    """Number of outages, for any reason."""


class Tally:
    """Seconds of each decision; as text, the summary of a session."""

    def __init__(self, card: ModelCard) -> None:
        self._card = card
        self._seconds: dict[str, float] = {}
        self._end = 0.0

    def add(self, update: Update) -> None:
        """Add the interval of the next update to its decision."""
        name = decision_text(self._card, update)
        self._seconds[name] = self._seconds.get(name, 0.0) + update.time - self._end
        self._end = update.time

    def __str__(self) -> str:
        if not self._seconds:
            return "no audio received"
        ranked = sorted(self._seconds.items(), key=lambda item: -item[1])
        parts = [f"{name} {seconds / self._end:.0%}" for name, seconds in ranked[:_MOST_DECISIONS]]
        return f"listened for {clock(self._end)}: {', '.join(parts)}"


class Listener:
    """Updates of a live input; see `listen`.

    Iterate over a listener to wait for updates, or call `poll` regularly, which does not block. The
    listener is closed at the end of the iteration and as a context manager. It is not thread-safe.

    Args:
        source: a microphone, or a file that is read in real time.
        model: the model to run.
        hop: seconds between updates; None selects the card's hop for live audio.
        sinks: outputs of the updates, each of which runs in its own thread.
        recorder: records the audio.

    Raises OutputError if the recorder's format does not support the sample rate.
    """

    def __init__(
        self,
        source: LiveInput,
        model: Model,
        hop: float | None = None,
        sinks: Sequence[Sink] = (),
        recorder: Recorder | None = None,
    ) -> None:
        self.source, self.model = source, model
        self._owner = Owner("the listener")
        self.stream = model.stream(hop)
        """The stream. Decisions are based on its `smoothed` probabilities."""
        if recorder is not None:
            recorder.check(source.sample_rate)
        self.levels = Levels()
        self.tally = Tally(model.card)
        self.ended = False
        """Whether the input has ended."""
        self.paused = False
        """Whether listening is paused; see `pause`."""
        self._recorder = recorder
        self._sinks = [BackgroundSink(sink) for sink in sinks]
        self._began = time.monotonic()
        self._gaps = 0
        self._sounded = math.inf  # s of sound since the last gap
        self._received = False
        self._closed: bool | None = None
        self._latencies: deque[float] = deque(maxlen=_MEASURED)
        self._compute: deque[float] = deque(maxlen=_MEASURED)  # per step, resampling included
        self._computing = 0.0  # since the last update

    def poll(self) -> list[Update]:
        """The updates since the last call, often none. Does not block.

        Raises DeviceError if the input is permanently lost, and StreamgenreError in a forked
        process.
        """
        self._owner.check()
        updates: list[Update] = []
        if self.ended:
            return updates
        self._latencies.append(self.source.latency)
        for part in self.source.read():
            if isinstance(part, Gap):
                # One outage can consist of several gaps with a moment of sound between them.
                self._gaps += self._sounded >= _APART
                self._sounded = 0.0
                if self._recorder is not None:
                    self._recorder.gap(part.seconds)
                self._send(self.stream.gap(part.seconds), updates)
                continue
            self._received = True
            self._sounded += len(part.samples) / part.sample_rate
            began = time.perf_counter()
            self.levels.add(part.samples, part.sample_rate)
            if self._recorder is not None:
                self._recorder.write(part.samples, part.sample_rate)
            new = self.stream.feed(part.samples, part.sample_rate)
            self._computing += time.perf_counter() - began
            if new:
                self._compute.extend([self._computing / len(new)] * len(new))
                self._computing = 0.0
            self._send(new, updates)
        if self.source.lost or self.paused:
            self.levels.silence()
        if self.source.ended:
            self.ended = True
            self._send(self.stream.flush(), updates)
        return updates

    def _send(self, new: Sequence[Update], updates: list[Update]) -> None:
        at = datetime.now().astimezone()
        for update in new:
            updates.append(update)
            self.tally.add(update)
            for sink in self._sinks:
                sink.put((update, at, self.source.name))

    def __iter__(self) -> Iterator[Update]:
        """Updates as they are computed, until the input ends or the caller stops iterating."""
        try:
            while not self.ended:
                updates = self.poll()
                yield from updates
                if not updates:
                    time.sleep(_POLL)
        finally:
            self.close()

    @property
    def reader_gone(self) -> bool:
        """Whether the reader of a sink's pipe has closed it."""
        return any(sink.broken for sink in self._sinks)

    def pause(self, paused: bool = True) -> None:
        """Pause or resume; the pause of a microphone is a gap."""
        self.paused = paused
        self.source.pause(paused)

    @property
    def activity(self) -> Activity:
        """The state of the input."""
        if self.ended:
            return "ended"
        if self.source.lost:
            return "lost"
        if self.paused:
            return "paused"
        return "listening" if self._received else "starting"

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Name of each output and its problem, empty if there is none."""
        outputs: list[tuple[str, str, Worker[Any]]] = [
            (sink.name, "updates", sink) for sink in self._sinks
        ]
        if self._recorder is not None:
            outputs.append((self._recorder.name, "frames", self._recorder.worker))
        return [
            (
                name,
                worker.problem or f"{worker.dropped} {unit} lost: too slow" * bool(worker.dropped),
            )
            for name, unit, worker in outputs
        ]

    @property
    def health(self) -> Health:
        """Latency, speed and losses."""
        compute = statistics.median(self._compute) if self._compute else 0.0
        return Health(
            device=self.source.name,
            sample_rate=self.source.sample_rate,
            channels=self.source.channels,
            uptime=time.monotonic() - self._began,
            capture=statistics.fmean(self._latencies) if self._latencies else 0.0,
            window=self.stream.hop,
            compute=compute,
            smoothing=self.model.card.thresholds.smoothing,
            real_time=self.stream.hop / compute if compute else 0.0,
            dropped=self.source.dropped,
            overflows=self.source.overflows,
            gaps=self._gaps,
        )

    def close(self) -> bool:
        """Stop, close the input and finish the sinks. Returns False if a thread hangs."""
        if not self._owner.here:
            return True
        if self._closed is None:
            self.ended = True
            # Close the recording first, since a part that hangs may use up the remaining time.
            recorder = [] if self._recorder is None else [self._recorder]
            parts: list[LiveInput | Recorder | BackgroundSink] = [
                *recorder,
                *self._sinks,
                self.source,
            ]
            closed = [part.close() for part in parts]  # all of them, even if one hangs
            self._closed = all(closed)
        return self._closed

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def listen(
    device: int | str | None = None,
    model: Model | None = None,
    hop: float | None = None,
    *,
    channels: Sequence[int] = (),
    patience: float | None = None,
    play: str | os.PathLike[str] | None = None,
    sinks: Sequence[Sink] = (),
    recorder: Recorder | None = None,
    reconnect: bool = False,
) -> Listener:
    """Listen to an input. Iterate over the result to get updates.

    If the device disappears, it is reopened when it returns. The time in between is a gap.

    Args:
        device: index or part of the name of an input (`streamgenre devices` lists them),
            "monitor" for what the computer plays, the http(s) URL of a radio, None for the
            default input.
        model: the model to run; None selects the bundled one.
        hop: seconds between updates; None selects the card's hop for live audio.
        channels: channels of the input to read, counted from 1; empty selects the first two.
        patience: seconds to wait for a device that disappeared; None waits indefinitely.
        play: a file or URL to classify in real time instead, while it plays on the default
            output.
        sinks: outputs of the updates (`streamgenre.output.sinks`), each in its own thread.
        recorder: records the audio.
        reconnect: reconnect to a URL when its data ends, even if it is not internet radio.

    Raises DeviceError if there is no such device or it is permanently lost, and InputError if
    `play` or a URL cannot be read.
    """
    source: LiveInput
    where = os.fspath(play) if play is not None else device
    if play is not None or (isinstance(where, str) and is_url(where)):
        from ..audio.live.playback import Playback

        source = Playback(str(where), aloud=play is not None, reconnect=reconnect)
    else:
        from ..audio.live.microphone import Microphone

        source = Microphone(device, channels, patience)
    try:
        return Listener(source, model or load(), hop, sinks, recorder)
    except BaseException:
        source.close()
        raise
