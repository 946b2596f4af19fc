"""Timelines of mixes."""

from __future__ import annotations

import pytest

pytest.importorskip("sklearn", reason="evaluation needs the train extra")
pytest.importorskip("mir_eval", reason="evaluation needs the train extra")
pytest.importorskip("matplotlib", reason="evaluation needs the train extra")

from support.tones import SECOND, Tones

from streamgenre.model.model import Model
from streamgenre.update import Segment
from training.evaluation.probes import (
    mixes,
)
from training.evaluation.probes.mixes import (
    TRANSITIONS,
    Part,
    find_switches,
    make_mixes,
    mixable,
    usual_count,
)


def test_a_mix_is_tiled_by_parts_of_allowed_length(data):
    made = list(make_mixes(*data, 9, seed=3))
    for mix in made:
        assert mix.parts[0].start == 0
        assert mix.parts[-1].end == pytest.approx(len(mix.samples) / SECOND)
        assert 120 <= mix.parts[-1].end <= 240
        for a, b in zip(mix.parts, mix.parts[1:], strict=False):
            assert a.end == b.start and a.genre != b.genre
            assert (4 <= b.fade <= 16) if mix.transition == "crossfade" else b.fade == 0
        assert all(10 <= p.end - p.start <= 120 for p in mix.parts)
    assert {mix.transition for mix in made} == set(TRANSITIONS)
    again = next(make_mixes(*data, 1, seed=3))
    assert again.parts == made[0].parts and (again.samples == made[0].samples).all()
    assert next(make_mixes(*data, 1, seed=4)).parts != made[0].parts


def test_the_true_labels_score_perfectly(data):
    for mix in make_mixes(*data, 3):
        answer = [Segment(p.start, p.end, "genre", p.genre, 1.0) for p in mix.parts]
        found = mixes.score(mix.parts, answer, 0.0, mix.transition)
        assert found.right == pytest.approx(found.duration) and found.decided == found.right
        assert found.boundaries == (1, 1, 1) and found.false_switches == 0
        assert found.delays == (0,) * (len(mix.parts) - 1)


def test_a_perfect_engine_scores_high_and_one_with_memory_is_late(data):
    good = mixes.measure(Model(Tones()), make_mixes(*data, 3), 3, 0.5)
    late = mixes.measure(Model(Tones(0.95)), make_mixes(*data, 3), 3, 0.5)
    assert good.accuracy[0] > 0.95
    # Not the F: a step over a change holds two tones, which pass for a third one between them.
    assert good.boundary_recall > 0.9 and good.boundary_f > 0.75
    assert good.false_switches_a_minute == 0 and good.never_reached == 0
    assert good.median_delay <= 1 < late.median_delay
    assert late.accuracy[0] < good.accuracy[0]
    assert set(good.transitions) == set(TRANSITIONS)


def test_switches_without_a_change_are_false():
    parts = (Part(0, 60, "low", 0), Part(60, 120, "high", 0))
    words = [(0, 30, "low"), (30, 32, None), (32, 40, "high"), (40, 64, "low"), (64, 120, "high")]
    answer = [Segment(a, b, "genre" if g else "unsure", g, 1.0) for a, b, g in words]
    assert find_switches(answer) == [32, 40, 64]
    found = mixes.score(parts, answer, 0.5, "hard cut")
    assert found.false_switches == 2 and found.delays == (4.5,)
    assert found.right == 30 + 20 + 56 and found.decided == 118
    never = mixes.score(parts, [Segment(0, 120, "genre", "low", 1.0)], 0.5, "hard cut")
    assert never.delays == (None,) and never.boundaries == (0, 0, 0)


def test_little_music_makes_few_mixes_and_snippets_none(data):
    tracks, audio = data
    assert usual_count(tracks, audio) == 18 and usual_count(tracks[:1], audio) == 3
    snippets = {key: samples[: SECOND // 2] for key, samples in audio.items()}
    assert usual_count(tracks, snippets) == 0 and not mixable(tracks, snippets)
