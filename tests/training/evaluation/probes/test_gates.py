"""The gates over time."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="evaluation needs the train extra")
pytest.importorskip("mir_eval", reason="evaluation needs the train extra")
pytest.importorskip("matplotlib", reason="evaluation needs the train extra")

from support.engines import Gated
from support.tones import LIVE, Tones

from training.evaluation import gates_over
from training.evaluation.probes import gates


def test_gates_show_what_the_state_does(heard):
    scored, audio = heard
    over = gates.over_genres(Gated(0.5), scored, audio, LIVE)
    found = gates.summarise(over)
    assert [part.genre for part in found.parts] == [g for _, g in over.changes]
    assert len({p.genre for p in found.parts}) == 3
    still, moved = found.blocks
    assert still.difference_to_zero_state == still.spread_over_time == 0
    assert still.mean == 0.5 and moved.difference_to_zero_state > 0.1
    alone = gates_over(Gated(), audio["low0"].astype(np.float32) / 32768, LIVE)
    assert alone.gates.shape == (24, 2) and alone.changes == ()
    assert gates_over(Tones(), audio["low0"], LIVE) is None
    assert gates.over_genres(Gated(), scored.at(scored.true == 0), audio, LIVE) is None
