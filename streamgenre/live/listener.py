"""A live input's way through a model, to whatever takes its updates."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime

from ..audio.devices import Device
from ..audio.live import Gap, LiveInput
from ..model.model import Model
from ..output.aside import Aside
from ..output.record import Recorder
from ..output.sink import Sink
from ..update import Update
from .levels import Levels
from .view import Activity, Health, Level

_POLL = 0.05  # s between two looks at the input
_MEASURED = 64  # steps and looks over which health is taken


class Listener:
    """Iterate over it for updates, which waits for them; or `poll` now and then, which does not.

    Iterating closes it at its end; so does leaving it as a context manager. One thread only.

    Args:
        source: the microphone, or a file as if it were one.
        model: what it is listened to with.
        hop: seconds between updates, None for the card's hop for live audio.
        sinks: what takes the updates besides, each in a thread of its own.
        recorder: what takes the sound besides.

    Raises StreamgenreError where the recorder's form has no such sample rate.
    """

    def __init__(
        self,
        source: LiveInput,
        model: Model,
        hop: float | None = None,
        sinks: Sequence[Sink] = (),
        recorder: Recorder | None = None,
    ) -> None:
        self.model = model
        self._source, self._recorder = source, recorder
        self._stream = model.stream(hop)
        if recorder is not None:
            recorder.check(source.sample_rate)
        self._levels = Levels()
        self._asides = [Aside(sink) for sink in sinks]
        self._began = time.monotonic()
        self._gaps = 0
        self._ended = self._heard = False
        self._closed: bool | None = None
        self.paused = False
        """Whether listening is interrupted: see `pause`."""
        self._latencies: deque[float] = deque(maxlen=_MEASURED)
        self._compute: deque[float] = deque(maxlen=_MEASURED)  # of a step with all before it
        self._computing = 0.0  # since the last update

    def poll(self) -> list[Update]:
        """The updates since the last call: often none. Returns at once.

        Raises DeviceError where the input is lost for good.
        """
        updates: list[Update] = []
        if self._ended:
            return updates
        self._latencies.append(self._source.latency)
        for heard in self._source.read():
            if isinstance(heard, Gap):
                self._gaps += 1
                if self._recorder is not None:
                    self._recorder.gap(heard.seconds)
                self._send(self._stream.gap(heard.seconds), updates)
                continue
            self._heard = True
            began = time.perf_counter()
            self._levels.add(heard.samples, heard.sample_rate)
            if self._recorder is not None:
                self._recorder.write(heard.samples, heard.sample_rate)
            found = self._stream.feed(heard.samples, heard.sample_rate)
            self._computing += time.perf_counter() - began
            if found:
                self._compute.extend([self._computing / len(found)] * len(found))
                self._computing = 0.0
            self._send(found, updates)
        if self._source.lost or self.paused:
            self._levels.silence()
        if self._source.ended:
            self._ended = True
            self._send(self._stream.flush(), updates)
        return updates

    def _send(self, found: Sequence[Update], updates: list[Update]) -> None:
        at = datetime.now().astimezone()
        for update in found:
            updates.append(update)
            for aside in self._asides:
                aside.put(update, at, self._source.name)

    def __iter__(self) -> Iterator[Update]:
        """Updates as they come, until the input ends or the caller stops asking."""
        try:
            while not self._ended:
                updates = self.poll()
                yield from updates
                if not updates:
                    time.sleep(_POLL)
        finally:
            self.close()

    @property
    def ended(self) -> bool:
        """Whether nothing will come any more."""
        return self._ended

    @property
    def reader_gone(self) -> bool:
        """Whether somebody closed the pipe that a sink writes to."""
        return any(aside.broken for aside in self._asides)

    def pause(self, paused: bool = True) -> None:
        """Stop listening, or go on; what a microphone would have heard meanwhile is a gap."""
        self.paused = paused
        self._source.pause(paused)

    def reset_state(self) -> None:
        """Let the network forget what it heard; time goes on."""
        self._stream.reset_state()

    def switch(self, device: Device | int | str) -> None:
        """Listen to another input from now on; `note` says so where there is none such."""
        self._source.switch(device)

    @property
    def name(self) -> str:
        """The input's."""
        return self._source.name

    @property
    def note(self) -> str:
        """What is wrong with the input, in a line; empty while all is well."""
        return self._source.note

    @property
    def warnings(self) -> list[str]:
        """What was wrong with a file that could still be played."""
        return self._source.warnings

    @property
    def activity(self) -> Activity:
        """What the input is doing."""
        if self._ended:
            return "ended"
        if self._source.lost:
            return "lost"
        if self.paused:
            return "paused"
        return "listening" if self._heard else "starting"

    @property
    def level(self) -> Level:
        """How loud it is now."""
        return self._levels.read()

    @property
    def time(self) -> float:
        """Seconds of sound and gaps so far: the clock of the updates."""
        return self._stream.time

    @property
    def hop(self) -> float:
        """Seconds between updates."""
        return self._stream.hop

    @property
    def probabilities(self) -> dict[str, float]:
        """Label -> smoothed probability, of which decisions are made."""
        return self._stream.smoothed

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Each sink's name and what is wrong with it, empty where nothing is."""
        found = [
            (aside.name, aside.problem or _lost(aside.dropped, "updates")) for aside in self._asides
        ]
        if (recorder := self._recorder) is not None:
            found.append((recorder.name, recorder.problem or _lost(recorder.dropped, "frames")))
        return found

    @property
    def health(self) -> Health:
        """How well listening goes."""
        compute = statistics.median(self._compute) if self._compute else 0.0
        return Health(
            device=self._source.name,
            sample_rate=self._source.sample_rate,
            channels=self._source.channels,
            uptime=time.monotonic() - self._began,
            capture=statistics.fmean(self._latencies) if self._latencies else 0.0,
            window=self._stream.hop,
            compute=compute,
            smoothing=self.model.card.thresholds.smoothing,
            real_time=self._stream.hop / compute if compute else 0.0,
            dropped=self._source.dropped,
            overflows=self._source.overflows,
            gaps=self._gaps,
        )

    def close(self) -> bool:
        """Stop, close the input, let the sinks finish; False where one of their threads hangs."""
        if self._closed is None:
            self._ended = True
            # The recording first: what hangs may use up the time that is left.
            recorder = [] if self._recorder is None else [self._recorder]
            parts: list[LiveInput | Recorder | Aside] = [*recorder, *self._asides, self._source]
            ended = [part.close() for part in parts]  # all of them, whichever hangs
            self._closed = all(ended)
        return self._closed

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _lost(count: int, what: str) -> str:
    """What a sink was too slow for, in words; empty where it was not."""
    return f"{count} {what} lost: it is too slow" if count else ""
