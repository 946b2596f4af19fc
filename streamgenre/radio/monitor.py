"""Classify many radio stations at once.

Each station has a thread that receives and decodes it. One more thread runs the steps of all
stations in batches and creates the entries of the log.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from ..errors import ConfigError, StreamgenreError
from ..forks import Owner
from ..model.model import Model
from ..model.pool import PooledStream
from ..update import Update
from .log import Entry, Reading
from .receiver import Lost, Patience, Receiver, Sound, Title
from .stations import Station

_TICK = 0.25  # s between iterations of the main loop
_MAX_RECEIVE = 0.5  # s per iteration for received events
_EVENTS_PER_TURN = 16  # events of a station before the next station is served
_BATCH_PATIENCE = 0.5  # s for which a step waits for steps of other stations
_MAX_ENTRIES = 10_000  # in the queue
_CONCURRENT = 20  # stations received at the same time with a schedule
_CLOSE_TIMEOUT = 4.0  # s, for the main loop, and again for all receivers


@dataclass(frozen=True)
class Schedule:
    """Listening times of each station, in seconds."""

    listen: float | None = None
    """Duration of one session; None means unlimited."""
    every: float | None = None
    """Interval between the starts of two sessions; None means a single session."""

    def __post_init__(self) -> None:
        if self.every is not None and (self.listen is None or self.every <= self.listen):
            raise ConfigError("`every` needs `listen` and must be longer than it")

    def first(self, number: int, stations: int) -> float:
        """Delay of the first session of a station. Starts are spread evenly."""
        if self.listen is None:
            return 0.0
        step = self.listen / _CONCURRENT
        return number * (step if self.every is None else min(step, self.every / stations))


@dataclass(frozen=True, slots=True)
class View:
    """The current state of a station, for display."""

    station: Station
    reading: Reading
    since: float
    """Seconds since its status or genre changed."""


class _Channel:
    """The connection, stream and log state of a station."""

    def __init__(self, station: Station, starts: float) -> None:
        self.station = station
        self.receiver: Receiver | None = None
        self.stream: PooledStream | None = None
        self.reading = Reading("paused")
        self.title: str | None = None  # of the current connection
        self.held: Lost | None = None  # deferred until earlier audio is logged
        self.changed = time.monotonic()  # time of the last change of status or genre
        self.starts, self.ends = starts, math.inf  # next start, and end of the session
        self.logged = self.reading
        self.logged_at = -math.inf

    @property
    def unlogged(self) -> bool:
        """Whether received audio is not yet reflected in the log."""
        if self.stream is None:
            return False
        return self.stream.waits or self.reading.differs(self.logged)

    def update(self, reading: Reading) -> None:
        """Set the reading."""
        old = self.reading
        if (old.status, old.genre) != (reading.status, reading.genre):
            self.changed = time.monotonic()
        self.reading = reading


class Radio:
    """Receives and classifies many stations. A context manager.

    Iterate over it to get log entries as soon as they are available, or call `take`. Connections
    that fail are retried indefinitely and never delay other stations.

    Args:
        stations: the stations to receive.
        model: the model to run.
        hop: seconds between the updates of a station; None selects the card's hop for files.
        interval: maximum number of seconds between two entries of a station.
        schedule: listening times; None means all the time.
        patience: timeouts of connections, and pauses between attempts.
        shortest: minimum number of seconds between two entries of a station.

    Raises ConfigError if an argument is invalid.
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
        self._owner = Owner("the radio monitor")
        self._interval, self._shortest = interval, min(shortest, interval)
        self._schedule, self._patience = schedule or Schedule(), patience or Patience()
        seconds = model.card.file_hop if hop is None else hop
        self._pool = model.pool(seconds, patience=_BATCH_PATIENCE)
        now = time.monotonic()
        self._channels = [
            _Channel(station, now + self._schedule.first(i, len(stations)))
            for i, station in enumerate(stations)
        ]
        self._by_stream: dict[PooledStream, _Channel] = {}
        self._stopped: list[Receiver] = []  # their threads may still run
        self._entries: deque[Entry] = deque()
        self.lost = 0
        """Number of entries dropped because the queue was full."""
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
        """Whether no more entries are created, because it is closed or the schedule has ended."""
        return not self._thread.is_alive()

    @property
    def views(self) -> list[View]:
        """The current state of all stations, in their order."""
        now = time.monotonic()
        return [View(one.station, one.reading, now - one.changed) for one in self._channels]

    def take(self, timeout: float = 0.0) -> list[Entry]:
        """Remove and return all queued entries. Waits up to `timeout` seconds for the first one.

        If the queue is empty and `ended` is true, no more entries follow. Re-raises an error of
        the worker thread. Raises StreamgenreError in a forked process.
        """
        self._owner.check()
        deadline = time.monotonic() + timeout
        with self._arrived:
            while not self._entries and not self.ended:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._arrived.wait(min(left, _TICK))
            taken = list(self._entries)
            self._entries.clear()
        if not taken and self.ended and self._failure is not None:
            raise self._failure
        return taken

    def close(self) -> bool:
        """Close all connections. Queued entries can still be taken. False if a thread hangs."""
        if not self._owner.here:
            return True
        self._stopping.set()
        self._thread.join(_CLOSE_TIMEOUT)
        deadline = time.monotonic() + _CLOSE_TIMEOUT
        receivers = [one.receiver for one in self._channels if one.receiver] + self._stopped
        for receiver in receivers:
            receiver.stop()
        joined = [receiver.join(max(0.0, deadline - time.monotonic())) for receiver in receivers]
        return all(joined) and not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stopping.wait(_TICK):
                self._follow_schedule()
                self._receive()
                for stream, update in self._pool.collect():
                    self._apply(stream, update)
                self._log()
                if all(one.starts == math.inf and not one.receiver for one in self._channels):
                    break
            for channel in self._channels:
                if channel.receiver is not None:
                    self._disconnect(channel)
        except BaseException as failure:
            self._failure = failure

    def _follow_schedule(self) -> None:
        """Start and end sessions that are due."""
        now, schedule = time.monotonic(), self._schedule
        for channel in self._channels:
            if channel.receiver is not None and now >= channel.ends:
                self._disconnect(channel)
            if channel.receiver is None and now >= channel.starts:
                channel.receiver = Receiver(channel.station, self._patience)
                channel.ends = math.inf if schedule.listen is None else now + schedule.listen
                channel.starts = math.inf
                if schedule.every is not None:
                    channel.starts = now + schedule.every
                # While connecting, there is nothing to log yet.
                channel.update(Reading())
                channel.logged, channel.logged_at = channel.reading, now
        self._stopped = [one for one in self._stopped if not one.join(0)]

    def _disconnect(self, channel: _Channel) -> None:
        """End the session of a station and log it as paused."""
        assert channel.receiver is not None
        channel.receiver.stop()
        self._stopped.append(channel.receiver)
        channel.receiver = channel.held = None
        self._drop_stream(channel)
        if channel.reading.differs(channel.logged):  # log the last change first
            self._write(channel, max(channel.changed, channel.logged_at))
        channel.update(Reading("paused"))
        self._write(channel)

    def _receive(self) -> None:
        """Process received events, round-robin over the stations."""
        pending = [one for one in self._channels if one.receiver is not None]
        for channel in pending:
            channel.receiver.check()  # type: ignore[union-attr]
        deadline = time.monotonic() + _MAX_RECEIVE
        while pending and time.monotonic() < deadline:  # a slow CPU must not delay the log
            pending = [one for one in pending if self._process_events(one)]

    def _process_events(self, channel: _Channel) -> bool:
        """Process some events of a station. Returns whether more may be queued."""
        receiver = channel.receiver
        assert receiver is not None
        for _ in range(_EVENTS_PER_TURN):
            event = channel.held or receiver.take()
            if event is None:
                return False
            if isinstance(event, Title):
                channel.title = event.text
                if channel.reading.status != "gap":
                    channel.update(replace(channel.reading, title=event.text))
            elif isinstance(event, Lost):
                channel.held = event
                if channel.unlogged:
                    return False
                channel.held = None
                self._drop_stream(channel)
                channel.update(Reading(error=event.error))
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
            self._drop_stream(channel)
            receiver.skip(str(error))

    def _drop_stream(self, channel: _Channel) -> None:
        """Drop the stream and the title of a lost connection."""
        channel.title = None
        if channel.stream is not None:
            del self._by_stream[channel.stream]
            channel.stream = None

    def _apply(self, stream: PooledStream, update: Update) -> None:
        channel = self._by_stream.get(stream)
        if channel is None:  # the connection was lost in the meantime
            return
        smoothed = stream.smoothed
        confidence = max(smoothed.values()) if update.genre is None else smoothed[update.genre]
        channel.update(Reading(update.status, update.genre, confidence, smoothed, channel.title))

    def _log(self) -> None:
        """Create entries for stations that changed or whose interval has elapsed."""
        now = time.monotonic()
        for channel in self._channels:
            if channel.receiver is None:
                continue
            changed = channel.reading.differs(channel.logged)
            if now - channel.logged_at >= (self._shortest if changed else self._interval):
                self._write(channel)

    def _write(self, channel: _Channel, since: float | None = None) -> None:
        """Queue an entry. `since`: monotonic time from which the reading is valid; None is now."""
        station, channel.logged = channel.station, channel.reading
        now = channel.logged_at = time.monotonic()
        clock = datetime.now(UTC) - timedelta(seconds=0.0 if since is None else now - since)
        entry = Entry(clock, station.name, station.address, channel.reading)
        with self._arrived:
            self._entries.append(entry)
            while len(self._entries) > _MAX_ENTRIES:
                self._entries.popleft()
                self.lost += 1
            self._arrived.notify()
