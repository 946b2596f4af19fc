"""Checkpoints: what is written is read again, also from files of earlier versions."""

from __future__ import annotations

import json

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from safetensors import safe_open  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from streamgenre.errors import ModelFileError  # noqa: E402
from streamgenre.model.card import Style, Thresholds  # noqa: E402
from training import checkpoint  # noqa: E402
from training.card import Calibration  # noqa: E402
from training.checkpoint import Checkpoint, TrainingData  # noqa: E402
from training.config import Config  # noqa: E402
from training.schedule import Progress  # noqa: E402

STORED = {  # as earlier versions wrote it
    "network": '{"kind": "trunk", "classes": 2, "level_range": null}',
    "labels": '["jazz", "pop"]',
    "config": '{"network": {"kind": "trunk"}, "sequences": {"hops": [2.5, 0.5]}}',
    "data": "d" * 64,
    "tracks": "t" * 64,
    "not_music": "123",
    "lessons": "",
    "styles": '[{"name": "opera", "display": "Opera", "parent": "classical"}]',
    "commit": "c" * 40,
    "dataset": '{"name": "folders", "tracks": 7}',
    "calibration": '{"temperature": 1.25, "thresholds": {"unsure": 0.4, "music": 0.2, '
    '"silence": -70.0, "margin": 0.1, "smoothing": 2.0}, "figures": {"tracks": 7}}',
    "averaged": "3",
    "start_share": "0.5",
    "of_a_later_version": "ignored",
}  # fmt: skip


def test_a_checkpoint_of_an_earlier_version_is_read(tmp_path):
    save_file({"weight": torch.ones(2)}, tmp_path / "old.safetensors", STORED)
    tensors, about = checkpoint.read(tmp_path / "old.safetensors")
    assert tensors["weight"].tolist() == [1, 1]
    assert about.network == {"kind": "trunk", "classes": 2, "level_range": None}
    assert about.labels == ("jazz", "pop") and about.config.sequences.hops == (2.5, 0.5)
    assert about.non_music == "123" and about.soft_targets == ""
    assert about.styles == (Style("opera", "Opera", "classical"),)
    assert about.dataset == TrainingData("folders", 7)
    limits = Thresholds(unsure=0.4, music=0.2, silence=-70.0, margin=0.1, smoothing=2.0)
    assert about.calibration == Calibration(1.25, limits, {"tracks": 7})
    assert about.averaged == 3 and about.start_share == 0.5
    assert about.progress is None and about.before_speech is None


def test_what_is_written_is_read_again_under_the_same_names(tmp_path):
    about = Checkpoint.model_validate(STORED).model_copy(update={"progress": Progress(update=9)})
    checkpoint.write(tmp_path / "m.safetensors", {}, about)
    assert checkpoint.read(tmp_path / "m.safetensors")[1] == about
    with safe_open(tmp_path / "m.safetensors", "pt") as file:
        metadata = file.metadata()
    added = {"progress", "tensors_sha256"}
    assert metadata.keys() == STORED.keys() - {"of_a_later_version"} | added
    del metadata["tensors_sha256"]
    config = Config.model_validate_json(STORED["config"])
    rewritten = ("config", "calibration", "progress")  # with defaults
    for key in metadata.keys() - rewritten:
        assert metadata[key] == STORED[key], key
    assert metadata["config"] == config.to_json()
    assert json.loads(metadata["progress"])["update"] == 9


@pytest.mark.parametrize("entry", ["network", "labels", "config"])
def test_a_file_without_these_entries_is_no_checkpoint(entry, tmp_path):
    stored = {key: text for key, text in STORED.items() if key != entry}
    save_file({"weight": torch.ones(2)}, tmp_path / "other.safetensors", stored)
    with pytest.raises(ModelFileError, match=rf"not a checkpoint of this trainer \({entry}\)"):
        checkpoint.read(tmp_path / "other.safetensors")


def test_a_damaged_weight_is_detected(tmp_path):
    """safetensors has no checksum."""
    path = tmp_path / "m.safetensors"
    weights = {"a": torch.arange(1000.0), "b": torch.zeros((), dtype=torch.int64)}
    checkpoint.write(path, weights, Checkpoint.model_validate(STORED))
    assert checkpoint.read(path)[0].keys() == weights.keys()
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelFileError, match=r"m\.safetensors: is damaged"):
        checkpoint.read(path)


@pytest.mark.parametrize(
    "network",
    [
        {"kind": "tfcrnn", "classes": 3, "width": 10**5},
        {"kind": "tfcrnn", "classes": 10**12},
        {"kind": "trunk", "classes": 3, "size": -(10**9)},
        {"kind": "tfcrnn", "classes": 3, "width": float("nan")},
        {"kind": "tfcrnn", "classes": 3, "unknown": [[0] * 100_000]},
    ],
)
def test_a_network_without_bounds_is_refused_before_it_is_built(network, tmp_path):
    """A checkpoint cannot make the program allocate what its file does not have."""
    about = Checkpoint.model_validate(STORED).model_copy(update={"network": network})
    checkpoint.write(tmp_path / "m.safetensors", {}, about)
    with pytest.raises(ModelFileError, match="does not contain the weights of its network"):
        checkpoint.load_network(tmp_path / "m.safetensors")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 5_000])
def test_deep_nesting_in_the_metadata_is_refused(text, tmp_path):
    save_file({}, tmp_path / "m.safetensors", STORED | {"network": text})
    with pytest.raises(ModelFileError, match="is not a checkpoint"):
        checkpoint.read(tmp_path / "m.safetensors")
