"""Replayed timelines."""

from __future__ import annotations

import pytest

pytest.importorskip("sklearn", reason="evaluation needs the train extra")
pytest.importorskip("mir_eval", reason="evaluation needs the train extra")
pytest.importorskip("matplotlib", reason="evaluation needs the train extra")

from support.tones import SECOND

from streamgenre.audio.files import decode_mono
from training.data.decoding import to_int16
from training.evaluation.probes.replay import replay
from training.inference import stream_tracks


@pytest.mark.parametrize("hop", [2.5, 0.5])
def test_a_replayed_timeline_equals_that_of_classify(model, clip, hop):
    samples = to_int16(decode_mono(clip, SECOND)[: round(11.3 * SECOND)])
    samples[2 * SECOND : 8 * SECOND] = 0  # silence is decided by level alone
    run = stream_tracks(model.engine, {"a": samples}, ["a"], model.card.hop(hop))["a"]
    ours, theirs = (
        replay(run, samples, model.card.hop(hop), model.card),
        model.classify((samples, SECOND), hop),
    )
    assert [(u.time, u.status, u.genre) for u in ours.updates] == [
        (u.time, u.status, u.genre) for u in theirs.updates
    ]
    assert "no-music" in {u.status for u in ours.updates}
    assert ours.genre == theirs.genre
    assert ours.confidence == pytest.approx(theirs.confidence, abs=1e-4)
    assert ours.updates[0].level == pytest.approx(theirs.updates[0].level, abs=1e-3)
