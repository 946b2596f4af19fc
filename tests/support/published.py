"""Checks for every published network: it learns eight tracks and agrees after export.

Also shared by their tests: output sizes of layers, and networks prepared for eight tracks.
"""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch
from torch.nn import functional as F

from streamgenre.networks import build
from streamgenre.networks.calibrated import Calibrated, network_from_onnx
from streamgenre.networks.step import SequenceOptions
from training.export.onnx import to_onnx


def sizes(modules, call):
    """Output shapes of each module during `call`, without the batch; the first of several."""
    found = []

    def keep(_module, _inputs, given):
        first = given[0] if isinstance(given, tuple) else given
        found.append(tuple(first.shape[1:]))

    hooks = [module.register_forward_hook(keep) for module in modules]
    with torch.inference_mode():
        call()
    for hook in hooks:
        hook.remove()
    return found


def of_kind(modules, *kinds):
    """All layers of these types, at any depth."""
    return [m for module in modules for m in module.modules() if isinstance(m, kinds)]


def without_dropout(network, momentum):
    """Prepare a network for eight tracks: faster running averages, and no dropout."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.momentum = momentum
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return network


def eight_tracks(window):
    """Noisy, slightly detuned tones (8, window) of three pitches, and their labels."""
    rng = np.random.default_rng(0)
    labels = np.arange(8) % 3
    pitch = np.array([200.0, 500.0, 1250.0])[labels] * rng.uniform(0.9, 1.1, 8)
    time = np.arange(window) / 16_000
    sound = 0.2 * np.sin(2 * np.pi * pitch[:, None] * time) + rng.normal(0, 0.05, (8, window))
    return torch.from_numpy(sound).float(), torch.from_numpy(labels)


def assert_learns_eight_tracks(description, rate=3e-3, updates=40):
    """All tracks are correct in evaluation mode after at most `updates` updates."""
    torch.manual_seed(0)
    network = build(description | {"classes": 3})
    windows, labels = eight_tracks(network.window)
    network.prepare(windows)
    optimiser = torch.optim.Adam(network.parameters(), rate)
    fresh, state = torch.ones(8, 1, dtype=torch.bool), torch.zeros(8, 1)
    for update in range(1, updates + 1):
        found = network.train().sequence(windows[:, None], fresh, state, SequenceOptions())
        optimiser.zero_grad()
        F.cross_entropy(found.logits[:, 0, 0], labels).backward()
        optimiser.step()
        if update % 5 == 0:
            with torch.inference_mode():
                predicted = network.eval()(windows, state).logits.argmax(1)
            if (predicted == labels).all():
                return
    pytest.fail(f"not learned after {updates} updates: {predicted.tolist()}, not {labels.tolist()}")


def assert_exports(description, atol=1e-4):
    """ONNX Runtime, PyTorch and the network loaded from the file agree, for batches of 1 and 2."""
    torch.manual_seed(0)
    description = description | {"classes": 3}
    network = build(description)
    network.prepare(torch.randn(4, network.window) * 0.1)
    step = Calibrated(network, 1.3).eval()
    model = to_onnx(step, network.window)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    restored = network_from_onnx(description, model)
    for batch in (1, 2):
        samples, state = torch.randn(batch, network.window) * 0.1, torch.zeros(batch, 1)
        outputs = session.run(None, {"samples": samples.numpy(), "state": state.numpy()})
        with torch.inference_mode():
            expected, again = step(samples, state), restored(samples, state)
        # The temperature belongs to the card, not to the network.
        torch.testing.assert_close(again.embedding, expected.embedding)
        for name, array in zip(names, outputs, strict=True):
            theirs = getattr(expected, name)
            assert array.shape == theirs.shape
            np.testing.assert_allclose(array, theirs, rtol=1e-3, atol=atol)
