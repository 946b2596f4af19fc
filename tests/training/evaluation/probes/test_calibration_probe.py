"""Calibration error, risk and coverage."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="evaluation needs the train extra")
pytest.importorskip("mir_eval", reason="evaluation needs the train extra")
pytest.importorskip("matplotlib", reason="evaluation needs the train extra")


from training.evaluation.probes.calibration import calibration_error, chance_error, risk_coverage


def test_a_calibrated_model_shows_the_error_of_chance_and_an_overconfident_one_more():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.3, 1, 3000)
    chance = chance_error(confidence)
    errors = [calibration_error(confidence, rng.random(3000) < confidence) for _ in range(30)]
    assert np.mean(errors) == pytest.approx(chance, rel=0.15)
    assert calibration_error(confidence, rng.random(3000) < confidence**2) > 3 * chance


def test_without_steps_there_is_no_risk():
    assert risk_coverage(np.empty(0), np.empty(0, bool), 0.5) is None


def test_risk_falls_with_coverage_where_confidence_means_something():
    rng = np.random.default_rng(0)
    confidence = rng.random(4000)
    found = risk_coverage(confidence, rng.random(4000) < confidence, 0.5)
    coverage = [c for c, _ in found.curve]
    assert coverage == sorted(coverage) and coverage[-1] == 1
    assert found.risk_at["0.8"] < found.risk_at["0.9"] < found.risk_at["1"]
    assert found.coverage_at_threshold == pytest.approx(0.5, abs=0.03)
    assert found.risk_at_threshold == pytest.approx(0.25, abs=0.03)
