"""A URL as a source: a recording, or internet radio that is connected to again when it drops.

After a network error or a stall, streamgenre reconnects, with growing pauses. After the end of the
data it does so only if the server sent ICY headers, as internet radio does, or on request: a
recording that is served without a length ends in the same way.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...durations import elapsed
from ...errors import InputError
from ..address import shown
from .byteio import ConnectionLostError
from .ffmpeg import FFmpegSource, decoder
from .http import Breaker, HttpFile
from .source import Gap


@dataclass(frozen=True)
class Reconnection:
    """When a connection counts as lost, and how it is made again. In seconds."""

    stall: float = 30.0
    """Without data after which a connection is given up."""
    first: float = 1.0
    """Pause before the first attempt; each further one is twice as long."""
    longest: float = 60.0
    limit: float = 600.0
    """Without data after which the source fails."""


@dataclass(frozen=True)
class Connection:
    """The sound of a URL, until its data ends or the connection is lost."""

    source: FFmpegSource
    file: HttpFile
    """The answer of the server. FFmpeg may read another one: the parts that a list refers to."""


def connect(
    url: str,
    name: str,
    stall: float,
    form: tuple[str, int] | None = None,
    radio: bool = False,
    breaker: Breaker | None = None,
) -> Connection:
    """Connect to an http(s) URL.

    Args:
        url: the address, possibly with a password.
        name: the address in messages.
        stall: seconds without data after which the connection counts as lost.
        form: see FFmpegSource.
        radio: see HttpFile.
        breaker: see HttpFile.

    Raises ConnectionLostError, PlaylistError, and InputError if it is not audio.
    """
    file = HttpFile(url, stall, radio, breaker)
    if _refers_elsewhere(file.peek(1024)):
        file.close()
        try:
            return Connection(FFmpegSource(url, name, form), file)
        except InputError:
            raise InputError(
                f"{name}: the parts that this live stream lists cannot be opened; check the address"
            ) from None
    return Connection(decoder(file, name, file.url, form), file)


RECONNECTION = Reconnection()
_MOST_WARNINGS = 20  # of a radio that runs for weeks


class UrlSource:
    """A Source of an http(s) URL. Raises InputError if it cannot be opened.

    `always`: connect again after the end of the data, whatever the server says.
    """

    def __init__(self, url: str, always: bool = False, plan: Reconnection | None = None) -> None:
        self.name, self._url = shown(url), url
        self._always, self._plan = always, plan or RECONNECTION
        self._radio = False
        self._whole = False  # a file of known length: a new connection would begin at its start
        self._closed = threading.Event()
        self.warnings: list[str] = []
        self._losses, self._missing, self._report = 0, 0.0, ""
        self._form: tuple[str, int] | None = None
        try:
            self._source = self._connect()
        except ConnectionLostError as error:
            raise InputError(f"{self.name}: {error}; {error.remedy}") from None
        self.sample_rate, self.channels = self._source.sample_rate, self._source.channels
        self.stated_duration = self._source.stated_duration

    def _connect(self) -> FFmpegSource:
        made = connect(self._url, self.name, self._plan.stall, self._form)
        self._radio, self._whole = made.file.icy, made.file.size is not None
        return made.source

    def blocks(self) -> Iterator[NDArray[np.float32] | Gap]:
        """float32 (n, channels), and gaps where the connection was lost."""
        heard = elapsed()
        while True:
            reason = "the data ended"
            lost = False
            try:
                for block in self._source.blocks():
                    heard = elapsed()
                    self.sample_rate, self.channels = self._source.sample_rate, block.shape[1]
                    yield block
            except ConnectionLostError as error:
                reason, lost = str(error), True
            self._form = self._source.form
            self._add_warnings(self._source.warnings)
            again = self._radio or self._always
            if lost and self._whole and not again:
                self.warnings.append(f"the connection was lost ({reason}); the rest is missing")
                return
            if self._closed.is_set() or not (again or lost):
                return
            self._source.close()
            self._reconnect(elapsed() - heard, reason)
            if self._closed.is_set():
                return
            gap = elapsed() - heard
            self._losses, self._missing = self._losses + 1, self._missing + gap
            self._tell()
            yield Gap(gap)

    def _reconnect(self, silent: float, reason: str) -> None:
        """Connect again; raises InputError if that fails for too long.

        `silent`: seconds without data so far. The time for which the computer sleeps does not count
        towards the limit, because nothing was tried in it.
        """
        pause, spent = self._plan.first, min(silent, self._plan.stall)
        while spent < self._plan.limit:
            pause = min(pause, self._plan.limit - spent)
            if self._closed.wait(pause):
                return
            began = time.monotonic()
            try:
                self._source = self._connect()
                return
            except InputError as error:
                reason = str(error).removeprefix(f"{self.name}: ")
            spent += pause + min(time.monotonic() - began, self._plan.stall)
            pause = min(2 * pause, self._plan.longest)
        raise InputError(
            f"{self.name}: no data for {self._plan.limit / 60:.3g} minutes "
            f"({reason}); check the address and the network"
        )

    def _tell(self) -> None:
        """State the losses so far, in one warning."""
        if self._report in self.warnings:
            self.warnings.remove(self._report)
        times = "once" if self._losses == 1 else f"{self._losses} times"
        self._report = f"the connection was lost {times}; {self._missing:.0f} s are missing"
        self.warnings.append(self._report)

    def _add_warnings(self, warnings: list[str]) -> None:
        self.warnings += [w for w in warnings if w not in self.warnings][
            : max(0, _MOST_WARNINGS - len(self.warnings))
        ]

    def stop(self) -> None:
        """End a wait for the next attempt; may be called from another thread."""
        self._closed.set()

    def close(self) -> None:
        self.stop()
        self._source.close()


def _refers_elsewhere(head: bytes) -> bool:
    """Whether this is an HLS or DASH list, whose parts FFmpeg fetches itself."""
    return (head.startswith(b"#EXTM3U") and b"#EXT-X-" in head) or b"<MPD" in head
