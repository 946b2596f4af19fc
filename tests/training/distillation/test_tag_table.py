"""A table of a teacher's tags: expected frequencies, and one threshold for all splits."""

from __future__ import annotations

import csv

import click
import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch", reason="training needs the train extra")
pytest.importorskip("lightning_fabric", reason="training needs the train extra")

from training.cli import main  # noqa: E402
from training.data import DataError, open_dataset  # noqa: E402
from training.data.tags import with_tags  # noqa: E402
from training.distillation.tag_table import assigned_tags, mean_probabilities, write_tags  # noqa: E402

SECOND = 16_000
PEERS = """
import numpy as np

class Peer:
    sr, n, labels = 16_000, 16_000, ["loud", "quiet", "rare"]

    def run(self, windows):
        level = np.clip(np.abs(windows).mean(1) * 4, 0, 1)
        return np.stack([level, 1 - level, level * 0 + 0.01], 1).astype(np.float32)

def load(name):
    return Peer()
"""


def test_a_tag_is_as_common_as_the_teacher_expects():
    means = np.array([[0.9, 0.2], [0.6, 0.3], [0.5, 0.1], [0.1, 0.1], [0.0, 0.2], [0.55, 0.4]])
    train = np.array([1, 1, 1, 1, 1, 0], bool)  # 2.1 and 0.9 expected
    found = assigned_tags(means, train)
    # 0.6 and 0.3 are the thresholds: the last track, not trained on, reaches one of them.
    assert found[:, 0].tolist() == [True, True, False, False, False, False]
    assert found[:, 1].tolist() == [False, True, False, False, False, True]


def test_valid_and_test_do_not_change_the_threshold():
    rng = np.random.default_rng(0)
    means, train = rng.random((40, 5)) ** 3, np.arange(40) < 25
    changed = means.copy()
    changed[~train] = 1.0
    assert (assigned_tags(means, train)[train] == assigned_tags(changed, train)[train]).all()
    assert assigned_tags(changed, train)[~train].all()
    expected = means[train].sum(0).round()
    assert (assigned_tags(means, train)[train].sum(0) == expected).all()


def test_a_tag_with_an_expected_count_of_zero_is_not_assigned():
    found = assigned_tags(np.array([[0.1, 1.0], [0.2, 1.0], [0.9, 0.0]]), np.array([1, 1, 0], bool))
    assert not found[:, 0].any() and found[:, 1].tolist() == [True, True, False]


def test_means_are_of_the_probabilities_alone():
    """Rows are the middle of a window, probabilities, and an embedding."""
    said = {"a": np.float32([[1.5, 0.2, 0.4, 9, 9], [4.5, 0.4, 0.0, 9, 9]])}
    np.testing.assert_allclose(mean_probabilities(said, ["a"], 2), [[0.3, 0.2]], atol=1e-6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Ten tracks of noise, each louder than the one before."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    rows = [("key", "genre", "group", "split", "path")]
    for i in range(10):
        soundfile.write(folder / f"{i}.flac", rng.uniform(-1, 1, 2 * SECOND) * (i + 1) / 22, SECOND)
        split = ("train", "train", "train", "valid", "test")[i % 5]
        rows.append((f"t{i}", "ab"[i % 2], f"artist {i}", split, f"{i}.flac"))
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    (folder / "peers.py").write_text(PEERS)
    return folder


def teach(folder, *options):
    command = ["teach", str(folder), "--cache", str(folder / "cache"), "--peers", str(folder)]
    main([*command, "--heard", str(folder / "heard"), *options], standalone_mode=False)


def test_the_command_writes_a_table_that_training_reads(folder, tmp_path, capsys):
    teach(folder, "--tags-csv", str(tmp_path / "tags.csv"))
    assert "10 tracks, 3 tags" in capsys.readouterr().out
    data = with_tags(open_dataset(folder), tmp_path / "tags.csv")
    assert data.labels == ["loud", "quiet", "rare"] and len(data.tracks) == 10
    # Of six (0, 1, 2, 5, 6, 7), whose loudness is (i + 1) / 11, 2.5 are loud and 3.5 quiet.
    assert [t.key for t in data.tracks if "loud" in t.tags] == ["t6", "t7", "t8", "t9"]
    assert [t.key for t in data.tracks if "quiet" in t.tags] == ["t0", "t1", "t2", "t3", "t4", "t5"]
    assert not any("rare" in t.tags for t in data.tracks)


def test_a_table_needs_tracks_to_train_on(folder, tmp_path):
    tracks = [t for t in open_dataset(folder).tracks if t.split == "test"]
    with pytest.raises(DataError, match="no track is in train"):
        write_tags(tmp_path / "x.csv", tracks, ["a"], {})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "give -o for soft targets, --tags-csv for a table"),
        (["-o", "lessons.safetensors"], "need --trunk"),
        (["--tags-csv", "x.csv", "--teacher", "a", "--teacher", "b"], "needs a single --teacher"),
    ],
)
def test_the_command_checks_its_options(folder, options, says):
    with pytest.raises(click.UsageError, match=says):
        teach(folder, *options)


def test_a_table_in_no_folder_is_refused(folder, tmp_path):
    with pytest.raises(DataError, match="there is no folder"):
        teach(folder, "--tags-csv", str(tmp_path / "absent/x.csv"))
