"""A loaded model: streams for live audio, timelines for recordings."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from importlib import resources
from numbers import Real
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..audio.files import open_source
from ..audio.files.raw import RawFormat
from ..audio.files.source import BLOCK, Gap, Source, no_audio
from ..audio.mix import as_array
from ..errors import ConfigError, InputError, ModelFileError, SignalError
from ..update import Update
from .card import ModelCard, read_card
from .engine import Engine
from .onnxfile import LARGEST_FILE
from .pool import StreamPool
from .stream import Stream
from .timeline import Timeline

BUNDLED = ("tfcrnn", "tfcrnn-half")  # names of the bundled models, the default first

Compute = Literal["auto", "cpu", "cuda"]
Recording = str | os.PathLike[str] | BinaryIO | tuple[NDArray[np.generic], float]


class Origin(NamedTuple):
    """The arguments of `load`."""

    path: str | None
    compute: Compute


class Model:
    """One set of weights, shared by any number of streams and threads.

    A model from `load` is pickled as its path and hash. The same file must exist where the model is
    unpickled, for example in another process.
    """

    def __init__(self, engine: Engine, origin: Origin | None = None) -> None:
        self.engine, self._origin = engine, origin

    def __repr__(self) -> str:
        card = self.card
        hops = ", ".join(f"{hop.seconds:g}" for hop in card.hops)
        return (
            f"<Model {card.name} {card.version}: {len(card.labels)} genres, hops of {hops} s, "
            f"{card.sample_rate} Hz>"
        )

    def __reduce__(self) -> tuple[Callable[..., Model], tuple[Any, ...]]:
        if self._origin is None:
            raise TypeError("a model that was not loaded from a file cannot be pickled")
        return _load_same, (self._origin, self.card.sha256)

    @property
    def card(self) -> ModelCard:
        """The model card."""
        return self.engine.card

    def stream(self, hop: float | None = None, *, embedding: bool = False) -> Stream:
        """A new stream.

        Args:
            hop: seconds between updates; None selects the card's hop for live audio.
            embedding: whether updates include the embedding.

        Raises ConfigError if the model does not have this hop, or no embedding.
        """
        if embedding and not self.engine.has_embedding:
            raise ConfigError(f"model {self.card.name} has no embedding; use the bundled model")
        chosen = self.card.hop(self.card.live_hop if hop is None else hop)
        return Stream(self.engine, chosen, embedding=embedding)

    def pool(
        self, hop: float | None = None, *, batch: int = 16, patience: float = 0.1
    ) -> StreamPool:
        """A pool of streams whose steps run in batches; see StreamPool.

        Args:
            hop: seconds between updates; None selects the card's hop for live audio.
            batch: maximum number of streams in one batch.
            patience: seconds that a step waits for others to join its batch.
        """
        seconds = self.card.live_hop if hop is None else hop
        return StreamPool(self.engine, self.card.hop(seconds), batch, patience)

    def follow(
        self,
        source: Source,
        hop: float | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Iterator[Update]:
        """Updates of an opened source as they are computed.

        Args:
            source: an opened source; problems of the input are added to its `warnings`.
            hop: seconds between updates; None selects the card's hop for files.
            progress: called after each block with the seconds read so far.
        """
        stream = self.stream(self.card.file_hop if hop is None else hop)
        loudest = -np.inf  # dBFS
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
            loudest = max([loudest, *(update.level for update in updates)])
            yield from updates
            if progress is not None:
                progress(stream.time)
        if stream.time == 0:
            raise InputError(f"{source.name}: {no_audio(source.warnings)}")
        try:
            updates = stream.flush()
        except SignalError as error:
            if isinstance(source, _Samples):
                raise
            raise InputError(f"{source.name}: {error}") from None
        loudest = max([loudest, *(update.level for update in updates)])
        yield from updates
        source.warnings += stream.warnings
        window = max(hop.window for hop in self.card.hops) / self.card.sample_rate
        if stream.time < window:
            source.warnings.append(
                f"only {stream.time:.1f} s long; the result is uncertain, since the model reads "
                f"windows of {window:g} s"
            )
        if loudest < self.card.thresholds.silence and not stream.non_finite:
            source.warnings.append("is silent from start to end")

    def classify(
        self,
        recording: Recording,
        hop: float | None = None,
        *,
        raw: RawFormat | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Timeline:
        """The timeline of a recording.

        Args:
            recording: a path, a URL, "-" for standard input, a binary file object, or a tuple
                (samples, sample_rate).
            hop: seconds between updates; None selects the card's hop for files.
            raw: format of raw samples; None if the recording is an audio file.
            progress: called after each block with the seconds read so far.

        Raises InputError if the recording cannot be read. If a damaged recording can be decoded in
        part, the timeline's `warnings` describe the damage.
        """
        source: Source
        if isinstance(recording, tuple):
            source = _Samples(recording)
        else:
            _check_recording(recording)
            source = open_source(recording, raw)
        try:
            return self.timeline(source, hop, progress)
        finally:
            source.close()

    def timeline(
        self,
        source: Source,
        hop: float | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Timeline:
        """As `classify`, for an opened source."""
        timeline = Timeline(self.card, self.card.file_hop if hop is None else hop)
        for update in self.follow(source, hop, progress):
            timeline.append(update)
        timeline.warnings = tuple(source.warnings)
        return timeline


class _Samples:
    """Samples in memory as a Source."""

    name = "<samples>"
    channels = 0

    def __init__(self, recording: tuple[NDArray[np.generic], float]) -> None:
        if len(recording) != 2:
            raise SignalError(
                f"a tuple of {len(recording)} is not a recording; pass (samples, sample_rate)"
            )
        samples, sample_rate = recording
        if np.ndim(sample_rate):
            raise SignalError("the sample rate comes second: pass (samples, sample_rate)")
        if not isinstance(sample_rate, Real):
            raise SignalError(f"sample rate must be a number in Hz, not {sample_rate!r}")
        self._samples: Any = as_array(samples)
        if self._samples.ndim == 0 or self._samples.size == 0:
            raise SignalError("no samples to classify")
        self.sample_rate: int = sample_rate  # type: ignore[assignment]  # soxr takes fractions
        self.stated_duration = len(self._samples) / sample_rate if sample_rate else None
        self.warnings: list[str] = []

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        for first in range(0, len(self._samples), BLOCK):
            yield self._samples[first : first + BLOCK]  # validated by `Stream.feed`

    def close(self) -> None:
        pass


def _check_recording(recording: object) -> None:
    """Raise SignalError, with a remedy, if `recording` has an unsupported type."""
    text = isinstance(recording, io.TextIOBase)
    if isinstance(recording, (str, os.PathLike)) or (hasattr(recording, "read") and not text):
        return
    if text:
        problem = "a text file is not a recording; open it in binary mode: open(path, 'rb')"
    elif recording is None:
        problem = "None is not a recording; pass a path, a URL, a binary file or (samples, rate)"
    elif isinstance(recording, (bytes, bytearray, memoryview)):
        problem = (
            "bytes are not a recording; wrap the content of a file in io.BytesIO, or pass a path "
            "as str"
        )
    elif isinstance(recording, list):
        problem = (
            "a list is not a recording; call classify for each path, or pass samples as "
            "(numpy.array(samples, numpy.float32), sample_rate)"
        )
    elif hasattr(recording, "__array__") or hasattr(recording, "__array_interface__"):
        problem = "an array needs its sample rate; pass (samples, sample_rate)"
    else:
        problem = (
            f"{type(recording).__name__} is not a recording; pass a path, a URL, a binary file or "
            "(samples, rate)"
        )
    raise SignalError(problem)


def load(path: str | os.PathLike[str] | None = None, compute: Compute = "auto") -> Model:
    """Load a model.

    Args:
        path: a model file, or the name of a bundled model, `tfcrnn` or `tfcrnn-half`. None selects
            `tfcrnn`.
        compute: "cpu" is ONNX Runtime on one core. "cuda" is PyTorch on a GPU and needs the `train`
            extra. "auto" is "cpu", which runs a single stream hundreds of times faster than real
            time and starts without loading PyTorch.

    Raises ModelFileError or DeviceError.
    """
    if compute not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"compute must be auto, cpu or cuda, not {compute!r}")
    if not (path is None or isinstance(path, (str, os.PathLike))):
        raise ConfigError(
            f"{type(path).__name__} is not a model file; pass a path, or None for the bundled model"
        )
    name, data = read_model(path)
    card = read_card(data, name)
    if compute == "cuda":
        from .torch import TorchEngine

        return Model(TorchEngine(data, card), Origin(_absolute(path), compute))
    from .onnx import OnnxEngine

    return Model(OnnxEngine(data, card), Origin(_absolute(path), compute))


def _absolute(path: str | os.PathLike[str] | None) -> str | None:
    """The absolute path, for use in another process; names of bundled models stay as they are."""
    if path is None or (str(path) in BUNDLED and not Path(path).exists()):
        return None if path is None else str(path)
    return str(Path(path).absolute())


def _load_same(origin: Origin, sha256: str) -> Model:
    """Load a pickled model. Raises ModelFileError if the file has changed."""
    model = load(origin.path, origin.compute)
    if model.card.sha256 != sha256:
        raise ModelFileError(
            f"{origin.path or 'bundled model'}: differs from the pickled model; use the same file "
            "in both processes"
        )
    return model


def read_model(path: str | os.PathLike[str] | None) -> tuple[str, bytes]:
    """Name and content of a model file or bundled model. Raises ModelFileError.

    `path`: a path, the name of a bundled model, or None for the default.
    """
    file = Path(BUNDLED[0] if path is None else path)
    if str(file) in BUNDLED and (path is None or not file.exists()):
        bundled = resources.files("streamgenre.models") / f"{file}.onnx"
        if not bundled.is_file():
            raise ModelFileError("the bundled model is missing; reinstall streamgenre")
        return "bundled model", bundled.read_bytes()
    try:
        with file.open("rb") as opened:
            return str(file), opened.read(LARGEST_FILE + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelFileError(f"{file}: the model cannot be read: {reason}") from None
