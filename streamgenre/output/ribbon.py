"""The genre over time as a coloured line with a time axis, and decisions as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby

from rich.cells import cell_len, set_cell_size
from rich.color import Color
from rich.style import Style
from rich.text import Text

from ..durations import clock
from ..errors import one_line
from ..model.card import ModelCard
from ..update import Segment, Update
from ..wording import STATUS_WORDS, capitalised

_AXIS_STEPS = (
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    21_600,
    43_200,
    86_400,
)


_SHORTEST_NAME = 4  # columns of a coloured band: an edge, and letters that say something


def label_text(card: ModelCard, status: str, genre: str | None) -> str:
    """The display name of the genre, or "unsure", "no music" or "no signal"."""
    for label in card.labels:
        if label.name == genre:
            return one_line(label.display)
    return STATUS_WORDS.get(status, status)


def style(card: ModelCard, genre: str | None, background: bool = False) -> Style:
    """The colour of a genre; dim if there is none."""
    for label in card.labels:
        if label.name == genre:
            return _filled(label.colour) if background else _inked(label.colour)
    return _NO_GENRE


_NO_GENRE = Style(dim=True)


@lru_cache
def _inked(colour: str) -> Style:
    return Style(color=colour)


@lru_cache
def _filled(colour: str) -> Style:
    red, green, blue = Color.parse(colour).get_truecolor()
    light = 0.3 * red + 0.59 * green + 0.11 * blue > 110
    return Style(color="black" if light else "bright_white", bgcolor=colour)


def columns(
    segments: Sequence[Segment], width: int, start: float = 0.0, end: float | None = None
) -> list[Segment | None]:
    """The segment with the largest overlap for each of `width` equal intervals.

    The intervals divide the time from `start` to `end`, by default the end of the last segment.
    None stands for an interval without a segment.
    """
    span = (segments[-1].end if end is None else end) - start
    chosen: list[Segment | None] = []
    first = 0
    for i in range(width):
        left, right = start + span * i / width, start + span * (i + 1) / width
        while first < len(segments) and segments[first].end <= left:
            first += 1
        best, most = None, 0.0
        for j in range(first, len(segments)):
            segment = segments[j]
            if segment.start >= right:
                break
            overlap = min(right, segment.end) - max(left, segment.start)
            if overlap > most:
                best, most = segment, overlap
        chosen.append(best)
    return chosen


def runs(segments: Sequence[Segment | None]) -> Iterator[list[Segment | None]]:
    """Group adjacent columns of the same decision."""
    key = lambda segment: segment and (segment.status, segment.genre)  # noqa: E731
    for _, run in groupby(segments, key):
        yield list(run)


def ribbon(card: ModelCard, segments: Sequence[Segment], width: int) -> Text:
    """One line of `width` columns, with names inside, so that it is readable without colour."""
    return _bands(card, segments, width, "|", "-", ".", 1)


def bands(card: ModelCard, segments: Sequence[Segment], width: int) -> list[Text]:
    """Bands of colour, two lines high, with names in the first; for terminals with colours."""
    return [_bands(card, segments, width, "▏", " ", "·", n) for n in (_SHORTEST_NAME, width + 1)]


def _bands(
    card: ModelCard,
    segments: Sequence[Segment],
    width: int,
    edge: str,
    fill: str,
    quiet: str,
    shortest: int,
) -> Text:
    """One line; names in the bands of at least `shortest` columns, cut off to fit."""
    line = Text(no_wrap=True, overflow="crop")
    for run in runs(columns(segments, width)):
        size, decision = len(run), run[0]
        if decision is None:  # an interval too short for its ends to differ
            line.append(" " * size)
            continue
        name = edge
        if size >= shortest:
            name += label_text(card, decision.status, decision.genre)
        if cell_len(name) > size:
            name = set_cell_size(name, size)
        name += (fill if decision.genre else quiet) * (size - cell_len(name))
        line.append(name, style(card, decision.genre, True))
    return line


def tick_step(duration: float, most: float) -> float:
    """Seconds between the labels of a time axis: a round number that gives at most `most` labels.

    >>> tick_step(160, 10), tick_step(160, 3)
    (30, 60)
    """
    return next((step for step in _AXIS_STEPS if duration <= step * most), duration)


def axis(duration: float, width: int) -> Text:
    """A time axis for a ribbon, with as many labels as fit."""
    step = tick_step(duration, width / (len(clock(duration)) + 2))
    line = [" "] * width
    ticks = int(duration / step) if step else 0
    for i in range(ticks + 1):
        label = clock(i * step)
        at = int(i * step / max(duration, 1e-9) * width)
        if at + len(label) <= width:
            line[at : at + len(label)] = label
    return Text("".join(line), style="dim")


def decision_text(card: ModelCard, decision: Update | Segment) -> str:
    """The display name of the genre, "unsure", "no music" or "no signal"."""
    return label_text(card, decision.status, decision.genre)


def segment_text(card: ModelCard, segment: Segment) -> str:
    """As decision_text, with a capital letter: "Unsure", "No music"."""
    return capitalised(decision_text(card, segment))
