"""Tagging: tables of tags, training, metrics, and rejected input."""

from __future__ import annotations

import csv
from dataclasses import replace

import click
import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch", reason="training needs the train extra")
pytest.importorskip("lightning_fabric", reason="training needs the train extra")

from support.runs import Says  # noqa: E402

from streamgenre.networks import KINDS, build  # noqa: E402
from training import checkpoint  # noqa: E402
from training.calibration.calibrate import calibrate  # noqa: E402
from training.cli import main  # noqa: E402
from training.config import Optimiser, read_config  # noqa: E402
from training.data import AudioCache, DataError, DataSet, Track, open_dataset  # noqa: E402
from training.data.tags import multi_hot, with_tags  # noqa: E402
from training.evaluation.metrics import TagMetrics, tagging_metrics  # noqa: E402
from training.export.entries import ExportError  # noqa: E402
from training.export.onnx import export_checkpoint  # noqa: E402
from training.inference.segments import segment_tracks  # noqa: E402
from training.inference.tags import tag_scores  # noqa: E402
from training.model import load_model  # noqa: E402
from training.streams.sequences import NO_GENRE, Batch  # noqa: E402
from training.trainer.learner import Inputs, Learner  # noqa: E402
from training.trainer.start import start_at_rates  # noqa: E402
from training.trainer.train import Trainer  # noqa: E402

torch.set_num_threads(1)  # small networks: a second thread waits more than it works
SECOND = 16_000
TAGS = ("low", "high", "never")
CONFIG = """
[network]
kind = "irvin-two-layer"
size = 16
[sequences]
lanes = 8
steps = [1, 1]
hops = [5.0]
stretch = [5.0, 5.0]
fresh = 1.0
crossfade = 0.0
gain = [0.0, 0.0]
other = 0.0
[optimiser]
rate = 0.01
trunk_rate = 0.01
weight_decay = 0.0
[schedule]
warm_up = 0
[run]
frozen_updates = 0
updates = 40
check_every = 20
average = 0.0
[stop]
measure = "valid_roc_auc"
keep = "best"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Sixteen tracks of six seconds, each with a low tone, a high one, both, or neither."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    time = np.arange(6 * SECOND) / SECOND
    tracks = [("key", "genre", "group", "split", "path")]
    tags = [("key", *TAGS)]
    for i in range(16):
        low, high = i % 2, i // 2 % 2
        sound = 0.1 * rng.standard_normal(len(time))
        sound += low * 0.3 * np.sin(2 * np.pi * rng.uniform(199, 201) * time)
        sound += high * 0.3 * np.sin(2 * np.pi * rng.uniform(1199, 1201) * time)
        soundfile.write(folder / f"{i}.flac", sound / 2, SECOND)
        split = "valid" if i >= 12 else "train"
        tracks.append((f"t{i}", "ab"[i % 2], f"artist {i}", split, f"{i}.flac"))
        tags.append((f"t{i}", low, high, 0))
    write(folder / "manifest.csv", tracks)
    write(folder / "tags.csv", tags)
    (folder / "config.toml").write_text(CONFIG)
    return folder


def write(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def train(folder, run, *more, tags="tags.csv"):
    command = ["train", str(folder), "--config", str(folder / "config.toml")]
    command += ["--folder", str(run), "--cache", str(folder / "cache"), *more]
    main(command + (["--tags", str(folder / tags)] if tags else []), standalone_mode=False)


@pytest.fixture(scope="module")
def tagged(folder):
    return with_tags(open_dataset(folder), folder / "tags.csv")


@pytest.fixture(scope="module")
def audio(tagged, folder):
    return AudioCache.build(tagged.tracks, folder / "cache")


@pytest.fixture(scope="module")
def finished(folder, tmp_path_factory):
    run = tmp_path_factory.mktemp("run")
    train(folder, run)
    return run / "model.safetensors"


# Tables of tags


def test_a_table_of_tags_makes_a_tagging_data_set(folder, tagged):
    assert tagged.task == "tags" and tagged.labels == list(TAGS)
    assert [t.tags for t in tagged.tracks[:4]] == [(), ("low",), ("high",), ("low", "high")]
    assert multi_hot(tagged.tracks[1:3], TAGS).tolist() == [
        [True, False, False],
        [False, True, False],
    ]
    assert tagged.fingerprint != open_dataset(folder).fingerprint


def test_tracks_that_are_not_in_the_table_are_left_out(folder, tmp_path):
    path = write(tmp_path / "x.csv", [("key", "a", "b"), ("t3", 1, 0), ("elsewhere", 1, 1)])
    found = with_tags(open_dataset(folder), path)
    assert [(t.key, t.tags) for t in found.tracks] == [("t3", ("a",))]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([("track", "a", "b"), ("t1", 1, 0)], "missing columns: key"),
        ([("key", "a"), ("t1", 1)], "at least two tags are required, not a"),
        ([("key", "a", "b"), ("t1", 1, "yes")], "t1, b: 'yes' is neither 0 nor 1"),
        ([("key", "a", "b"), ("t1", 1, 0), ("t1", 0, 0)], "t1 occurs twice"),
        ([("key", "a", "b"), ("other", 1, 0)], "none of its keys is a track"),
        ([("key", "a", "b")], "has no rows; make a CSV with the column key"),
    ],
)
def test_other_tables_are_refused_in_a_line(folder, tmp_path, rows, says):
    with pytest.raises(DataError, match=says) as caught:
        with_tags(open_dataset(folder), write(tmp_path / "x.csv", rows))
    assert "\n" not in str(caught.value)


# Figures


def test_figures_are_those_of_their_definitions():
    rng = np.random.default_rng(0)
    scores, truth = rng.random((30, 3)), rng.random((30, 3)) < 0.4
    truth[:, 2] = False
    found = tagging_metrics(scores, truth, TAGS)
    areas, precisions = [], []
    for i, name in enumerate(TAGS[:2]):
        with_it, without = scores[truth[:, i], i], scores[~truth[:, i], i]
        area = (with_it[:, None] > without[None]).mean()  # pairs in the right order
        ranked = truth[np.argsort(-scores[:, i]), i]
        precision = (np.cumsum(ranked) / np.arange(1, 31))[ranked].mean()
        tag = found.tags[name]
        assert tag.roc_auc == pytest.approx(area) and tag.positives == truth[:, i].sum()
        assert tag.pr_auc == pytest.approx(precision)
        areas.append(area)
        precisions.append(precision)
    assert found.tags["never"] == TagMetrics(roc_auc=None, pr_auc=None, positives=0)
    assert found.roc_auc == pytest.approx(np.mean(areas)) and found.tracks == 30
    assert found.pr_auc == pytest.approx(np.mean(precisions))


def test_undefined_figures_are_none_and_wrong_shapes_are_refused():
    found = tagging_metrics(np.zeros((2, 1)), np.ones((2, 1), bool), ["a"])
    assert found.roc_auc is None and found.tags["a"].positives == 2
    for scores, names in ((np.zeros((2, 2)), ["a"]), (np.zeros((3, 1)), ["a"])):
        with pytest.raises(ValueError, match="names"):
            tagging_metrics(scores, np.ones((2, 1), bool), names)


def sigmoid(logits):
    return 1 / (1 + np.exp(-np.asarray(logits, float)))


def test_a_track_of_segments_has_the_mean_of_their_sigmoids(tagged, audio):
    network = build({"kind": "irvin-two-layer", "size": 4, "classes": 3})
    keys = ["t2", "t1"]
    found = tag_scores(network, audio, keys, 1)
    logits = segment_tracks(network, audio, keys)
    np.testing.assert_allclose(found, [sigmoid(logits[key]).mean(0) for key in keys], atol=1e-6)


def test_a_recurrent_network_keeps_its_state_through_tracks_of_any_length():
    torch.manual_seed(0)
    network = build({"kind": "tfcrnn", "classes": 3, "width": 8, "size": 8, "hop": 3_200}).eval()
    rng = np.random.default_rng(0)
    audio = {
        key: (rng.standard_normal(length) * 3_000).astype(np.int16)
        for key, length in (("short", 7_000), ("long", 20_000), ("middle", 16_000))
    }
    hop = 6_400
    window = network.window_for(hop)
    found = tag_scores(network, audio, ["short", "long", "middle"], hop)
    for row, samples in zip(found, audio.values(), strict=True):
        steps = -(-len(samples) // hop)
        behind = np.zeros(steps * hop - len(samples))
        padded = np.concatenate([np.zeros(window - hop), samples, behind]) / 32768
        state, said = torch.zeros(1, 8), []
        for t in range(steps):
            part = torch.tensor(padded[None, t * hop : t * hop + window], dtype=torch.float32)
            with torch.inference_mode():
                step = network(part, state)
            state = step.next_state
            said.append(sigmoid(step.logits[0]))
        weights = [1.0] * (steps - 1) + [1 - len(behind) / hop]  # a padded last step brings less
        np.testing.assert_allclose(row, np.average(said, 0, weights), atol=1e-5)


# What is learnt


def test_the_loss_is_the_cross_entropy_of_every_tag_at_ticks_with_a_track():
    rng = np.random.default_rng(0)
    truth = rng.random((5, 4)) < 0.5
    labels = rng.choice([NO_GENRE, 0, 1, 2, 3, 4], (2, 3, 2)).astype(np.int64)
    labels[0, 0] = NO_GENRE, 3
    logits = rng.standard_normal((2, 3, 2, 4)).astype(np.float32)
    batch = Batch(
        np.zeros((2, 3, 1), np.float32),
        labels,
        np.full_like(labels, NO_GENRE),
        np.ones((2, 3), np.float32),
        np.zeros((2, 3), bool),
    )
    learner = Learner(
        Says(torch.from_numpy(logits)),
        Optimiser(label_smoothing=0.3),
        frozen=False,
        truth=torch.from_numpy(truth).float(),
    )
    loss, _ = learner(Inputs(batch, torch.zeros(2, 1)), lambda count: count.float())
    p = sigmoid(logits)
    losses = [
        -np.where(truth[labels[at]], np.log(p[at]), np.log(1 - p[at])).mean()
        for at in np.ndindex(labels.shape)
        if labels[at] != NO_GENRE
    ]
    assert float(loss) == pytest.approx(np.mean(losses), abs=1e-5)


@pytest.mark.parametrize("kind", sorted({*KINDS} - {"adapted"}))
def test_a_tagger_starts_with_the_frequency_of_each_tag(kind):
    torch.manual_seed(0)
    network = build({"kind": kind, "classes": 3}).eval()
    truth = torch.zeros(1_000, 3)
    truth[:300, 0] = truth[:10, 1] = 1.0
    start_at_rates(network, truth)
    embedding = torch.zeros(1, network.outputs.in_features)
    said = torch.sigmoid(network.outputs(embedding))[0].tolist()
    assert said[:2] == pytest.approx([0.3, 0.01], rel=0.05)
    assert 0 < said[2] < 1e-3  # nobody bears it, and it can still be learnt


def test_a_tagger_learns_its_tags_through_the_command(finished, tagged, audio):
    network, about = checkpoint.load_network(finished)
    assert about.labels == tuple(TAGS)
    assert about.config.task == "tags" and about.calibration is None
    valid = [t for t in tagged.tracks if t.split == "valid"]
    scores = tag_scores(network, audio, [t.key for t in valid], 5 * SECOND)
    found = tagging_metrics(scores, multi_hot(valid, TAGS), TAGS)
    assert found.tags["low"].roc_auc == found.tags["high"].roc_auc == 1.0
    assert (scores[:, 2] < 0.2).all()  # no track bears it
    with (finished.parent / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["update"] for row in rows] == ["20", "40"]
    assert float(rows[-1]["valid_roc_auc"]) == found.roc_auc == 1.0
    assert float(rows[-1]["valid_log_loss"]) < float(rows[0]["valid_log_loss"])


def test_both_tags_of_a_track_are_predicted(finished, tagged, audio):
    """A softmax could not: here two probabilities of one track are above one half."""
    network, _ = checkpoint.load_network(finished)
    both = [t.key for t in tagged.tracks if len(t.tags) == 2]
    assert len(both) == 4
    assert (tag_scores(network, audio, both, 5 * SECOND)[:, :2] > 0.5).all()


def test_a_finished_tagger_is_not_trained_again(finished, folder, capsys):
    before = finished.read_bytes()
    train(folder, finished.parent)
    assert "is already trained" in capsys.readouterr().out
    assert finished.read_bytes() == before


def test_a_run_with_other_tags_is_not_resumed(finished, folder):
    rows = list(csv.reader((folder / "tags.csv").open(newline="")))
    rows[1][1] = "1"
    write(folder / "changed.csv", rows)
    with pytest.raises(DataError, match=r"holds a run with other (audio|tracks)"):
        train(folder, finished.parent, tags="changed.csv")


def test_a_tagging_data_set_needs_no_table(folder, tmp_path, capsys):
    """The Million Song Dataset's layout: path, split, artist, and a column a tag."""
    rows = [("path", "split", "artist", *TAGS)]
    with (folder / "tags.csv").open(newline="") as file:
        for i, row in enumerate(csv.DictReader(file)):
            split = "valid" if i >= 12 else "train"
            rows.append((f"{i}.flac", split, f"artist {i}", *(row[tag] for tag in TAGS)))
    write(folder / "msd.csv", rows)
    train(folder, tmp_path, "--kind", "msd", "--set", "run.updates=2", tags=None)
    assert "trained:" in capsys.readouterr().out
    _, about = checkpoint.read(tmp_path / "model.safetensors")
    assert about.labels == tuple(TAGS)


# What is refused


def test_taggers_are_neither_exported_nor_calibrated(finished, tagged, audio, tmp_path):
    with pytest.raises(ExportError, match="probabilities sum to 1; taggers cannot be exported"):
        export_checkpoint(finished, tmp_path / "m.onnx", {}, {})
    with pytest.raises(DataError, match="is a tagger"):
        calibrate(finished, tagged, audio, None)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ExportError, match="taggers cannot be exported"):
        load_model(finished)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["-o", "m.onnx"], "taggers cannot be exported"),
        (["--folds", "3"], "--folds is for genres"),
        (["--uncalibrated"], "--uncalibrated is for genres"),
    ],
)
def test_options_for_genres_are_refused_with_tags(folder, tmp_path, options, says, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(click.UsageError, match=says):
        train(folder, tmp_path / "run", *options)
    assert not (tmp_path / "run").exists()


def test_a_task_without_tags_is_refused(folder, tmp_path):
    with pytest.raises(DataError, match=r"config entry task: .* give a table with --tags"):
        train(folder, tmp_path, "--set", "task=tags", tags=None)


def trainer(folder, tagged, audio, run, *changes):
    config = read_config(str(folder / "config.toml"), ["task=tags", *changes])
    return Trainer(run, config, tagged.tracks, tagged.labels, audio)


def test_measures_of_the_other_task_are_refused(folder, tagged, audio, tmp_path):
    with pytest.raises(DataError, match=r"valid_accuracy is not available for tags; use one of"):
        trainer(folder, tagged, audio, tmp_path, "stop.measure=valid_accuracy")
    genres = open_dataset(folder)
    config = read_config(str(folder / "config.toml"))
    with pytest.raises(DataError, match="valid_roc_auc is not available for genre"):
        Trainer(tmp_path, config, genres.tracks, genres.labels, audio)


def test_tags_that_cannot_be_measured_are_refused(folder, tagged, audio, tmp_path):
    def refused(tracks, says):
        data = DataSet("made", folder, tracks, task="tags", tag_names=TAGS)
        with pytest.raises(DataError, match=says):
            trainer(folder, data, audio, tmp_path)

    def on_both_sides(change):
        return tuple(change(t) if t.split == "valid" else t for t in tagged.tracks)

    refused(on_both_sides(lambda t: replace(t, tags=())), "no tag has both positive and negative")
    refused(on_both_sides(lambda t: replace(t, split="test")), "no readable track with tags")
    absent = Track("absent", "made", "", "x", "valid", folder / "absent.flac", ("low",))
    found = trainer(folder, replace(tagged, tracks=(*tagged.tracks, absent)), audio, tmp_path)
    assert len(found.feed.music) == 12
