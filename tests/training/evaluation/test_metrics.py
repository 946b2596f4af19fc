"""Metrics and their bootstrap intervals."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="evaluation needs the train extra")
pytest.importorskip("mir_eval", reason="evaluation needs the train extra")
pytest.importorskip("matplotlib", reason="evaluation needs the train extra")


from training.evaluation.metrics import MEASURES, Hits, differences, median_draws, plain_metrics


def test_macro_recall_weighs_classes_alike():
    true, right = np.array([0] * 9 + [1]), np.array([1.0] * 9 + [0.0])
    assert Hits(right, right, true).values() == {"accuracy": 0.9, "macro_recall": 0.5, "top2": 0.9}


def test_intervals_hold_the_value_and_narrow_with_more_tracks():
    rng = np.random.default_rng(0)
    widths = []
    for count in (50, 800):
        p, true = rng.dirichlet(np.ones(4), count), rng.integers(0, 4, count)
        for value, low, high in [plain_metrics(p, true)[m] for m in MEASURES]:
            assert low <= value <= high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_paired_differences_cancel_what_is_hard_for_both():
    rng = np.random.default_rng(0)
    true = rng.integers(0, 3, 200)
    base = np.eye(3)[np.where(rng.random(200) < 0.5, true, (true + 1) % 3)]
    better = base.copy()
    better[:20] = np.eye(3)[true[:20]]
    assert differences(base, base, true).macro_recall == (0, 0, 0)
    value, low, high = differences(better, base, true).accuracy
    assert 0 < low < value < high < 0.1
    single = plain_metrics(base, true).accuracy
    assert high - low < (single[2] - single[1]) / 2


def test_the_interval_of_a_median_is_that_of_medians_of_draws():
    rng = np.random.default_rng(1)
    for count in (1, 4, 31):
        values = rng.exponential(size=count)
        drawn = median_draws(values)
        plain = [np.median(rng.choice(values, count)) for _ in range(4000)]
        assert set(np.round(drawn, 9)) <= {
            round(float((a + b) / 2), 9) for a in values for b in values
        }
        assert np.quantile(drawn, 0.5) == pytest.approx(np.quantile(plain, 0.5), rel=0.15)
