"""What a file costs, held against decoding, mixing and resampling it alone.

Whole processes: processor time, not wall-clock, so that a busy machine matters less, of
`streamgenre FILE` and of two processes that decode, mix and resample alone (alone.py), taken in
turn on a short and a long mp3. The slope between the two leaves start-up out, which is told apart;
other lengths show whether the slope stays what it is. Every round gives a slope and a ratio.

One process: the stages (stages.py) of a file's way to its text, for each format, warm. What the
clocks in between cost is left out by taking the whole without them; both sides alone are taken in
turn with it.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from streamgenre.audio.address import Recording
from streamgenre.model.model import load
from streamgenre.output.destination import Destination
from streamgenre.output.timeline import writer

from .. import recordings
from ..common import (
    Options,
    Spread,
    children_seconds,
    in_turn,
    processor_seconds,
    ratios,
    shown,
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


def measure(options: Options) -> dict[str, Any]:
    """Slopes of whole processes, lengths, and stages by format."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.quick:
            return {
                "slope": slope(folder, (0.5, 4), 1),
                "lengths": lengths(folder, (1,)),
                "stages": stages(folder, recordings.FORMATS, 15.0, 1),
            }
        return {
            "slope": slope(folder, (4, 40), 5),
            "lengths": lengths(folder, (1, 4, 40, 120, 600)),
            "stages": stages(folder, recordings.FORMATS, _CLIPS, 5),
        }


def slope(folder: Path, minutes: tuple[float, float], rounds: int) -> dict[str, Any]:
    """Processor seconds of each side on a short and a long mp3, round by round."""
    paths = [_mp3(folder, length) for length in minutes]
    cases: dict[str, Callable[[], object]] = {
        f"{side} {i}": partial(processor_seconds, [*command, str(path)])
        for i, path in enumerate(paths)
        for side, command in _SIDES.items()
    }
    # Nothing is kept warm between processes but files, which were just written.
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
    return {
        "minutes": list(minutes),
        "kbit_s": paths[1].stat().st_size * 8 / audio[1] / 1e3,
        "ms_a_second": {
            side: Spread.of([value * 1e3 for value in found]).to_json()
            for side, found in slopes.items()
        },
        "startup_s": {side: Spread.of(found).to_json() for side, found in startup.items()},
        "ratio": {side: ratios(slopes, WHOLE, side).to_json() for side in alone.SIDES},
    }


def lengths(folder: Path, minutes: Sequence[float]) -> list[dict[str, float]]:
    """Processor seconds of each side on mp3s of these lengths, once each, the sides in turn."""
    found = []
    for length in minutes:
        path = _mp3(folder, length)
        seconds = {
            side: processor_seconds([*command, str(path)]) for side, command in _SIDES.items()
        }
        found.append({"minutes": recordings.seconds_of(path) / 60, **seconds})
        if length > 60:
            path.unlink()  # half a gigabyte
    return found


def stages(
    folder: Path, formats: Sequence[str], seconds: float, rounds: int
) -> dict[str, dict[str, Any]]:
    """Processor milliseconds for a second of audio, by format: of the stages, whole and alone.

    The stages are those of the round in which their sum was least, "rest" being what is outside of
    them; "needed" is that sum over what decoding, mixing and resampling had of it. Ratios are of
    rounds.
    """
    found: dict[str, dict[str, Any]] = {}
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
        del taken[0]  # it warmed up
        best = min(taken, key=lambda split: sum(split.values()))
        needed = [sum(split.values()) / sum(split[name] for name in _NEEDED) for split in taken]
        found[form] = {
            "stages": {name: value * scale for name, value in best.items()},
            **{case: Spread.of([s * scale for s in times[case]]).to_json() for case in cases},
            "ratio": {side: ratios(times, WHOLE, side).to_json() for side in alone.SIDES},
            "needed": Spread.of(needed).to_json(),
        }
    return found


def _whole(path: Path) -> Callable[[], None]:
    """What `streamgenre FILE` does once it is there: read, classify, write its text."""
    model = load()
    return lambda: writer("text", Destination(io.StringIO()), model)(
        Recording(str(path)), None, None
    )


def _split(whole: Callable[[], None], taken: list[dict[str, float]]) -> None:
    """One run with its stages' own seconds, "rest" being what is outside of all of them."""
    began = time.process_time()
    with Stages(pipeline()) as split:
        whole()
    spent = time.process_time() - began
    taken.append({**split.seconds, "rest": spent - sum(split.seconds.values())})


def _mp3(folder: Path, minutes: float) -> Path:
    """An mp3 of that length; LAME's packets of all clips, over and over."""
    path = folder / f"{minutes:g}.mp3"
    source = folder / "clips.mp3"
    if not source.exists():
        recordings.write(source, min(_CLIPS, minutes * 60))
    return path if path.exists() else recordings.longer(path, source, minutes * 60)


def report(found: dict[str, Any]) -> list[str]:
    """The headline, lengths, stages."""
    return [
        *_report_slope(found["slope"]),
        "",
        *_report_lengths(found["lengths"], found["slope"]),
        "",
        *_report_stages(found["stages"]),
    ]


def _report_slope(found: dict[str, Any]) -> list[str]:
    short, long = found["minutes"]
    rounds = found["ms_a_second"][WHOLE]["count"]
    rows = []
    for side in _SIDES:
        ratio = f"{shown(found['ratio'][side], 2)} times" if side in found["ratio"] else ""
        cost, start = found["ms_a_second"][side], found["startup_s"][side]
        rows.append([_NAMES[side], shown(cost, 2), ratio, shown(start, 2)])
    return [
        f"Whole processes, mp3 of {found['kbit_s']:.0f} kbit/s, slope between {short:g} and "
        f"{long:g} minutes, sides in turn; median of {rounds} (least to most):",
        "",
        *table(
            ("process", "ms a second of audio", f"{WHOLE} takes", "start-up, processor s"), rows
        ),
    ]


def _report_lengths(found: Sequence[Mapping[str, float]], slope: dict[str, Any]) -> list[str]:
    """How far each length is from start-up and slope of the headline."""
    cost, start = (slope[key][WHOLE]["median"] for key in ("ms_a_second", "startup_s"))
    rows = []
    for row in found:
        straight = start + cost / 1e3 * row["minutes"] * 60
        times = [f"{row[side]:.2f}" for side in _SIDES]
        rows.append([f"{row['minutes']:.4g}", *times, f"{row[WHOLE] / straight:.2f}"])
    head = ("minutes of mp3", *(f"{_NAMES[side]}, s" for side in _SIDES), "of the straight line")
    return [
        "Lengths, whole processes, once each; the line is the table's above (start-up + slope):",
        "",
        *table(head, rows),
    ]


def _report_stages(found: Mapping[str, dict[str, Any]]) -> list[str]:
    names = [*next(iter(found.values()))["stages"]]
    rows = []
    for form, one in found.items():
        split = [f"{one['stages'][name]:.3f}" for name in names]
        against = [one["needed"], *(one["ratio"][side] for side in alone.SIDES)]
        whole = f"{one[WHOLE]['best']:.2f}"
        rows.append([form, *split, whole, *(shown(ratio, 2) for ratio in against)])
    head = ("format", *names, "whole", f"/ ({' + '.join(_NEEDED)})")
    return [
        "One warm process, processor ms for a second of audio, each stage's own time in the best "
        "round (`updates` is what the stream does around its parts); the whole is the best without "
        "clocks in between; then all over the stages that any program needs, and the whole over "
        "the two sides alone, in turn with it, median of rounds (least to most):",
        "",
        *table((*head, *(f"/ {_NAMES[side]}" for side in alone.SIDES)), rows),
    ]


_NAMES = {WHOLE: WHOLE, "ours": "our parts alone", "libraries": "libraries alone"}
