"""The trainer on generated music: outputs, exact resumption, and rejected input."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from support.paths import ROOT

torch = pytest.importorskip("torch", reason="training needs the train extra")
pytest.importorskip("lightning_fabric", reason="training needs the train extra")

from filelock import FileLock  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from support.published import without_dropout  # noqa: E402
from support.runs import rows_of  # noqa: E402

from streamgenre.errors import ModelFileError  # noqa: E402
from streamgenre.model.model import load  # noqa: E402
from streamgenre.networks import build  # noqa: E402
from training import checkpoint  # noqa: E402
from training.calibration.calibrate import calibrate  # noqa: E402
from training.cli import main  # noqa: E402
from training.config import CONFIGS, Stop, read_config  # noqa: E402
from training.data import AudioCache, DataError, open_dataset  # noqa: E402
from training.export.entries import CardChanges, ExportError  # noqa: E402
from training.export.onnx import export_checkpoint  # noqa: E402
from training.inference.decisions import fit_temperature  # noqa: E402
from training.model import load_model  # noqa: E402
from training.streams.sequences import NO_GENRE, Batch  # noqa: E402
from training.trainer.crossvalidate import crossvalidate  # noqa: E402
from training.trainer.finetune import finetune  # noqa: E402
from training.trainer.learner import Inputs, Learner  # noqa: E402
from training.trainer.start import start_from  # noqa: E402
from training.trainer.train import DivergedError, Trainer  # noqa: E402
from training.trainer.weight_averaging import averaged  # noqa: E402

torch.set_num_threads(1)  # small networks: a second thread waits more than it works
SECOND = 16_000
MEASURES = ("valid_accuracy", "valid_macro_recall", "valid_log_loss")
SMALL = [
    "network.width=8", "network.size=16", "sequences.lanes=4", "sequences.hops=[0.5]",
    "sequences.stretch=[1.0, 4.0]", "sequences.fresh=0.3", "sequences.steps=[1, 3]",
    "run.updates=8", "run.check_every=2",
]  # fmt: skip
TRUNK = [
    "network.size=16", "start=", "sequences.lanes=2", "sequences.steps=[2, 2]",
    "run.frozen_updates=2", "run.updates=2", "run.check_every=2",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two "genres", high and low tones, twelve tracks of six seconds, and one broken file."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    rows = []
    for i in range(12):
        genre = ("high", "low")[i % 2]
        t = np.arange(6 * SECOND) / SECOND
        pitch = rng.uniform(1500, 3000) if genre == "high" else rng.uniform(80, 200)
        sound = 0.3 * np.sin(2 * np.pi * pitch * t) + 0.02 * rng.standard_normal(len(t))
        soundfile.write(folder / f"{i}.flac", sound, SECOND)
        split = ("train", "train", "train", "valid")[i // 2 % 4]
        rows.append((f"t{i}", "made", genre, f"artist {i}", split, f"{i}.flac"))
    (folder / "broken.flac").write_bytes(b"nothing")
    rows.append(("broken", "made", "low", "artist x", "train", "broken.flac"))
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("key", "set", "genre", "group", "split", "path"), *rows])
    return folder


@pytest.fixture(scope="module")
def data(folder):
    return open_dataset(folder)


@pytest.fixture(scope="module")
def audio(data, folder):
    return AudioCache.build(data.tracks, folder / "cache")


def trainer(run, data, audio, *changes, config="tfcrnn"):
    small = TRUNK if config == "trunk" else SMALL
    settings = read_config(config, [*small, *changes])
    return Trainer(run, settings, data.tracks, data.labels, audio)


@pytest.fixture(scope="module")
def finished(data, audio, tmp_path_factory):
    """A run of the raw network, uninterrupted."""
    return trainer(tmp_path_factory.mktemp("run"), data, audio).run()


@pytest.fixture(scope="module")
def trunk(data, audio, tmp_path_factory):
    """A run of the trunk in both stages, calibrated."""
    path = trainer(tmp_path_factory.mktemp("trunk"), data, audio, config="trunk").run()
    calibrate(path, data, audio, None)
    return path


def test_a_finished_run_describes_its_origin(finished, audio):
    network, about = checkpoint.load_network(finished)
    assert about.labels == ("high", "low") and about.data == audio.source
    assert about.config.run.updates == 8
    assert not network.training
    assert [row["update"] for row in rows_of(finished)] == ["2", "4", "6", "8"]
    assert list((finished.parent / "tensorboard").glob("events*"))


def test_both_stages_are_trained(trunk):
    rows = rows_of(trunk)
    assert [row["stage"] for row in rows] == ["frozen", "whole"]
    assert load_model(trunk).card.thresholds.unsure > 0  # fitted: 0 as long as it is not


def test_the_same_seed_gives_the_same_weights(finished, data, audio, tmp_path):
    again = load_file(trainer(tmp_path / "a", data, audio).run())
    other = load_file(trainer(tmp_path / "b", data, audio, "run.seed=2").run())
    first = load_file(finished)
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert not all(torch.equal(first[k], other[k]) for k in first)


@pytest.mark.parametrize("config", ["tfcrnn", "trunk"])
def test_a_killed_run_resumes_exactly(config, finished, trunk, folder, data, audio, tmp_path):
    small = TRUNK if config == "trunk" else SMALL
    command = [sys.executable, "-m", "training", "train", str(folder), "--folder", str(tmp_path)]
    command += ["--cache", str(folder / "cache"), "--config", config]
    command += [part for change in small for part in ("--set", change)]
    # As many threads as here: sums of another order differ in the last digit.
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE)
    while process.poll() is None and not (tmp_path / "last.safetensors").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    _, said = process.communicate()
    at = checkpoint.read(tmp_path / "last.safetensors")[1]
    assert 0 < at.progress.update < 8, said
    whole = finished if config == "tfcrnn" else trunk
    resumed = trainer(tmp_path, data, audio, config=config).run()
    assert rows_of(resumed) == rows_of(whole)
    expected, found = load_file(whole), load_file(resumed)
    assert all(torch.equal(expected[k], found[k]) for k in expected)


def test_a_run_of_another_config_is_not_resumed(finished, data, audio, tmp_path):
    with pytest.raises(DataError, match=r"other optimiser\.rate"):
        trainer(finished.parent, data, audio, "optimiser.rate=0.02").run()
    with pytest.raises(DataError, match="other labels"):
        settings = read_config("tfcrnn", SMALL)
        Trainer(finished.parent, settings, data.tracks, ["low", "high"], audio).run()
    with pytest.raises(DataError, match="no readable track with a genre in split 'valid'"):
        tracks = [t for t in data.tracks if t.split != "valid"]
        Trainer(tmp_path, read_config("tfcrnn", SMALL), tracks, data.labels, audio)


@pytest.mark.slow
def test_a_longer_run_resumes_where_its_schedule_allows(finished, data, audio, tmp_path):
    trainer(tmp_path / "raw", data, audio, "run.updates=4").run()
    longer = trainer(tmp_path / "raw", data, audio).run()
    assert rows_of(longer) == rows_of(finished)
    trainer(tmp_path / "trunk", data, audio, "run.updates=0", config="trunk").run()
    with pytest.raises(DataError, match=r"other run\.updates"):
        trainer(tmp_path / "trunk", data, audio, config="trunk").run()


def fake_measures(monkeypatch, values):
    """Validation that gives these values of the log loss, one a check."""
    left = iter(values)
    monkeypatch.setattr(
        "training.trainer.train.Validation.measure",
        lambda *_: dict.fromkeys(MEASURES, 0.5) | {"valid_log_loss": next(left)},
    )


def test_training_ends_when_the_metric_stops_improving(data, audio, tmp_path, monkeypatch):
    fake_measures(monkeypatch, [1.0, 0.5, 0.6, 0.7, 0.8])
    changes = ["schedule.kind=cosine", "stop.patience=2", "run.updates=20", "run.average=0.9"]
    run = trainer(tmp_path, data, audio, *changes)
    path = run.run()
    assert [row["update"] for row in rows_of(path)] == ["2", "4", "6", "8"]
    assert run.progress.best == 0.5 and run.progress.done


def test_on_a_plateau_the_rate_falls_and_the_best_weights_return(
    data, audio, tmp_path, monkeypatch
):
    fake_measures(monkeypatch, [0.5, 0.6, 0.7, 0.6, 0.7])
    changes = ["schedule.patience=0", "schedule.stages=3", "run.updates=100"]
    run = trainer(tmp_path, data, audio, *changes)
    path = run.run()
    # The best is of the first check; each check after it is a drop, the third one ends the run.
    assert [row["rate"] for row in rows_of(path)] == ["0.01", "0.01", "0.002", "0.0004"]
    first = trainer(tmp_path / "short", data, audio, "run.updates=2").run
    fake_measures(monkeypatch, [0.5])
    best = load_file(first())
    kept = load_file(path)
    assert all(torch.equal(best[k], kept[k]) for k in best)


@pytest.mark.slow
def test_half_precision_trains_and_keeps_whole_weights(data, audio, tmp_path):
    path = trainer(tmp_path, data, audio, "run.precision=bf16-mixed", config="trunk").run()
    weights = load_file(path)
    assert all(w.dtype == torch.float32 and w.isfinite().all() for w in weights.values())


def test_each_metric_knows_whether_higher_is_better():
    loss, share = Stop(), Stop(measure="valid_accuracy")
    assert loss.better(0.4, 0.5) and not loss.better(0.5, 0.5) and loss.better(9, None)
    assert share.better(0.6, 0.5) and not share.better(0.4, 0.5)


def test_the_average_lags_behind_the_weights():
    network = torch.nn.Linear(1, 1)
    mean = averaged(network, 0.9)
    for value in range(1, 101):
        torch.nn.init.constant_(network.weight, float(value))
        mean.update_parameters(network)
    assert 85 < mean.module.weight.item() < 95
    newest = averaged(network, 0.0)
    for value in (1.0, 2.0):
        torch.nn.init.constant_(network.weight, value)
        newest.update_parameters(network)
    assert newest.module.weight.item() == 2.0


def launched(processes, *arguments):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", str(processes), *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
def test_two_processes_get_the_weights_of_one(tmp_path):
    found = []
    for processes in (1, 2):
        launched(processes, ROOT / "tests/support/two_processes.py", tmp_path / str(processes))
        found.append(load_file(tmp_path / str(processes)))
    one, two = found
    assert len(one) == len(two) and any(value.abs().max() > 1e-3 for value in one.values())
    for name, gradient in one.items():
        torch.testing.assert_close(two[name], gradient, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_two_processes_resume_as_one_run(folder, tmp_path):
    """Broken off after four updates and gone on with, beside a run that was not."""
    small = [part for change in SMALL for part in ("--set", change)]
    command = ["-m", "training", "train", folder, "--cache", folder / "cache"]
    command += ["--config", "tfcrnn", *small]
    launched(2, *command, "--folder", tmp_path / "broken", "--set", "run.updates=4")
    launched(2, *command, "--folder", tmp_path / "broken")
    launched(2, *command, "--folder", tmp_path / "whole")
    broken, whole = (
        load_file(tmp_path / name / "model.safetensors") for name in ("broken", "whole")
    )
    assert all(torch.equal(broken[k], whole[k]) for k in whole)
    assert (tmp_path / "broken/log.csv").read_text() == (tmp_path / "whole/log.csv").read_text()


@pytest.mark.parametrize(
    ("block", "gate"),
    [
        ("basic", "none"),
        ("basic", "single"),
        ("basic", "two-layer"),
        ("se", "none"),
        ("se", "joined"),
        ("res-se", "none"),
        ("res-se", "joined"),
    ],
)
def test_a_network_overfits_eight_tracks(block, gate):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    t = np.arange(6_400) / SECOND
    sounds = [np.sin(2 * np.pi * rng.uniform(100, 3000) * t + rng.uniform(0, 6)) for _ in range(8)]
    windows = (0.1 * np.stack(sounds)).astype(np.float32)[:, None]
    labels = np.tile((np.arange(8) % 4)[:, None, None], (1, 1, 3))
    ones = np.ones((8, 1))
    none = np.full_like(labels, NO_GENRE)
    batch = Batch(windows, labels, none, ones.astype(np.float32), ones.astype(bool))
    described = {"kind": "tfcrnn", "classes": 4, "width": 8, "size": 32, "hop": 4_800}
    network = without_dropout(build(described | {"block": block, "gate": gate}), momentum=0.5)
    settings = read_config("tfcrnn").optimiser
    learner = Learner(network, settings, frozen=False)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9, nesterov=True)
    for _ in range(40):
        loss, _ = learner(Inputs(batch, torch.zeros(8, 32)), lambda n: n.float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    with torch.inference_mode():
        guess = network(torch.from_numpy(windows[:, 0]), torch.zeros(8, 32)).logits.argmax(1)
    assert guess.tolist() == labels[:, 0, 0].tolist()


@pytest.mark.parametrize("name", ["small", "trunk"])
def test_configs_that_start_from_the_bundled_model_fit_it(name):
    config, described = read_config(name), load().card.network
    assert config.start == "bundled"
    network = build(config.network | {"classes": described["classes"]})
    assert start_from(network, config.start)
    ours, theirs = network.state_dict(), build(described).state_dict()
    unlike = [k for k, v in theirs.items() if k not in ours or ours[k].shape != v.shape]
    assert all(key.startswith(("styles.", "speech.")) for key in unlike)  # fitted apart


def test_initial_weights(data, audio, trunk, finished, tmp_path):
    described = load().card.network
    network = build(described)
    assert start_from(network, "bundled")
    same = build(described | {"classes": 3})  # other genres: all but the classifier fits
    assert start_from(same, "bundled")
    assert torch.equal(network.gru.from_input.weight, same.gru.from_input.weight)
    assert not start_from(network, "")
    with pytest.raises(DataError, match="of another network"):
        start_from(network, str(finished))
    with pytest.raises(DataError, match="no such weights"):
        start_from(network, str(tmp_path / "none.onnx"))
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelFileError, match="cannot be read"):
        start_from(network, str(tmp_path / "bad.safetensors"))
    (tmp_path / "bad.pt").write_bytes(b"nothing")
    with pytest.raises(ModelFileError, match="is not a file of weights"):
        start_from(network, str(tmp_path / "bad.pt"))


def test_a_checkpoint_is_a_model(trunk):
    model = load_model(trunk)
    assert model.card.label_names == ("high", "low") and model.card.live_hop == 0.5
    timeline = model.classify((np.zeros(SECOND * 4, np.float32), SECOND))
    assert timeline.status == "no-music"


def test_cross_validation_measures_held_out_tracks(data, audio, tmp_path, monkeypatch):
    config = read_config("tfcrnn", [*SMALL, "run.updates=2"])
    given = []
    original = Trainer.__init__

    def noted(self, folder, config, tracks, *rest):
        given.append(list(tracks))
        original(self, folder, config, tracks, *rest)

    monkeypatch.setattr(Trainer, "__init__", noted)
    found = crossvalidate(tmp_path, config, data, audio, (), 2)
    assert found.tracks == 12 and len(given) == 2
    seen = [{t.key for t in tracks} for tracks in given]
    assert all({t.split for t in tracks} == {"train", "valid"} for tracks in given)
    # What one fold trained on is not what it was measured on: that is all of the rest.
    assert seen[0] | seen[1] == {f"t{i}" for i in range(12)} and not seen[0] & seen[1]
    with (tmp_path / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["key"] in seen[0] for row in rows] == [False] * 6 + [True] * 6
    # Other folds in the same folder are not taken for these.
    with pytest.raises(DataError, match="other tracks"):
        crossvalidate(tmp_path, config, data, audio, (), 3)
    monkeypatch.undo()
    with pytest.raises(DataError, match="fewer groups"):
        crossvalidate(tmp_path, config, data, audio, (), 20)


def test_fine_tuning_to_other_genres(trunk, data, audio, tmp_path):
    found = finetune(trunk, data, audio, tmp_path / "own.onnx", updates=3)
    card = load(tmp_path / "own.onnx").card
    assert card.label_names == ("high", "low")
    accuracy = card.hop(2.5).accuracy
    assert accuracy["tracks"] == found.tracks == 2
    assert accuracy["accuracy"] == found.accuracy.value


def test_configs_are_typed_and_can_be_overridden():
    for path in CONFIGS.glob("*.toml"):
        config = read_config(path.stem)
        build(config.network | {"classes": 2})
    config = read_config("trunk", ["run.seed=7", "sequences.hops=[1.25]", "start=some/path.pt"])
    assert config.run.seed == 7 and config.sequences.hops == (1.25,)
    assert config.start == "some/path.pt"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("sequences.hops=[inf]", "sequences.hops"),
        ("sequences.hops=[0.5, 0.5]", "hops must differ"),
        ("sequences.gain=[-500.0, 0.0]", "gain must lie"),
        ("sequences.stretch=[nan, nan]", "sequences.stretch"),
        ("schedule.warm_up=-5", "schedule.warm_up"),
        ("optimiser.label_smoothing=2", "optimiser.label_smoothing"),
        ("run.seeds=1", "run.seeds"),
        ("run.updates=many", "run.updates"),
        ("sequences.steps=[9, 2]", "steps: 9 is above 2"),
        ("sequences.hops=[]", "sequences.hops"),
        ("run.seed", "section.entry=value"),
        ("start.path=1", "start is not a section"),
        ('stop.measure="accuracy"', "stop.measure"),
    ],
)
def test_a_wrong_config_entry_is_named(change, says):
    with pytest.raises(DataError) as raised:
        read_config("trunk", [change])
    assert says in str(raised.value)


def test_a_diverging_run_is_reported(data, audio, tmp_path):
    with pytest.raises(DivergedError, match=r"lower optimiser\.rate"):
        trainer(tmp_path, data, audio, "optimiser.rate=1e30", "run.updates=50").run()


def test_one_process_trains_in_a_folder(data, audio, tmp_path):
    with (
        FileLock(tmp_path / "lock"),
        pytest.raises(DataError, match="another process is training there"),
    ):
        trainer(tmp_path, data, audio).run()


def test_a_damaged_checkpoint_is_named(finished, data, audio, tmp_path):
    tensors, about = checkpoint.read(finished)
    metadata = about.metadata()
    save_file(tensors, tmp_path / "last.safetensors", metadata | {"progress": "{"})
    with pytest.raises(DataError, match="is damaged"):
        trainer(tmp_path, data, audio).run()
    save_file(tensors, tmp_path / "x.safetensors", metadata | {"network": "{}"})
    with pytest.raises(ModelFileError, match="does not contain the weights"):
        checkpoint.load_network(tmp_path / "x.safetensors")
    save_file(tensors, tmp_path / "x.safetensors", metadata | {"labels": "["})
    with pytest.raises(ModelFileError, match="not a checkpoint of this trainer"):
        checkpoint.load_network(tmp_path / "x.safetensors")


def test_an_exported_model_is_calibrated_and_measured(trunk, finished, tmp_path):
    with pytest.raises(ExportError, match="before its calibration"):
        export_checkpoint(finished, tmp_path / "x.onnx")
    with pytest.raises(ExportError, match="cannot set labels"):
        (tmp_path / "card.json").write_text('{"labels": []}')
        CardChanges.read(tmp_path / "card.json")
    changes = CardChanges(about={"use": "any"})
    export_checkpoint(trunk, tmp_path / "x.onnx", changes, {0.5: {"accuracy": 1.0}})
    card = load(tmp_path / "x.onnx").card
    assert card.about["use"] == "any" and card.about["trained_on"]["tracks"] == 10
    assert card.hop(0.5).accuracy == {"accuracy": 1.0} and not card.hop(2.5).accuracy
    command = ["export", str(trunk.parent), "--results", str(tmp_path / "r.json")]
    for found, says in (
        ({"hops": {}, "model": {"sha256": "other"}, "split": "test"}, "measured another model"),
        ([], "must contain a JSON object"),
        ({}, "is not what evaluate wrote"),
    ):
        (tmp_path / "r.json").write_text(json.dumps(found))
        with pytest.raises(DataError, match=says):
            main([*command, "-o", str(tmp_path / "y.onnx")], standalone_mode=False)
    with pytest.raises(DataError, match=r"ends in \.onnx"):
        main(["export", str(trunk), "-o", str(trunk)], standalone_mode=False)


def test_unknown_configs_are_rejected(tmp_path):
    with pytest.raises(DataError, match="one of crnn"):
        read_config("resnet")
    (tmp_path / "bad.toml").write_text("network = ")
    with pytest.raises(DataError, match="is not TOML"):
        read_config(str(tmp_path / "bad.toml"))


def test_invalid_networks_are_rejected(data, audio, tmp_path):
    wrong = ("network.gate=wide", "network.depth=3", "network.width=0", "sequences.hops=[0.35]")
    for change in wrong:
        with pytest.raises(DataError, match="config entry network"):
            trainer(tmp_path, data, audio, change)


@pytest.mark.slow
def test_the_temperature_corrects_overconfidence():
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((1500, 3)).astype(np.float32)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    true = (p.cumsum(1) > rng.random((1500, 1))).argmax(1)
    assert fit_temperature(
        [2 * row[None] for row in logits], true, [1.0] * len(true)
    ) == pytest.approx(2.0, abs=0.15)
