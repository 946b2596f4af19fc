"""Decisions are stable, follow changes quickly, and report uncertainty."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgenre.model.card import Thresholds
from streamgenre.model.decide import Decider

LIMITS = Thresholds(unsure=0.4, music=0.3, silence=-70, margin=0.1, smoothing=2.0, hold=0.2)


def distribution(*values):
    return np.array(values, np.float32)


def decide_all(steps, music=1.0, level=-20.0, seconds=0.5):
    decider = Decider(LIMITS, 3)
    return [decider.decide(step, music, level, seconds) for step in steps]


def test_the_first_step_decides():
    assert decide_all([distribution(0.8, 0.1, 0.1)]) == [("genre", 0)]


def test_a_single_deviating_step_does_not_change_the_genre():
    steady, deviating = distribution(0.7, 0.2, 0.1), distribution(0.3, 0.6, 0.1)
    assert set(decide_all([steady] * 5 + [deviating] + [steady] * 5)) == {("genre", 0)}


def test_a_change_takes_effect_within_three_seconds():
    before, after = distribution(0.8, 0.1, 0.1), distribution(0.1, 0.8, 0.1)
    decided = decide_all([before] * 20 + [after] * 8)
    assert decided[19] == ("genre", 0) and decided[-1] == ("genre", 1)
    assert decided[20 + 5] == ("genre", 1)


def test_the_genre_does_not_change_without_a_lead():
    close = [distribution(0.49, 0.46, 0.05), distribution(0.46, 0.49, 0.05)] * 20
    assert len(set(decide_all(close))) == 1


def test_a_genre_is_kept_above_hold_and_dropped_below():
    sure, middling, lost = (
        distribution(0.8, 0.1, 0.1),
        distribution(0.35, 0.33, 0.32),
        distribution(0.05, 0.38, 0.57 - 0.2),
    )
    assert decide_all([middling] * 30) == [("unsure", None)] * 30
    assert decide_all([sure] * 4 + [middling] * 30)[-1] == ("genre", 0)
    assert decide_all([sure] * 4 + [lost] * 30)[-1] == ("unsure", None)


def test_uniform_probabilities_are_unsure_and_silence_is_no_music():
    assert decide_all([distribution(0.34, 0.33, 0.33)]) == [("unsure", None)]
    assert decide_all([distribution(0.9, 0.05, 0.05)], level=-90) == [("no-music", None)]
    assert decide_all([distribution(0.9, 0.05, 0.05)], music=0.1) == [("no-music", None)]


def test_music_after_silence_is_detected_within_two_seconds():
    decider = Decider(replace(LIMITS, music=0.83), 3)
    step = distribution(0.9, 0.05, 0.05)
    for _ in range(20):
        assert decider.decide(step, 0.0, -np.inf, 0.5) == ("no-music", None)
    decided = [decider.decide(step, 1.0, -20.0, 0.5) for _ in range(4)]
    assert decided[0] == ("no-music", None)  # a single tap is not music
    assert decided[-1] == ("genre", 0)


def test_a_very_short_last_step_does_not_change_the_decision():
    decider = Decider(LIMITS, 3)
    decided = decider.decide(distribution(0.9, 0.05, 0.05), 1.0, -20, 2.5)
    assert decider.decide(distribution(0.0, 0.0, 1.0), 0.0, -100, 0.001) == decided


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)), min_size=1
    ),
    st.sampled_from([0.5, 2.5]),
)
def test_every_decision_is_well_formed(rows, seconds):
    decider = Decider(LIMITS, 3)
    for *weights, music in rows:
        total = sum(weights) + 1e-3
        step = distribution(*[w / total for w in weights])
        status, genre = decider.decide(step, music, -20.0, seconds)
        assert (genre is None) == (status != "genre")
        assert decider.smoothed.sum() == pytest.approx(decider.smoothed.sum().clip(0, 1.001))
        assert (decider.smoothed >= 0).all()
