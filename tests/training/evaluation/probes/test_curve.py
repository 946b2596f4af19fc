"""Accuracy over elapsed time, on an engine that knows tones by their pitch."""

from __future__ import annotations

import pytest

pytest.importorskip("sklearn", reason="evaluation needs the train extra")
pytest.importorskip("mir_eval", reason="evaluation needs the train extra")
pytest.importorskip("matplotlib", reason="evaluation needs the train extra")


def test_the_streaming_curve_stands_beside_its_baselines(evaluated):
    after = evaluated[0].metrics.hops["0.5"].after
    assert set(after) == {"2.5", "5", "10", "20", "30"}
    assert after["2.5"].tracks == 12 and after["30"].tracks == 3  # as long as that
    # Tones are known at once, with or without a state: it is worth nothing there.
    for kind in ("without_state", "running_mean"):
        assert after["10"].gain[kind].macro_recall == (0, 0, 0)
