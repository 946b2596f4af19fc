"""Processor time of a file, compared with decoding, mixing and resampling alone.

Whole processes: `streamgenre FILE` and two processes that only decode, mix and resample (alone.py),
interleaved, on a short and a long mp3. Processor time depends less on other load than wall-clock
time. The slope between the two lengths excludes the start-up, which is reported separately. Other
lengths show whether the time is linear. Every round yields a slope and a ratio.

One process: the stages (stages.py) from a file to its text, for each format, when warm. The total
is measured without the clocks of the stages, interleaved with both processes alone.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from streamgenre.audio.address import Recording
from streamgenre.model.model import load
from streamgenre.output.destination import Destination
from streamgenre.output.formats import FORMATS
from streamgenre.output.timeline import writer

from .. import recordings
from ..common import (
    Options,
    Spread,
    children_seconds,
    in_turn,
    processor_seconds,
    ratios,
    table,
)
from ..stages import Stages, pipeline
from . import alone

TITLE = "processor time of a file, by stage, against decoding it alone"

WHOLE = "streamgenre"
_SIDES = {
    WHOLE: (sys.executable, "-m", "streamgenre"),
    **{side: (sys.executable, "-m", "bench.file.alone", side) for side in alone.SIDES},
}
_CLIPS = 240.0  # s, all example clips once
_NEEDED = ("decode", "mono", "resample")


@dataclass(frozen=True)
class Slope:
    """Processor time of whole processes on a short and a long mp3, by process."""

    minutes: tuple[float, float]
    kbit_s: float
    ms_a_second: dict[str, Spread]
    startup_s: dict[str, Spread]
    ratio: dict[str, Spread]  # streamgenre relative to each process


@dataclass(frozen=True)
class FormatStages:
    """Processor milliseconds per second of audio for one format."""

    stages: dict[str, float]  # in the best round; "rest" is outside of the stages
    streamgenre: Spread
    ours: Spread
    libraries: Spread
    clocked: Spread
    ratio: dict[str, Spread]  # streamgenre relative to each process
    needed: Spread  # sum of the stages relative to decoding, mixing and resampling


@dataclass(frozen=True)
class FileCost:
    """The result of this measurement."""

    slope: Slope
    lengths: tuple[dict[str, float], ...]  # minutes, and processor seconds by process
    stages: dict[str, FormatStages]  # by format


def measure(options: Options) -> FileCost:
    """Measure slopes of whole processes, lengths, and stages by format."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.quick:
            return FileCost(
                slope(folder, (0.5, 4), 1),
                lengths(folder, (1,)),
                stages(folder, recordings.FORMATS, 15.0, 1),
            )
        return FileCost(
            slope(folder, (4, 40), 5),
            lengths(folder, (1, 4, 40, 120, 600)),
            stages(folder, recordings.FORMATS, _CLIPS, 5),
        )


def slope(folder: Path, minutes: tuple[float, float], rounds: int) -> Slope:
    """Measure each process on a short and a long mp3, in several rounds."""
    paths = [_mp3(folder, length) for length in minutes]
    cases: dict[str, Callable[[], object]] = {
        f"{side} {i}": partial(processor_seconds, [*command, str(path)])
        for i, path in enumerate(paths)
        for side, command in _SIDES.items()
    }
    # Only the file cache stays warm between processes, and the files were just written.
    seconds = in_turn(cases, rounds, clock=children_seconds, warm=0)
    audio = [recordings.seconds_of(path) for path in paths]
    slopes = {
        side: [
            (long - short) / (audio[1] - audio[0])
            for short, long in zip(seconds[f"{side} 0"], seconds[f"{side} 1"], strict=True)
        ]
        for side in _SIDES
    }
    startup = {
        side: [
            short - slope * audio[0]
            for short, slope in zip(seconds[f"{side} 0"], slopes[side], strict=True)
        ]
        for side in _SIDES
    }
    return Slope(
        minutes=minutes,
        kbit_s=paths[1].stat().st_size * 8 / audio[1] / 1e3,
        ms_a_second={
            side: Spread.of([value * 1e3 for value in values]) for side, values in slopes.items()
        },
        startup_s={side: Spread.of(values) for side, values in startup.items()},
        ratio={side: ratios(slopes, WHOLE, side) for side in alone.SIDES},
    )


def lengths(folder: Path, minutes: Sequence[float]) -> tuple[dict[str, float], ...]:
    """Measure each process once on mp3s of these lengths."""
    rows = []
    for length in minutes:
        path = _mp3(folder, length)
        seconds = {
            side: processor_seconds([*command, str(path)]) for side, command in _SIDES.items()
        }
        rows.append({"minutes": recordings.seconds_of(path) / 60, **seconds})
        if length > 60:
            path.unlink()  # half a gigabyte
    return tuple(rows)


def stages(
    folder: Path, formats: Sequence[str], seconds: float, rounds: int
) -> dict[str, FormatStages]:
    """Measure the stages, the whole, and the processes alone, by format.

    The stages are those of the round with the smallest sum. Ratios are computed by round.
    """
    by_format: dict[str, FormatStages] = {}
    for form in formats:
        path = recordings.write(folder / f"music.{form}", seconds)
        scale = 1e3 / recordings.seconds_of(path)
        whole = _whole(path)
        taken: list[dict[str, float]] = []
        cases: dict[str, Callable[[], object]] = {
            WHOLE: whole,
            **{side: partial(run, path) for side, run in alone.SIDES.items()},
            "clocked": partial(_split, whole, taken),
        }
        times = in_turn(cases, rounds, clock=time.process_time)
        del taken[0]  # warm-up
        best = min(taken, key=lambda split: sum(split.values()))
        needed = [sum(split.values()) / sum(split[name] for name in _NEEDED) for split in taken]
        by_format[form] = FormatStages(
            stages={name: value * scale for name, value in best.items()},
            **{case: Spread.of([s * scale for s in times[case]]) for case in cases},
            ratio={side: ratios(times, WHOLE, side) for side in alone.SIDES},
            needed=Spread.of(needed),
        )
    return by_format


def _whole(path: Path) -> Callable[[], None]:
    """The work of `streamgenre FILE` after the start-up: read, classify, write text."""
    model = load()
    return lambda: writer(FORMATS["text"], Destination(io.StringIO()), model)(
        Recording(str(path)), None, None
    )


def _split(whole: Callable[[], None], taken: list[dict[str, float]]) -> None:
    """One run with the time of each stage; "rest" is outside of the stages."""
    began = time.process_time()
    with Stages(pipeline()) as split:
        whole()
    spent = time.process_time() - began
    taken.append({**split.seconds, "rest": spent - sum(split.seconds.values())})


def _mp3(folder: Path, minutes: float) -> Path:
    """Make an mp3 of a length by repeating the packets of all clips."""
    path = folder / f"{minutes:g}.mp3"
    source = folder / "clips.mp3"
    if not source.exists():
        recordings.write(source, min(_CLIPS, minutes * 60))
    return path if path.exists() else recordings.longer(path, source, minutes * 60)


def report(result: FileCost) -> list[str]:
    """Slopes, lengths, stages."""
    return [
        *_report_slope(result.slope),
        *_report_lengths(result.lengths, result.slope),
        *_report_stages(result.stages),
    ]


def _report_slope(slope: Slope) -> list[str]:
    short, long = slope.minutes
    rounds = slope.ms_a_second[WHOLE].count
    rows = []
    for side in _SIDES:
        ratio = f"{slope.ratio[side].format(2)} times" if side in slope.ratio else ""
        cost, start = slope.ms_a_second[side], slope.startup_s[side]
        rows.append([_NAMES[side], cost.format(2), ratio, start.format(2)])
    return [
        f"Whole processes, mp3 of {slope.kbit_s:.0f} kbit/s, slope between {short:g} and "
        f"{long:g} minutes, sides in turn; median of {rounds} (least to most):",
        table(("process", "ms a second of audio", f"{WHOLE} takes", "start-up, processor s"), rows),
    ]


def _report_lengths(lengths: Sequence[Mapping[str, float]], slope: Slope) -> list[str]:
    """Each length relative to the line given by start-up and slope."""
    cost, start = slope.ms_a_second[WHOLE].median, slope.startup_s[WHOLE].median
    rows = []
    for row in lengths:
        straight = start + cost / 1e3 * row["minutes"] * 60
        times = [f"{row[side]:.2f}" for side in _SIDES]
        rows.append([f"{row['minutes']:.4g}", *times, f"{row[WHOLE] / straight:.2f}"])
    head = ("minutes of mp3", *(f"{_NAMES[side]}, s" for side in _SIDES), "of the straight line")
    return [
        "Lengths, whole processes, once each; the line is the table's above (start-up + slope):",
        table(head, rows),
    ]


def _report_stages(by_format: Mapping[str, FormatStages]) -> list[str]:
    names = [*next(iter(by_format.values())).stages]
    rows = []
    for form, one in by_format.items():
        split = [f"{one.stages[name]:.3f}" for name in names]
        against = [one.needed, *(one.ratio[side] for side in alone.SIDES)]
        whole = f"{one.streamgenre.best:.2f}"
        rows.append([form, *split, whole, *(ratio.format(2) for ratio in against)])
    head = ("format", *names, "whole", f"/ ({' + '.join(_NEEDED)})")
    return [
        "One warm process, processor ms for a second of audio, each stage's own time in the best "
        "round (`updates` is what the stream does around its parts); the whole is the best without "
        "clocks in between; then all over the stages that any program needs, and the whole over "
        "the two sides alone, in turn with it, median of rounds (least to most):",
        table((*head, *(f"/ {_NAMES[side]}" for side in alone.SIDES)), rows),
    ]


_NAMES = {WHOLE: WHOLE, "ours": "our parts alone", "libraries": "libraries alone"}
