"""A file or URL as a live input: read in real time, and played on the default output."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ...errors import DeviceError, StreamgenreError
from ..files import open_source
from ..files.radio import UrlSource
from .devices import Device
from .input import Gap, Sound
from .speaker import Speaker

_AHEAD = 16  # blocks decoded ahead, some seconds, to cover a slow disk or network
_SHOWN = 8.0  # s for which a note is shown
_CLOSING = 1.0  # s to wait at the end for a stream that has stalled
_FADING = 3.0  # s to wait for the speaker to finish
_POLL = 0.05  # s between checks of the decoding thread whether it should stop


class Playback:
    """A LiveInput of a file or URL. Raises InputError if it cannot be opened.

    Without an output device, it is classified but not played.

    Args:
        where: path or URL.
        aloud: play it on the default output.
        reconnect: see `open_source`.
    """

    lost = False
    dropped = overflows = 0
    latency = 0.0

    def __init__(self, where: str, aloud: bool = True, reconnect: bool = False) -> None:
        self._source = open_source(where, reconnect=reconnect)
        self.name = self._source.name
        self.sample_rate = float(self._source.sample_rate)
        self.channels = self._source.channels
        self._note, self._noted_until = "", 0.0
        self.warnings = self._source.warnings
        self.ended = False
        self._speaker: Speaker | None = None
        if aloud:
            try:
                self._speaker = Speaker(self._source.sample_rate, self.channels)
            except DeviceError as error:
                self._show(str(error))
        self._blocks: queue.Queue[NDArray[np.float32] | Gap | None] = queue.Queue(_AHEAD)
        self._failure: StreamgenreError | None = None
        self._closing = False
        self._rest = np.zeros((0, self.channels), np.float32)
        self._gap: Gap | None = None  # before the next samples
        self._returned = 0  # frames
        self._elapsed, self._since = (
            0.0,
            time.monotonic(),
        )  # s played, and the time of the last start
        self._paused = self._complete = False
        self._last = 0.0  # time at which the last samples were returned
        self._decoder = threading.Thread(
            target=self._decode, name="streamgenre decoder", daemon=True
        )
        self._decoder.start()

    @property
    def note(self) -> str:
        """Why the audio is not played or the device not switched; shown for a few seconds."""
        return self._note if time.monotonic() < self._noted_until else ""

    def _show(self, note: str) -> None:
        self._note, self._noted_until = note, time.monotonic() + _SHOWN

    def _decode(self) -> None:
        try:
            for block in self._source.blocks():
                # A source may reuse its block.
                if not self._put(block if isinstance(block, Gap) else block.copy()):
                    return
        except StreamgenreError as error:
            self._failure = error
        finally:
            self._put(None)
            self._source.close()

    def _put(self, block: NDArray[np.float32] | Gap | None) -> bool:
        while not self._closing:
            with contextlib.suppress(queue.Full):
                self._blocks.put(block, timeout=_POLL)
                return True
        return False

    def read(self) -> list[Sound | Gap]:
        """See LiveInput."""
        if self._paused or self.ended:
            return []
        parts = list(self._due())
        for part in parts:
            if self._speaker is not None and isinstance(part, Sound):
                self._speaker.write(part.samples)
        if self._complete and not len(self._rest) and self._played():
            self.ended = True
            if self._failure is not None:
                raise self._failure
        return parts

    def _played(self) -> bool:
        """Whether the speaker has finished too. A speaker that hangs is ignored."""
        self._last = self._last or time.monotonic()
        late = time.monotonic() - self._last > _FADING
        return late or self._speaker is None or self._speaker.idle

    def _due(self) -> Iterator[Sound | Gap]:
        """Samples that are due and were not returned yet, and the gap before them."""
        until = self._elapsed + time.monotonic() - self._since
        wanted = int(until * self.sample_rate) - self._returned
        while wanted > 0:
            if self._gap is not None:
                yield self._gap
                self._gap = None
            if not len(self._rest) and not self._next():
                # Late, or at the end. Do not catch up later at a higher speed.
                self._since += wanted / self.sample_rate
                return
            part, self._rest = self._rest[:wanted], self._rest[wanted:]
            self._returned += len(part)
            wanted -= len(part)
            if len(part):
                yield Sound(part, self.sample_rate)

    def _next(self) -> bool:
        if self._complete:
            return False
        try:
            block = self._blocks.get_nowait()
        except queue.Empty:
            return False
        self._complete = block is None
        if block is None:
            return False
        if isinstance(block, Gap):
            self._gap = block
        else:
            self._rest = block
        return True

    def pause(self, paused: bool) -> None:
        """See LiveInput."""
        if paused == self._paused:
            return
        now = time.monotonic()
        if paused:
            self._elapsed += now - self._since
        self._paused, self._since = paused, now

    def switch(self, device: Device | int | str) -> None:
        """Not supported while a file plays; sets `note`."""
        self._show("a file is playing; restart without --play to use a device")

    def close(self) -> bool:
        """See LiveInput."""
        self._closing = True
        if isinstance(self._source, UrlSource):
            self._source.stop()
        stopped = True
        if self._speaker is not None:
            stopped = self._speaker.close()
            self._speaker = None
        self._decoder.join(_CLOSING)
        return stopped and not self._decoder.is_alive()
