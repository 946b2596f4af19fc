"""Delay until the correct genre is reported, after a change of music and after a start.

Two example clips of different genres are concatenated and fed at 44.1 kHz. The delay ends with the
first update after the change that reports the genre of the second clip. It includes the window, the
smoothing and the decision, but not the time to compute a step (milliseconds, see step), because the
time of an update is the end of its last sample. Nothing waits for real time. The phase of the
change relative to the hop differs between pairs.

If the genre of the second clip was reported before the change, there is no delay to measure. Clips
that are not classified correctly on their own are reported separately.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from streamgenre.audio.files import decode_mono
from streamgenre.model.model import Model, load
from streamgenre.model.stream import Stream

from .common import CLIPS, Options, table

TITLE = "seconds from a change of music to the correct genre"

_RATE = 44_100
_BEFORE, _AFTER = 20.0, 30.0  # s
_GOLDEN = (5**0.5 - 1) / 2  # its multiples spread evenly over a hop, however many there are


@dataclass(frozen=True)
class Clip:
    """Twenty seconds of a genre, repeated."""

    name: str
    genre: str
    samples: NDArray[np.float32]

    def cut(self, seconds: float) -> NDArray[np.float32]:
        """The first seconds of the repeated clip."""
        return np.resize(self.samples, round(seconds * _RATE))


@dataclass(frozen=True)
class Change:
    """The delay after a change from one clip to another."""

    first: str = field(metadata={"key": "from"})
    second: str = field(metadata={"key": "to"})
    delay_s: float | None  # None if the genre is never reported
    already: bool  # whether the genre was reported before the change


@dataclass(frozen=True)
class Start:
    """The delay after the start of a stream."""

    clip: str = field(metadata={"key": "to"})
    delay_s: float | None


@dataclass(frozen=True)
class HopDelays:
    """The delays at one hop."""

    change: tuple[Change, ...]
    start: tuple[Start, ...]


@dataclass(frozen=True)
class Delays:
    """The result of this measurement."""

    before_s: float
    after_s: float
    hops: dict[str, HopDelays]  # by hop in seconds


def measure(options: Options) -> Delays:
    """Measure every hop, from every clip to every clip of another genre."""
    model = load()
    clips = _clips()
    pairs = [(a, b) for a in clips for b in clips if a.genre != b.genre]
    if options.quick:
        pairs, clips = pairs[:: len(pairs) // 8], clips[:4]
    hops = {
        f"{hop.seconds:g}": HopDelays(
            change=tuple(change(model, hop.seconds, a, b, i) for i, (a, b) in enumerate(pairs)),
            start=tuple(start(model, hop.seconds, clip) for clip in clips),
        )
        for hop in model.card.hops
    }
    return Delays(_BEFORE, _AFTER, hops)


def change(model: Model, hop: float, first: Clip, second: Clip, number: int) -> Change:
    """Measure the delay after a change; `number` determines its phase relative to the hop."""
    stream = model.stream(hop)
    changed = _BEFORE + number * _GOLDEN % 1 * hop
    genres = [update.genre for update in stream.feed(first.cut(changed), _RATE)]
    at = _reported_at(stream, second)
    return Change(
        first=first.name,
        second=second.name,
        delay_s=None if at is None else at - changed,
        already=bool(genres) and genres[-1] == second.genre,
    )


def start(model: Model, hop: float, clip: Clip) -> Start:
    """Measure the delay from the first sample of a new stream."""
    return Start(clip.name, _reported_at(model.stream(hop), clip))


def _reported_at(stream: Stream, clip: Clip) -> float | None:
    """Feed a clip; return the time of the first update with its genre, or None."""
    samples = clip.cut(_AFTER)
    for begin in range(0, len(samples), _RATE):
        for update in stream.feed(samples[begin : begin + _RATE], _RATE):
            if update.status == "genre" and update.genre == clip.genre:
                return update.time
    return None


def _clips() -> list[Clip]:
    return [Clip(path.stem, path.stem.split("-")[0], decode_mono(path, _RATE)) for path in CLIPS]


def report(result: Delays) -> list[str]:
    """One table, and the clips that are never classified correctly."""
    rows, notes = [], []
    for hop, one in result.hops.items():
        never = [case.clip for case in one.start if case.delay_s is None]
        fair = [case for case in one.change if not case.already]
        for what, delays in (
            ("a change of music", [case.delay_s for case in fair]),
            (
                "the same, to clips that are classified correctly alone",
                [case.delay_s for case in fair if case.second not in never],
            ),
            ("the start of a stream", [case.delay_s for case in one.start]),
        ):
            rows.append([f"{hop} s", what, *_figures(delays)])
        notes.append(
            f"At {hop} s the genre was reported before the change in "
            f"{len(one.change) - len(fair)} of {len(one.change)} pairs, which are left out. "
            f"Clips that are never classified correctly alone: {', '.join(never) or 'none'}."
        )
    return [
        f"Seconds until the first update with the correct genre, with {result.before_s:g} s of "
        f"another clip before the change and {result.after_s:g} s after it. Quartiles leave out "
        "the cases without a correct genre:",
        table(("hop", "after", "cases", "median", "quartiles", "longest", "never"), rows),
        "\n".join(notes),
    ]


def _figures(delays: Sequence[float | None]) -> list[str]:
    """Number, median, quartiles, maximum, and the share of missing delays."""
    there = [delay for delay in delays if delay is not None]
    never = f"{1 - len(there) / len(delays):.0%}" if delays else ""
    if not there:
        return [f"{len(delays)}", "", "", "", never]
    low, median, high, most = np.percentile(there, [25, 50, 75, 100])
    return [f"{len(delays)}", f"{median:.1f}", f"{low:.1f} to {high:.1f}", f"{most:.1f}", never]
