"""Timelines have no gaps; the ribbon and the table match a golden file."""

from __future__ import annotations

import dataclasses
import json
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from streamgenre.model.timeline import Timeline
from streamgenre.output.ribbon import axis, clock, columns, ribbon
from streamgenre.output.timeline.text import print_timeline
from streamgenre.update import Update


def timeline_of(card, decisions, hop=2.5):
    """A timeline of (status, genre) decisions, each with 0.8 for its genre."""
    timeline = Timeline(card, hop)
    labels = card.label_names
    for i, (status, genre) in enumerate(decisions, 1):
        probabilities = dict.fromkeys(labels, 0.2 / (len(labels) - 1))
        probabilities[genre or labels[0]] = 0.8
        timeline.append(
            Update(
                i * hop, status, genre, genre or labels[0], 0.8,
                0.1 if status == "no-music" else 0.9, probabilities, -20.0, {},
            )
        )  # fmt: skip
    return timeline


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


def test_clock():
    assert [clock(s) for s in (0, 59.9, 60, 3600)] == ["0:00", "0:59", "1:00", "1:00:00"]
    assert clock(np.float64(59.96), tenths=True) == "1:00.0"
