"""Which tracks are scored, and what is said of those left out."""

from __future__ import annotations

import dataclasses

import pytest

pytest.importorskip("sklearn", reason="evaluation needs the train extra")
pytest.importorskip("mir_eval", reason="evaluation needs the train extra")
pytest.importorskip("matplotlib", reason="evaluation needs the train extra")

from support.tones import CARD, track

from training.data.record import DataError
from training.evaluation import (
    cautions,
    scored_tracks,
)
from training.evaluation.inputs import adapted_to, unsplit


def test_what_cannot_be_scored_is_counted(data):
    tracks, audio = data
    more = [track("x", ""), track("y", "polka"), track("z", "low"), track("v", "low", "valid")]
    scored = scored_tracks([*tracks, *more], "test", CARD.label_names, audio)
    assert (scored.without_genre, scored.without_audio) == (1, 1)
    assert scored.other_genres == {"polka": 1} and len(scored.tracks) == len(tracks)
    with pytest.raises(DataError, match="there are: test, valid"):
        scored_tracks([*tracks, *more], "train", CARD.label_names, audio)


def test_limits_of_the_figures_are_reported(data):
    tracks, audio = data
    more = [*tracks, track("y", "polka"), track("z", "polka"), track("n", "")]
    scored = scored_tracks(more, "test", CARD.label_names, audio)
    left_out, unnamed, few = cautions(CARD, scored, more, "test", "")
    assert left_out.endswith("that the model does not have: polka (2)")
    assert unnamed == "left out 1 track without a genre" and few.startswith("13 tracks: ")
    # All of a folder is fitted on, whatever split it is then given for measuring.
    halves = [dataclasses.replace(t, split=("train", "test")[i % 2]) for i, t in enumerate(tracks)]
    adapted = dataclasses.replace(CARD, about={"data": {"fingerprint": unsplit(tracks)}})
    assert adapted_to(adapted, halves, "test") and not adapted_to(CARD, halves, "test")
    part = [t for t in halves if t.split == "train"]
    adapted = dataclasses.replace(CARD, about={"data": {"fingerprint": unsplit(part)}})
    assert adapted_to(adapted, halves, "train") and not adapted_to(adapted, halves, "test")
