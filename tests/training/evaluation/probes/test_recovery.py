"""Accuracy after a change of track."""

from __future__ import annotations

import pytest

pytest.importorskip("sklearn", reason="evaluation needs the train extra")
pytest.importorskip("mir_eval", reason="evaluation needs the train extra")
pytest.importorskip("matplotlib", reason="evaluation needs the train extra")

from support.tones import CARD, LIVE, Tones

from training.evaluation import (
    scored_tracks,
)
from training.evaluation.probes import (
    recovery,
)


def test_a_carried_state_recovers_later_than_a_reset_one(data):
    tracks, audio = data
    scored = scored_tracks(tracks, "test", CARD.label_names, audio)
    found = recovery.measure(Tones(0.9), scored, audio, LIVE, pairs=20)
    assert found.pairs == 20 and found.seconds[-1] == 15
    assert found.reset == (1.0,) * 30 and found.accuracy_before == 1
    assert found.carried[0] == 0 and found.carried[-1] == 1
    assert found.old_genre[0] == 1
