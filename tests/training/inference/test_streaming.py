"""Streaming prediction of many tracks."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="evaluation needs the train extra")
pytest.importorskip("mir_eval", reason="evaluation needs the train extra")
pytest.importorskip("matplotlib", reason="evaluation needs the train extra")

from support.paths import EXAMPLES
from support.tones import LIVE, SECOND, Tones

from streamgenre.audio.files import decode_mono
from training.inference import stream_tracks


def test_a_batch_of_tracks_equals_single_tracks(data):
    _, audio = data
    together = stream_tracks(Tones(0.7), audio, list(audio), LIVE, batch=5)
    for key in audio:
        alone = stream_tracks(Tones(0.7), audio, [key], LIVE)[key]
        np.testing.assert_allclose(together[key].probabilities, alone.probabilities, atol=1e-6)
        np.testing.assert_allclose(together[key].state_norm, alone.state_norm, atol=1e-6)


def test_tracks_give_the_outputs_of_a_live_stream(model):
    audio = {
        name: (decode_mono(EXAMPLES / f"{name}.ogg", SECOND)[: length * SECOND] * 32767).astype(
            "i2"
        )
        for name, length in (("folk-celtic", 4), ("metal-farewell", 6))
    }
    runs = stream_tracks(model.engine, audio, list(audio), model.card.hop(2.5))
    for name, samples in audio.items():
        updates = model.classify((samples, SECOND), 2.5).updates
        expected = [list(u.probabilities.values()) for u in updates]
        np.testing.assert_allclose(runs[name].probabilities, expected, atol=1e-4)


def test_a_state_can_be_reset_at_every_step_or_at_one(data):
    _, audio = data
    forgetful = stream_tracks(Tones(), audio, ["low0"], LIVE)["low0"]
    emptied = stream_tracks(Tones(0.9), audio, ["low0"], LIVE, carry=False)["low0"]
    np.testing.assert_array_equal(emptied.probabilities, forgetful.probabilities)
    joined = {"both": np.concatenate([audio["low0"][: 10 * SECOND], audio["high0"][: 5 * SECOND]])}
    once = stream_tracks(Tones(0.9), joined, ["both"], LIVE, reset_before=20)["both"]
    carried = stream_tracks(Tones(0.9), joined, ["both"], LIVE)["both"]
    assert (once.probabilities[:20] == carried.probabilities[:20]).all()
    assert once.probabilities[20].argmax() == 2 and carried.probabilities[20].argmax() == 0
