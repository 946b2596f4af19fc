"""Days of audio: does anything leak or drift?

Three runs, each in a process of its own: one stream at the hop for files and one at the live hop
(stream.py), and live listening through the ring buffer with a simulated sound card (listening.py).
Linux only.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..common import ROOT, Options, Skipped, table
from ..records import from_json
from .watch import Listening, Sample

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "days of audio through one stream"
CHART = "soak.png"

_HOURS = 72.0
_LIVE_SHARE = 1 / 3  # of the hours, for the runs at the live hop
_FILE_HOP, _LIVE_HOP = 2.5, 0.5  # s
_LIVE = "live listening, hop 0.5 s"
_SETTLED = 0.1  # share of a run after which memory should no longer grow


@dataclass(frozen=True)
class Soak:
    """The result of this measurement."""

    runs: dict[str, tuple[Sample, ...]]
    """Samples over time by name of the run."""
    listening: Listening | None = None
    """Counts of the live run; None if it was stopped early."""


def measure(options: Options) -> Soak:
    """Run all three, one after the other."""
    if not Path("/proc/self/status").exists():
        raise Skipped("needs /proc, as on Linux")
    hours = options.hours or (4.0 if options.quick else _HOURS)
    live = hours * _LIVE_SHARE
    runs = {
        f"one stream, hop {_FILE_HOP:g} s": _run("stream", hours, _FILE_HOP),
        f"one stream, hop {_LIVE_HOP:g} s": _run("stream", live, _LIVE_HOP),
    }
    *samples, counts = _run("listening", live)
    return collected(runs | {_LIVE: samples}, counts)


def collected(
    runs: Mapping[str, list[dict[str, object]]], counts: Mapping[str, object] | None = None
) -> Soak:
    """The result from the lines that the processes print, also of runs that were stopped."""
    typed = {name: from_json(tuple[Sample, ...], lines) for name, lines in runs.items()}
    return Soak(typed, None if counts is None else from_json(Listening, counts))


def _run(module: str, *arguments: float) -> list[dict[str, object]]:
    """The lines that a module of this package prints."""
    command = [sys.executable, "-m", f"{__package__}.{module}", *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@dataclass(frozen=True)
class Summary:
    """One run in numbers."""

    hours: float
    growth_mb: float
    """Growth of the resident memory after the first tenth of the run."""
    threads: tuple[int, int]
    """Least and most."""
    descriptors: tuple[int, int]
    state_largest: float
    answers: int
    changed: int
    """Answers that differ from the first answer to the same clip."""
    difference: float
    """Largest difference of a smoothed probability from the first answer."""
    step: tuple[float, float]
    """Median CPU time of an update in the first and the last quarter, in speed kernels."""
    behind: tuple[float, float]
    """Least and largest."""


def summary(samples: tuple[Sample, ...]) -> Summary:
    """Sum up a run."""
    answers = [answer for sample in samples for answer in sample.answers]
    first = {answer.clip: answer.top for answer in reversed(answers)}
    settled = samples[int(len(samples) * _SETTLED)]
    quarter = max(1, len(samples) // 4)

    def span(values: list[float]) -> tuple[float, float]:
        return min(values), max(values)

    def middle(values: list[float]) -> float:
        return sorted(values)[len(values) // 2]

    steps = [sample.step_p50 for sample in samples]
    threads, descriptors = [s.threads for s in samples], [s.descriptors for s in samples]
    return Summary(
        hours=samples[-1].hours,
        growth_mb=round(samples[-1].rss_mb - settled.rss_mb, 1),
        threads=(min(threads), max(threads)),
        descriptors=(min(descriptors), max(descriptors)),
        state_largest=max(sample.state_largest for sample in samples),
        answers=len(answers),
        changed=sum(answer.top != first[answer.clip] for answer in answers),
        difference=max((answer.difference for answer in answers), default=0.0),
        step=(middle(steps[:quarter]), middle(steps[-quarter:])),
        behind=span([sample.behind_s for sample in samples]),
    )


def report(result: Soak) -> list[str]:
    """The summary of each run, and the counts of the live run."""
    rows = []
    for name, samples in result.runs.items():
        one = summary(samples)
        rows.append(
            [
                name,
                f"{one.hours:.3g}",
                f"{one.growth_mb:+.1f}",
                _span(*one.threads),
                _span(*one.descriptors),
                f"{one.state_largest:,.0f}",
                f"{one.changed} of {one.answers}",
                f"{one.difference:.1g}",
                f"{one.step[0]:.2f}, {one.step[1]:.2f}",
                f"{one.behind[0]:.2f} to {one.behind[1]:.2f}",
            ]
        )
    head = ("run", "hours", "growth of memory, MB", "threads", "file descriptors",
            "largest norm of the state", "changed answers", "largest change of a probability",
            "update, first and last quarter", "behind, s")  # fmt: skip
    paragraphs = [
        table(head, rows),
        "Memory counts from the first tenth of a run. The same three clips are repeated for two "
        "minutes each in every hour; an answer is compared with the first one to that clip. The "
        "CPU time of an update is relative to the speed kernel.",
    ]
    if result.listening is not None:
        live = result.listening
        faults = ", ".join(f"{kind}: {count}" for kind, count in live.faults.items())
        paragraphs.append(
            f"Simulated faults of the sound card: {faults}. The listener reported {live.gaps} "
            f"gaps, {live.dropped:,} dropped frames and {live.overflows} overflows."
        )
    return [*paragraphs, f"![memory, state, answers and CPU time over time]({CHART})"]


def _span(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low} to {high}"


def charts(result: Soak) -> dict[str, Figure]:
    """The chart of all runs by file name."""
    from training.evaluation.presentation import HOP_COLOURS, canvas, tidy

    figure = canvas(8.0, 7.5)
    panels = figure.subplots(3, 2, sharex=True).ravel()
    for colour, (name, samples) in zip(HOP_COLOURS, result.runs.items(), strict=False):
        hours = [sample.hours for sample in samples]

        def line(axes: Axes, field: str, style: str = "-", label: str | None = None) -> None:
            values = [getattr(sample, field) for sample in samples]  # noqa: B023
            axes.plot(hours, values, color=colour, ls=style, lw=1.2, label=label)  # noqa: B023

        line(panels[0], "rss_mb", label=name)
        line(panels[1], "threads")
        line(panels[1], "descriptors", ":")
        line(panels[2], "state_mean")
        line(panels[2], "state_largest", ":")
        answers = [(sample.hours, a) for sample in samples for a in sample.answers]
        panels[3].plot(
            [at for at, _ in answers], [a.difference for _, a in answers], ".", color=colour, ms=4
        )
        line(panels[4], "step_p50")
        line(panels[4], "step_p99", ":")
        line(panels[5], "behind_s")
    titles = ("resident memory, MB", "threads (solid), file descriptors (dotted)",
              "norm of the state: mean, largest (dotted)",
              "change of the answer to a reference clip",
              "CPU time of an update / speed kernel: p50, p99 (dotted)",
              "audio without an update yet, s")  # fmt: skip
    for axes, title in zip(panels, titles, strict=True):
        axes.set_title(title, fontsize=9)
        tidy(axes, percent=False)
        axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
    panels[0].legend(frameon=False, fontsize=7, loc="lower right")
    for axes in panels[-2:]:
        axes.set_xlabel("hours of audio")
    return {CHART: figure}
