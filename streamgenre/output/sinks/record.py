"""Record the audio of a live input to files, with the times of the updates.

Files remain playable if the process is killed. A wav file loses the last seconds, since its header
is updated periodically. flac, ogg and opus lose at most a second.
"""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from ...errors import ConfigError, OutputError, reason
from .background import Worker

WAITING_SECONDS = 30.0
"""Audio that is buffered for a slow disk; more is replaced with silence."""
RETRY_SECONDS = 60.0
"""Time between a failure and the next attempt with a new file."""

# 16 bits have a dynamic range of 96 dB, more than a room. RF64 is wav without the limit of 4 GB.
_FORMATS = {
    ".flac": ("FLAC", "PCM_16"),
    ".wav": ("RF64", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
}
_OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
_FLUSH_SECONDS = 2.0
_FULL_BYTES = 1 << 20  # free space below which a failed write means a full disk

# Commands of libsndfile (sndfile.h) that soundfile has no method for.
_UPDATE_HEADER_NOW = 0x1060
_RF64_AUTO_DOWNGRADE = 0x1210  # plain wav below 4 GB, which more programs support


@dataclass(frozen=True, slots=True)
class _Block:
    start: float  # s from the start of the stream
    samples: NDArray[np.float32]  # (n, channels)
    rate: int


class Recorder:
    """Records to a file in a background thread; `write` and `gap` never wait.

    The extension selects the format: .flac, .wav, .ogg or .opus. Gaps, and samples dropped due to a
    slow disk, become silence. If the sample rate or channels change, and some time after a failure,
    a new file begins: NAME-2.flac. Raises ConfigError for an unknown extension, and OutputError if
    the file exists or cannot be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.name = f"record {path}"
        self._path = Path(path)
        form = _FORMATS.get(self._path.suffix.lower())
        if form is None:
            raise ConfigError(
                f"{path}: unknown recording format; use the extension {', '.join(_FORMATS)}"
            )
        self._form = form
        try:
            self._path.open("xb").close()  # reserve the name and fail early
        except FileExistsError:
            raise OutputError(
                f"{path}: exists and will not be overwritten; choose another file"
            ) from None
        except OSError as error:
            raise OutputError(
                f"{path}: {reason(error)}; choose a file in a writable folder"
            ) from None
        self._fresh = True  # nothing was written to the first file yet
        self._seconds = 0.0
        self._part: _Part | None = None
        self._failed: tuple[float, str] | None = None
        self.worker: Worker[_Block] = Worker(
            self.name, self._keep, self._finish, 0, weigh=lambda block: len(block.samples)
        )

    def check(self, sample_rate: float) -> None:
        """Raise OutputError if the format does not support the sample rate (opus)."""
        if self._form[1] == "OPUS" and round(sample_rate) not in _OPUS_RATES:
            rates = ", ".join(f"{rate / 1000:g}" for rate in _OPUS_RATES)
            raise OutputError(
                f"{self._path}: opus supports {rates} kHz, not {sample_rate / 1000:g}; "
                "record to .flac or .ogg"
            )

    def write(self, samples: NDArray[np.float32], sample_rate: float) -> None:
        """Add samples: float32 (n, channels) in [-1, 1]. Errors appear in `worker.problem`."""
        if not len(samples):
            return
        self.worker.longest = round(WAITING_SECONDS * sample_rate)
        # A copy, since the caller may reuse its array.
        self.worker.put(_Block(self._seconds, np.array(samples, np.float32), round(sample_rate)))
        self._seconds += len(samples) / sample_rate

    def gap(self, seconds: float) -> None:
        """Add silence for a gap."""
        self._seconds += seconds

    def close(self, timeout: float = 2.0) -> bool:
        """Write pending samples for at most `timeout` seconds, then close. True on success."""
        return self.worker.close(timeout)

    def _keep(self, block: _Block) -> None:
        kind = (block.rate, block.samples.shape[1])
        if self._part is not None and self._part.kind != kind:
            self._end_part(block.start)
        if self._part is None:
            if self._failed and time.monotonic() < self._failed[0]:
                raise OutputError(self._failed[1])
            self.check(block.rate)
            self._begin_part(0.0 if self._fresh else block.start, kind)
        assert self._part is not None
        try:
            self._part.silence_until(block.start)
            self._part.write(block.samples)
        except (soundfile.SoundFileError, AssertionError, OSError) as error:
            # soundfile raises AssertionError if libsndfile writes too few frames.
            raise self._lost(error) from None
        self._failed = None

    def _begin_part(self, start: float, kind: tuple[int, int]) -> None:
        path = self._path if self._fresh else self._next_path()
        self._fresh = False
        try:
            self._part = _Part(path, self._form, kind, start)
        except (soundfile.SoundFileError, ValueError, OSError) as error:
            with suppress(OSError):
                path.unlink()
            raise self._lost(error) from None

    def _next_path(self) -> Path:
        for number in count(2):
            path = self._path.with_stem(f"{self._path.stem}-{number}")
            try:
                path.open("xb").close()
            except FileExistsError:
                continue
            except OSError as error:
                raise self._lost(error) from None
            return path
        raise AssertionError("unreachable")

    def _lost(self, error: Exception) -> OutputError:
        """Close the file after an error. Returns the error to raise until the next attempt."""
        part, self._part = self._part, None
        if part is not None:
            part.close()
            if not part.frames:
                with suppress(OSError):
                    part.path.unlink()
        why = getattr(error, "error_string", "") or reason(error)
        with suppress(OSError):
            if shutil.disk_usage(self._path.absolute().parent).free < _FULL_BYTES:
                why = "the disk is full"
        text = f"cannot write to {part.path if part else self._path}: {why.rstrip('.')}"
        text += f"; retrying with a new file every {RETRY_SECONDS:g} s"
        self._failed = (time.monotonic() + RETRY_SECONDS, text)
        return OutputError(text)

    def _end_part(self, end: float) -> None:
        """Fill the file with silence up to `end` (s from the start of the stream) and close it."""
        assert self._part is not None
        try:
            self._part.silence_until(end)
        except (soundfile.SoundFileError, AssertionError, OSError) as error:
            raise self._lost(error) from None
        self._part.close()
        self._part = None

    def _finish(self) -> None:
        if self._part is not None:
            self._end_part(self._seconds)
        if self._fresh:
            self._path.unlink()


class _Part:
    """One file of a recording, which begins at `start` (s from the start of the stream)."""

    def __init__(
        self, path: Path, form: tuple[str, str], kind: tuple[int, int], start: float
    ) -> None:
        self.path, self.kind, self.frames = path, kind, 0
        self._start = start
        self._rate, self._channels = kind
        self._file = soundfile.SoundFile(path, "w", *kind, format=form[0], subtype=form[1])
        self._has_header = form[0] == "RF64"
        self._flushed = 0
        if self._has_header:
            _command(self._file, _RF64_AUTO_DOWNGRADE, 1)

    def silence_until(self, seconds: float) -> None:
        """Write silence up to a time of the stream, in blocks."""
        missing = round((seconds - self._start) * self._rate) - self.frames
        if missing <= 0:
            return
        block = np.zeros((min(missing, self._rate), self._channels), np.float32)
        for done in range(0, missing, len(block)):
            self.write(block[: missing - done])

    def write(self, samples: NDArray[np.float32]) -> None:
        """Write samples, one second at a time, since encoders copy them to the stack."""
        for at in range(0, len(samples), self._rate):
            block = samples[at : at + self._rate]
            self._file.write(np.nan_to_num(block, nan=0.0, posinf=1.0, neginf=-1.0))
            self.frames += len(block)
        if self.frames - self._flushed >= _FLUSH_SECONDS * self._rate:
            self._flushed = self.frames
            if self._has_header:
                _command(self._file, _UPDATE_HEADER_NOW)
            self._file.flush()

    def close(self) -> None:
        with suppress(soundfile.SoundFileError, OSError):
            self._file.close()


def _command(file: Any, command: int, value: int = 0) -> None:
    library: Any = soundfile
    library._snd.sf_command(file._file, command, library._ffi.NULL, value)
