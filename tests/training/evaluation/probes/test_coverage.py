"""How many tracks get a genre, and how often it is right."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="evaluation needs the train extra")
pytest.importorskip("mir_eval", reason="evaluation needs the train extra")
pytest.importorskip("matplotlib", reason="evaluation needs the train extra")

from support.engines import NoMusic, timelines_of
from support.tones import CARD, Tones

from training.evaluation.probes import coverage
from training.evaluation.probes.coverage import coverage_points


def test_verdicts_of_tracks_equal_those_of_their_timelines(heard):
    scored, audio = heard
    found = coverage.measure(timelines_of(Tones(), scored, audio), scored)
    assert found.answered == found.accuracy == found.answered_and_right == (1, 1, 1)
    silent = coverage.measure(timelines_of(NoMusic(), scored, audio), scored)
    assert silent.answered == (0, 0, 0) and silent.accuracy is None
    assert silent.no_music == silent.tracks == 16
    engine = Tones()
    engine.card = dataclasses.replace(
        CARD, thresholds=dataclasses.replace(CARD.thresholds, unsure=1.1)
    )
    assert coverage.measure(timelines_of(engine, scored, audio), scored).unsure == 16


def test_the_most_confident_tracks_come_first():
    confidence = np.linspace(0, 1, 100)
    right = confidence > 0.4
    rows = coverage_points(confidence, right, right, np.arange(len(right)))
    assert [row.tracks for row in rows] == [50, 60, 70, 80, 90, 100]
    assert rows[0].accuracy.value == 1 and rows[-1].accuracy.value == pytest.approx(0.6)
    assert rows[0].threshold == pytest.approx(confidence[50], abs=1e-3)
