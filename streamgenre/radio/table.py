"""Show the stations as a table on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ..durations import clock
from ..errors import one_line
from ..model.card import ModelCard
from ..output.ribbon import label_text, style
from ..wording import counted
from .log import Reading
from .monitor import View

_FIXED = 4  # lines that are not rows: header, summary, cursor, and one for messages


def table(views: Sequence[View], card: ModelCard, seconds: float, height: int) -> Group:
    """A table with one row per station, as many as fit. Paused stations come last.

    `seconds`: time since the start. `height`: lines of the terminal.
    """
    shown = sorted(views, key=lambda view: view.reading.status == "paused")
    shown = shown[: max(1, height - _FIXED)]
    rows = Table(box=None, expand=True, padding=(0, 2, 0, 0), header_style="dim")
    rows.add_column("Station", ratio=3, no_wrap=True)
    rows.add_column("Now", ratio=2, no_wrap=True)
    rows.add_column("For", no_wrap=True, justify="right", min_width=5)
    rows.add_column("Title", ratio=4, no_wrap=True)
    for view in shown:
        reading = view.reading
        title = Text(one_line(reading.title or ""))
        if reading.error is not None:
            title = Text(one_line(reading.error), style="red")
        rows.add_row(Text(view.station.name), _now(card, reading), clock(view.since), title)
    return Group(rows, Text(_summary(views, len(shown), seconds), "dim", overflow="ellipsis"))


def _now(card: ModelCard, reading: Reading) -> Text:
    if reading.status == "paused":
        return Text("paused", "dim")
    if reading.status == "gap":
        return Text("connecting", "dim") if reading.error is None else Text("no signal", "red")
    words = label_text(card, reading.status, reading.genre)
    if reading.genre is not None:
        words += f" {reading.confidence:.0%}"
    return Text(words, style(card, reading.genre))


def _summary(views: Sequence[View], shown: int, seconds: float) -> str:
    playing = sum(view.reading.status not in ("gap", "paused") for view in views)
    down = sum(view.reading.error is not None for view in views)
    parts = [counted(len(views), "station")]
    if shown < len(views):
        parts.append(f"{shown} shown")
    parts += [f"{playing} playing", f"{down} down", clock(seconds), "Ctrl-C to stop"]
    return " · ".join(parts)
