"""Text for people: ribbon, segments, overall result, speed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TextIO

import rich.console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from ...audio.files.raw import RawFormat
from ...audio.files.source import is_url
from ...errors import StreamgenreError, one_line
from ...model.model import Model
from ...model.timeline import Timeline
from ..console import Console
from ..ribbon import axis, clock, decision_text, label_text, ribbon, style
from .reading import opened, progress

_MOST_SEGMENTS = 40
_TOP = 5
_BOLD = Style(bold=True)


class TextWriter:
    """A Writer of text."""

    def __init__(self, file: TextIO, model: Model, reconnect: bool = False) -> None:
        self._console = Console(file)
        self._model, self._reconnect = model, reconnect
        self._any = False

    def __call__(self, recording: str, hop: float | None, raw: RawFormat | None) -> None:
        began = time.perf_counter()
        card = self._model.card
        timeline = Timeline(card, card.file_hop if hop is None else hop)
        stream = is_url(recording) or recording == "-"
        try:
            with (
                opened(recording, raw, self._reconnect) as source,
                progress(source) as show_progress,
            ):
                playing = ""

                def show(seconds: float) -> None:
                    show_progress(seconds, playing)

                for update in self._model.follow(source, hop, show):
                    timeline.append(update)
                    if stream:
                        playing = decision_text(card, update)
        except (KeyboardInterrupt, StreamgenreError):
            # What a stream has played until it was interrupted, or lost, is a result too.
            if stream and timeline.duration:
                self._print(recording, timeline, began)
            raise
        self._print(recording, timeline, began)

    def _print(self, recording: str, timeline: Timeline, began: float) -> None:
        speed = timeline.duration / (time.perf_counter() - began)
        if self._any:
            self._console.print()
        self._any = True
        print_timeline(self._console, recording, timeline, speed)

    def failed(self, recording: str, error: StreamgenreError) -> None:
        """Do nothing: the error is on standard error."""


def print_timeline(
    console: rich.console.Console, name: str, timeline: Timeline, speed: float
) -> None:
    """Print a timeline at the width of the console; `speed`: times real time."""
    card, width = timeline.card, console.width
    title = one_line(name if is_url(name) else Path(name).name)
    head = Text(no_wrap=True, overflow="ellipsis")
    head.append(title, "bold").append(f"  {clock(timeline.duration)}", "dim")
    console.print(head)
    segments = timeline.segments
    console.print(ribbon(card, segments, width))
    console.print(axis(timeline.duration, width))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column, side in (("start", "right"), ("end", "right"), ("genre", "left")):
        table.add_column(column, justify=side)  # type: ignore[arg-type]
    table.add_column("confidence", justify="right")
    for segment in segments[:_MOST_SEGMENTS]:
        table.add_row(
            clock(segment.start, tenths=True),
            clock(segment.end, tenths=True),
            Text(label_text(card, segment.status, segment.genre), style(card, segment.genre)),
            f"{segment.confidence:.0%}",
        )
    console.print(table)
    if len(segments) > _MOST_SEGMENTS:
        console.print(
            f"... {len(segments) - _MOST_SEGMENTS} more; use --format json for all", style="dim"
        )
    _print_verdict(console, timeline)
    console.print(f"[dim]{speed:.0f} times real time[/]", no_wrap=True)


def _print_verdict(console: rich.console.Console, timeline: Timeline) -> None:
    """Print the result for the whole recording, with the most probable labels as bars."""
    card, verdict = timeline.card, timeline.verdict()
    console.print()
    line = Text("Whole recording: ")
    line.append(label_text(card, verdict.status, verdict.genre), style(card, verdict.genre) + _BOLD)
    console.print(line)
    if timeline.styles:
        displays = {style.name: style.display for style in card.styles}
        hints = Text("hints: ", "dim", no_wrap=True, overflow="ellipsis")
        console.print(hints.append(", ".join(displays[name] for name in timeline.styles)))
    if verdict.status == "no-music":
        return
    best = sorted(verdict.probabilities.items(), key=lambda item: -item[1])[:_TOP]
    names = max(len(label_text(card, "", name)) for name, _ in best)
    room = max(4, min(40, console.width - names - 8))
    for name, probability in best:
        row = Text(f"  {label_text(card, '', name):<{names}} {probability:4.0%} ")
        row.append("█" * max(0, round(probability * room)), style(card, name))
        console.print(row, no_wrap=True)
