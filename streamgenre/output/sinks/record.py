"""What was heard, as sound files: their times are those of the updates.

A killed process leaves a file that players take: of wav all but the last seconds, for its header
is brought up to date now and then; flac, ogg and opus are streams, and miss a second at most.
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

from ...errors import StreamgenreError
from .background import Worker, reason

WAITING_SECONDS = 30.0
"""Sound that may wait for a slow disk; what goes beyond becomes silence."""
RETRY_SECONDS = 60.0
"""After a failure, a further file is tried after this time."""

# 16 bits have 96 dB, more than a room. RF64 is wav that may grow over 4 GB: half a day of sound.
_FORMS = {
    ".flac": ("FLAC", "PCM_16"),
    ".wav": ("RF64", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
}
_OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
_FLUSH_SECONDS = 2.0
_FULL_BYTES = 1 << 20  # a disk with less room than this is why a write failed

# Commands of libsndfile (sndfile.h) that soundfile has no method for.
_UPDATE_HEADER_NOW = 0x1060
_RF64_AUTO_DOWNGRADE = 0x1210  # a plain wav file below 4 GB, which more programs open


@dataclass(frozen=True, slots=True)
class _Block:
    start: float  # s from the start of the stream
    samples: NDArray[np.float32]  # (n, channels)
    rate: int


class Recorder:
    """Writes what is heard to a file, in a thread of its own; `write` and `gap` never wait.

    The form is that of the extension: .flac, .wav, .ogg or .opus. Gaps, and what a slow disk
    makes it drop, become silence. Where rate or channels change, and a while after a failure, a
    further file begins: NAME-2.flac. Raises StreamgenreError for an extension that it has no form
    for, for a file that is there already, and where none can be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.name = f"record {path}"
        self._path = Path(path)
        form = _FORMS.get(self._path.suffix.lower())
        if form is None:
            raise StreamgenreError(
                f"--record {path}: no such form of recording; end the name in {', '.join(_FORMS)}"
            )
        self._form = form
        try:
            self._path.open("xb").close()  # taken now, so that nothing fails only after an hour
        except FileExistsError:
            raise StreamgenreError(
                f"--record {path}: is there already and is kept; name another file"
            ) from None
        except OSError as error:
            raise StreamgenreError(
                f"--record {path}: {reason(error)}; name a file in a folder that can be written to"
            ) from None
        self._fresh = True  # the first file is still empty
        self._heard = 0.0
        self._part: _Part | None = None
        self._failed: tuple[float, str] | None = None
        self._worker: Worker[_Block] = Worker(
            self.name, self._keep, self._finish, 0, weigh=lambda block: len(block.samples)
        )

    def check(self, sample_rate: float) -> None:
        """Raise StreamgenreError where the form has no such sample rate (opus)."""
        if self._form[1] == "OPUS" and round(sample_rate) not in _OPUS_RATES:
            rates = ", ".join(f"{rate / 1000:g}" for rate in _OPUS_RATES)
            raise StreamgenreError(
                f"--record {self._path}: opus has {rates} kHz, not {sample_rate / 1000:g}; "
                "record to .flac or .ogg"
            )

    def write(self, samples: NDArray[np.float32], sample_rate: float) -> None:
        """Add samples: float32 (n, channels) in [-1, 1]. What is wrong, `problem` says."""
        if not len(samples):
            return
        self._worker.longest = round(WAITING_SECONDS * sample_rate)
        # A copy: the caller may use its array again.
        self._worker.put(_Block(self._heard, np.array(samples, np.float32), round(sample_rate)))
        self._heard += len(samples) / sample_rate

    def gap(self, seconds: float) -> None:
        """Add silence for what was not heard."""
        self._heard += seconds

    def close(self, timeout: float = 2.0) -> bool:
        """Write what waits for at most that long (s) and end the file; True if that was done."""
        return self._worker.close(timeout)

    @property
    def problem(self) -> str:
        """Why nothing is recorded just now, on one line; empty while all is well."""
        return self._worker.problem

    @property
    def dropped(self) -> int:
        """Frames that a slow disk made silence of."""
        return self._worker.dropped

    def _keep(self, block: _Block) -> None:
        kind = (block.rate, block.samples.shape[1])
        if self._part is not None and self._part.kind != kind:
            self._end_part(block.start)
        if self._part is None:
            if self._failed and time.monotonic() < self._failed[0]:
                raise StreamgenreError(self._failed[1])
            self.check(block.rate)
            self._begin_part(0.0 if self._fresh else block.start, kind)
        assert self._part is not None
        try:
            self._part.silence_until(block.start)
            self._part.write(block.samples)
        except (soundfile.SoundFileError, AssertionError, OSError) as error:
            # Frames that libsndfile could not write whole are an AssertionError of soundfile's.
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
        raise AssertionError("count() does not end")

    def _lost(self, error: Exception) -> StreamgenreError:
        """End the file that failed; the error to raise now and until the next try."""
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
        text += f"; a further file is tried every {RETRY_SECONDS:g} s"
        self._failed = (time.monotonic() + RETRY_SECONDS, text)
        return StreamgenreError(text)

    def _end_part(self, end: float) -> None:
        """Fill the file with silence up to `end` (s from the start of the stream), close it."""
        assert self._part is not None
        try:
            self._part.silence_until(end)
        except (soundfile.SoundFileError, AssertionError, OSError) as error:
            raise self._lost(error) from None
        self._part.close()
        self._part = None

    def _finish(self) -> None:
        if self._part is not None:
            self._end_part(self._heard)
        if self._fresh:
            self._path.unlink()


class _Part:
    """One file of a recording, from `start` (s) of the stream on."""

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
        """Silence up to a time of the stream, in pieces."""
        missing = round((seconds - self._start) * self._rate) - self.frames
        if missing <= 0:
            return
        piece = np.zeros((min(missing, self._rate), self._channels), np.float32)
        for done in range(0, missing, len(piece)):
            self.write(piece[: missing - done])

    def write(self, samples: NDArray[np.float32]) -> None:
        """Add samples; a second at a time, for the encoders hold what they get on their stack."""
        for at in range(0, len(samples), self._rate):
            piece = samples[at : at + self._rate]
            self._file.write(np.nan_to_num(piece, nan=0.0, posinf=1.0, neginf=-1.0))
            self.frames += len(piece)
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
