"""Tracks of tones, and an evaluation of them."""

from __future__ import annotations

import pytest

pytest.importorskip("sklearn", reason="evaluation needs the train extra")
pytest.importorskip("mir_eval", reason="evaluation needs the train extra")
pytest.importorskip("matplotlib", reason="evaluation needs the train extra")

from support.tones import CARD, PITCHES, Tones, tone, track

from streamgenre.model.model import Model
from training.evaluation import Plan, evaluate, scored_tracks, write_evaluation


@pytest.fixture(scope="package")
def evaluated(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluated")
    evaluation = evaluate(Model(Tones(0.5)), *data, Plan(mixes=3, data="abc"))
    return evaluation, folder, write_evaluation(evaluation, folder)


@pytest.fixture(scope="package")
def heard():
    """Five tracks of 12 to 36 s of each pitch, and one of 4 s."""
    audio = {f"{g}{i}": tone(g, 12 + 6 * i, i) for g in PITCHES for i in range(5)}
    audio["low9"] = tone("low", 4)
    tracks = [track(key, key[:-1]) for key in audio]
    return scored_tracks(tracks, "test", CARD.label_names, audio), audio
