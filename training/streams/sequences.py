"""Endless streams to train a carried state on: tracks after tracks, as a radio would play them.

A lane plays a stretch of one track, then of another; the change comes after a random time, as a
hard cut, as a crossfade, or with a listener who only now switches on (state and sound start anew).
What a lane plays is planned from its seed alone, and apart from the samples: a run that was broken
off plans again up to where it was, without reading any audio.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..config import Sequences
from ..data import SAMPLE_RATE
from ..distillation.soft_targets import Lesson

NO_GENRE = -100  # torch's ignore_index


@dataclass(frozen=True)
class Piece:
    """Something a lane can play: int16 samples and what they are."""

    samples: np.ndarray
    label: int  # class index, or NO_GENRE
    music: bool
    lesson: Lesson | None = None  # what teachers say of it
    second: int = NO_GENRE  # class index of a second acceptable genre

    @property
    def length(self) -> int:
        """In samples."""
        return len(self.samples)


@dataclass(frozen=True)
class Noise:
    """A piece without music that is made only where it is heard."""

    seed: int
    length: int = 10 * SAMPLE_RATE
    label: int = NO_GENRE
    music: bool = False
    lesson: None = None
    second: int = NO_GENRE

    @cached_property
    def samples(self) -> np.ndarray:
        """int16."""
        return noise(np.random.default_rng(self.seed), self.length)


def noise(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Silence, hiss, hum or rumble, int16: what an input without music sounds like."""
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
class Stretch:
    """A part of a piece on a lane's time line, all in samples."""

    piece: Piece | Noise
    at: int  # where it begins to be heard
    end: int  # where the lane has left it
    start: int  # of the part, inside the piece
    gain: float
    fade: int  # crossfade with the stretch before, from `at` on
    fresh: bool  # the listener starts here: no memory, no earlier sound
    repeated: bool = False  # the piece begins again after its end

    @property
    def owns_from(self) -> int:
        """Where it takes over: the middle of its crossfade."""
        return self.at + self.fade // 2

    def sound(self, first: int, last: int) -> np.ndarray:
        """float32 samples of [first, last) of the time line; silence after the piece's end."""
        position = self.start + first - self.at
        part = self.piece.samples[position : position + last - first]
        if self.repeated and len(part) < last - first:
            places = np.arange(position, position + last - first)
            part = np.take(self.piece.samples, places, mode="wrap")
        sound = np.zeros(last - first, np.float32)
        sound[: len(part)] = part
        sound *= np.float32(self.gain / 32768)
        return np.clip(sound, -1.0, 1.0, out=sound)


@dataclass
class Taught:
    """What teachers say of a batch's steps."""

    genres: np.ndarray  # float32 (lanes, steps, C), a distribution where known
    genres_known: np.ndarray  # bool (lanes, steps, ticks)
    tags: np.ndarray  # float32 (lanes, steps, D), 0 to 1, of the window
    tags_known: np.ndarray  # bool (lanes, steps): the window holds one piece only


@dataclass
class Batch:
    """`steps` consecutive steps of every lane, `ticks` labels in each."""

    windows: np.ndarray  # float32 (lanes, steps, window)
    labels: np.ndarray  # int64 (lanes, steps, ticks), NO_GENRE where none
    second: np.ndarray  # int64 (lanes, steps, ticks), second acceptable genres, likewise
    music: np.ndarray  # float32 (lanes, steps), 1 or 0
    fresh: np.ndarray  # bool (lanes, steps): the state starts anew before this step
    taught: Taught | None = None


class Lane:
    """One endless stream; `advance` by a hop, then `sound` and `owner` of what was passed."""

    def __init__(
        self,
        rng: np.random.Generator,
        choose: Callable[[np.random.Generator], Piece | Noise],
        settings: Sequences,
        hop: int,
        window: int,
    ) -> None:
        self._rng, self._choose, self._settings = rng, choose, settings
        self._hop, self._window = hop, window
        # What comes next begins at most so long before the last stretch's end.
        self._ahead = max(int(settings.fade[1] * SAMPLE_RATE), hop)
        self._stretches: deque[Stretch] = deque()
        self.position = 0
        self._memory = 0  # nothing before it is heard
        self._add(at=0, fade=0, fresh=True)

    def _add(self, at: int, fade: int, fresh: bool) -> None:
        s, rng = self._settings, self._rng
        piece = self._choose(rng)
        wanted = int(rng.uniform(*s.stretch) * SAMPLE_RATE)
        length = min(piece.length, wanted)
        # Some start where the clip does, as a track does.
        random = rng.random() < 1 - s.from_start
        start = int(rng.integers(piece.length - length + 1)) if random else 0
        if s.repeat:
            length = wanted
        gain = 10 ** (rng.uniform(*s.gain) / 20)
        fade = min(fade, length // 2)
        # A crossfade begins before the stretch before it has ended.
        at -= fade
        self._stretches.append(Stretch(piece, at, at + length, start, gain, fade, fresh, s.repeat))

    def _change(self) -> None:
        """Plan what follows the last stretch."""
        s, last = self._settings, self._stretches[-1]
        kind = self._rng.random()
        fade = int(self._rng.uniform(*s.fade) * SAMPLE_RATE)
        if kind < s.fresh:
            # A state can only start anew between steps. A clip shorter than a step is padded, as
            # at a stream's end.
            hops = last.end // self._hop
            if hops * self._hop <= last.at:
                hops += 1
            self._add(at=hops * self._hop, fade=0, fresh=True)
        elif kind < s.fresh + s.crossfade:
            self._add(at=last.end, fade=min(fade, (last.end - last.at) // 2), fresh=False)
        else:
            self._add(at=last.end, fade=0, fresh=False)

    def advance(self) -> bool:
        """Go on by a hop; whether the state starts anew at its beginning."""
        begin = self.position
        self.position += self._hop
        while self._stretches[-1].end - self._ahead < self.position:
            self._change()
        fresh = any(s.fresh and s.at == begin for s in self._stretches)
        if fresh:
            self._memory = begin
        oldest = self.position - max(self._window, self._hop)
        while len(self._stretches) > 1 and (
            self._stretches[1].at + self._stretches[1].fade < oldest
        ):
            self._stretches.popleft()
        return fresh

    def stretch(self, moment: int) -> Stretch:
        """What a moment, passed already, belongs to."""
        heard = [s for s in self._stretches if s.owns_from <= moment]
        return heard[-1] if heard else self._stretches[0]

    def owner(self, moment: int) -> Piece | Noise:
        """The piece that a moment, passed already, belongs to."""
        return self.stretch(moment).piece

    def taught(self) -> tuple[Piece | Noise, Lesson, float, bool] | None:
        """Of the window that ends here: the piece that its new samples belong to, its lesson,
        where in it the middle lies (s), and whether all of the window is of that piece.
        """
        now = self.stretch(self.position - self._hop // 2)
        if now.piece.lesson is None:
            return None
        begin = self.position - self._window
        whole = begin >= max(now.at + now.fade, self._memory)
        whole &= self.stretch(self.position - 1) is now and self.position <= now.end
        # What comes next may sound already.
        whole &= not any(now.at < s.at < self.position for s in self._stretches)
        middle = now.start + (begin + self.position) // 2 - now.at
        return now.piece, now.piece.lesson, middle / SAMPLE_RATE, whole

    def sound(self) -> np.ndarray:
        """The window that ends here, float32 in [-1, 1], zeros before the listener started."""
        begin, end = self.position - self._window, self.position
        sound = np.zeros(self._window, np.float32)
        for stretch in self._stretches:
            first = max(begin, stretch.at, self._memory)
            if first >= end:
                continue
            own = stretch.sound(first, end)
            if stretch.fade:
                moments = np.arange(first - stretch.at, end - stretch.at, dtype=np.float32)
                ramp = np.clip(moments / np.float32(stretch.fade), 0.0, 1.0)
                own *= np.sqrt(ramp)
                own += sound[first - begin :] * np.sqrt(1 - ramp)
            sound[first - begin :] = own
        return np.clip(sound, -1.0, 1.0, out=sound)


def class_weights(labels: Sequence[int], power: float) -> np.ndarray:
    """Chance of each piece, so that a class comes up as its frequency to the `power`."""
    counts = np.bincount(labels)
    weights = counts[np.asarray(labels)] ** (power - 1.0)
    return np.asarray(weights / weights.sum())


class Lanes:
    """Many lanes read in step: batches of windows as a network gets them in streaming.

    `part` (number, of how many) takes every so many'th lane, for training in several processes.
    """

    def __init__(
        self,
        music: Sequence[Piece],
        other: Sequence[Piece],
        settings: Sequences,
        *,
        seed: Sequence[int],
        hop: int,
        window: int,
        tick: int,
        part: tuple[int, int] = (0, 1),
    ) -> None:
        # A track without a genre counts as what its teachers think likeliest.
        weights = class_weights([_likeliest(piece) for piece in music], settings.class_power)
        self._taught = next((p.lesson.sizes for p in music if p.lesson is not None), None)
        cumulative = np.cumsum(weights)

        def choose(rng: np.random.Generator) -> Piece | Noise:
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
        """Go on without reading any audio."""
        for lane in self._lanes:
            for _ in range(steps):
                lane.advance()

    def read(self, steps: int) -> Batch:
        """The next `steps` steps of every lane."""
        count, ticks = len(self._lanes), self._hop // self._tick
        windows = np.empty((count, steps, self._window), np.float32)
        labels = np.empty((count, steps, ticks), np.int64)
        second = np.empty_like(labels)
        music = np.empty((count, steps), np.float32)
        fresh = np.zeros((count, steps), bool)
        taught = _nothing_taught(count, steps, ticks, *self._taught) if self._taught else None
        for i, lane in enumerate(self._lanes):
            for t in range(steps):
                fresh[i, t] = lane.advance()
                windows[i, t] = lane.sound()
                middle = lane.position - self._hop + self._tick // 2
                for k in range(ticks):
                    owner = lane.owner(middle + k * self._tick)
                    labels[i, t, k], second[i, t, k] = owner.label, owner.second
                music[i, t] = lane.owner(lane.position - self._hop // 2).music
                if taught is None or (said := lane.taught()) is None:
                    continue
                piece, lesson, seconds, whole = said
                taught.genres[i, t] = lesson.genres
                for k in range(ticks):
                    own = lane.owner(middle + k * self._tick) is piece
                    taught.genres_known[i, t, k] = own
                if whole:
                    row = lesson.row(seconds)
                    taught.tags[i, t], taught.tags_known[i, t] = lesson.tags[row], True
                    music[i, t] = lesson.music[row]
        return Batch(windows, labels, second, music, fresh, taught)


def _likeliest(piece: Piece) -> int:
    if piece.label != NO_GENRE or piece.lesson is None:
        return piece.label
    return int(piece.lesson.genres.argmax())


def _nothing_taught(lanes: int, steps: int, ticks: int, classes: int, tags: int) -> Taught:
    return Taught(
        np.zeros((lanes, steps, classes), np.float32),
        np.zeros((lanes, steps, ticks), bool),
        np.zeros((lanes, steps, tags), np.float32),
        np.zeros((lanes, steps), bool),
    )


def pieces(
    keys: Sequence[str],
    audio: Mapping[str, np.ndarray],
    labels: Mapping[str, int],
    lessons: Mapping[str, Lesson] | None = None,
    seconds: Mapping[str, int] | None = None,
) -> list[Piece]:
    """Music pieces of tracks; those without a label need a lesson.

    `seconds` are the second acceptable genres, of the tracks that have one.
    """
    said, others = lessons or {}, seconds or {}
    return [
        Piece(audio[key], labels.get(key, NO_GENRE), True, said.get(key), others.get(key, NO_GENRE))
        for key in keys
    ]
