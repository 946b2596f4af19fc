"""The style layer, fitted on the features of tracks."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("pydantic", reason="needs the train extra")

from streamgenre.networks import build  # noqa: E402
from training.distillation.soft_targets import SoftTargets, Style, TrackTargets  # noqa: E402
from training.heads.styles import fit_styles  # noqa: E402

WINDOW, TRACKS, ROWS = 8_000, 40, 6
STYLES = (Style("bright", "Bright", "a", 2), Style("dull", "Dull", "a", 0))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    small = {"kind": "trunk", "classes": 2, "size": 8, "width": 0.1, "window": WINDOW, "styles": 2}
    network = build(small).eval()
    audio, _ = tracks(np.random.default_rng(2))
    windows = np.stack([sound[:WINDOW] for sound in audio.values()]) / np.float32(32768)
    network.prepare(torch.from_numpy(windows))  # features of mean 0 and deviation 1
    return network


def tracks(rng):
    """Tones, high ones bright and low ones dull, and a tag between that is of no style."""
    audio, by_key = {}, {}
    t = np.arange(int((ROWS + 1) * 1.25 * 16_000)) / 16_000
    for i in range(TRACKS):
        bright = i % 2
        hz = rng.uniform(3000, 5000) if bright else rng.uniform(200, 500)
        sound = np.sin(2 * np.pi * hz * t) + rng.standard_normal(len(t)) * 0.1
        audio[str(i)] = (sound * 8000).astype(np.int16)
        tags = np.tile(
            np.float16([0.1 + 0.8 * (1 - bright), rng.random(), 0.9 * bright]), (ROWS, 1)
        )
        by_key[str(i)] = TrackTargets(np.float32([1, 0]), tags, np.ones(ROWS, np.float32))
    return audio, SoftTargets(("a", "b"), ("low", "else", "high"), STYLES, by_key)


def test_styles_generalise_to_other_tracks(network):
    audio, soft_targets = tracks(np.random.default_rng(0))
    keys = sorted(audio)
    torch.nn.init.normal_(network.styles.weight, 0, 1.0)
    before, after = fit_styles(network, audio, soft_targets, keys[:30])
    assert after < before / 2
    for key in keys[30:]:
        window = torch.from_numpy(audio[key][20_000 : 20_000 + WINDOW] / np.float32(32768))[None]
        with torch.no_grad():
            said = network(window, torch.zeros(1, 8)).styles[0].numpy()
        assert np.abs(said - soft_targets.by_key[key].tags[0, [2, 0]]).max() < 0.25


def test_fitting_again_changes_nothing(network):
    audio, soft_targets = tracks(np.random.default_rng(1))
    _, first = fit_styles(network, audio, soft_targets, sorted(audio))
    again, second = fit_styles(network, audio, soft_targets, sorted(audio))
    assert again == pytest.approx(first, abs=1e-6) and second == pytest.approx(first, abs=1e-3)
