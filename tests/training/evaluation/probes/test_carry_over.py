"""All tracks as one stream."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="evaluation needs the train extra")
pytest.importorskip("mir_eval", reason="evaluation needs the train extra")
pytest.importorskip("matplotlib", reason="evaluation needs the train extra")

from support.tones import CARD, LIVE, SECOND, Tones

from streamgenre.model.model import Model
from training.evaluation.probes import carry_over
from training.evaluation.probes.carry_over import JOINTS, LEVEL, cut, join, lay_out


def test_joined_tracks_are_whole_level_and_the_same_whatever_the_joint(heard):
    scored, audio = heard
    cuts, fades = (join(scored, audio, fade) for fade in JOINTS.values())
    assert cuts.keys == fades.keys and sorted(cuts.keys) == sorted(set(scored.keys) - {"low9"})
    for start, end in cuts.edges:
        part = cuts.samples[start:end] / 32768
        assert 10 * SECOND <= end - start <= 30 * SECOND
        assert 10 * np.log10((part**2).mean()) == pytest.approx(LEVEL, abs=0.1)
    for stream in (cuts, fades):
        assert stream.edges[0][0] == 0 and stream.edges[-1][1] == len(stream.samples)
        assert all(a[1] == b[0] for a, b in zip(stream.edges, stream.edges[1:], strict=False))
    assert len(cuts.samples) - len(fades.samples) == 4 * SECOND * (len(cuts.keys) - 1)
    again = join(scored, audio, 0.0)
    assert (again.samples == cuts.samples).all()
    # What is not in the first fade is in both; the loudest there is does not wrap around.
    assert (cuts.samples[: 6 * SECOND] == fades.samples[: 6 * SECOND]).all()
    loud = cut(np.full(20 * SECOND, 32767, np.int16), 10, 0)
    spiky = np.where(np.arange(20 * SECOND) % SECOND, 0, 32767).astype(np.int16)
    both = lay_out([cut(spiky, 20, 0)] * 2 + [loud], ("a", "b", "c"), np.zeros(3, int), 4.0)
    assert both.samples.min() >= 0


def test_joined_tracks_lower_the_accuracy_only_with_memory(heard):
    scored, audio = heard
    hops = [CARD.hop(2.5), LIVE]
    good, sticky = (
        carry_over.measure(Model(Tones(memory)), scored, audio, hops, LIVE)
        for memory in (0.0, 0.99)
    )
    assert good.tracks == 15 and set(good.hops) == {"2.5", "0.5"}
    all_right = (1, round(0.025 ** (1 / 15), 4), 1)  # exact, as the bootstrap interval is empty
    for joints in good.hops.values():
        for f in joints.values():
            assert f.tracks == 15
            assert f.one_stream.accuracy == f.fresh.accuracy == all_right
            assert f.difference.accuracy == (0, 0, 0)
    for joint in JOINTS:
        change = good.changes.joint(joint)
        assert change.fresh_right == change.changes > 5
        assert change.one_stream.never_reached[0] == 0
        assert change.one_stream.median[0] <= 2 * LIVE.seconds
    # Fades are left out: what begins in the middle of one first hears both tracks, and sticks.
    late, beside = sticky.changes.cuts, sticky.hops["0.5"]["cuts"]
    assert beside.fresh.accuracy == all_right and beside.difference.accuracy[2] < 0
    assert late.one_stream.never_reached[0] > 0.3 and late.fresh.never_reached[0] == 0


def test_one_genre_alone_is_not_joined(heard):
    scored, audio = heard
    assert (
        carry_over.measure(Model(Tones()), scored.at(scored.true == 0), audio, [LIVE], LIVE) is None
    )
