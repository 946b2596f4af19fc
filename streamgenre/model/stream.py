"""A stream: takes samples, returns updates, and carries the network's state across chunks.

The same audio gives the same updates, bit for bit, for any division into chunks: everything between
`feed` and the network depends on the position in the stream, never on the length of a chunk.
"""

from __future__ import annotations

from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from ..audio.mix import Mixer, as_frames
from ..audio.resample import Resampler
from ..audio.ring import Ring
from ..errors import SignalError
from ..update import DIGITAL_SILENCE, Status, Update
from .card import Hop
from .decide import Decider
from .engine import Engine, Step, initial_state
from .styles import styles_of

_CANCELLED = 0.1  # share of frames with cancelling channels from which on there is a warning
_FEED_FRAMES = 65_536  # frames processed at a time, so that a long chunk needs little memory


class Stream:
    """The path of one audio source through a model; see `Model.stream`.

    Streams are cheap. A stream is not thread-safe.

    Attributes:
        non_finite: number of non-finite samples, which are replaced with zeros.
        state_resets: number of resets after a non-finite output or state of the network.
    """

    def __init__(
        self, engine: Engine, hop: Hop, compiled: bool = False, embedding: bool = False
    ) -> None:
        self._engine, self._hop, self._embedding = engine, hop, embedding
        self._card = engine.card
        self._labels = self._card.label_names
        self._front = engine.front_end(hop, compiled)
        self._ring = Ring(capacity=2 * hop.samples, history=hop.window - hop.samples)
        self._decider = Decider(self._card.thresholds, len(self._labels))
        self.reset()

    def reset(self) -> None:
        """Reset everything: state, time, counters and sample rate."""
        self._rate: float | None = None
        self._channels = 0
        self._resampler: Resampler | None = None
        self._mixer = Mixer()
        self._origin = 0.0  # s, end of the last gap
        self._frames = 0  # input frames since then
        self._hops = 0  # complete steps since then
        self._closed = False
        self._samples_a_frame = 1
        self.non_finite = self.state_resets = 0
        self.reset_state()
        self._clear()

    def _clear(self) -> None:
        self._ring.clear()
        self._front.clear()

    def reset_state(self) -> None:
        """Reset the network's state and the decision; time continues."""
        self._state = initial_state(self._card, hop=self._hop)
        self._decider.reset()

    def __repr__(self) -> str:
        rate = f" at {self._rate:g} Hz" if self._rate else ""
        return (
            f"<{type(self).__name__} of {self._card.name} {self._card.version}: "
            f"hop {self.hop:g} s, {self.time:.1f} s fed{rate}>"
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a stream cannot be pickled or copied; pass the samples, or pass the model and open a "
            "stream there with model.stream()"
        )

    @property
    def state(self) -> NDArray[np.float32]:
        """A copy of the network's state, float32 (1, S); opaque outside the network."""
        return self._state.copy()

    @property
    def hop(self) -> float:
        """Seconds between updates."""
        return self._hop.seconds

    @property
    def time(self) -> float:
        """Seconds since the start, including gaps."""
        return self._origin + (self._frames / self._rate if self._rate else 0.0)

    @property
    def warnings(self) -> list[str]:
        """Problems of the samples so far, one line per kind."""
        warnings = []
        frames = self._mixer.frames
        if self._mixer.cancelled > _CANCELLED * frames:
            warnings.append(
                "the channels cancel each other, as if one were inverted; their signs were made "
                "equal before mixing (check the cables, or use one channel)"
            )
        if self.non_finite:
            total = max(1, frames * self._samples_a_frame)
            share = "all" if self.non_finite >= total else f"{self.non_finite}"
            warnings.append(
                f"{share} samples are not finite (NaN, infinite or beyond 1e6) and were replaced "
                "with silence (no-music)"
            )
        if self.state_resets:
            warnings.append(f"the state was not finite and was reset {self.state_resets} times")
        return warnings

    @property
    def smoothed(self) -> dict[str, float]:
        """Label -> smoothed probability, on which `confidence` and decisions are based."""
        return dict(zip(self._labels, map(float, self._decider.smoothed), strict=True))

    def feed(self, samples: NDArray[np.generic], sample_rate: float) -> list[Update]:
        """Process samples; returns the updates that they complete, often none.

        Args:
            samples: float32 in [-1, 1] or int16, (n,) or (n, channels), n >= 0.
            sample_rate: Hz; must not change within a stream.

        Raises SignalError if shape, type, rate or channels are invalid, and after `flush`.
        """
        if self._closed:
            raise SignalError("the stream was flushed; call reset() or open a new stream")
        frames = as_frames(samples, self._channels)
        if self._rate is None:
            self._resampler = Resampler(sample_rate, self._card.sample_rate)
            self._rate, self._channels = sample_rate, frames.shape[1]
            self._samples_a_frame = frames.shape[1]
        elif sample_rate != self._rate or frames.shape[1] != self._channels:
            raise SignalError(
                f"sample rate or channels changed from {self._rate:g} Hz, {self._channels} "
                f"channels, to {sample_rate:g} Hz, {frames.shape[1]} channels; open a new stream"
            )
        assert self._resampler is not None
        updates: list[Update] = []
        for first in range(0, len(frames), _FEED_FRAMES):
            mono, unusable = self._mixer.mix(frames[first : first + _FEED_FRAMES])
            self.non_finite += unusable
            self._frames += len(mono)
            self._take(self._resampler.push(mono), updates)
        return updates

    def flush(self) -> list[Update]:
        """Zero-pad and process the remaining samples; returns the last update, if any."""
        if self._closed:
            return []
        self._closed = True
        self._mixer.finish()
        return self._finish()

    def gap(self, seconds: float) -> list[Update]:
        """Report that `seconds` of audio were lost: time advances, the state is reset.

        The samples that follow may have another rate and other channels, as from another device.
        """
        if self._closed or not 0 < seconds < np.inf:
            raise SignalError(
                "a gap must have a positive, finite length and must not follow flush()"
            )
        updates = self._finish()
        self._origin = self.time + seconds
        self._frames = self._hops = 0
        self._clear()
        self.reset_state()
        self._rate, self._channels, self._resampler = None, 0, None
        self._mixer.restart()
        even = 1 / len(self._labels)
        unknown = dict.fromkeys(self._labels, even)
        updates.append(
            Update(
                self._origin, "gap", None, self._labels[0], even, 0.0, unknown, DIGITAL_SILENCE, {}
            )
        )
        return updates

    def _finish(self) -> list[Update]:
        updates: list[Update] = []
        if self._resampler is not None:
            self._take(self._resampler.finish(), updates)
        self._settle()
        if rest := len(self._ring):
            self._ring.write(np.zeros(self._hop.samples - rest, np.float32))
            updates.append(self._step(rest))
        return updates

    def _settle(self) -> None:
        """Finish pending steps. Only pooled streams have any."""

    def _take(self, mono: NDArray[np.float32], updates: list[Update]) -> None:
        """Write samples at the model's rate to the ring and run the steps that they complete."""
        position = 0
        while position < len(mono):
            position += self._ring.write(mono[position:])
            while len(self._ring) >= self._hop.samples:
                updates.append(self._step(self._hop.samples))

    def _step(self, new: int) -> Update:
        """Run one step, of which `new` samples are audio and the rest is padding."""
        level = self._read_hop()
        return self._conclude(self._engine.run(self._front.inputs, self._state), new, level)

    def _read_hop(self) -> float:
        """Pass one hop from the ring to the front end; returns its level in dBFS."""
        taken = self._front.read(self._ring)
        self.non_finite += taken.non_finite
        return taken.level

    def _conclude(self, step: Step, new: int, level: float) -> Update:
        """Store the next state and return the update of a step."""
        step = self._finite_step(step)
        self._state = step.next_state
        self._hops += 1
        seconds = new / self._card.sample_rate
        status, genre = self._decider.decide(
            step.probabilities[0], float(step.music[0]), level, seconds
        )
        whole = new == self._hop.samples
        time = self._origin + self._hops * self._hop.seconds if whole else self.time
        return self._update(time, status, genre, step, level)

    def _finite_step(self, step: Step) -> Step:
        """The step if it is finite, otherwise the step repeated with the initial state."""
        if _finite(step):
            return step
        self.state_resets += 1
        fresh = initial_state(self._card, hop=self._hop)
        step = self._engine.run(self._front.inputs, fresh)
        if _finite(step):
            return step
        even = np.full_like(step.probabilities, 1 / len(self._labels))
        return Step(even, np.zeros_like(step.music), fresh)

    def _update(
        self, time: float, status: Status, genre: int | None, step: Step, level: float
    ) -> Update:
        smoothed = self._decider.smoothed
        top = int(smoothed.argmax())
        label = self._labels[top]
        styles, gates = step.styles, step.gates
        return Update(
            time=time,
            status=status,
            genre=None if genre is None else self._labels[genre],
            top=label,
            confidence=float(smoothed[top]),
            music=float(step.music[0]),
            probabilities=dict(zip(self._labels, map(float, step.probabilities[0]), strict=True)),
            level=level,
            styles={} if styles is None else styles_of(self._card, label, styles[0]),
            gates=() if gates is None else tuple(map(float, gates[0])),
            speech=None if step.speech is None else float(step.speech[0]),
            embedding=self._embedding_of(step),
        )

    def _embedding_of(self, step: Step) -> NDArray[np.float32] | None:
        if not self._embedding or step.embedding is None:
            return None
        embedding: NDArray[np.float32] = step.embedding[0].copy()
        return embedding


def _finite(step: Step) -> bool:
    parts = (step.probabilities, step.music, step.next_state, step.styles, step.speech)
    return all(np.isfinite(part).all() for part in parts if part is not None)
