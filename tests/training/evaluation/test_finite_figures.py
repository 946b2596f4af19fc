"""The figures of an evaluation are valid JSON for every input: no NaN, no infinity."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from support.tones import PITCHES, SECOND, Tones, tone, track

from streamgenre.model.model import Model
from training.evaluation import Plan, evaluate
from training.evaluation.metrics import Estimate, TrackMetrics

AUDIO = {
    "one track": {"low0": tone("low", 12)},
    "one genre": {f"low{i}": tone("low", 12 + i, i) for i in range(3)},
    "silence": {f"{pitch}0": np.zeros(12 * SECOND, np.int16) for pitch in PITCHES},
    "shorter than a window": {f"{pitch}0": tone(pitch, 1) for pitch in PITCHES},
}


@pytest.mark.parametrize("kind", AUDIO)
def test_an_evaluation_of_unusual_tracks(kind):
    audio = AUDIO[kind]
    tracks = [track(key, key[:-1]) for key in audio]
    found = evaluate(Model(Tones(0.5)), tracks, audio, Plan(mixes=2, data="abc")).metrics
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["tracks"] == len(tracks)


def test_what_is_not_finite_is_null():
    missing = Estimate(math.nan, -math.inf, math.inf)
    metrics = TrackMetrics(tracks=0, accuracy=missing, macro_recall=missing, top2=missing)
    assert json.loads(json.dumps(metrics.to_json(), allow_nan=False))["accuracy"] == [None] * 3
