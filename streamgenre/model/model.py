"""A loaded model: streams for live audio, timelines for recordings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from ..audio.files import open_source
from ..audio.files.raw import RawFormat
from ..audio.files.source import BLOCK, Gap, Source
from ..errors import InputError, ModelFileError, SignalError
from ..update import Update
from .card import ModelCard, read_card
from .engine import Engine
from .onnxfile import LARGEST_FILE
from .pool import StreamPool
from .stream import Stream
from .timeline import Timeline

BUNDLED = ("tfcrnn", "tfcrnn-half")  # names that stand for a bundled file, the default first

Compute = Literal["auto", "cpu", "cuda"]
Recording = str | os.PathLike[str] | BinaryIO | tuple[NDArray[np.generic], float]


class Model:
    """One set of weights, shared by any number of streams and threads."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def card(self) -> ModelCard:
        """What the model says of itself."""
        return self.engine.card

    def stream(self, hop: float | None = None) -> Stream:
        """A new stream, an update every `hop` seconds (None: the card's hop for live audio).

        Raises ConfigError, naming the hops that there are, for one the model was not trained for.
        """
        return Stream(self.engine, self.card.hop(self.card.live_hop if hop is None else hop))

    def pool(
        self, hop: float | None = None, *, batch: int = 16, patience: float = 0.1
    ) -> StreamPool:
        """Streams that are stepped together, for who has many: see StreamPool.

        `batch` streams at most in one step; a hop waits `patience` seconds for others to join it.
        """
        seconds = self.card.live_hop if hop is None else hop
        return StreamPool(self.engine, self.card.hop(seconds), batch, patience)

    def follow(
        self,
        source: Source,
        hop: float | None = None,
        heard: Callable[[float], None] | None = None,
    ) -> Iterator[Update]:
        """Updates of an opened source as they are computed, at the card's hop for files.

        `heard` is told the seconds read so far, now and then; warnings gather in the source.
        """
        stream = self.stream(self.card.file_hop if hop is None else hop)
        for block in source.blocks():
            try:
                if isinstance(block, Gap):
                    updates = stream.gap(block.seconds)
                else:
                    updates = stream.feed(block, source.sample_rate)
            except SignalError as error:
                if isinstance(source, _Samples):
                    raise
                raise InputError(f"{source.name}: {error}") from None
            yield from updates
            if heard is not None:
                heard(stream.time)
        if stream.time == 0:
            raise InputError(f"{source.name}: holds no audio" + _because(source.warnings))
        try:
            updates = stream.flush()
        except SignalError as error:
            if isinstance(source, _Samples):
                raise
            raise InputError(f"{source.name}: {error}") from None
        yield from updates
        source.warnings += stream.warnings

    def classify(
        self,
        recording: Recording,
        hop: float | None = None,
        *,
        raw: RawFormat | None = None,
        heard: Callable[[float], None] | None = None,
    ) -> Timeline:
        """The timeline of a path, URL, "-", binary file object, or (samples, sample_rate).

        `hop` in seconds, None for the card's hop for files. Raises InputError where nothing can
        be read; damage that leaves something to hear is in the timeline's `warnings`.
        """
        source: Source
        if isinstance(recording, tuple):
            source = _Samples(*recording)
        else:
            source = open_source(recording, raw)
        try:
            return self.timeline(source, hop, heard)
        finally:
            source.close()

    def timeline(
        self,
        source: Source,
        hop: float | None = None,
        heard: Callable[[float], None] | None = None,
    ) -> Timeline:
        """`classify` for an opened source."""
        timeline = Timeline(self.card, self.card.file_hop if hop is None else hop)
        for update in self.follow(source, hop, heard):
            timeline.append(update)
        timeline.warnings = tuple(source.warnings)
        return timeline


class _Samples:
    """Samples in memory as a Source."""

    name = "<samples>"
    channels = 0

    def __init__(self, samples: NDArray[np.generic], sample_rate: float) -> None:
        self._samples = np.asarray(samples)
        if self._samples.ndim == 0 or self._samples.size == 0:
            raise SignalError("no samples to classify")
        self.sample_rate: int = sample_rate  # type: ignore[assignment]  # soxr takes fractions
        self.stated_duration = len(self._samples) / sample_rate if sample_rate else None
        self.warnings: list[str] = []

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        for first in range(0, len(self._samples), BLOCK):
            yield self._samples[first : first + BLOCK]

    def close(self) -> None:
        pass


def _because(warnings: list[str]) -> str:
    return f" ({'; '.join(warnings)})" if warnings else ""


def load(path: str | os.PathLike[str] | None = None, compute: Compute = "auto") -> Model:
    """The bundled model, a bundled one by name (`tfcrnn`, `tfcrnn-half`), or the one in a file.

    `compute`: "cpu" is ONNX Runtime on one core; "cuda" is PyTorch on a GPU and needs the `train`
    extra; "auto" is "cpu", which steps a single stream hundreds of times faster than real time
    and starts without loading PyTorch. Raises ModelFileError or DeviceError.
    """
    if compute not in ("auto", "cpu", "cuda"):
        raise ValueError(f"compute must be auto, cpu or cuda, not {compute!r}")
    name, data = read_model(path)
    card = read_card(data, name)
    if compute == "cuda":
        from .torch import TorchEngine

        return Model(TorchEngine(data, card))
    from .onnx import OnnxEngine

    return Model(OnnxEngine(data, card))


def read_model(path: str | os.PathLike[str] | None) -> tuple[str, bytes]:
    """Name and bytes of a bundled model, by its name or None, or of a file.

    Raises ModelFileError.
    """
    file = Path(BUNDLED[0] if path is None else path)
    if str(file) in BUNDLED and (path is None or not file.exists()):
        bundled = resources.files("streamgenre.models") / f"{file}.onnx"
        if not bundled.is_file():
            raise ModelFileError("the bundled model is missing: install streamgenre anew")
        return "bundled model", bundled.read_bytes()
    try:
        with file.open("rb") as opened:
            return str(file), opened.read(LARGEST_FILE + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelFileError(f"{file}: the model cannot be read: {reason}") from None
