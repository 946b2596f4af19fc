"""Long music, minute by minute."""

from __future__ import annotations

import pytest

pytest.importorskip("sklearn", reason="evaluation needs the train extra")
pytest.importorskip("mir_eval", reason="evaluation needs the train extra")
pytest.importorskip("matplotlib", reason="evaluation needs the train extra")

from support.tones import CARD, LIVE, Tones, tone, track

from training.evaluation import (
    scored_tracks,
)
from training.evaluation.probes import (
    drift,
)


def test_the_minutes_state_their_kind_of_tracks(data):
    tracks, audio = data
    scored = scored_tracks(tracks, "test", CARD.label_names, audio)
    row = drift.measure(Tones(), scored, audio, LIVE)
    assert row.made_of == "tracks in a row" and row.streams == 3
    long = {f"low{i}": tone("low", 130 + i, i) for i in range(5)}
    scored = scored_tracks([track(k, "low") for k in long], "test", CARD.label_names, long)
    found = drift.measure(Tones(), scored, long, LIVE)
    assert found.made_of == "tracks of two minutes and more"
    assert [(m.minute, m.streams, m.accuracy[0]) for m in found.minutes] == [
        (1, 5, 1.0), (2, 5, 1.0),
    ]  # fmt: skip
