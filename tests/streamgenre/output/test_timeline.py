"""Timelines have no gaps; the ribbon and the table match a golden file."""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import re
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from support.timelines import timeline_of

from streamgenre.durations import clock
from streamgenre.model import notebook
from streamgenre.model.timeline import Timeline
from streamgenre.output.ribbon import axis, columns, ribbon
from streamgenre.output.timeline.reading import Run
from streamgenre.output.timeline.text import print_line, print_timeline
from streamgenre.update import Update

decision = st.sampled_from(
    [("genre", "jazz"), ("genre", "rock"), ("unsure", None), ("no-music", None), ("gap", None)]
)


@given(decisions=st.lists(decision, min_size=1, max_size=60))
def test_segments_tile_the_time(model, decisions):
    timeline = timeline_of(model.card, decisions)
    segments = timeline.segments
    assert segments[0].start == 0 and segments[-1].end == timeline.duration
    for a, b in pairwise(segments):
        assert a.end == b.start and (a.status, a.genre) != (b.status, b.genre)
    assert all(0 <= s.confidence <= 1 for s in segments)
    assert [(u.status, u.genre) for u in timeline.updates] == decisions


@given(decisions=st.lists(decision, min_size=1, max_size=60), width=st.integers(1, 200))
def test_the_ribbon_fits_any_width(model, decisions, width):
    timeline = timeline_of(model.card, decisions)
    assert len(ribbon(model.card, timeline.segments, width)) == width
    assert len(axis(timeline.duration, width)) == width
    assert len(columns(timeline.segments, width)) == width


def test_the_verdict_is_over_music_steps(model):
    decisions = [("genre", "jazz")] * 3 + [("no-music", None)] * 3
    verdict = timeline_of(model.card, decisions).verdict()
    assert (verdict.status, verdict.genre) == ("genre", "jazz")
    assert verdict.confidence == pytest.approx(0.8) and verdict.music == pytest.approx(0.5)
    assert timeline_of(model.card, [("no-music", None)] * 3).status == "no-music"


def test_rows_are_compact(model):
    timeline = timeline_of(model.card, [("genre", "jazz")])
    kept = sum(block.nbytes for block in timeline._rows._blocks) / 1024
    assert kept <= 150


def test_updates_are_a_sequence(model):
    updates = timeline_of(model.card, [("genre", "jazz")] * 5).updates
    assert len(updates) == 5 and updates[-1] == updates[4] and len(updates[1:3]) == 2
    with pytest.raises(IndexError):
        updates[5]


def test_to_dict_is_json(model, music):
    result = json.loads(json.dumps(model.classify(music).to_dict(), allow_nan=False))
    assert result["schema"] == 1 and result["model"]["name"] == "tfcrnn"


GOLDEN = Path(__file__).parent / "golden" / "timeline.txt"


def test_the_text_matches_the_golden_file(model, capsys):
    decisions = [("genre", "jazz")] * 4 + [("unsure", None)] * 4 + [("genre", "rock")] * 8
    limits = dataclasses.replace(model.card.thresholds, unsure=0.3)
    card = dataclasses.replace(model.card, thresholds=limits)
    timeline = timeline_of(card, decisions)
    print_timeline(Console(file=sys.stdout, width=40, highlight=False), "song.mp3", timeline, 321.0)
    assert capsys.readouterr().out == GOLDEN.read_text(encoding="utf-8")


def text_of(timeline, name="song.mp3", speed=1.0, width=80, **settings) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width, highlight=False, **settings)
    print_timeline(console, name, timeline, speed)
    return file.getvalue()


def line_of(timeline) -> str:
    file = io.StringIO()
    print_line(Console(file=file, width=80, highlight=False), "song.mp3", timeline)
    return file.getvalue()


def of_unsure(card, *probabilities) -> Timeline:
    """Steps of 2.5 s in which no genre was decided, with these probabilities of the labels."""
    timeline = Timeline(card, 2.5)
    for i, row in enumerate(probabilities):
        named = dict.fromkeys(card.label_names, 0.0) | row
        top = max(named, key=named.get)
        timeline.append(
            Update(2.5 * (i + 1), "unsure", None, top, named[top], 1.0, named, -20.0, {})
        )
    return timeline


def test_unsure_names_the_label_of_the_probability(model):
    """For segments and for the whole recording."""
    rows = {"folk": 0.4, "jazz": 0.2}, {"jazz": 0.35, "folk": 0.3}, {"folk": 0.3, "rock": 0.25}
    timeline = of_unsure(model.card, *rows)
    (segment,) = timeline.segments
    assert segment.confidence == pytest.approx(1 / 3, abs=1e-6)
    assert timeline.most_probable(segment) == "folk"
    text = text_of(timeline)
    assert "unsure, perhaps Folk" in text and "33%" in text
    assert "Whole recording: unsure, perhaps Folk (confidence 33%)" in text


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"jazz": 10}, "Jazz"),
        ({"jazz": 8, "rock": 2}, "Jazz"),
        ({"jazz": 5, "rock": 5}, "a mix of Jazz 0:12, Rock 0:12"),
        ({"rock": 2, "jazz": 5, "folk": 3}, "a mix of Jazz 0:12, Folk 0:07, Rock 0:05"),
        (
            {"jazz": 40, "rock": 30, "folk": 25, "blues": 5},
            "a mix of Jazz 1:40, Rock 1:15, Folk 1:02",
        ),
    ],
)
def test_a_mix_is_reported_as_such(model, parts, words):
    decisions = [("genre", name) for name, steps in parts.items() for _ in range(steps)]
    (line,) = (
        line
        for line in text_of(timeline_of(model.card, decisions)).splitlines()
        if line.startswith("Whole recording")
    )
    assert line.removeprefix("Whole recording: ").startswith(words)
    assert ("mix" in line) == ("mix" in words)


@pytest.mark.parametrize(
    ("decisions", "words"),
    [
        ([("genre", "jazz")] * 4, "Jazz"),
        ([("no-music", None)] * 4, "no music"),
        ([("genre", "jazz")] * 32 + [("genre", "rock")] * 16, "mix: Jazz 1:20, Rock 0:40"),
    ],
)
def test_one_line_per_recording_has_the_result(model, decisions, words):
    assert words in line_of(timeline_of(model.card, decisions))


def test_the_line_of_an_unsure_recording_says_so(model):
    assert "unsure, perhaps Folk 40%" in line_of(of_unsure(model.card, {"folk": 0.4}))


def test_a_notebook_names_the_label_of_each_percentage(model):
    folk = {"folk": 0.4, "jazz": 0.2}
    unsure = of_unsure(model.card, folk, folk)
    assert notebook.summary(unsure) == "unsure, perhaps Folk 40 %"
    assert "<td>unsure, perhaps Folk</td><td>40%</td>" in notebook.html(unsure)
    silent = notebook.html(timeline_of(model.card, [("no-music", None)] * 4))
    assert "<td>no music</td><td></td>" in silent


def test_no_music_is_two_words(model):
    text = text_of(timeline_of(model.card, [("no-music", None)] * 4))
    assert "no music" in text and "no-music" not in text
    assert "%" not in text  # of what? a genre has the percentages


def test_standard_input_is_named(model):
    timeline = timeline_of(model.card, [("genre", "jazz")])
    assert text_of(timeline, "-").startswith("standard input")


def test_a_slow_run_is_not_zero_times_real_time(model):
    timeline = timeline_of(model.card, [("genre", "jazz")])
    assert "computed at 0.3 times real time" in text_of(timeline, speed=0.31)


def test_a_terminal_with_colours_shows_bands(model):
    timeline = timeline_of(model.card, [("genre", "jazz")] * 4 + [("genre", "rock")] * 4)
    plain, coloured = (text_of(timeline, **settings) for settings in ({}, {"force_terminal": True}))
    assert "|Jazz-----" in plain and "\x1b" not in plain
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in coloured.splitlines()]
    assert lines[1].startswith("▏Jazz      ") and lines[2].startswith("▏          ")
    assert {len(lines[1]), len(lines[2])} == {80}
    assert "|Jazz" in text_of(timeline, force_terminal=True, no_color=True)


def test_the_colours_of_genres_are_distinguishable(model):
    """Distance in CIELAB; 2 to 3 is just noticeable, and the nearest pair had 8."""
    colours = [_lab(label.colour) for label in model.card.labels]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(colours, 2)) > 15


def _lab(colour: str) -> np.ndarray:
    """L, a and b of #rrggbb for the white point D65 (CIE 15)."""
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ linear / [0.9505, 1, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_the_progress_of_many_files_has_a_time_left():
    run = Run(total=60, done=0)
    assert run.left == ""
    run.done, run.began = 15, run.began - 30
    assert run.left == "about 1:30 left"


def test_clock():
    assert [clock(s) for s in (0, 59.9, 60, 3600)] == ["0:00", "0:59", "1:00", "1:00:00"]
    assert clock(np.float64(59.96), tenths=True) == "1:00.0"
