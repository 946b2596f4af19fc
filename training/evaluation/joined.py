"""A whole split as one stream, the state never emptied: what memory costs, and what it brings.

Beside the one stream (join.py), each track's own part is heard by a stream that begins with it, on
the same grid of steps. Judged are the steps whose whole window lies in the track's part, so that
both hear the very same samples, and only what the state remembers differs.

What is *decided* after a change of genre, at the live hop, is replayed as in the product. Counted
are the changes to a track that the fresh state gets right (by the mean of its steps): what the
network cannot tell at all says nothing about its memory. The delay runs from the change (a
crossfade's middle) to the end of the first step that decides for the new genre, 0 where it was
decided already; its median is over the changes after which it is decided before the part ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from streamgenre.model.card import Hop, ModelCard
from streamgenre.model.model import Model

from ..data.record import SAMPLE_RATE
from ..inference import Audio, Progress, Run, no_progress, stream_tracks
from .bootstrap import mean_draws, median_draws, with_interval
from .join import Joined, join
from .measures import Floats, differences, figures
from .mixes import Part
from .replay import replay
from .scored import Scored
from .timeline import delay

Joint = Literal["cuts", "crossfades"]
FADE = 4.0  # s
JOINTS: dict[Joint, float] = {"cuts": 0.0, "crossfades": FADE}


def joined(
    model: Model,
    scored: Scored,
    audio: Audio,
    hops: Sequence[Hop],
    live: Hop,
    progress: Progress = no_progress,
) -> dict[str, Any] | None:
    """Accuracy at `hops` and `live`, delays at `live`; None without tracks of two genres."""
    streams = {joint: join(scored, audio, fade) for joint, fade in JOINTS.items()}
    cuts = streams["cuts"]
    if len(np.unique(cuts.true)) < 2:
        return None
    found: dict[str, Any] = {
        "tracks": len(cuts.keys),
        "minutes": round(len(cuts.samples) / SAMPLE_RATE / 60, 1),
        "fade": FADE,
        "hops": {},
        "changes": {"hop": live.seconds},
    }
    for hop in [*hops, *([] if live in hops else [live])]:
        doing = f"all tracks as one stream, steps of {hop.seconds:g} s"
        whole = stream_tracks(
            model.engine, {j: s.samples for j, s in streams.items()}, list(JOINTS), hop,
            progress=progress, doing=doing,
        )  # fmt: skip
        at = found["hops"][f"{hop.seconds:g}"] = {}
        for joint, stream in streams.items():
            parts = _parts(stream, hop)
            fresh = stream_tracks(
                model.engine,
                parts,
                list(parts),
                hop,
                progress=progress,
                doing=f"{doing}, {joint}, afresh",
            )
            means = _own_means(stream, whole[joint], fresh, hop)
            at[joint] = _beside(*means)
            if hop == live:
                found["changes"][joint] = after_changes(
                    model.card, stream, whole[joint], fresh, hop, means
                )
    return found


def _parts(stream: Joined, hop: Hop) -> dict[str, NDArray[np.int16]]:
    """The samples of each part's steps; without those parts that have no step of their own."""
    found = {}
    for i, key in enumerate(stream.keys):
        steps = stream.steps(i, hop)
        if stream.own_steps(i, hop):
            found[key] = stream.samples[steps.start * hop.samples : steps.stop * hop.samples]
    return found


def _own_means(
    stream: Joined, whole: Run, fresh: Mapping[str, Run], hop: Hop
) -> tuple[Floats, Floats, NDArray[np.int64], int]:
    """Mean over each part's own steps, in the one stream and afresh; its genre; all the steps."""
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
) -> dict[str, Any] | None:
    if not steps:
        return None
    return {
        "tracks": len(true),
        "steps": steps,
        "one_stream": figures(carried, true),
        "fresh": figures(alone, true),
        "difference": differences(carried, alone, true),
    }


def after_changes(
    card: ModelCard,
    stream: Joined,
    whole: Run,
    fresh: Mapping[str, Run],
    hop: Hop,
    means: tuple[Floats, Floats, NDArray[np.int64], int],
) -> dict[str, Any]:
    """Delays to the new track's genre after changes of genre, in the one stream and afresh."""
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
    return {
        "changes": changes,
        "fresh_right": len(carried),
        "one_stream": _summary(carried),
        "fresh": _summary(afresh),
        "extra_delay": _extra(carried, afresh),
    }


def _summary(delays: Sequence[float | None]) -> dict[str, Any] | None:
    reached = [d for d in delays if d is not None]
    if not delays:
        return None
    never = [float(d is None) for d in delays]
    return {
        "median_delay": _median(reached),
        "never_reached": with_interval(float(np.mean(never)), mean_draws(never)),
    }


def _extra(carried: Sequence[float | None], afresh: Sequence[float | None]) -> dict[str, Any]:
    """How much later the one stream is, over the changes after which both come to the genre."""
    pairs = zip(carried, afresh, strict=True)
    later = [a - b for a, b in pairs if a is not None and b is not None]
    return {"changes": len(later), "median": _median(later)}


def _median(values: Sequence[float]) -> list[float] | None:
    return with_interval(float(np.median(values)), median_draws(values)) if values else None
