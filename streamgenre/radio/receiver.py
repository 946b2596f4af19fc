"""Receive one station in a thread of its own: connect, decode, and connect again."""

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

_MOST_WAITING = 64  # events: some six seconds of sound
_MOST_SERVERS = 20  # of a playlist, tried in turn
_MARGIN = 5.0  # s after which the socket itself gives up
_POLL = 0.1  # s between checks whether to stop


@dataclass(frozen=True)
class Patience:
    """When a connection is given up, and when it is made again. In seconds."""

    silence: float = 30.0
    """Without any sound after which a connection is given up, whatever else arrives."""
    first: float = 1.0
    """Pause before the second attempt; each further one is twice as long."""
    longest: float = 300.0
    steady: float = 30.0
    """Of sound, after which the pauses begin anew."""
    ahead: float = 10.0
    """Of sound that is taken ahead of real time: servers send that much at the start."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A block of decoded samples, float32 (n, channels)."""

    samples: NDArray[np.float32]
    sample_rate: float


@dataclass(frozen=True, slots=True)
class Title:
    """The station sends a title, or no more."""

    text: str | None


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection is lost, or cannot be made."""

    error: str


Event = Sound | Title | Lost


class Receiver:
    """Receives a station until `stop`. Its events wait in a bounded queue: see `take`.

    A reader that is late makes the server wait, not the memory grow.
    """

    def __init__(self, station: Station, patience: Patience) -> None:
        self.station = station
        self._patience = patience
        self._events: queue.Queue[Event] = queue.Queue(_MOST_WAITING)
        self._stopping = threading.Event()
        self._breaker = Breaker()
        self._broken = ""  # why, if not by the server
        self._awaited: float | None = None  # since when sound is awaited
        self._seconds = 0.0  # of sound in this connection
        self._thread = threading.Thread(
            target=self._run, name=f"streamgenre radio {station.name}", daemon=True
        )
        self._thread.start()

    def take(self) -> Event | None:
        """The next event; None if there is none now."""
        try:
            return self._events.get_nowait()
        except queue.Empty:
            return None

    def check(self) -> None:
        """Break a connection that has brought no sound for too long."""
        awaited, limit = self._awaited, self._patience.silence
        if awaited is not None and time.monotonic() - awaited > limit:
            self.skip(f"no sound for {limit:g} s")

    def skip(self, why: str) -> None:
        """Break the present connection; another attempt follows after a pause."""
        self._broken = why
        self._breaker.interrupt()

    def stop(self) -> None:
        """Tell the thread to end, which may be waiting for the network. Does not wait."""
        self._stopping.set()
        self._breaker.interrupt()

    def join(self, timeout: float) -> bool:
        """Wait for the end of the thread after `stop`; False if it does not come in time."""
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
            except Exception as failed:  # whatever a server can do, others go on
                error = reason(failed)
            self._awaited = None
            self._put(Lost(self._broken or error))
            failures = 1 if self._seconds >= self._patience.steady else min(failures + 1, 30)
            pause = self._patience.first * 2.0 ** (failures - 1)
            self._stopping.wait(min(pause, self._patience.longest))

    def _receive(self) -> str:
        """Pass sound and titles on; returns why it ended, or raises it."""
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
        """The stream at the station's address, or the first that a playlist there leads to."""
        waiting = [(self.station.url, 0)]
        failure = InputError("a playlist without addresses")
        for _ in range(_MOST_SERVERS):
            if not waiting or self._stopping.is_set():
                break
            url, depth = waiting.pop(0)
            self._awaited = time.monotonic()
            self._breaker, self._broken = Breaker(), ""
            if self._stopping.is_set():  # which the breaker before may have been told
                break
            try:
                if depth:
                    check_entry(url)
                stall = self._patience.silence + _MARGIN
                return connect(resolved(url), shown(url), stall, None, True, self._breaker)
            except PlaylistError as listed:
                failure = InputError("playlists refer to each other without end")
                if depth < DEEPEST_LIST:
                    waiting = [(entry, depth + 1) for entry in listed.entries] + waiting
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
