"""Listen to many stations: a thread for each receives it, and one steps all of them as batches."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ..errors import ConfigError, StreamgenreError
from ..model.model import Model
from ..model.pool import PooledStream
from ..update import Update
from .log import Entry, Reading
from .receiver import Lost, Patience, Receiver, Sound, Title
from .stations import Station

_TICK = 0.25  # s between two looks at all stations
_LONGEST_TURN = 0.5  # s for what has arrived
_AT_ONCE = 16  # events of a station before the next one's turn
_WAITING_HOP = 0.5  # s that a hop waits for those of other stations
_MOST_ENTRIES = 10_000  # that wait to be taken
_TOGETHER = 20  # stations that are begun within the time for one, with a schedule
_CLOSING = 4.0  # s for the stepping thread, and for all receivers


@dataclass(frozen=True)
class Schedule:
    """When stations are listened to. In seconds."""

    listen: float | None = None
    """At a time; None: always."""
    every: float | None = None
    """From one start to the next; None: once."""

    def __post_init__(self) -> None:
        if self.every is not None and (self.listen is None or self.every <= self.listen):
            raise ConfigError("a station can only be listened to again after a shorter listening")

    def first(self, number: int, stations: int) -> float:
        """From the start of all until that of a station: they are spread over the time."""
        if self.listen is None:
            return 0.0
        step = self.listen / _TOGETHER
        return number * (step if self.every is None else min(step, self.every / stations))


@dataclass(frozen=True, slots=True)
class View:
    """A station for display."""

    station: Station
    reading: Reading
    since: float
    """s since its status or genre changed."""


class _Channel:
    """A station, and what is known of it."""

    def __init__(self, station: Station, starts: float) -> None:
        self.station = station
        self.receiver: Receiver | None = None
        self.stream: PooledStream | None = None
        self.reading = Reading("paused")
        self.title: str | None = None  # of the present connection
        self.held: Lost | None = None  # until what was heard before is in the log
        self.changed = time.monotonic()  # status or genre
        self.starts, self.ends = starts, math.inf
        self.logged = self.reading
        self.logged_at = -math.inf

    @property
    def unlogged(self) -> bool:
        """Whether sound was heard of which the log does not know yet."""
        if self.stream is None:
            return False
        return self.stream.waits or self.reading.differs(self.logged)

    def read(self, reading: Reading) -> None:
        """Replace what is known."""
        now = self.reading
        if (now.status, now.genre) != (reading.status, reading.genre):
            self.changed = time.monotonic()
        self.reading = reading


class Radio:
    """Iterate over it for the entries of the log, as they come; or call `take`.

    A context manager, which closes it. Stations that are down are tried again, for ever, and never
    delay the others.

    Args:
        stations: what to listen to.
        model: the model to run.
        hop: seconds between a station's updates; None: the card's hop for files.
        interval: s after which a station without a change gets an entry, too.
        schedule: when to listen to each.
        patience: when connections are given up.
        shortest: s between two entries of a station at least.
    """

    def __init__(
        self,
        stations: Sequence[Station],
        model: Model,
        hop: float | None = None,
        *,
        interval: float = 60.0,
        schedule: Schedule | None = None,
        patience: Patience | None = None,
        shortest: float = 1.0,
    ) -> None:
        if not 0 < interval < math.inf:
            raise ConfigError(f"interval must be a number of seconds, not {interval:g}")
        self._interval, self._shortest = interval, min(shortest, interval)
        self._schedule, self._patience = schedule or Schedule(), patience or Patience()
        seconds = model.card.file_hop if hop is None else hop
        self._pool = model.pool(seconds, patience=_WAITING_HOP)
        now = time.monotonic()
        self._channels = [
            _Channel(station, now + self._schedule.first(i, len(stations)))
            for i, station in enumerate(stations)
        ]
        self._by_stream: dict[PooledStream, _Channel] = {}
        self._leaving: list[Receiver] = []  # stopped, and maybe not ended yet
        self._entries: deque[Entry] = deque()
        self.lost = 0
        """Entries that were dropped because nobody took them."""
        self._arrived = threading.Condition()
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="streamgenre radio", daemon=True)
        self._thread.start()

    def __enter__(self) -> Radio:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Entry]:
        while entries := self.take(math.inf):
            yield from entries

    @property
    def ended(self) -> bool:
        """Whether there will be no further entries: it is closed, or the schedule has ended."""
        return not self._thread.is_alive()

    @property
    def views(self) -> list[View]:
        """All stations in their order, as they are now."""
        now = time.monotonic()
        return [View(one.station, one.reading, now - one.changed) for one in self._channels]

    def take(self, timeout: float = 0.0) -> list[Entry]:
        """New entries; waits for the first one, `timeout` seconds at most.

        None come any more once `ended`. Raises what ended the stepping thread.
        """
        ends = time.monotonic() + timeout
        with self._arrived:
            while not self._entries and not self.ended:
                left = ends - time.monotonic()
                if left <= 0:
                    break
                self._arrived.wait(min(left, _TICK))
            taken = list(self._entries)
            self._entries.clear()
        if not taken and self.ended and self._failure is not None:
            raise self._failure
        return taken

    def close(self) -> bool:
        """Stop listening; last entries can still be taken. False if a thread hangs."""
        self._stopping.set()
        self._thread.join(_CLOSING)
        ends = time.monotonic() + _CLOSING
        receivers = [one.receiver for one in self._channels if one.receiver] + self._leaving
        for receiver in receivers:
            receiver.stop()
        joined = [receiver.join(max(0.0, ends - time.monotonic())) for receiver in receivers]
        return all(joined) and not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stopping.wait(_TICK):
                self._begin_and_end()
                self._receive()
                for stream, update in self._pool.collect():
                    self._heard(stream, update)
                self._log()
                if all(one.starts == math.inf and not one.receiver for one in self._channels):
                    break
            for channel in self._channels:
                if channel.receiver is not None:
                    self._end(channel)
        except BaseException as failure:
            self._failure = failure

    def _begin_and_end(self) -> None:
        now, schedule = time.monotonic(), self._schedule
        for channel in self._channels:
            if channel.receiver is not None and now >= channel.ends:
                self._end(channel)
            if channel.receiver is None and now >= channel.starts:
                channel.receiver = Receiver(channel.station, self._patience)
                channel.ends = math.inf if schedule.listen is None else now + schedule.listen
                channel.starts = math.inf
                if schedule.every is not None:
                    channel.starts = now + schedule.every
                # Nothing is known yet, and nothing to log.
                channel.read(Reading())
                channel.logged, channel.logged_at = channel.reading, now
        self._leaving = [one for one in self._leaving if not one.join(0)]

    def _end(self, channel: _Channel) -> None:
        """Stop listening to a station for now."""
        assert channel.receiver is not None
        channel.receiver.stop()
        self._leaving.append(channel.receiver)
        channel.receiver = channel.held = None
        self._forget(channel)
        if channel.reading.differs(channel.logged):  # it was about to be logged
            self._write(channel)
        channel.read(Reading("paused"))
        self._write(channel)

    def _receive(self) -> None:
        """Feed what has arrived, some of each station in turn."""
        waiting = [one for one in self._channels if one.receiver is not None]
        for channel in waiting:
            channel.receiver.check()  # type: ignore[union-attr]
        ends = time.monotonic() + _LONGEST_TURN
        while waiting and time.monotonic() < ends:  # a slow processor must not delay the log
            waiting = [one for one in waiting if self._take_some(one)]

    def _take_some(self, channel: _Channel) -> bool:
        """Whether there may be more."""
        receiver = channel.receiver
        assert receiver is not None
        for _ in range(_AT_ONCE):
            event = channel.held or receiver.take()
            if event is None:
                return False
            if isinstance(event, Title):
                channel.title = event.text
                if channel.reading.status != "gap":
                    channel.read(replace(channel.reading, title=event.text))
            elif isinstance(event, Lost):
                channel.held = event
                if channel.unlogged:
                    return False
                channel.held = None
                self._forget(channel)
                channel.read(Reading(error=event.error))
            else:
                self._feed(channel, receiver, event)
        return True

    def _feed(self, channel: _Channel, receiver: Receiver, sound: Sound) -> None:
        if channel.stream is None:
            channel.stream = self._pool.stream()
            self._by_stream[channel.stream] = channel
        try:
            channel.stream.feed(sound.samples, sound.sample_rate)
        except StreamgenreError as error:
            self._forget(channel)
            receiver.skip(str(error))

    def _forget(self, channel: _Channel) -> None:
        """Drop the stream and title of a connection that is over."""
        channel.title = None
        if channel.stream is not None:
            del self._by_stream[channel.stream]
            channel.stream = None

    def _heard(self, stream: PooledStream, update: Update) -> None:
        channel = self._by_stream.get(stream)
        if channel is None:  # of a connection that is lost meanwhile
            return
        smoothed = stream.smoothed
        confidence = max(smoothed.values()) if update.genre is None else smoothed[update.genre]
        channel.read(Reading(update.status, update.genre, confidence, smoothed, channel.title))

    def _log(self) -> None:
        """Entries of what has changed, and of what was not mentioned for long."""
        now = time.monotonic()
        for channel in self._channels:
            if channel.receiver is None:
                continue
            changed = channel.reading.differs(channel.logged)
            if now - channel.logged_at >= (self._shortest if changed else self._interval):
                self._write(channel)

    def _write(self, channel: _Channel) -> None:
        station, channel.logged = channel.station, channel.reading
        channel.logged_at = time.monotonic()
        entry = Entry(datetime.now(UTC), station.name, station.address, channel.reading)
        with self._arrived:
            self._entries.append(entry)
            while len(self._entries) > _MOST_ENTRIES:
                self._entries.popleft()
                self.lost += 1
            self._arrived.notify()
