"""16-bit weights halve the file and do not change the step."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

import streamgenre  # noqa: E402
from streamgenre.model.engine import initial_state  # noqa: E402
from streamgenre.model.torch import TorchEngine  # noqa: E402
from streamgenre.networks import build  # noqa: E402
from training.card import Calibration, make_card  # noqa: E402
from training.export.onnx import export  # noqa: E402

NETWORK = {"kind": "trunk", "classes": 3, "size": 16, "window": 16_000, "speech": True}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("half")
    torch.manual_seed(0)
    for half in (False, True):
        torch.manual_seed(0)
        network = build(NETWORK).eval()
        card = make_card(network, NETWORK, list("abc"), (0.5,), Calibration())
        export(network, Calibration(), card, folder / f"{half}.onnx", half)
    return folder / "False.onnx", folder / "True.onnx"


def test_it_is_smaller_and_nearly_the_same(files):
    whole, half = files
    front = 4 * (514 * 400 + 128 * 257)  # stays as it is
    assert half.stat().st_size - front < 0.6 * (whole.stat().st_size - front)
    models = [streamgenre.load(path) for path in files]
    rng = np.random.default_rng(0)
    states = [initial_state(model.card) for model in models]
    for _ in range(20):
        samples = (0.1 * rng.standard_normal((1, 16_000))).astype(np.float32)
        steps = [m.engine.step(samples, s) for m, s in zip(models, states, strict=True)]
        states = [step.next_state for step in steps]
        assert np.abs(steps[0].probabilities - steps[1].probabilities).max() < 0.01
        assert np.abs(steps[0].speech - steps[1].speech).max() < 0.01


def test_the_torch_engine_reads_it(files):
    model = streamgenre.load(files[1])
    engine = TorchEngine(files[1].read_bytes(), model.card, device="cpu")
    samples = (0.1 * np.random.default_rng(1).standard_normal((1, 16_000))).astype(np.float32)
    theirs = engine.step(samples, initial_state(model.card))
    ours = model.engine.step(samples, initial_state(model.card))
    np.testing.assert_allclose(theirs.probabilities, ours.probabilities, atol=1e-4)
    np.testing.assert_allclose(theirs.speech, ours.speech, atol=1e-4)
