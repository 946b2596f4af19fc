"""A padded last step is weighted by its new audio."""

from __future__ import annotations

import numpy as np
import pytest

from streamgenre.model.timeline import Timeline
from streamgenre.update import Update


def updates(card, steps):
    """Updates that end at each time, with a probability of the first label and of music."""
    for time, first, music, status in steps:
        rest = (1 - first) / (len(card.label_names) - 1)
        probabilities = {
            label: first if i == 0 else rest for i, label in enumerate(card.label_names)
        }
        name = card.label_names[0]
        genre = name if status == "genre" else None
        yield Update(time, status, genre, name, first, music, probabilities, -20.0, {})


def timeline(card, steps):
    result = Timeline(card, 2.5)
    for update in updates(card, steps):
        result.append(update)
    return result


def test_verdict_weights_steps_by_their_new_audio(model):
    steps = [(2.5, 0.8, 1.0, "genre"), (2.52, 0.1, 0.0, "genre")]
    result = timeline(model.card, steps)
    assert result.confidence == pytest.approx((0.8 * 2.5 + 0.1 * 0.02) / 2.52, abs=1e-6)
    assert result.verdict().music == pytest.approx(2.5 / 2.52, abs=1e-6)
    assert result.segments[0].confidence == pytest.approx(result.confidence, abs=1e-6)


def test_a_gap_has_no_weight(model):
    steps = [(2.5, 0.8, 1.0, "genre"), (600.0, 0.1, 0.0, "gap"), (602.5, 0.6, 1.0, "genre")]
    verdict = timeline(model.card, steps).verdict()
    assert verdict.confidence == pytest.approx(0.7, abs=1e-6)
    assert verdict.music == pytest.approx(1.0, abs=1e-6)


def test_twenty_more_milliseconds_change_the_result_little(model, music):
    samples, rate = music
    whole = model.classify((samples[: 5 * rate], rate))
    more = model.classify((samples[: round(5.02 * rate)], rate))
    assert more.duration == pytest.approx(5.02, abs=1e-3)
    assert more.confidence == pytest.approx(whole.confidence, abs=0.01)
    assert more.verdict().music == pytest.approx(whole.verdict().music, abs=0.01)
    assert (more.status, more.genre) == (whole.status, whole.genre)


def test_the_evaluation_averages_tracks_as_classify_does(model, music):
    from training.inference import stream_tracks

    samples, _ = music
    mono = (samples.mean(1)[: round(5.3 * 16_000)] * 32767).astype(np.int16)
    hop = model.card.hop(2.5)
    run = stream_tracks(model.engine, {"x": mono}, ["x"], hop)["x"]
    assert run.last == pytest.approx(0.12)
    timeline = model.classify((mono, 16_000), 2.5)
    assert all(update.status in ("genre", "unsure") for update in timeline.updates)
    assert run.mean() == pytest.approx(list(timeline.probabilities.values()), abs=1e-4)
    assert run.mean() != pytest.approx(run.probabilities.mean(0), abs=1e-4)
