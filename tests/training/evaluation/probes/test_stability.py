"""Changes of the decided genre within a track."""

from __future__ import annotations

import pytest

pytest.importorskip("sklearn", reason="evaluation needs the train extra")
pytest.importorskip("mir_eval", reason="evaluation needs the train extra")
pytest.importorskip("matplotlib", reason="evaluation needs the train extra")

from support.engines import timelines_of
from support.tones import CARD, Tones

from streamgenre.model.timeline import Timeline
from streamgenre.update import Update
from training.evaluation.probes import (
    stability,
)


def made_timeline(genres, hop=0.5):
    """Steps that were decided as said: a genre, "?" for unsure, "-" for no music."""
    timeline = Timeline(CARD, hop)
    words = {"?": "unsure", "-": "no-music"}
    even = dict.fromkeys(CARD.label_names, 1 / 3)
    for i, genre in enumerate(genres):
        status = words.get(genre, "genre")
        named = genre if status == "genre" else None
        timeline.append(Update((i + 1) * hop, status, named, "low", 0.4, 1.0, even, -20.0, {}, ()))
    return timeline


def test_changes_within_a_track_are_counted_by_the_minute():
    steady = made_timeline(["?"] * 4 + ["low"] * 56)  # to begin unsure is no change
    wild = made_timeline((["low"] * 5 + ["?"] * 5 + ["high"] * 5 + ["-"] * 5) * 3)
    found = stability.measure({"a": steady, "b": wild, "short": made_timeline(["low", "high"] * 5)})
    assert found.tracks == 2 and found.minutes == 1.0
    assert found.changes_between_genres == 5 and found.changes_with_unsure == 11
    assert found.between_genres_a_minute[0] == 5
    assert found.steady.value == 0.5
    assert stability.measure({"short": made_timeline(["low"])}) is None


def test_a_constant_engine_has_no_decision_changes(heard):
    found = stability.measure(timelines_of(Tones(), *heard))
    assert found.between_genres_a_minute == found.with_unsure_a_minute == (0, 0, 0)
