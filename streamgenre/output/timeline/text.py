"""Text report: ribbon, segments and overall result; one line per recording for many."""

from __future__ import annotations

import time
from collections import Counter
from itertools import islice
from pathlib import Path

import rich.console
from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.table import Table
from rich.text import Text

from ...audio.address import Recording, is_url
from ...audio.files.raw import RawFormat
from ...durations import clock
from ...errors import StreamgenreError, one_line
from ...model.model import Model
from ...model.timeline import Timeline
from ...update import Segment
from ...wording import counted
from ..console import Console
from ..destination import Destination
from ..ribbon import axis, bands, decision_text, label_text, ribbon, style
from .reading import Options, opened, progress

_MOST_SEGMENTS = 40
_TOP = 5
_FULL = 3  # number of recordings up to which each has a full report instead of one line
_BOLD = Style(bold=True)
_OF_ONE = 0.7  # share of the music from which on a recording has a single genre
_PART = 0.1  # share of the music from which on a genre is part of a mix
_MOST_PARTS, _MOST_PARTS_SHORT = 3, 2
_SHORT_RESULT = len("unsure, perhaps Electronic 45%")
_SHORTEST_RIBBON = 12  # columns
_SHORT = 10.0  # s
_ROOMY = 50  # columns


class TextWriter:
    """A Writer of text."""

    def __init__(self, to: Destination, model: Model, options: Options) -> None:
        self._console = Console(to.file)
        self._to, self._model, self._options = to, model, options
        self._results: Counter[str] = Counter()
        self._seconds = 0.0
        self._failures = 0
        self._brief = False

    def __call__(self, recording: Recording, hop: float | None, raw: RawFormat | None) -> None:
        began = time.perf_counter()
        card = self._model.card
        timeline = Timeline(card, card.file_hop if hop is None else hop)
        timeline.min_segment = self._options.min_segment
        try:
            with (
                opened(recording, raw, self._options.reconnect) as source,
                progress(source, self._options.run) as show_progress,
            ):
                playing = ""

                def show(seconds: float) -> None:
                    show_progress(seconds, playing)

                for update in self._model.follow(source, hop, show):
                    timeline.append(update)
                    if recording.is_stream:
                        playing = decision_text(card, update)
        except (KeyboardInterrupt, StreamgenreError):
            # The timeline of a stream until it was interrupted or lost is a result too.
            if recording.is_stream and timeline.duration:
                self._print(recording, timeline, began)
            raise
        self._print(recording, timeline, began)

    def _print(self, recording: Recording, timeline: Timeline, began: float) -> None:
        speed = timeline.duration / (time.perf_counter() - began)
        many = self._options.run.total > _FULL and not self._options.in_folder
        self._brief = self._brief or many
        if self._brief:
            print_line(self._console, recording.name, timeline)
        else:
            if self._results:
                self._console.print()
            print_timeline(self._console, recording.name, timeline, speed)
        verdict = timeline.verdict()
        words = label_text(timeline.card, verdict.status, verdict.genre)
        self._results["mix" if parts_of(timeline) else words] += 1
        self._seconds += timeline.duration
        self._to.finished()

    def failed(self, recording: Recording, error: StreamgenreError) -> None:
        """Count the failure; the error is on standard error."""
        self._failures += 1

    def close(self) -> None:
        """Print a summary of many recordings."""
        if not self._brief:
            return
        files = counted(self._results.total(), "file")
        results = ", ".join(
            f"{number} {'mixes' if name == 'mix' and number > 1 else name}"
            for name, number in self._results.most_common()
        )
        failed = f"; {self._failures} could not be read" if self._failures else ""
        self._console.print()
        self._console.print(Text(f"{files}, {clock(self._seconds)} of audio: {results}{failed}"))
        self._console.print(Text("Percentages are the confidence in the genre.", "dim"))
        self._to.finished()


def print_line(console: rich.console.Console, name: str, timeline: Timeline) -> None:
    """Print a timeline on one line: name, duration, result, and a small ribbon if it fits."""
    width = console.width
    names = max(8, min(40, width // 3))
    title = _title(name)
    if cell_len(title) > names:
        title = set_cell_size(title, names - 1).rstrip() + "…"
    title = set_cell_size(title, names)
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(title).append(f" {_length(timeline):>7}  ", "dim")
    line.append(result(timeline, short=True))
    room = width - cell_len(line.plain) - 2
    column = names + _SHORT_RESULT + 12
    if width - column >= _SHORTEST_RIBBON and room >= _SHORTEST_RIBBON:
        line.append(" " * max(2, column - cell_len(line.plain)))
        size = width - cell_len(line.plain)
        line.append(ribbon(timeline.card, timeline.segments, size))
    console.print(line, no_wrap=True, overflow="ellipsis")


def print_timeline(
    console: rich.console.Console, title: str, timeline: Timeline, speed: float
) -> None:
    """Print a timeline in the width of the console. `speed`: real-time factor."""
    card, width = timeline.card, console.width
    head = Text(no_wrap=True, overflow="ellipsis")
    head.append(_title(title), "bold").append(f"  {_length(timeline)}", "dim")
    console.print(head)
    segments = timeline.segments
    coloured = console.color_system is not None and not console.no_color
    for line in bands(card, segments, width) if coloured else [ribbon(card, segments, width)]:
        console.print(line)
    console.print(axis(timeline.duration, width))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column, side in (("start", "right"), ("end", "right"), ("genre", "left")):
        table.add_column(column, justify=side)  # type: ignore[arg-type]
    table.add_column("confidence", justify="right")
    for segment in segments[:_MOST_SEGMENTS]:
        words = label_text(card, segment.status, segment.genre)
        ink = style(card, segment.genre)
        if segment.status == "unsure":
            best = timeline.most_probable(segment)
            name = label_text(card, "", best)
            words = f"{words}, perhaps {name}" if width >= _ROOMY else f"{name}?"
            ink = style(card, best)
        table.add_row(
            clock(segment.start, tenths=True),
            clock(segment.end, tenths=True),
            Text(words, ink),
            percentage(segment),
        )
    console.print(table)
    if len(segments) > _MOST_SEGMENTS:
        console.print(
            f"... {len(segments) - _MOST_SEGMENTS} more; --format csv lists all, "
            "--min-segment 30 merges short ones",
            style="dim",
        )
    _print_verdict(console, timeline)
    digits = 1 if speed < 10 else 0
    console.print(f"[dim]computed at {speed:.{digits}f} times real time[/]", no_wrap=True)


def percentage(segment: Segment) -> str:
    """The confidence of a segment: the probability of its genre, or of the most probable one.

    "no music" has none: it is decided at a threshold of its own, so its probability would mislead.
    """
    return f"{segment.confidence:.0%}" if segment.status in ("genre", "unsure") else ""


def _title(name: str) -> str:
    if name == "-":
        return "standard input"
    return one_line(name if is_url(name) else Path(name).name)


def _length(timeline: Timeline) -> str:
    return clock(timeline.duration, tenths=timeline.duration < _SHORT)


def parts_of(timeline: Timeline) -> dict[str, float]:
    """The genres of a mix and their seconds, the longest first.

    Empty if the recording has at most one genre.
    """
    seconds: dict[str, float] = {}
    music = 0.0
    for segment in timeline.segments:
        if segment.status in ("genre", "unsure"):
            music += segment.end - segment.start
        if segment.genre is not None:
            length = segment.end - segment.start
            seconds[segment.genre] = seconds.get(segment.genre, 0.0) + length
    ranked = sorted(seconds.items(), key=lambda item: -item[1])
    parts = {name: length for name, length in ranked if length >= _PART * music}
    mixed = len(parts) > 1 and ranked[0][1] < _OF_ONE * music
    return dict(islice(parts.items(), _MOST_PARTS)) if mixed else {}


def mix(timeline: Timeline, most: int = _MOST_PARTS) -> Text:
    """The genres of a mix with their durations: "Jazz 1:20, Rock 0:40". Empty if it is no mix."""
    line = Text()
    for name, seconds in islice(parts_of(timeline).items(), most):
        line.append(", " if line else "")
        line.append(label_text(timeline.card, "", name), style(timeline.card, name) + _BOLD)
        line.append(f" {clock(seconds)}")
    return line


def result(timeline: Timeline, short: bool = False) -> Text:
    """The overall result as text, with the label of each probability."""
    card, verdict = timeline.card, timeline.verdict()

    def name(label: str) -> str:
        return label_text(card, "", label)

    if verdict.status == "no-music":
        return Text(label_text(card, verdict.status, None), style(card, None))
    if parts := mix(timeline, _MOST_PARTS_SHORT if short else _MOST_PARTS):
        return Text("mix: " if short else "a mix of ").append(parts)
    best = max(verdict.probabilities, key=lambda label: verdict.probabilities[label])
    percent = f"{verdict.probabilities[best]:.0%}"
    if not short:
        percent = f"(confidence {percent})"
    if verdict.status == "genre":
        return Text(name(best), style(card, best) + _BOLD).append(f" {percent}", Style())
    return Text("unsure, perhaps ").append(name(best), style(card, best)).append(f" {percent}")


def _print_verdict(console: rich.console.Console, timeline: Timeline) -> None:
    """Print the result for the whole recording, with the most probable labels as bars."""
    card, verdict = timeline.card, timeline.verdict()
    console.print()
    console.print(Text("Whole recording: ").append(result(timeline)))
    if timeline.styles:
        displays = {style.name: style.display for style in card.styles}
        line = Text("Possible styles: ", "dim", no_wrap=True, overflow="ellipsis")
        console.print(line.append(", ".join(displays[name] for name in timeline.styles)))
    if verdict.status == "no-music":
        return
    console.print(Text("Probabilities, averaged over the music:", "dim"))
    best = sorted(verdict.probabilities.items(), key=lambda item: -item[1])[:_TOP]
    names = max(len(label_text(card, "", name)) for name, _ in best)
    room = max(4, min(40, console.width - names - 8))
    for name, probability in best:
        row = Text(f"  {label_text(card, '', name):<{names}} {probability:4.0%} ")
        row.append("█" * max(0, round(probability * room)), style(card, name))
        console.print(row, no_wrap=True)
