"""The trainer from the built wheel, on generated music, as a new user would use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import soundfile
from support.paths import ROOT

pytest.importorskip("hatchling", reason="building the wheel needs hatchling")
pytest.importorskip("sklearn", reason="needs the adapt extra")

from training.evaluation import read_predictions

SECOND = 16_000
GENRES = ("drone", "drums", "whistle")


def sound(genre, rng, seconds=6):
    t = np.arange(seconds * SECOND) / SECOND
    beat = np.exp(-((t * rng.uniform(2, 3)) % 1) * 9)
    pitch = rng.uniform(90, 200)
    made = {
        "drone": sum(np.sin(2 * np.pi * pitch * k * t) / k for k in (1, 1.5, 2, 3)),
        "drums": rng.standard_normal(len(t)) * beat,
        "whistle": np.sin(2 * np.pi * (pitch * 8 * t + 30 * np.sin(2 * np.pi * 0.5 * t))),
    }[genre]
    return 0.3 * made / np.abs(made).max()


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("music"), np.random.default_rng(0)
    for genre in GENRES:
        (folder / genre).mkdir()
        for i in range(6):
            soundfile.write(folder / genre / f"{i}.flac", sound(genre, rng), SECOND)
    return folder


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel's files, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (archive,) = folder.glob("*.whl")
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def run(wheel, music, tmp_path_factory):
    """Runs `streamgenre` of the wheel in an empty folder; gives that folder as its attribute."""
    here = tmp_path_factory.mktemp("here")
    environment = os.environ | {
        "PYTHONPATH": str(wheel), "OMP_NUM_THREADS": "1", "STREAMGENRE_CACHE": str(here / "cache")
    }  # fmt: skip

    def call(*arguments, code=0):
        done = subprocess.run(
            [sys.executable, "-m", "streamgenre", *map(str, arguments)],
            cwd=here, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    call.here = here
    return call


def test_the_wheel_carries_the_trainer_and_no_results(wheel):
    assert (wheel / "streamgenre/training/configs/trunk.toml").is_file()
    assert (wheel / "streamgenre/output/sinks/overlay.html").is_file()
    assert not (wheel / "training").exists()
    assert not (wheel / "streamgenre/training/results").exists()


@pytest.mark.slow
def test_train_evaluate_and_run(run, music):
    pytest.importorskip("lightning_fabric", reason="needs the train extra")
    output = run(
        "train", music, "--config", "small", "--folder", "first", "-o", "own.onnx",
        "--set", "run.frozen_updates=60", "--set", "run.check_every=30",
        "--set", "sequences.lanes=4", "--set", "sequences.stretch=[2.0, 6.0]",
    )  # fmt: skip
    assert "own.onnx: agrees with PyTorch" in output
    run("evaluate", music, "--model", "own.onnx", "--mixes", "2", "-o", "figures")
    found = json.loads((run.here / "figures/test.json").read_text())
    assert found["hops"]["2.5"]["track_mean"]["accuracy"][0] >= 2 / 3
    assert "whistle" in (run.here / "figures/test.md").read_text()
    row = json.loads(run("--model", "own.onnx", "--format", "json", music / "drums/0.flac"))
    assert set(row["probabilities"]) == set(GENRES)
    assert max(row["probabilities"], key=row["probabilities"].get) == "drums"
    checkpoint = run.here / "first/model.safetensors"
    run("evaluate", music, "--model", checkpoint, "--predictions-only", "-o", "again")
    exported, trained = (
        read_predictions(run.here / folder / "test-2.5.csv") for folder in ("figures", "again")
    )
    assert exported.keys == trained.keys and exported.labels == trained.labels
    np.testing.assert_allclose(exported.probabilities, trained.probabilities, atol=1e-3)


@pytest.mark.slow
def test_adapt_and_run(run, music):
    output = run("adapt", music, "-o", "adapted.onnx")
    assert "drums" in output and "by chance" in output
    row = json.loads(run("--model", "adapted.onnx", "--format", "json", music / "drone/1.flac"))
    assert max(row["probabilities"], key=row["probabilities"].get) == "drone"
    # A model of one's own goes elsewhere as the bundled one does; the wheel carries the hosts.
    arguments = ("--model", "adapted.onnx", "--dtype", "fp32", "--labelled", music)
    assert "clips correct" in run("export", "package", *arguments)
    for host in ("python/main.py", "cpp/CMakeLists.txt", "javascript/main.mjs", "web/build.py"):
        assert (run.here / "package" / "examples" / host).is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "nowhere"), "nowhere"),
        (("train", ".", "--config", "resnet"), "no such config"),
        (("train", ".", "-o", "no/such/x.onnx"), "no folder"),
        (("evaluate", "nowhere", "-o", "x"), "nowhere"),
        (("adapt", "nowhere", "-o", "x.onnx"), "nowhere"),
    ],
)
def test_refusals_are_one_line(run, arguments, message):
    if arguments[0] == "train":
        pytest.importorskip("lightning_fabric", reason="needs the train extra")
    output = run(*arguments, code=1)
    assert message in output and output.count("\n") == 1 and "Traceback" not in output


def test_a_missing_library_is_named_with_its_extra(run):
    (run.here / "sklearn.py").write_text("raise ModuleNotFoundError(name='sklearn')")
    try:
        output = run("adapt", run.here, "-o", "x.onnx", code=1)
    finally:
        (run.here / "sklearn.py").unlink()
    assert (
        "pip install '.[adapt]' in the folder of streamgenre's source" in output
        and output.count("\n") == 1
    )
