"""A file or URL as if it were live: paced in real time, and played on the default output."""

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
from .devices import Device
from .input import Gap, Sound
from .speaker import Speaker

_AHEAD = 16  # blocks decoded in advance: seconds, so that a slow disk or net is not heard
_SHOWN = 8.0  # s for which a note stands
_CLOSING = 1.0  # s that a silent radio may hold up the end
_FADING = 3.0  # s for the speaker to come to the end
_PATIENCE = 0.05  # s between looks of the decoding thread at whether it is over


class Playback:
    """See live.LiveInput. Raises InputError where it cannot be opened.

    Where there is no output that plays it aloud, it is listened to all the same.
    """

    lost = False
    dropped = overflows = 0
    latency = 0.0

    def __init__(self, where: str) -> None:
        self._source = open_source(where)
        self.name = self._source.name
        self.sample_rate = float(self._source.sample_rate)
        self.channels = self._source.channels
        self._note, self._noted_until = "", 0.0
        self.warnings = self._source.warnings
        self.ended = False
        self._speaker: Speaker | None = None
        try:
            self._speaker = Speaker(self._source.sample_rate, self.channels)
        except DeviceError as error:
            self._say(str(error))
        self._blocks: queue.Queue[NDArray[np.float32] | None] = queue.Queue(_AHEAD)
        self._failure: StreamgenreError | None = None
        self._closing = False
        self._rest = np.zeros((0, self.channels), np.float32)
        self._given = 0  # frames
        self._elapsed, self._since = 0.0, time.monotonic()  # s played, and since when it goes on
        self._paused = self._complete = False
        self._last = 0.0  # when the last was given
        self._decoder = threading.Thread(
            target=self._decode, name="streamgenre decoder", daemon=True
        )
        self._decoder.start()

    @property
    def note(self) -> str:
        """Why it is not played aloud, or not switched, for a moment."""
        return self._note if time.monotonic() < self._noted_until else ""

    def _say(self, note: str) -> None:
        self._note, self._noted_until = note, time.monotonic() + _SHOWN

    def _decode(self) -> None:
        try:
            for block in self._source.blocks():
                # A source may use its block again.
                if not self._put(block.copy()):
                    return
        except StreamgenreError as error:
            self._failure = error
        finally:
            self._put(None)
            self._source.close()

    def _put(self, block: NDArray[np.float32] | None) -> bool:
        while not self._closing:
            with contextlib.suppress(queue.Full):
                self._blocks.put(block, timeout=_PATIENCE)
                return True
        return False

    def read(self) -> list[Sound | Gap]:
        """See live.LiveInput."""
        if self._paused or self.ended:
            return []
        heard = [Sound(block, self.sample_rate) for block in self._due()]
        for sound in heard:
            if self._speaker is not None:
                self._speaker.write(sound.samples)
        if self._complete and not len(self._rest) and self._played():
            self.ended = True
            if self._failure is not None:
                raise self._failure
        return [*heard]

    def _played(self) -> bool:
        """Whether the speaker has come to the end, too; a dead one is not waited for."""
        self._last = self._last or time.monotonic()
        late = time.monotonic() - self._last > _FADING
        return late or self._speaker is None or self._speaker.silent

    def _due(self) -> Iterator[NDArray[np.float32]]:
        """What should have been heard by now and was not given yet."""
        until = self._elapsed + time.monotonic() - self._since
        wanted = int(until * self.sample_rate) - self._given
        while wanted > 0:
            if not len(self._rest) and not self._next():
                # Late, or at the end: what is late is not made up for by a rush.
                self._since += wanted / self.sample_rate
                return
            part, self._rest = self._rest[:wanted], self._rest[wanted:]
            self._given += len(part)
            wanted -= len(part)
            yield part

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
        self._rest = block
        return True

    def pause(self, paused: bool) -> None:
        """See live.LiveInput."""
        if paused == self._paused:
            return
        now = time.monotonic()
        if paused:
            self._elapsed += now - self._since
        self._paused, self._since = paused, now

    def switch(self, device: Device | int | str) -> None:
        """There is nothing to switch to."""
        self._say("a file is playing; end it to listen to a device")

    def close(self) -> bool:
        """See live.LiveInput."""
        self._closing = True
        silent = True
        if self._speaker is not None:
            silent = self._speaker.close()
            self._speaker = None
        self._decoder.join(_CLOSING)
        return silent and not self._decoder.is_alive()
