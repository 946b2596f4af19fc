"""A timeline in a notebook: as HTML, as a plot, and as a pandas DataFrame.

Matplotlib and pandas are imported on first use. streamgenre does not install them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from ..durations import clock
from ..errors import ConfigError
from ..update import Segment, Status, Update
from ..wording import STATUS_WORDS
from .card import ModelCard

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

_NO_GENRE = "#b8b8b8"  # colour of segments without a genre
_MOST_ROWS = 12


class Timeline(Protocol):
    """The part of `timeline.Timeline` that this module reads."""

    card: ModelCard
    duration: float

    @property
    def start(self) -> float: ...
    @property
    def status(self) -> Status: ...
    @property
    def probabilities(self) -> Mapping[str, float]: ...
    @property
    def segments(self) -> list[Segment]: ...
    @property
    def updates(self) -> Sequence[Update]: ...
    def most_probable(self, segment: Segment) -> str: ...


def summary(timeline: Timeline) -> str:
    """The overall result on one line: "Jazz 81 %", "unsure, perhaps Jazz 31 %" or "no music"."""
    displays = {label.name: label.display for label in timeline.card.labels}
    if timeline.status == "no-music":
        return "no music"
    best = max(timeline.probabilities, key=lambda name: timeline.probabilities[name])
    words = f"{displays[best]} {timeline.probabilities[best]:.0%}".replace("%", " %")
    return words if timeline.status == "genre" else f"unsure, perhaps {words}"


def html(timeline: Timeline) -> str:
    """A title, coloured bands for the segments, and a table of them; no scripts."""
    colours = {label.name: label.colour for label in timeline.card.labels}
    displays = {label.name: label.display for label in timeline.card.labels}
    span = max(timeline.duration - timeline.start, 1e-9)
    bands, rows = [], []
    segments = timeline.segments
    for segment in segments:
        name, share = displays.get(segment.genre or "", STATUS_WORDS.get(segment.status, "")), ""
        if segment.status == "unsure":
            name += f", perhaps {displays[timeline.most_probable(segment)]}"
        if segment.status in ("genre", "unsure"):
            share = f"{segment.confidence:.0%}"
        name = escape(name)
        colour = colours.get(segment.genre or "", _NO_GENRE)
        times = f"{clock(segment.start)} to {clock(segment.end)}"
        bands.append(
            f'<div title="{name}, {times}" style="width:{(segment.end - segment.start) / span:.4%};'
            f'background:{colour};height:2em"></div>'
        )
        rows.append(f"<tr><td>{times}</td><td>{name}</td><td>{share}</td></tr>")
    if len(rows) > _MOST_ROWS:
        more = len(rows) - _MOST_ROWS
        rows[_MOST_ROWS:] = [f"<tr><td colspan=3>{more} more in timeline.segments</td></tr>"]
    return (
        f"<div><b>{escape(summary(timeline))}</b>, {clock(timeline.duration)}"
        f'<div style="display:flex;width:100%">{"".join(bands)}</div>'
        f"<table><tr><th>time</th><th>genre</th><th>confidence</th></tr>{''.join(rows)}</table>"
        "</div>"
    )


def plot(timeline: Timeline, axes: Axes | None = None) -> Axes:
    """The probabilities of each step as stacked areas, and the decisions as bands above them."""
    axes = axes or _imported("matplotlib.pyplot").subplots(figsize=(10, 3))[1]
    assert axes is not None
    labels = timeline.card.labels
    updates = list(timeline.updates)
    times = [timeline.start, *(update.time for update in updates)]
    # Each update covers the interval from the previous one to its own time.
    areas = [
        [u.probabilities[label.name] if u.status in ("genre", "unsure") else 0.0 for u in updates]
        for label in labels
    ]
    if updates:
        axes.stackplot(
            times,
            [[area[0], *area] for area in areas],
            step="pre",
            colors=[label.colour for label in labels],
            labels=[label.display for label in labels],
        )
    colours = {label.name: label.colour for label in labels}
    displays = {label.name: label.display for label in labels}
    for segment in timeline.segments:
        colour = colours.get(segment.genre or "", _NO_GENRE)
        axes.axvspan(segment.start, segment.end, ymin=0.92, color=colour, linewidth=0)
    axes.set(xlabel="time (s)", ylabel="probability", ylim=(0, 1 / 0.9), title=summary(timeline))
    axes.set_xlim(timeline.start, max(timeline.duration, timeline.start + 1e-9))
    shown = {displays[segment.genre] for segment in timeline.segments if segment.genre}
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    if shown:
        axes.legend([handles[name] for name in sorted(shown)], sorted(shown), loc="lower right")
    return axes


def to_pandas(timeline: Timeline) -> DataFrame:
    """One row per update, indexed by `time` in seconds.

    Columns: status, genre, top, confidence, music, level (NaN for digital silence), and the
    probability of each label under its name.
    """
    pandas = _imported("pandas")
    rows: list[dict[str, Any]] = []
    for update in timeline.updates:
        entries = update.to_dict()
        for name in ("styles", "speech"):
            del entries[name]
        rows.append(entries | entries.pop("probabilities"))
    labels = timeline.card.label_names
    columns = ["time", "status", "genre", "top", "confidence", "music", "level", *labels]
    frame: DataFrame = pandas.DataFrame(rows, columns=columns)
    return frame.astype({"level": float}).set_index("time")


def _imported(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        package = name.split(".")[0]
        raise ConfigError(f"this needs {package}; run pip install {package}") from None
