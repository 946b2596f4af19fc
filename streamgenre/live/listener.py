"""A live input's way through a model, to whatever takes its updates."""

from __future__ import annotations

import os
import statistics
import time
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ..audio.live.devices import Device
from ..audio.live.input import Gap, LiveInput
from ..model.card import ModelCard
from ..model.model import Model, load
from ..output.ribbon import clock, in_words
from ..output.sinks import Sink
from ..output.sinks.background import Aside
from ..output.sinks.record import Recorder
from ..update import Update
from .display.view import Activity, Health, Level
from .levels import Levels

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
        self.tally = Tally(model.card)
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
            self.tally.add(update)
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


if TYPE_CHECKING:
    from ..audio.live.input import LiveInput
    from ..output.sinks import Sink
    from ..output.sinks.record import Recorder


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
) -> Listener:
    """Updates of what an input hears: iterate over it, until it ends or you have had enough.

    A device that goes away is looked for until it is back; the time between is a gap.

    Args:
        device: index or part of a name of an input (`streamgenre devices` lists them), "monitor"
            for what the computer plays, None for the default input.
        model: None for the bundled one.
        hop: seconds between updates, None for the card's hop for live audio.
        channels: which of the input's channels to hear, counted from 1; empty: its first two.
        patience: seconds to look for a device that went away, None for ever.
        play: a file or URL to hear instead, in real time, played on the default output as well.
        sinks: what takes the updates besides (`streamgenre.output`), each in its own thread.
        recorder: what takes the sound besides.

    Raises DeviceError where there is no such device, or it is lost for good; InputError for
    `play`.
    """
    heard: LiveInput
    if play is not None:
        from ..audio.live.playback import Playback

        heard = Playback(os.fspath(play))
    else:
        from ..audio.live.microphone import Microphone

        heard = Microphone(device, channels, patience)
    try:
        return Listener(heard, model or load(), hop, sinks, recorder)
    except BaseException:
        heard.close()
        raise


_MOST = 5  # decisions named


class Tally:
    """Seconds of each decision."""

    def __init__(self, card: ModelCard) -> None:
        self._card = card
        self._seconds: dict[str, float] = {}
        self._end = 0.0

    def add(self, update: Update) -> None:
        """Count the next update's time for what it decided."""
        name = in_words(self._card, update)
        self._seconds[name] = self._seconds.get(name, 0.0) + update.time - self._end
        self._end = update.time

    def __str__(self) -> str:
        if not self._seconds:
            return "nothing heard"
        ranked = sorted(self._seconds.items(), key=lambda item: -item[1])
        parts = [f"{name} {seconds / self._end:.0%}" for name, seconds in ranked[:_MOST]]
        return f"heard {clock(self._end)}: {', '.join(parts)}"
