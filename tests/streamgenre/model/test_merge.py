"""Short decisions are merged into their neighbours, incrementally and in a timeline."""

from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.timelines import timeline_of

from streamgenre.model.merge import Merger

JAZZ, ROCK = ("genre", "jazz"), ("genre", "rock")
UNSURE, SILENT = ("unsure", None), ("no-music", None)
decisions = st.lists(st.sampled_from([JAZZ, ROCK, UNSURE, SILENT]), min_size=1, max_size=80)


def merged(steps, shortest, hop=1.0):
    merger = Merger(shortest)
    results = [decision for step in steps for decision in merger.add(step, hop)]
    return results + merger.finish()


def runs(steps):
    return [(decision, len(list(run))) for decision, run in groupby(steps)]


@given(steps=decisions, shortest=st.integers(0, 12))
def test_short_segments_disappear_and_long_ones_are_kept(steps, shortest):
    result = merged(steps, shortest)
    assert len(result) == len(steps)
    lengths = [length for _, length in runs(result)]
    assert min(lengths) >= shortest or len(lengths) == 1
    at = 0
    for decision, length in runs(steps):
        if length >= max(shortest, 1):
            assert result[at : at + length] == [decision] * length
        at += length


@given(steps=decisions, shortest=st.integers(2, 12))
def test_boundaries_are_a_subset_of_the_original_ones(steps, shortest):
    result = merged(steps, shortest)
    for i in range(1, len(steps)):
        assert result[i] == result[i - 1] or steps[i] != steps[i - 1]


@given(steps=decisions)
def test_without_a_limit_nothing_changes_or_is_delayed(steps):
    merger = Merger(0)
    assert [merger.add(step, 0.5) for step in steps] == [[step] for step in steps]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([JAZZ] * 9 + [ROCK] * 2 + [JAZZ] * 9, [(JAZZ, 20)]),
        ([JAZZ] * 9 + [UNSURE] * 2 + [ROCK] * 9, [(JAZZ, 11), (ROCK, 9)]),
        ([UNSURE] * 2 + [ROCK] * 9, [(ROCK, 11)]),
        ([JAZZ] * 9 + [ROCK] * 2, [(JAZZ, 11)]),
        ([JAZZ] * 2 + [ROCK] * 2, [(JAZZ, 4)]),
        # Repeated interruptions do not split a segment.
        ([JAZZ] * 9 + ([ROCK] * 4 + [UNSURE] * 2) * 5, [(JAZZ, 9), (ROCK, 30)]),
    ],
)
def test_short_segments_are_merged_into_their_neighbours(steps, expected):
    assert runs(merged(steps, 5)) == expected


@given(steps=decisions, shortest=st.integers(1, 12))
def test_the_delay_is_bounded(steps, shortest):
    merger, done = Merger(shortest), 0
    for count, step in enumerate(steps, 1):
        done += len(merger.add(step, 1.0))
        assert count - done <= 8 * shortest


def test_merging_changes_only_the_segments_of_a_timeline(model):
    timeline = timeline_of(model.card, [JAZZ] * 4 + [ROCK] + [JAZZ] * 3)
    before = timeline.to_dict()
    assert len(timeline.segments) == 3
    timeline.min_segment = 5.0
    (segment,) = timeline.segments
    assert (segment.start, segment.end, segment.genre) == (0, 20, "jazz")
    others = 0.2 / (len(model.card.labels) - 1)
    assert segment.confidence == pytest.approx((7 * 0.8 + others) / 8)
    after = timeline.to_dict()
    assert before.pop("segments") != after.pop("segments") and before == after
