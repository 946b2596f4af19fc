"""How long until the right genre is told, after a change of music and after a start.

Two example clips of different genre are put behind each other and fed at 44.1 kHz; of the updates
after the change, the first whose status is "genre" with the second clip's label ends the delay. The
update's own time counts: the end of the last sample that it heard. So the window, the smoothing and
the decision are in it, and what a step takes to compute (milliseconds: see step) is not. Nothing
waits for real time. The change falls on another part of the hop in each pair.

A clip may be told as another's genre. Where the second one's genre was told already before the
change, there is no delay to measure; a clip that is not told right when it plays alone is counted
apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamgenre.audio.files import decode_mono
from streamgenre.model.model import Model, load
from streamgenre.model.stream import Stream

from .common import EXAMPLES, Options, table

TITLE = "seconds from a change of music to its right genre"

_RATE = 44_100
_BEFORE, _AFTER = 20.0, 30.0  # s
_GOLDEN = (5**0.5 - 1) / 2  # its multiples spread evenly over a hop, however many there are


@dataclass(frozen=True)
class Clip:
    """Twenty seconds of a genre, played over and over."""

    name: str
    genre: str
    samples: NDArray[np.float32]

    def cut(self, seconds: float) -> NDArray[np.float32]:
        """Its beginning, as long as wanted."""
        return np.resize(self.samples, round(seconds * _RATE))


def measure(options: Options) -> dict[str, Any]:
    """Delays at both hops, from every clip to every clip of another genre."""
    model = load()
    clips = _clips()
    pairs = [(a, b) for a in clips for b in clips if a.genre != b.genre]
    if options.quick:
        pairs, clips = pairs[:: len(pairs) // 8], clips[:4]
    return {
        "before_s": _BEFORE,
        "after_s": _AFTER,
        "hops": {
            f"{hop.seconds:g}": {
                "change": [change(model, hop.seconds, a, b, i) for i, (a, b) in enumerate(pairs)],
                "start": [start(model, hop.seconds, clip) for clip in clips],
            }
            for hop in model.card.hops
        },
    }


def change(model: Model, hop: float, first: Clip, second: Clip, number: int) -> dict[str, Any]:
    """Seconds from the change to its genre, None where it is not told; `already` told before."""
    stream = model.stream(hop)
    changed = _BEFORE + number * _GOLDEN % 1 * hop
    told = [update.genre for update in stream.feed(first.cut(changed), _RATE)]
    at = _told_at(stream, second)
    return {
        "from": first.name,
        "to": second.name,
        "delay_s": None if at is None else at - changed,
        "already": bool(told) and told[-1] == second.genre,
    }


def start(model: Model, hop: float, clip: Clip) -> dict[str, Any]:
    """Seconds from a new stream's first sample to the clip's genre, None where it is not told."""
    return {"to": clip.name, "delay_s": _told_at(model.stream(hop), clip)}


def _told_at(stream: Stream, clip: Clip) -> float | None:
    """The stream's time when it first tells the clip's genre while the clip is fed."""
    samples = clip.cut(_AFTER)
    for begin in range(0, len(samples), _RATE):
        for update in stream.feed(samples[begin : begin + _RATE], _RATE):
            if update.status == "genre" and update.genre == clip.genre:
                return update.time
    return None


def _clips() -> list[Clip]:
    paths = sorted(path for path in Path(EXAMPLES).glob("*.ogg") if path.stem != "mix")
    return [Clip(path.stem, path.stem.split("-")[0], decode_mono(path, _RATE)) for path in paths]


def report(found: dict[str, Any]) -> list[str]:
    """One table, and which clips are never told right."""
    rows, notes = [], []
    for hop, kinds in found["hops"].items():
        never = [one["to"] for one in kinds["start"] if one["delay_s"] is None]
        fair = [one for one in kinds["change"] if not one["already"]]
        told = [one for one in fair if one["to"] not in never]
        for what, ones in (
            ("a change of music", fair),
            ("the same, to clips that are told right alone", told),
            ("a start with nothing before", kinds["start"]),
        ):
            delays = [one["delay_s"] for one in ones]
            rows.append([f"{hop} s", what, *_figures(delays)])
        notes.append(
            f"At {hop} s the genre was the one told before the change already in "
            f"{len(kinds['change']) - len(fair)} of {len(kinds['change'])} pairs, which are left "
            f"out. Never told right alone: {', '.join(never) or 'none'}."
        )
    return [
        f"Seconds until the first update with the right genre, {found['before_s']:g} s of another "
        f"clip before the change and {found['after_s']:g} s after it; quartiles are of those that "
        "got there:",
        "",
        *table(("hop", "after", "cases", "median", "quartiles", "longest", "never"), rows),
        "",
        *notes,
    ]


def _figures(delays: Sequence[float | None]) -> list[str]:
    """How many, median, quartiles, the longest, and the share without."""
    there = [delay for delay in delays if delay is not None]
    never = f"{1 - len(there) / len(delays):.0%}" if delays else ""
    if not there:
        return [f"{len(delays)}", "", "", "", never]
    low, median, high, most = np.percentile(there, [25, 50, 75, 100])
    return [f"{len(delays)}", f"{median:.1f}", f"{low:.1f} to {high:.1f}", f"{most:.1f}", never]
