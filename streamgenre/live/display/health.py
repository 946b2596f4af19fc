"""Latency, speed and losses: one or two lines, or a column if there is space."""

from __future__ import annotations

import math
from collections.abc import Callable

from ...durations import clock
from ...errors import one_line
from ..listener import Health
from .line import BAD, BOLD, DIM, GOOD, WARN, Line, Span, cut, fitted, longest, spread
from .meter import bar
from .view import View

_STATES = {
    "starting": ("◌", BOLD),
    "listening": ("●", GOOD),
    "paused": ("‖", WARN),
    "lost": ("✕", BAD),
    "ended": ("■", BOLD),
}


def header(view: View, width: int) -> Line:
    """One line: state and name of the input, and uptime."""
    mark, look = _STATES[view.activity]
    state = [Span(f"{mark} {view.activity}", look), Span("  ")]
    up = [Span("up ", DIM), Span(clock(max(0.0, view.health.uptime)))]
    room = width - 4 - len(view.activity) - 15
    device = one_line(view.health.device)
    form = f"  {rate(view.health)}, {channels(view.health)}"
    name = cut(device, room - len(form)) if len(form) + 12 <= room else cut(device, room)
    state.append(Span(name, BOLD))
    if len(form) + 12 <= room:
        state.append(Span(form, DIM))
    return spread(state, up, width)


def health_lines(view: View, width: int, rows: int) -> list[Line]:
    """`rows` lines, one or two."""
    health = view.health
    total = [Span("latency ", DIM), Span(duration(latency(health)))]
    parts = ", ".join(f"{name} {duration(seconds)}" for name, seconds in _parts(health))
    split = [*total, Span(f" = {parts}", DIM)]
    short = ", ".join(f"{name[:4]} {duration(seconds)}" for name, seconds in _parts(health))
    if rows > 1:
        speed = [*_speed(health, " times real time"), Span("   ")]
        first = longest([split, [*total, Span(f" = {short}", DIM)], total], width)
        second = longest(
            [[*speed, *_losses(health)], [*_speed(health, "x  "), *_losses(health, 4)]], width
        )
        return [fitted(first, width), fitted(second, width)]
    speed = _speed(health, "x")
    gap = Span("  ")
    every = [
        [*split, gap, *_speed(health, "x real time"), gap, *_losses(health)],
        [*total, gap, *_speed(health, "x real time"), gap, *_losses(health)],
        [*total, gap, *speed, gap, *_losses(health)],
        [Span(duration(latency(health))), gap, *speed, gap, *_losses(health)],
        [Span(duration(latency(health))), gap, *speed, gap, *_losses(health, 4)],
    ]
    return [fitted(longest(every, width), width)]


def health_words(view: View, width: int) -> list[Line]:
    """Seven lines for a column: each figure with its name, the latency as bars."""
    health = view.health
    total = latency(health)
    lines: list[Line] = [
        [Span("latency    ", BOLD), Span(f"{duration(total):>7}", BOLD), Span("  in total", DIM)]
    ]
    room = max(0, width - 22)
    for name, seconds in _parts(health):
        share = seconds / total if total > 0 else 0.0
        figure = Span(f"  {name:<9}{duration(seconds):>7}  ")
        lines.append([figure, Span(bar(share, room), DIM)])
    lines.append([Span("speed      ", BOLD), *_speed(health, " times real time")])
    lines.append([Span("lost       ", BOLD), *_losses(health)])
    return [fitted(line, width) for line in lines]


def sinks_line(view: View, width: int) -> Line:
    """The outputs, those with problems first; names are shortened if they do not fit."""
    failing = [(name, problem) for name, problem in view.sinks if problem]
    working = [name for name, problem in view.sinks if not problem]

    def line(name: Callable[[str], str], fine: str) -> Line:
        parts = [Span("outputs ", DIM)]
        for output, problem in failing:
            parts.append(Span(one_line(name(output)), BOLD))
            parts.append(Span(f": {one_line(problem)}  ", WARN))
        return [*parts, Span(fine), Span(" ok", DIM)] if working else parts

    kinds = [_kind(name) for name in working]
    every = [
        line(str, "  ".join(map(one_line, working))),
        line(str, ", ".join(kinds)),
        line(_kind, ", ".join(kinds)),
        line(_kind, f"{len(working)} others" if failing else f"all {len(working)}"),
    ]
    return fitted(longest(every, width), width)


def _kind(name: str) -> str:
    """The kind of an output: "log" of "log /home/me/log.jsonl"."""
    return "now playing" if name.startswith("now playing") else one_line(name).split(" ")[0]


def sinks_words(view: View, width: int) -> list[Line]:
    """A title and a line for each output."""
    lines: list[Line] = [[Span("outputs", BOLD)]]
    room = max(6, min(28, width // 2))
    for name, problem in sorted(view.sinks, key=lambda sink: not sink[1]):
        text = cut(one_line(name), room)
        lines.append(
            [Span(f"  {text}  "), Span(one_line(problem) or "ok", WARN if problem else DIM)]
        )
    return [fitted(line, width) for line in lines]


def latency(health: Health) -> float:
    """Longest time in seconds from a sound to the decision based on it."""
    return sum(seconds for _, seconds in _parts(health))


def duration(seconds: float) -> str:
    """A duration in seconds as text.

    >>> duration(0.0004), duration(0.0042), duration(0.5), duration(2.0), duration(12.34)
    ('0.4 ms', '4 ms', '500 ms', '2 s', '12 s')
    """
    if not math.isfinite(seconds):
        return "?"
    if seconds >= 0.9995:
        return f"{round(seconds, 2 if seconds < 9.995 else 0):g} s"
    milliseconds = seconds * 1000
    return f"{milliseconds:.0f} ms" if milliseconds >= 1 else f"{round(milliseconds, 1):g} ms"


def rate(health: Health) -> str:
    """The sample rate in kHz as text."""
    return f"{health.sample_rate / 1000:g} kHz"


def channels(health: Health) -> str:
    """The number of channels as text."""
    return {1: "mono", 2: "stereo"}.get(health.channels, f"{health.channels} channels")


def _parts(health: Health) -> list[tuple[str, float]]:
    return [
        ("capture", health.capture),
        ("window", health.window),
        ("compute", health.compute),
        ("smoothing", health.smoothing),
    ]


def _speed(health: Health, unit: str) -> Line:
    if not health.real_time > 0:
        return [Span("no step yet", DIM)]
    figure = f"{health.real_time:.{0 if health.real_time >= 10 else 1}f}"
    if health.real_time < 1:
        return [Span(f"{figure}{unit}: too slow", BAD)]
    return [Span(figure), Span(unit, DIM)]


def _losses(health: Health, letters: int = 9) -> Line:
    """Counts of losses with their names (the first letters), highlighted unless 0."""
    line: Line = []
    counts = {"dropped": health.dropped, "overflows": health.overflows, "gaps": health.gaps}
    for name, count in counts.items():
        line.append(Span(f"{name[:letters]} ", WARN if count else DIM))
        line.append(Span(f"{count}", WARN if count else None))
        line.append(Span("  "))
    return line[:-1]
