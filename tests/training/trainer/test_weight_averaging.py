"""The mean of runs with the same initial weights; other runs are rejected."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from streamgenre.networks import build  # noqa: E402
from training import checkpoint  # noqa: E402
from training.card import Calibration  # noqa: E402
from training.config import Config  # noqa: E402
from training.data import DataError  # noqa: E402
from training.trainer.weight_averaging import average  # noqa: E402

NETWORK = {"kind": "tfcrnn", "classes": 3, "width": 8, "size": 16}


def run(path, seed, start="a.onnx", **changes):
    torch.manual_seed(seed)
    tensors = build(NETWORK).state_dict()
    about = checkpoint.Checkpoint(
        network=NETWORK,
        labels=tuple("abc"),
        config=Config(network=NETWORK, start=start),
        data="same",
        calibration=Calibration(temperature=0.7),
    )
    checkpoint.write(path, tensors, about.model_copy(update=changes))
    return tensors


def test_every_weight_is_the_mean(tmp_path):
    paths = [tmp_path / f"{seed}.safetensors" for seed in (1, 2, 3)]
    tensors = [run(path, seed) for seed, path in enumerate(paths, 1)]
    average(paths, tmp_path / "mean" / "model.safetensors")
    network, about = checkpoint.load_network(tmp_path / "mean" / "model.safetensors")
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            expected = torch.stack([t[name] for t in tensors]).mean(0)
            torch.testing.assert_close(value, expected)
    assert about.calibration is None and about.averaged == 3


def test_the_mean_can_include_the_initial_weights(tmp_path):
    first = tmp_path / "first.safetensors"
    begun = run(first, 9)
    paths = [tmp_path / f"{seed}.safetensors" for seed in (1, 2)]
    tensors = [run(path, seed, start=str(first)) for seed, path in enumerate(paths, 1)]
    average(paths, tmp_path / "mean.safetensors", 0.25)
    mixed = checkpoint.load_network(tmp_path / "mean.safetensors")[0].state_dict()
    for name, value in mixed.items():
        if value.is_floating_point():
            expected = 0.75 * torch.stack([t[name] for t in tensors]).mean(0) + 0.25 * begun[name]
            torch.testing.assert_close(value, expected)


@pytest.mark.parametrize("change", [{"start": "b.onnx"}, {"data": "other"}])
def test_runs_with_other_initial_weights_or_data_are_rejected(tmp_path, change):
    first, second = tmp_path / "1.safetensors", tmp_path / "2.safetensors"
    run(first, 1)
    run(second, 2, **change)
    with pytest.raises(DataError, match=r"2\.safetensors: .*1\.safetensors"):
        average([first, second], tmp_path / "mean.safetensors")
    assert not (tmp_path / "mean.safetensors").exists()
