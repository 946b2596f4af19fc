"""Timelines of mixes with a known truth, made from labelled tracks.

Parts of 10 to 120 s (log-uniform), each of another genre than the one before; 2 to 4 minutes in
all. Tracks are drawn as they are frequent in the split. A part longer than its clip goes on with
other tracks of the same genre, butt-joined, and with the same ones again where there are no more:
the truth has no boundary there. One mix has one kind of transition throughout.

Timelines go through the product's own way: decision, smoothing, all. What is not decided ("unsure",
"no music") counts as wrong in the accuracy. A *switch* is a moment from which another genre than
the last decided one is decided; time without a decision in between is none. A switch is *false*
unless a true change, or the start of the mix, lies within the 10 s before it or in its own step, or
it lies in a crossfade: a jump to a wrong genre and back counts twice, a right answer that comes
later than 10 s once. *Boundaries* are the switches, matched within 3 s by mir_eval (ends of the mix
ignored). The *delay* runs from a true change (the middle of a crossfade) to the end of the first
step that decides for the new genre, 0 where it was decided already.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import mir_eval.segment  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from streamgenre.model.model import Model
from streamgenre.update import Segment

from ...data.record import SAMPLE_RATE, DataError, Track
from ...inference import Audio, Progress, no_progress
from ..inputs import seconds
from ..metrics import Estimate, Result, mean_draws, ratio_draws, with_interval
from ..presentation import number, percent, table

Transition = Literal["hard cut", "level-matched cut", "crossfade"]
TRANSITIONS: tuple[Transition, ...] = ("hard cut", "level-matched cut", "crossfade")
SHORTEST_PART, LONGEST_PART = 10.0, 120.0  # s
TOLERANCE = 3.0  # s, for boundaries
GRACE = 10.0  # s after a true change in which a switch is no false one
SHORTEST_CLIP = 1.0  # s; from shorter ones no part would be music
_USUAL_TOTAL = 180.0  # s
_TOTAL, _FULL = (120.0, 210.0), 240.0  # s; the last part ends at the latest at _FULL
_FADE = (4.0, 16.0)  # s
_MOST_GAIN = 12.0  # dB; a level is not matched by blowing up near-silence


@dataclass(frozen=True)
class Part:
    """An excerpt of one genre; a crossfade's middle is where one part ends and the next begins."""

    start: float  # s
    end: float
    genre: str
    fade: float  # s, length of the crossfade into this part; 0: a cut


@dataclass(frozen=True)
class Mix:
    """Audio and truth; the parts tile [0, len(samples) / SAMPLE_RATE]."""

    samples: NDArray[np.float32]
    parts: tuple[Part, ...]
    transition: Transition


_Span = TypeVar("_Span", Part, Segment)


def usual_count(tracks: Sequence[Track], audio: Audio) -> int:
    """How many mixes are worth their time: few where they could only play the same music again."""
    lengths = [seconds(audio, t.key) for t in tracks if seconds(audio, t.key) >= SHORTEST_CLIP]
    once = sum(lengths) / _USUAL_TOTAL  # mixes to play everything once
    return min(100, 4 * len(lengths), max(3, round(10 * once)))


def mixable(tracks: Sequence[Track], audio: Audio) -> list[Track]:
    """Clips as long as a part where they are of two genres, else those of a second and more.

    None where these, too, are of one genre.
    """
    for shortest in (SHORTEST_PART, SHORTEST_CLIP):
        long = [t for t in tracks if seconds(audio, t.key) >= shortest]
        if len({t.genre for t in long}) > 1:
            return long
    return []


def make_mixes(tracks: Sequence[Track], audio: Audio, count: int, seed: int = 0) -> Iterator[Mix]:
    """`count` mixes; the n-th is the same whatever the count. Raises DataError for one genre."""
    long = mixable(tracks, audio)
    if not long:
        raise DataError("mixes need tracks of two genres at least, of a second or more")
    for i in range(count):
        yield _mix(long, audio, TRANSITIONS[i % 3], np.random.default_rng([seed, i]))


def _mix(
    tracks: Sequence[Track], audio: Audio, transition: Transition, rng: np.random.Generator
) -> Mix:
    parts = _plan(tracks, transition, rng)
    edges = [round(part.start * SAMPLE_RATE) for part in parts] + [
        round(parts[-1].end * SAMPLE_RATE)
    ]
    fades = [round(part.fade / 2 * SAMPLE_RATE) for part in parts] + [0]  # half of each
    samples = np.zeros(edges[-1], np.float32)
    level = 0.0
    for i, part in enumerate(parts):
        first, last = edges[i] - fades[i], edges[i + 1] + fades[i + 1]
        clip = _music(tracks, audio, part.genre, last - first, rng)
        own = float(np.sqrt(np.mean(np.square(clip, dtype=np.float64))))
        if transition == "level-matched cut" and level and own:
            gain = np.clip(level / own, 10 ** (-_MOST_GAIN / 20), 10 ** (_MOST_GAIN / 20))
            clip, own = clip * np.float32(gain), own * float(gain)
        level = own
        if fades[i]:
            clip[: 2 * fades[i]] *= rise(2 * fades[i])
        if fades[i + 1]:
            clip[-2 * fades[i + 1] :] *= rise(2 * fades[i + 1])[::-1]
        samples[first:last] += clip
    return Mix(np.clip(samples, -1, 1), tuple(parts), transition)


def _plan(tracks: Sequence[Track], transition: Transition, rng: np.random.Generator) -> list[Part]:
    """Lengths on whole samples, genres, and fades that leave every part a moment of its own."""
    total, position = rng.uniform(*_TOTAL), 0.0
    lengths: list[float] = []
    genres: list[str] = []
    while position < total:
        length = float(np.exp(rng.uniform(np.log(SHORTEST_PART), np.log(LONGEST_PART))))
        lengths.append(round(min(length, _FULL - position) * SAMPLE_RATE) / SAMPLE_RATE)
        position += lengths[-1]
        genres.append(str(rng.choice([t.genre for t in tracks if t.genre not in genres[-1:]])))
    parts: list[Part] = []
    for i, (length, genre) in enumerate(zip(lengths, genres, strict=True)):
        start = parts[-1].end if parts else 0.0
        fade = 0.0
        if transition == "crossfade" and i:
            fade = float(rng.uniform(_FADE[0], min(_FADE[1], length, lengths[i - 1])))
        parts.append(Part(start, start + length, genre, fade))
    return parts


def _music(
    tracks: Sequence[Track], audio: Audio, genre: str, samples: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """So many samples of a genre, track after track in random order, all before any again."""
    keys = [t.key for t in tracks if t.genre == genre]
    taken: list[NDArray[np.int16]] = []
    missing = samples
    while missing > 0:
        for key in rng.permutation(keys):
            taken.append(audio[key][: max(0, missing)])
            missing -= len(taken[-1])
    return np.concatenate(taken).astype(np.float32) / np.float32(32768)


def rise(samples: int) -> NDArray[np.float32]:
    """Equal power: the squares of a rise and of the fall beside it sum to one."""
    return np.sin(np.linspace(0, np.pi / 2, samples, dtype=np.float32))


@dataclass(frozen=True)
class Measured:
    """One mix: times in seconds."""

    transition: Transition
    duration: float
    right: float  # time with the right genre decided
    decided: float  # time with any genre decided
    boundaries: tuple[float, float, float]  # precision, recall, F
    false_switches: int
    delays: tuple[float | None, ...]  # of each true change; None: not within its part


class MixMetrics(Result):
    """Time-weighted and pooled over mixes; boundary metrics are means over mixes."""

    hop: float | None = None  # s, over all transitions
    mixes: int
    minutes: float
    accuracy: Estimate
    coverage: float
    accuracy_where_decided: float | None
    boundary_f: float
    boundary_f_interval: tuple[float, float]
    boundary_precision: float
    boundary_recall: float
    false_switches_a_minute: float
    false_switches_interval: tuple[float, float]
    changes: int
    median_delay: float | None
    never_reached: float | None
    transitions: Mapping[str, MixMetrics] = {}


def measure(
    model: Model, mixes: Iterable[Mix], count: int, hop: float, progress: Progress = no_progress
) -> MixMetrics:
    """Metrics over all mixes and of each kind of transition."""
    measured = []
    for done, mix in enumerate(mixes, 1):
        segments = model.classify((mix.samples, SAMPLE_RATE), hop).segments
        measured.append(score(mix.parts, segments, hop, mix.transition))
        progress("timelines of mixes", done, count)
    kinds = {kind: [m for m in measured if m.transition == kind] for kind in TRANSITIONS}
    transitions = {kind: pooled(members) for kind, members in kinds.items() if members}
    return pooled(measured, hop=hop).model_copy(update={"transitions": transitions})


def score(
    truth: Sequence[Part], segments: Sequence[Segment], hop: float, transition: Transition
) -> Measured:
    """One mix's decided segments, from steps of `hop` seconds, against its parts."""
    edges = np.unique([0.0, *(p.end for p in truth), *(s.end for s in segments)])
    lengths, middles = np.diff(edges), (edges[1:] + edges[:-1]) / 2
    true = [_at(truth, time).genre for time in middles]
    decided = [_at(segments, time).genre for time in middles]
    right = np.array([a == b for a, b in zip(true, decided, strict=True)])
    known = np.array([genre is not None for genre in decided])
    switches = find_switches(segments)
    return Measured(
        transition,
        float(lengths.sum()),
        float(lengths[right].sum()),
        float(lengths[known].sum()),
        boundary_scores([p.start for p in truth[1:]], switches, truth[-1].end),
        sum(not any(_allowed(part, time, hop) for part in truth) for time in switches),
        tuple(delay(part, segments, hop) for part in truth[1:]),
    )


def find_switches(segments: Sequence[Segment]) -> list[float]:
    """Moments from which another genre than the last decided one is decided."""
    decided = [s for s in segments if s.genre is not None]
    return [b.start for a, b in itertools.pairwise(decided) if a.genre != b.genre]


def boundary_scores(
    true: Sequence[float], switches: Sequence[float], end: float
) -> tuple[float, float, float]:
    """Precision, recall and F-measure of boundaries inside a mix, within TOLERANCE."""
    if not true or not switches:
        return (0.0, 0.0, 0.0) if true or switches else (1.0, 1.0, 1.0)
    scores = mir_eval.segment.detection(  # type: ignore[no-untyped-call]
        _intervals(true, end), _intervals(switches, end), window=TOLERANCE, trim=True
    )
    precision, recall, f = map(float, scores)
    return precision, recall, f


def pooled(measured: Sequence[Measured], **more: float) -> MixMetrics:
    """Metrics over mixes; `more` fields are taken over."""
    duration = np.array([m.duration for m in measured])
    right, decided = np.array([(m.right, m.decided) for m in measured]).T
    delays = [delay for m in measured for delay in m.delays]
    reached = [delay for delay in delays if delay is not None]
    precision, recall, f = np.mean([m.boundaries for m in measured], axis=0)
    minutes = float(duration.sum() / 60)
    switches = np.array([m.false_switches for m in measured])
    rate = float(switches.sum()) / minutes
    boundary = with_interval(float(f), mean_draws([m.boundaries[2] for m in measured]))
    false = with_interval(rate, ratio_draws(switches, duration / 60))
    return MixMetrics(
        mixes=len(measured),
        minutes=round(minutes, 1),
        accuracy=with_interval(right.sum() / duration.sum(), ratio_draws(right, duration)),
        coverage=round(float(decided.sum() / duration.sum()), 4),
        accuracy_where_decided=_share(right.sum(), decided.sum()),
        boundary_f=round(float(f), 4),
        boundary_f_interval=(boundary.low, boundary.high),
        boundary_precision=round(float(precision), 4),
        boundary_recall=round(float(recall), 4),
        false_switches_a_minute=round(rate, 3),
        false_switches_interval=(false.low, false.high),
        changes=len(delays),
        median_delay=round(float(np.median(reached)), 2) if reached else None,
        never_reached=_share(len(delays) - len(reached), len(delays)),
        **more,
    )


def _at(spans: Sequence[_Span], time: float) -> _Span:
    """The span that holds a time; the last one where the rounding of its end leaves it out."""
    return next((s for s in spans if s.start <= time < s.end), spans[-1])


def _allowed(part: Part, time: float, hop: float) -> bool:
    """Whether a part's beginning explains a switch whose step is (time, time + hop]."""
    first, last = part.start - part.fade / 2, part.start + max(GRACE, part.fade / 2)
    return first - hop <= time <= last


def delay(part: Part, segments: Sequence[Segment], hop: float) -> float | None:
    """Seconds until the part's genre is decided. A step's decision is known at the step's end."""
    for s in segments:
        known = s.start + hop
        if s.genre == part.genre and s.end > part.start and known <= part.end:
            return max(0.0, known - part.start)
    return None


def _intervals(boundaries: Sequence[float], end: float) -> NDArray[np.float64]:
    edges = np.array([0.0, *boundaries, end])
    return np.stack([edges[:-1], edges[1:]], 1)


def _share(part: float, whole: float) -> float | None:
    return round(float(part / whole), 4) if whole else None


def summary(m: MixMetrics) -> list[str]:
    """A sentence for the head of the report."""
    if m.never_reached is None:
        return []
    missed = f"after {percent(m.never_reached)} of the changes it never is."
    if m.median_delay is None:
        return [f"When the genre changes in a mix, the new one is decided too late: {missed}"]
    return [
        f"When the genre changes in a mix, the new one is decided after {m.median_delay:.1f}"
        f" s (median); {missed}"
    ]


def section(mixes: MixMetrics | None) -> list[str]:
    """Timelines of mixes, by kind of transition."""
    if not mixes:
        return []
    rows = [
        (
            name,
            m.mixes,
            m.accuracy,
            number(m.coverage),
            number(m.accuracy_where_decided),
            number(m.boundary_f),
            number(m.false_switches_a_minute, 2),
            number(m.median_delay, 1),
            number(m.never_reached, 2),
        )
        for name, m in {"all": mixes, **mixes.transitions}.items()
    ]
    header = ["transition", "mixes", "time right", "decided", "right where decided"]
    header += ["boundary F, 3 s", "false switches a minute", "median delay, s", "never reached"]
    return [
        "## Changes of genre: timelines of mixes",
        f"{mixes.minutes} minutes made from the split's tracks, steps of {mixes.hop} s, with "
        "smoothing and decision as in the product; definitions in `evaluation/probes/mixes.py`. "
        "The interval is over mixes.",
        table(header, rows),
        "Boundary F: how well the moments at which the decided genre switches match the true "
        "changes, within 3 s; 1 is all of them and no others. Never reached: the share of changes "
        "after which the new genre is not decided before its part ends; the median delay is over "
        "the other changes.",
    ]
