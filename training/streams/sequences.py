"""Endless training streams with a carried state: a sequence of tracks, as on the radio.

A lane plays an excerpt of one track, then of another. It changes at a random time, with a hard cut,
a crossfade, or a restart (state and previous samples are reset, as for a new listener). The
schedule of a lane depends on its seed only and is planned without reading audio, so a resumed run
can repeat it quickly.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..config import Sequences
from ..data import SAMPLE_RATE
from ..distillation.soft_targets import TrackTargets

NO_GENRE = -100  # ignore_index of torch


@dataclass(frozen=True)
class Clip:
    """A source for a lane: int16 samples with their labels."""

    samples: np.ndarray
    label: int  # class index, or NO_GENRE
    music: bool
    soft_targets: TrackTargets | None = None
    second: int = NO_GENRE  # class index of a second acceptable genre

    @property
    def length(self) -> int:
        """Number of samples."""
        return len(self.samples)


@dataclass(frozen=True)
class Noise:
    """A clip of noise, generated on first use."""

    seed: int
    length: int = 10 * SAMPLE_RATE
    label: int = NO_GENRE
    music: bool = False
    soft_targets: None = None
    second: int = NO_GENRE

    @cached_property
    def samples(self) -> np.ndarray:
        """int16 (n,)."""
        return noise(np.random.default_rng(self.seed), self.length)


def noise(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Silence, hiss, hum or rumble, int16 (n,), like an input without music."""
    if rng.random() < 0.25:
        return np.zeros(samples, np.int16)
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    hz = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE) + 20.0
    spectrum *= hz ** -rng.uniform(0.0, 1.2)  # white to brown
    if rng.random() < 0.4:
        cut = 10 ** rng.uniform(2.3, 3.8)
        spectrum *= 1 / (1 + (hz / cut) ** 4)
    signal = np.fft.irfft(spectrum, samples)
    if rng.random() < 0.3:
        mains = rng.choice([50.0, 60.0]) * np.arange(1, 6)[:, None]
        t = np.arange(samples) / SAMPLE_RATE
        signal = signal / np.abs(signal).max() + (
            np.sin(2 * np.pi * mains * t) * rng.random((5, 1))
        ).sum(0)
    level = 10 ** (rng.uniform(-70, -10) / 20)
    loudest = np.abs(signal).max()
    coded: np.ndarray = np.array(signal / loudest * level * 32767, np.int16)
    return coded


@dataclass(frozen=True)
class Excerpt:
    """A part of a clip on the time line of a lane. All times are in samples."""

    clip: Clip | Noise
    at: int  # start on the time line
    end: int  # end on the time line
    start: int  # start of the excerpt in the clip
    gain: float
    fade: int  # length of the crossfade with the previous excerpt, starting at `at`
    fresh: bool  # state and previous samples are reset at the start
    repeated: bool = False  # the clip is repeated after its end

    @property
    def owns_from(self) -> int:
        """Time from which its label applies: the middle of its crossfade."""
        return self.at + self.fade // 2

    def sound(self, first: int, last: int) -> np.ndarray:
        """float32 samples [first, last) of the time line; zeros after the end of the clip."""
        position = self.start + first - self.at
        part = self.clip.samples[position : position + last - first]
        if self.repeated and len(part) < last - first:
            places = np.arange(position, position + last - first)
            part = np.take(self.clip.samples, places, mode="wrap")
        sound = np.zeros(last - first, np.float32)
        sound[: len(part)] = part
        sound *= np.float32(self.gain / 32768)
        return np.clip(sound, -1.0, 1.0, out=sound)


@dataclass
class StepTargets:
    """Soft targets of the steps of a batch."""

    genres: np.ndarray  # float32 (lanes, steps, C), a distribution if known
    genres_known: np.ndarray  # bool (lanes, steps, ticks)
    tags: np.ndarray  # float32 (lanes, steps, D), 0 to 1, of the window
    tags_known: np.ndarray  # bool (lanes, steps): the window contains a single clip


@dataclass
class Batch:
    """`steps` consecutive steps of every lane, with `ticks` labels each."""

    windows: np.ndarray  # float32 (lanes, steps, window)
    labels: np.ndarray  # int64 (lanes, steps, ticks), NO_GENRE if unknown
    second: np.ndarray  # int64 (lanes, steps, ticks), second acceptable genres or NO_GENRE
    music: np.ndarray  # float32 (lanes, steps), 1 or 0
    fresh: np.ndarray  # bool (lanes, steps): the state is reset before this step
    soft_targets: StepTargets | None = None


class Lane:
    """One endless stream. `advance` by a hop, then query `sound` and `owner` of the past."""

    def __init__(
        self,
        rng: np.random.Generator,
        choose: Callable[[np.random.Generator], Clip | Noise],
        settings: Sequences,
        hop: int,
        window: int,
    ) -> None:
        self._rng, self._choose, self._settings = rng, choose, settings
        self._hop, self._window = hop, window
        # The next excerpt may begin this long before the end of the last one.
        self._ahead = max(int(settings.fade[1] * SAMPLE_RATE), hop)
        self._excerpts: deque[Excerpt] = deque()
        self.position = 0
        self._memory = 0  # samples before this time are zero
        self._add(at=0, fade=0, fresh=True)

    def _add(self, at: int, fade: int, fresh: bool) -> None:
        s, rng = self._settings, self._rng
        clip = self._choose(rng)
        wanted = int(rng.uniform(*s.stretch) * SAMPLE_RATE)
        length = min(clip.length, wanted)
        # A share of the excerpts starts at the beginning of the clip, as tracks do.
        random = rng.random() < 1 - s.from_start
        start = int(rng.integers(clip.length - length + 1)) if random else 0
        if s.repeat:
            length = wanted
        gain = 10 ** (rng.uniform(*s.gain) / 20)
        fade = min(fade, length // 2)
        # A crossfade starts before the end of the previous excerpt.
        at -= fade
        self._excerpts.append(Excerpt(clip, at, at + length, start, gain, fade, fresh, s.repeat))

    def _change(self) -> None:
        """Plan the excerpt after the last one."""
        s, last = self._settings, self._excerpts[-1]
        kind = self._rng.random()
        fade = int(self._rng.uniform(*s.fade) * SAMPLE_RATE)
        if kind < s.fresh:
            # The state can be reset between steps only. A clip shorter than a step is padded, as at
            # the end of a stream.
            hops = last.end // self._hop
            if hops * self._hop <= last.at:
                hops += 1
            self._add(at=hops * self._hop, fade=0, fresh=True)
        elif kind < s.fresh + s.crossfade:
            self._add(at=last.end, fade=min(fade, (last.end - last.at) // 2), fresh=False)
        else:
            self._add(at=last.end, fade=0, fresh=False)

    def advance(self) -> bool:
        """Advance by a hop. Returns whether the state is reset at its beginning."""
        begin = self.position
        self.position += self._hop
        while self._excerpts[-1].end - self._ahead < self.position:
            self._change()
        fresh = any(s.fresh and s.at == begin for s in self._excerpts)
        if fresh:
            self._memory = begin
        oldest = self.position - max(self._window, self._hop)
        while len(self._excerpts) > 1 and (self._excerpts[1].at + self._excerpts[1].fade < oldest):
            self._excerpts.popleft()
        return fresh

    def excerpt(self, moment: int) -> Excerpt:
        """The excerpt at a time in the past."""
        started = [s for s in self._excerpts if s.owns_from <= moment]
        return started[-1] if started else self._excerpts[0]

    def owner(self, moment: int) -> Clip | Noise:
        """The clip at a time in the past."""
        return self.excerpt(moment).clip

    def soft_targets(self) -> tuple[Clip | Noise, TrackTargets, float, bool] | None:
        """For the window that ends now: the clip of its new samples, the soft targets of the clip,
        the centre of the window in the clip (s), and whether the window contains this clip only.
        Returns None if the clip has no soft targets.
        """
        now = self.excerpt(self.position - self._hop // 2)
        if now.clip.soft_targets is None:
            return None
        begin = self.position - self._window
        whole = begin >= max(now.at + now.fade, self._memory)
        whole &= self.excerpt(self.position - 1) is now and self.position <= now.end
        # The next excerpt may have started already.
        whole &= not any(now.at < s.at < self.position for s in self._excerpts)
        middle = now.start + (begin + self.position) // 2 - now.at
        return now.clip, now.clip.soft_targets, middle / SAMPLE_RATE, whole

    def sound(self) -> np.ndarray:
        """The window that ends now, float32 in [-1, 1], zeros before the last reset."""
        begin, end = self.position - self._window, self.position
        sound = np.zeros(self._window, np.float32)
        for excerpt in self._excerpts:
            first = max(begin, excerpt.at, self._memory)
            if first >= end:
                continue
            own = excerpt.sound(first, end)
            if excerpt.fade:
                moments = np.arange(first - excerpt.at, end - excerpt.at, dtype=np.float32)
                ramp = np.clip(moments / np.float32(excerpt.fade), 0.0, 1.0)
                own *= np.sqrt(ramp)
                own += sound[first - begin :] * np.sqrt(1 - ramp)
            sound[first - begin :] = own
        return np.clip(sound, -1.0, 1.0, out=sound)


def class_weights(labels: Sequence[int], power: float) -> np.ndarray:
    """Sampling probability of each clip: a class is drawn with its frequency to the `power`."""
    counts = np.bincount(labels)
    weights = counts[np.asarray(labels)] ** (power - 1.0)
    return np.asarray(weights / weights.sum())


class Lanes:
    """Several lanes read in parallel, as batches of windows for streaming.

    `part` (index, number) selects the lanes of this process.
    """

    def __init__(
        self,
        music: Sequence[Clip],
        other: Sequence[Clip],
        settings: Sequences,
        *,
        seed: Sequence[int],
        hop: int,
        window: int,
        tick: int,
        part: tuple[int, int] = (0, 1),
    ) -> None:
        # A track without a genre counts as its most probable genre.
        weights = class_weights([_likeliest(clip) for clip in music], settings.class_power)
        self._target_sizes = next(
            (p.soft_targets.sizes for p in music if p.soft_targets is not None), None
        )
        cumulative = np.cumsum(weights)

        def choose(rng: np.random.Generator) -> Clip | Noise:
            if rng.random() < settings.other:
                if other and rng.random() < 0.6:
                    return other[int(rng.integers(len(other)))]
                return Noise(int(rng.integers(2**63)))
            return music[int(np.searchsorted(cumulative, rng.random() * cumulative[-1]))]

        number, parts = part
        children = np.random.default_rng(list(seed)).spawn(settings.lanes)
        self._lanes = [Lane(rng, choose, settings, hop, window) for rng in children[number::parts]]
        self._hop, self._window, self._tick = hop, window, tick

    def skip(self, steps: int) -> None:
        """Advance without reading audio."""
        for lane in self._lanes:
            for _ in range(steps):
                lane.advance()

    def read(self, steps: int) -> Batch:
        """Read the next `steps` steps of every lane."""
        count, ticks = len(self._lanes), self._hop // self._tick
        windows = np.empty((count, steps, self._window), np.float32)
        labels = np.empty((count, steps, ticks), np.int64)
        second = np.empty_like(labels)
        music = np.empty((count, steps), np.float32)
        fresh = np.zeros((count, steps), bool)
        targets = (
            _no_targets(count, steps, ticks, *self._target_sizes) if self._target_sizes else None
        )
        for i, lane in enumerate(self._lanes):
            for t in range(steps):
                fresh[i, t] = lane.advance()
                windows[i, t] = lane.sound()
                middle = lane.position - self._hop + self._tick // 2
                for k in range(ticks):
                    owner = lane.owner(middle + k * self._tick)
                    labels[i, t, k], second[i, t, k] = owner.label, owner.second
                music[i, t] = lane.owner(lane.position - self._hop // 2).music
                if targets is None or (current := lane.soft_targets()) is None:
                    continue
                clip, soft_targets, seconds, whole = current
                targets.genres[i, t] = soft_targets.genres
                for k in range(ticks):
                    own = lane.owner(middle + k * self._tick) is clip
                    targets.genres_known[i, t, k] = own
                if whole:
                    row = soft_targets.row(seconds)
                    targets.tags[i, t], targets.tags_known[i, t] = soft_targets.tags[row], True
                    music[i, t] = soft_targets.music[row]
        return Batch(windows, labels, second, music, fresh, targets)


def _likeliest(clip: Clip) -> int:
    if clip.label != NO_GENRE or clip.soft_targets is None:
        return clip.label
    return int(clip.soft_targets.genres.argmax())


def _no_targets(lanes: int, steps: int, ticks: int, classes: int, tags: int) -> StepTargets:
    return StepTargets(
        np.zeros((lanes, steps, classes), np.float32),
        np.zeros((lanes, steps, ticks), bool),
        np.zeros((lanes, steps, tags), np.float32),
        np.zeros((lanes, steps), bool),
    )


def music_clips(
    keys: Sequence[str],
    audio: Mapping[str, np.ndarray],
    labels: Mapping[str, int],
    soft_targets: Mapping[str, TrackTargets] | None = None,
    second_genres: Mapping[str, int] | None = None,
) -> list[Clip]:
    """Return the clips of tracks. Tracks without a label need soft targets.

    `second_genres` are the second acceptable genres of the tracks that have one.
    """
    targets, others = soft_targets or {}, second_genres or {}
    return [
        Clip(
            audio[key], labels.get(key, NO_GENRE), True, targets.get(key), others.get(key, NO_GENRE)
        )
        for key in keys
    ]
