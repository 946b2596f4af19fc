"""Receive one station in its own thread: connect, decode, and reconnect after failures."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..audio.address import resolved, shown
from ..audio.files import DEEPEST_LIST
from ..audio.files.byteio import ConnectionLostError
from ..audio.files.http import Breaker
from ..audio.files.playlist import PlaylistError, check_entry
from ..audio.files.radio import Connection, connect
from ..errors import InputError, StreamgenreError, reason
from .stations import Station

_MAX_QUEUE = 64  # events: about six seconds of audio
_MAX_SERVERS = 20  # of a playlist, tried in turn
_MARGIN = 5.0  # s added to the socket's timeout, so that `check` comes first
_POLL = 0.1  # s between checks of the stop flag


@dataclass(frozen=True)
class Patience:
    """Timeouts of connections, and pauses between attempts. In seconds."""

    silence: float = 30.0
    """Maximum time without decoded audio. After it, the connection is closed."""
    first: float = 1.0
    """Pause before the first retry. Each further pause is twice as long."""
    longest: float = 300.0
    """Maximum pause."""
    steady: float = 30.0
    """Audio in one connection after which the pauses start again at `first`."""
    ahead: float = 10.0
    """Maximum audio received ahead of real time. Servers send a burst at the start."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A block of decoded samples, float32 (n, channels)."""

    samples: NDArray[np.float32]
    sample_rate: float


@dataclass(frozen=True, slots=True)
class Title:
    """The station sent a new title; None if it has none."""

    text: str | None


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection was lost or could not be established."""

    error: str


Event = Sound | Title | Lost


class Receiver:
    """Receives a station until `stop` is called. See `take` for its events.

    The queue of events is bounded. If it is full, the thread stops reading from the network.
    """

    def __init__(self, station: Station, patience: Patience) -> None:
        self.station = station
        self._patience = patience
        self._events: queue.Queue[Event] = queue.Queue(_MAX_QUEUE)
        self._stopping = threading.Event()
        self._breaker = Breaker()
        self._broken = ""  # why this side closed the connection
        self._awaited: float | None = None  # time since which audio is awaited
        self._seconds = 0.0  # audio received in this connection
        self._thread = threading.Thread(
            target=self._run, name=f"streamgenre radio {station.name}", daemon=True
        )
        self._thread.start()

    def take(self) -> Event | None:
        """Return the next event, or None if the queue is empty."""
        try:
            return self._events.get_nowait()
        except queue.Empty:
            return None

    def check(self) -> None:
        """Close the connection if it delivered no audio for `Patience.silence`."""
        awaited, limit = self._awaited, self._patience.silence
        if awaited is not None and time.monotonic() - awaited > limit:
            self.skip(f"no audio for {limit:g} s")

    def skip(self, why: str) -> None:
        """Close the current connection. The thread reconnects after a pause."""
        self._broken = why
        self._breaker.interrupt()

    def stop(self) -> None:
        """Ask the thread to end, even while it waits for the network. Returns immediately."""
        self._stopping.set()
        self._breaker.interrupt()

    def join(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the thread. Returns whether it has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            self._seconds = 0.0
            try:
                error = self._receive()
            except StreamgenreError as failed:
                error = str(failed).removeprefix(f"{self.station.address}: ")
            except Exception as failed:  # whatever a server sends, keep retrying
                error = reason(failed)
            self._awaited = None
            self._put(Lost(self._broken or error))
            failures = 1 if self._seconds >= self._patience.steady else min(failures + 1, 30)
            pause = self._patience.first * 2.0 ** (failures - 1)
            self._stopping.wait(min(pause, self._patience.longest))

    def _receive(self) -> str:
        """Queue audio and titles until the connection ends. Returns or raises the reason."""
        connection = self._connect()
        source, title = connection.source, None
        began = time.monotonic()
        try:
            for block in source.blocks():
                self._awaited = None
                self._seconds += len(block) / source.sample_rate
                if connection.file.title != title:
                    title = connection.file.title
                    self._put(Title(title))
                self._put(Sound(block, source.sample_rate))
                early = self._seconds - (time.monotonic() - began) - self._patience.ahead
                if self._stopping.wait(early) if early > 0 else self._stopping.is_set():
                    break
                self._awaited = time.monotonic()
        finally:
            source.close()
        if self._seconds or not source.warnings:
            return "the data ended"
        return source.warnings[-1]

    def _connect(self) -> Connection:
        """Connect to the station, or to the first working address of its playlist."""
        pending = [(self.station.url, 0)]
        failure = InputError("a playlist without addresses")
        for _ in range(_MAX_SERVERS):
            if not pending or self._stopping.is_set():
                break
            url, depth = pending.pop(0)
            self._awaited = time.monotonic()
            self._breaker, self._broken = Breaker(), ""
            if self._stopping.is_set():  # `stop` may have interrupted the previous breaker
                break
            try:
                if depth:
                    check_entry(url)
                stall = self._patience.silence + _MARGIN
                return connect(resolved(url), shown(url), stall, None, True, self._breaker)
            except PlaylistError as listed:
                failure = InputError("the playlists refer to each other")
                if depth < DEEPEST_LIST:
                    pending = [(entry, depth + 1) for entry in listed.entries] + pending
            except ConnectionLostError as error:
                failure = error
            except InputError as error:
                failure = InputError(str(error).removeprefix(f"{shown(url)}: "))
        raise failure

    def _put(self, event: Event) -> None:
        while not self._stopping.is_set():
            try:
                return self._events.put(event, timeout=_POLL)
            except queue.Full:
                continue
