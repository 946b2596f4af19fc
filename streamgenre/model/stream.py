"""A stream: samples in, updates out, the network's state carried across chunks.

The same audio gives the same updates, bit for bit, however it is cut into `feed` calls: every
part between here and the network works on a running position, never on a call's length.
"""

from __future__ import annotations

from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from ..audio.mix import Mixer, as_frames
from ..audio.resample import Resampler
from ..audio.ring import Ring
from ..errors import SignalError
from ..update import Status, Update
from .card import Hop
from .decide import Decider
from .engine import Engine, Step, initial_state
from .styles import styles_beside

_CANCELLED = 0.1  # share of the frames from which on it is worth a warning
_FEED_FRAMES = 65_536  # taken at a time, so that a long array needs little memory


class Stream:
    """One audio source's way through a model. Cheap; not for use by two threads at once.

    `non_finite` counts samples that became 0, `state_resets` how often the network gave something
    not finite and its state was started anew; `time` is how many seconds were fed.
    """

    def __init__(
        self, engine: Engine, hop: Hop, many: bool = False, embedding: bool = False
    ) -> None:
        self._engine, self._hop, self._embedding = engine, hop, embedding
        self._card = engine.card
        self._labels = self._card.label_names
        self._front = engine.front_end(hop, many)
        self._ring = Ring(capacity=2 * hop.samples, history=hop.window - hop.samples)
        self._decider = Decider(self._card.thresholds, len(self._labels))
        self.reset()

    def reset(self) -> None:
        """Start anew in everything: memory, time, counts, sample rate."""
        self._rate: float | None = None
        self._channels = 0
        self._resampler: Resampler | None = None
        self._mixer = Mixer()
        self._origin = 0.0  # s, where the present run of unbroken samples began
        self._frames = 0  # input frames since then
        self._hops = 0  # whole steps since then
        self._closed = False
        self._samples_a_frame = 1
        self.non_finite = self.state_resets = 0
        self.reset_state()
        self._clear()

    def _clear(self) -> None:
        self._ring.clear()
        self._front.clear()

    def reset_state(self) -> None:
        """Forget what was heard; time goes on."""
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
            "a stream cannot be pickled or copied, since its resampler cannot: pass the samples, "
            "or the model, and open a stream there with model.stream()"
        )

    @property
    def state(self) -> NDArray[np.float32]:
        """A copy of the network's state, float32 (1, S); its meaning is the network's own."""
        return self._state.copy()

    @property
    def hop(self) -> float:
        """Seconds between updates."""
        return self._hop.seconds

    @property
    def time(self) -> float:
        """Seconds fed since the start, gaps included."""
        return self._origin + (self._frames / self._rate if self._rate else 0.0)

    @property
    def warnings(self) -> list[str]:
        """What was wrong with the samples so far, each kind once."""
        found = []
        frames = self._mixer.frames
        if self._mixer.cancelled > _CANCELLED * frames:
            found.append(
                "the channels cancel each other, as if one of them were inverted; they were mixed "
                "with their signs made equal (check the cables, or take one channel)"
            )
        if self.non_finite:
            total = max(1, frames * self._samples_a_frame)
            share = "all" if self.non_finite >= total else f"{self.non_finite}"
            found.append(
                f"{share} samples are not finite (NaN, infinite or beyond 1e6) and were taken as "
                "silence, which is no-music"
            )
        if self.state_resets:
            found.append(f"the state was not finite and was reset {self.state_resets} times")
        return found

    @property
    def smoothed(self) -> dict[str, float]:
        """Label -> smoothed probability, of which `confidence` and decisions are made."""
        return dict(zip(self._labels, map(float, self._decider.smoothed), strict=True))

    def feed(self, samples: NDArray[np.generic], sample_rate: float) -> list[Update]:
        """Updates that these samples complete: often none, sometimes several.

        Args:
            samples: float32 in [-1, 1] or int16, (n,) or (n, channels); any n, also 0.
            sample_rate: Hz, the same in all calls.

        Raises SignalError where shape, type, rate or channels cannot be right, and after flush.
        """
        if self._closed:
            raise SignalError("the stream was flushed; reset() it or open another")
        frames = as_frames(samples, self._channels)
        if self._rate is None:
            self._resampler = Resampler(sample_rate, self._card.sample_rate)
            self._rate, self._channels = sample_rate, frames.shape[1]
            self._samples_a_frame = frames.shape[1]
        elif sample_rate != self._rate or frames.shape[1] != self._channels:
            raise SignalError(
                f"the stream began at {self._rate:g} Hz with {self._channels} channels, now "
                f"{sample_rate:g} Hz with {frames.shape[1]} channels; open a stream for each"
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
        """The last update, of a window padded with silence, if unread samples remain."""
        if self._closed:
            return []
        self._closed = True
        self._mixer.finish()
        return self._finish()

    def gap(self, seconds: float) -> list[Update]:
        """So many seconds were lost: time goes on, the state starts anew.

        What comes then may have another rate and other channels: another device, say.
        """
        if self._closed or not 0 < seconds < np.inf:
            raise SignalError("a gap needs a positive length and a stream that is not flushed")
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
            Update(self._origin, "gap", None, self._labels[0], even, 0.0, unknown, -np.inf, {})
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
        """Wait for steps that are under way: here none ever is."""

    def _take(self, mono: NDArray[np.float32], updates: list[Update]) -> None:
        """Samples at the model's rate into the ring, and every step that they complete."""
        position = 0
        while position < len(mono):
            position += self._ring.write(mono[position:])
            while len(self._ring) >= self._hop.samples:
                updates.append(self._step(self._hop.samples))

    def _step(self, new: int) -> Update:
        """One step, `new` samples of which are audio and not padding."""
        level = self._hear()
        return self._conclude(self._engine.run(self._front.heard, self._state), new, level)

    def _hear(self) -> float:
        """Take a hop off the ring into the front end; its level in dBFS."""
        taken = self._front.read(self._ring)
        self.non_finite += taken.non_finite
        return taken.level

    def _conclude(self, step: Step, new: int, level: float) -> Update:
        """The update of a step's outputs, which become the stream's memory."""
        step = self._sound(step)
        self._state = step.next_state
        self._hops += 1
        seconds = new / self._card.sample_rate
        status, genre = self._decider.decide(
            step.probabilities[0], float(step.music[0]), level, seconds
        )
        whole = new == self._hop.samples
        time = self._origin + self._hops * self._hop.seconds if whole else self.time
        return self._update(time, status, genre, step, level)

    def _sound(self, step: Step) -> Step:
        """The step if all of it is finite; else another one with the state started anew."""
        if _finite(step):
            return step
        self.state_resets += 1
        fresh = initial_state(self._card, hop=self._hop)
        step = self._engine.run(self._front.heard, fresh)
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
            styles={} if styles is None else styles_beside(self._card, label, styles[0]),
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
