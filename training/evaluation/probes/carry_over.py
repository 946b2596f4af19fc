"""State carry-over: a whole split as one stream, the state never emptied.

Tracks are joined by hard cuts, or by crossfades of equal power; every part has the same RMS level,
less where its peaks would be clipped otherwise. Beside the one stream, each track's own part is
streamed from an empty state, on the same grid of steps. Judged are the steps whose whole window
lies in the track's part, so that both receive the very same samples, and only the state differs.

What is *decided* after a change of genre, at the live hop, is replayed as in the product. Counted
are the changes to a track that the fresh state gets right (by the mean of its steps): a track that
the network always gets wrong says nothing about its state. The delay runs from the change (a
crossfade's middle) to the end of the first step that decides for the new genre, 0 where it was
decided already; its median is over the changes after which it is decided before the part ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from streamgenre.model.card import Hop, ModelCard
from streamgenre.model.model import Model

from ...data.record import SAMPLE_RATE
from ...inference import Audio, Progress, Run, no_progress, stream_tracks
from ..inputs import Scored, seconds
from ..metrics import (
    Differences,
    Estimate,
    Floats,
    Result,
    TrackMetrics,
    differences,
    mean_draws,
    median_draws,
    plain_metrics,
    with_interval,
)
from ..presentation import percent, table
from .mixes import Part, delay, rise
from .replay import replay

Joint = Literal["cuts", "crossfades"]
FADE = 4.0  # s
JOINTS: dict[Joint, float] = {"cuts": 0.0, "crossfades": FADE}
_NAMES = {"cuts": "hard cuts", "crossfades": "crossfades"}
SHORTEST, LONGEST = 10.0, 30.0  # s
MOST = 600  # tracks, of larger splits: some three hours
LEVEL = -20.0  # dBFS RMS
_PEAK = 32767 / 2**0.5  # two peaks in the middle of an equal-power fade sum to full scale


class JointMetrics(Result):
    """The tracks in the one stream, and each from an empty state."""

    tracks: int
    steps: int
    one_stream: TrackMetrics
    fresh: TrackMetrics
    difference: Differences


class Delay(Result):
    """Until the right genre is decided, seconds; the median is over those that are reached."""

    median: Estimate | None = Field(alias="median_delay")
    never_reached: Estimate


class ExtraDelay(Result):
    """How much later the one stream is, over the changes after which both reach the genre."""

    changes: int
    median: Estimate | None


class Changes(Result):
    """After changes of genre."""

    changes: int
    fresh_right: int
    one_stream: Delay | None
    fresh: Delay | None
    extra_delay: ExtraDelay


class AllChanges(Result):
    """At the live hop."""

    hop: float  # s
    cuts: Changes
    crossfades: Changes

    def joint(self, name: Joint) -> Changes:
        """Of one kind of joint."""
        return self.cuts if name == "cuts" else self.crossfades


class CarryOver(Result):
    """`hops`: hop as text -> joint -> metrics, None where no track has a step of its own."""

    tracks: int
    minutes: float
    fade: float  # s
    hops: Mapping[str, Mapping[Joint, JointMetrics | None]]
    changes: AllChanges


@dataclass(frozen=True)
class Joined:
    """One long stream, and where each track has its part of it."""

    samples: NDArray[np.int16]
    keys: tuple[str, ...]
    true: NDArray[np.int64]  # (tracks,)
    edges: tuple[tuple[int, int], ...]  # a part's first sample, and the one after its last

    def steps(self, part: int, hop: Hop) -> range:
        """The stream's steps whose new samples lie within a part."""
        start, end = self.edges[part]
        return range(-(-start // hop.samples), end // hop.samples)

    def own_steps(self, part: int, hop: Hop) -> range:
        """Those whose whole window does: it holds nothing of the other tracks."""
        start, end = self.edges[part]
        return range(-(-(start + hop.window) // hop.samples) - 1, end // hop.samples)


def join(scored: Scored, audio: Audio, fade: float, seed: int = 0) -> Joined:
    """Tracks of SHORTEST and more, shuffled, each a random SHORTEST to LONGEST s of itself.

    Order and cuts are the same for any `fade` (s).
    """
    rng = np.random.default_rng(seed)
    long = np.flatnonzero([seconds(audio, key) >= SHORTEST for key in scored.keys])
    order = rng.permutation(long)[:MOST]
    keys = tuple(scored.keys[i] for i in order)
    excerpts = [cut(audio[key], rng.uniform(SHORTEST, LONGEST), rng.random()) for key in keys]
    return lay_out(excerpts, keys, scored.true[order], fade)


def cut(samples: NDArray[np.int16], length: float, where: float) -> NDArray[np.int16]:
    """`length` seconds or all of it, from `where` (0: its beginning, 1: its end), at LEVEL."""
    wanted = min(len(samples), round(length * SAMPLE_RATE))
    first = round(where * (len(samples) - wanted))
    excerpt = samples[first : first + wanted].astype(np.float64)
    rms, peak = float(np.sqrt(np.mean(excerpt**2))), float(np.abs(excerpt).max())
    if rms > 0:
        excerpt *= min(32768 * 10 ** (LEVEL / 20) / rms, _PEAK / peak)
    return np.rint(excerpt).astype(np.int16)


def lay_out(
    excerpts: Sequence[NDArray[np.int16]],
    keys: tuple[str, ...],
    true: NDArray[np.int64],
    fade: float,
) -> Joined:
    """Excerpts end to end, each faded over the end of the one before for `fade` seconds."""
    half = round(fade / 2 * SAMPLE_RATE)
    up = rise(2 * half)
    samples = np.zeros(sum(map(len, excerpts)) - 2 * half * max(0, len(excerpts) - 1), np.int16)
    position, edges = 0, []
    for i, excerpt in enumerate(excerpts):
        begins, ends = i > 0, i + 1 < len(excerpts)
        shaped = excerpt.astype(np.float32)
        if half and begins:
            shaped[: 2 * half] *= up
        if half and ends:
            shaped[-2 * half :] *= up[::-1]
        last = position + len(excerpt)
        samples[position:last] += np.trunc(shaped).astype(np.int16)  # sums stay in full scale
        edges.append((position + begins * half, last - ends * half))
        position = last - 2 * half
    return Joined(samples, keys, true, tuple(edges))


def measure(
    model: Model,
    scored: Scored,
    audio: Audio,
    hops: Sequence[Hop],
    live: Hop,
    progress: Progress = no_progress,
) -> CarryOver | None:
    """Accuracy at `hops` and `live`, delays at `live`; None without tracks of two genres."""
    streams = {joint: join(scored, audio, fade) for joint, fade in JOINTS.items()}
    cuts = streams["cuts"]
    if len(np.unique(cuts.true)) < 2:
        return None
    at_hops: dict[str, dict[Joint, JointMetrics | None]] = {}
    changes: dict[str, Changes] = {}
    for hop in [*hops, *([] if live in hops else [live])]:
        doing = f"all tracks as one stream, steps of {hop.seconds:g} s"
        whole = stream_tracks(
            model.engine, {j: s.samples for j, s in streams.items()}, list(JOINTS), hop,
            progress=progress, doing=doing,
        )  # fmt: skip
        at = at_hops[f"{hop.seconds:g}"] = {}
        for joint, stream in streams.items():
            parts = _parts(stream, hop)
            fresh = stream_tracks(
                model.engine,
                parts,
                list(parts),
                hop,
                progress=progress,
                doing=f"{doing}, {joint}, empty state",
            )
            means = _own_means(stream, whole[joint], fresh, hop)
            at[joint] = _beside(*means)
            if hop == live:
                changes[joint] = after_changes(model.card, stream, whole[joint], fresh, hop, means)
    return CarryOver(
        tracks=len(cuts.keys),
        minutes=round(len(cuts.samples) / SAMPLE_RATE / 60, 1),
        fade=FADE,
        hops=at_hops,
        changes=AllChanges(hop=live.seconds, **changes),
    )


def _parts(stream: Joined, hop: Hop) -> dict[str, NDArray[np.int16]]:
    """The samples of each part's steps; without those parts that have no step of their own."""
    parts = {}
    for i, key in enumerate(stream.keys):
        steps = stream.steps(i, hop)
        if stream.own_steps(i, hop):
            parts[key] = stream.samples[steps.start * hop.samples : steps.stop * hop.samples]
    return parts


def _own_means(
    stream: Joined, whole: Run, fresh: Mapping[str, Run], hop: Hop
) -> tuple[Floats, Floats, NDArray[np.int64], int]:
    """Mean over each part's own steps, in the one stream and alone; its genre; all the steps."""
    carried, alone, true, count = [], [], [], 0
    for i, key in enumerate(stream.keys):
        if key not in fresh:
            continue
        own, first = stream.own_steps(i, hop), stream.steps(i, hop).start
        inside = slice(own.start - first, own.stop - first)
        carried.append(whole.probabilities[own.start : own.stop].mean(0, dtype=np.float64))
        alone.append(fresh[key].probabilities[inside].mean(0, dtype=np.float64))
        true.append(stream.true[i])
        count += len(own)
    return np.array(carried), np.array(alone), np.array(true), count


def _beside(
    carried: Floats, alone: Floats, true: NDArray[np.int64], steps: int
) -> JointMetrics | None:
    if not steps:
        return None
    return JointMetrics(
        tracks=len(true),
        steps=steps,
        one_stream=plain_metrics(carried, true),
        fresh=plain_metrics(alone, true),
        difference=differences(carried, alone, true),
    )


def after_changes(
    card: ModelCard,
    stream: Joined,
    whole: Run,
    fresh: Mapping[str, Run],
    hop: Hop,
    means: tuple[Floats, Floats, NDArray[np.int64], int],
) -> Changes:
    """Delays to the new track's genre after changes of genre, in the one stream and alone."""
    _, alone, true, _ = means
    known = dict(zip(fresh, alone.argmax(1) == true, strict=True)) if len(true) else {}
    segments = replay(whole, stream.samples, hop, card).segments
    parts = _parts(stream, hop)
    carried: list[float | None] = []
    afresh: list[float | None] = []
    changes = 0
    for i in range(1, len(stream.keys)):
        key = stream.keys[i]
        if stream.true[i] == stream.true[i - 1] or key not in fresh:
            continue
        changes += 1
        if not known[key]:
            continue
        start, end = (edge / SAMPLE_RATE for edge in stream.edges[i])
        genre = card.label_names[stream.true[i]]
        carried.append(delay(Part(start, end, genre, 0.0), segments, hop.seconds))
        offset = stream.steps(i, hop).start * hop.seconds - start  # to the first step's beginning
        own = replay(fresh[key], parts[key], hop, card)
        late = delay(Part(0.0, own.duration, genre, 0.0), own.segments, hop.seconds)
        afresh.append(None if late is None else late + offset)
    return Changes(
        changes=changes,
        fresh_right=len(carried),
        one_stream=_delay(carried),
        fresh=_delay(afresh),
        extra_delay=_extra(carried, afresh),
    )


def _delay(delays: Sequence[float | None]) -> Delay | None:
    reached = [d for d in delays if d is not None]
    if not delays:
        return None
    never = [float(d is None) for d in delays]
    return Delay(
        median=_median(reached),
        never_reached=with_interval(float(np.mean(never)), mean_draws(never)),
    )


def _extra(carried: Sequence[float | None], afresh: Sequence[float | None]) -> ExtraDelay:
    pairs = zip(carried, afresh, strict=True)
    later = [a - b for a, b in pairs if a is not None and b is not None]
    return ExtraDelay(changes=len(later), median=_median(later))


def _median(values: Sequence[float]) -> Estimate | None:
    return with_interval(float(np.median(values)), median_draws(values)) if values else None


def summary(c: CarryOver, hop: str) -> list[str]:
    """A sentence for the head of the report."""
    cuts = c.hops.get(hop, {}).get("cuts")
    if not cuts:
        return []
    difference, low, high = (100 * v for v in cuts.difference.accuracy)
    return [
        f"With {cuts.tracks} tracks as one stream, its state never emptied, "
        f"{percent(cuts.one_stream.accuracy.value)} are right; from an empty state for each, "
        f"{percent(cuts.fresh.accuracy.value)} (difference {difference:+.1f} points, "
        f"{low:+.1f} to {high:+.1f})."
    ]


def section(c: CarryOver | None) -> list[str]:
    """All tracks as one stream."""
    if not c:
        return []
    rows = [
        (
            f"{_NAMES[joint]}, steps of {hop} s",
            m.tracks,
            m.one_stream.accuracy,
            m.fresh.accuracy,
            m.difference.accuracy.signed(),
            m.difference.macro_recall.signed(),
        )
        for hop, joints in c.hops.items()
        for joint, m in joints.items()
        if m
    ]
    header = ["joined by", "tracks", "one stream", "state fresh for each track"]
    header += ["difference, paired", "the same, macro recall"]
    changes = {_NAMES[joint]: c.changes.joint(joint) for joint in JOINTS}
    delays = [
        (
            f"{name}, {words}",
            of.changes,
            of.fresh_right,
            _or_dash(delay.median),
            delay.never_reached,
        )
        for name, of in changes.items()
        for delay, words in ((of.one_stream, "one stream"), (of.fresh, "fresh"))
        if delay
    ]
    later = [f"{name}: {_or_dash(of.extra_delay.median)} s" for name, of in changes.items()]
    return [
        "## All tracks as one stream",
        f"{c.tracks} tracks, 10 to 30 s of each at one level in random order, "
        f"{c.minutes} minutes, the state never emptied; crossfades of {c.fade:g} s. Accuracy "
        "of the mean over the steps whose window holds only the track, beside a stream that begins "
        "with the track, on the same samples.",
        table(header, rows),
        f"Seconds until the right genre is decided after a change of genre, steps of "
        f"{c.changes.hop} s, over the tracks that the fresh state gets right; never reached: "
        "not before the track's part ends; the median is over the others. The one stream is later "
        f"than the fresh one by (median): {'; '.join(later)}.",
        table(
            ["joined by", "changes of genre", "fresh is right", "median delay, s", "never reached"],
            delays,
        ),
    ]


def _or_dash(estimate: Estimate | None) -> str:
    if estimate is None:
        return "–"
    middle, low, high = (f"{v:.1f}" for v in estimate)
    return f"{middle} ({low} to {high})"
