"""No pickle is loaded from a file: a planted one never runs, wherever it is put.

The processes of a scan, of Ray and of PyTorch's loaders exchange pickles with each other, not by
files. Numba's cache of compiled code contains pickles. It is written and read by Numba, in a folder
of the user, as Python's own __pycache__ is, and not tested here.
"""

from __future__ import annotations

import ast
import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.paths import EXAMPLES, ROOT

import streamgenre
from streamgenre.cli.main import run


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self._canary = str(canary)

    def __reduce__(self):
        return os.mkdir, (self._canary,)


@pytest.fixture
def canary(tmp_path):
    """The folder that a payload creates; it must not exist after the test."""
    path = tmp_path / "canary"
    yield path
    assert not path.exists(), "a pickle was loaded"


def plain(payload: object) -> bytes:
    return pickle.dumps(payload)


def array(payload: object) -> bytes:
    data = io.BytesIO()
    np.save(data, np.array([payload], object), allow_pickle=True)
    return data.getvalue()


def archive(payload: object) -> bytes:
    """An .npz file."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for name in ("values.npy", "seconds.npy", "a.npy"):
            file.writestr(name, array(payload))
    return data.getvalue()


def torch_file(payload: object) -> bytes:
    torch = pytest.importorskip("torch", reason="needs the train extra")
    data = io.BytesIO()
    torch.save({"features.0.0.weight": payload}, data)
    return data.getvalue()


def torch_old(payload: object) -> bytes:
    torch = pytest.importorskip("torch", reason="needs the train extra")
    data = io.BytesIO()
    torch.save({"a": payload}, data, _use_new_zipfile_serialization=False)
    return data.getvalue()


FORMS = [plain, array, archive, torch_file, torch_old]
every_form = pytest.mark.parametrize("form", FORMS)


def test_a_payload_works(tmp_path):
    """The other tests could not fail otherwise."""
    for form in (plain, lambda payload: torch_file(payload)):
        path = tmp_path / getattr(form, "__name__", "x")
        data = form(Payload(path))
        if form is plain:
            pickle.loads(data)
        else:
            pytest.importorskip("torch").load(io.BytesIO(data), weights_only=False)
        assert path.is_dir()
    path = tmp_path / "array"
    np.load(io.BytesIO(array(Payload(path))), allow_pickle=True)
    assert path.is_dir()


@every_form
@pytest.mark.parametrize(
    "name", ["x.onnx", "x.pt", "x.safetensors", "x", "x.pkl", "x.wav", "x.m3u"]
)
def test_a_model_or_recording_is_not_unpickled(canary, tmp_path, form, name):
    file = tmp_path / name
    file.write_bytes(form(Payload(canary)))
    with pytest.raises(streamgenre.ModelFileError):
        streamgenre.load(file)
    with pytest.raises(streamgenre.InputError):
        streamgenre.classify(file)


@pytest.fixture
def command(tmp_path, monkeypatch, capfd):
    """Runs a command in `tmp_path`. It must end with one of the codes, and without a traceback."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments, code):
        assert run([str(argument) for argument in arguments]) in code
        assert "Traceback" not in capfd.readouterr().err

    return call


@pytest.fixture
def music(tmp_path):
    """A folder of labelled recordings of a second."""
    rng = np.random.default_rng(0)
    for genre in "ab":
        (tmp_path / "music" / genre).mkdir(parents=True)
        for i in range(2):
            sound = 0.1 * rng.standard_normal(16_000)
            soundfile.write(tmp_path / "music" / genre / f"{i}.wav", sound, 16_000)
    return tmp_path / "music"


@pytest.mark.parametrize("what", ["folder", "tags", "config"])
def test_the_commands_do_not_unpickle(canary, tmp_path, command, what):
    """A folder in place of a model, and files that commands read beside their input."""
    data = plain(Payload(canary))
    if what == "folder":
        folder = tmp_path / "model"
        folder.mkdir()
        for name in ("data.pkl", "model.onnx", "archive", "version", "__init__.py", "model.pt"):
            (folder / name).write_bytes(data)
        command("--model", folder, EXAMPLES / "mix.ogg", code={5})
        return
    file = tmp_path / "file.toml"
    file.write_bytes(data)
    arguments = {
        "tags": ("tags", tmp_path / "r.csv", "--map", file),
        "config": ("--config", file, "info"),
    }[what]
    (tmp_path / "r.csv").write_text("path\n")
    command(*arguments, code={1, 2, 3})


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl", "r.parquet"])
@pytest.mark.parametrize("beside", ["", ".journal", ".corrections"])
def test_results_of_a_scan_are_not_unpickled(canary, tmp_path, command, clip, name, beside):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow", reason="needs the library extra")
    (tmp_path / (name + beside)).write_bytes(plain(Payload(canary)))
    command("report", name, "-o", "page.html", code={1, 3})
    if beside == ".journal":
        command("scan", clip, "-o", name, code={1})


def test_types_of_arrow_are_not_unpickled(canary, tmp_path, command):
    """A column of a type whose Python class is stored as a pickle."""
    pa = pytest.importorskip("pyarrow", reason="needs the library extra")
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the library extra")
    hidden = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": plain(Payload(canary)),
    }
    schema = pa.schema([pa.field("path", pa.int64(), metadata=hidden)])
    parquet.write_table(pa.table([pa.array([1])], schema=schema), tmp_path / "r.parquet")
    command("report", "r.parquet", "-o", "page.html", code={3})


@every_form
@pytest.mark.parametrize("name", ["start.pt", "start.pth", "start.safetensors", "start.onnx"])
def test_initial_weights_are_not_unpickled(canary, tmp_path, form, name):
    pytest.importorskip("lightning_fabric", reason="needs the train extra")
    from streamgenre.networks import build_trainable
    from training.trainer.start import start_from

    file = tmp_path / name
    file.write_bytes(form(Payload(canary)))
    network = build_trainable({"kind": "trunk", "classes": 2})
    with pytest.raises(streamgenre.ModelFileError) as refused:
        start_from(network, str(file))
    assert "\n" not in str(refused.value)


@every_form
@pytest.mark.parametrize("name", ["model.safetensors", "last.safetensors"])
def test_checkpoints_are_not_unpickled(canary, tmp_path, form, name):
    pytest.importorskip("lightning_fabric", reason="needs the train extra")
    from training import checkpoint

    (tmp_path / name).write_bytes(form(Payload(canary)))
    with pytest.raises(streamgenre.ModelFileError):
        checkpoint.read(tmp_path / name)


@every_form
def test_published_weights_are_not_unpickled(canary, tmp_path, form):
    pytest.importorskip("h5py", reason="needs the train extra")
    from streamgenre.networks.published.choi_released import ChoiReleased
    from training.distillation.outputs import Trunk

    for name in ("mn04_as_mAP_432.pt", "own.pt"):
        (tmp_path / name).write_bytes(form(Payload(canary)))
        with pytest.raises(streamgenre.ModelFileError):
            Trunk(tmp_path / name)
    (tmp_path / "weights.h5").write_bytes(form(Payload(canary)))
    with pytest.raises(streamgenre.ModelFileError):
        ChoiReleased().load_released(tmp_path / "weights.h5")


@every_form
def test_caches_of_the_trainer_are_not_unpickled(canary, tmp_path, form, music):
    pytest.importorskip("lightning_fabric", reason="needs the train extra")
    from training.data import AudioCache, DataError, open_dataset
    from training.data.journal import INDEX
    from training.distillation.outputs import cached_outputs
    from training.distillation.soft_targets import read_soft_targets
    from training.literature.baselines.cache import Feature, measured

    data = form(Payload(canary))
    file = tmp_path / "outputs.npz"
    file.write_bytes(data)
    with pytest.raises(DataError, match="cannot be read"):
        cached_outputs(file, {}, ["a"], lambda samples: samples, print)
    with pytest.raises(DataError, match="cannot be read"):
        read_soft_targets(file, ["a"])
    tracks = open_dataset(music).tracks
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / INDEX).write_bytes(data)
    audio = AudioCache.build(tracks, cache)
    key = next(iter(audio))
    feature = Feature("mean", 1, lambda samples: samples.mean(keepdims=True))
    kept = measured(feature, audio, [key], tmp_path)
    assert len(kept.values[key]) == 1
    (stored,) = (tmp_path / "mean-1").glob("*.npz")
    stored.write_bytes(data)
    with pytest.raises(DataError, match="cannot be read"):
        measured(feature, audio, [key], tmp_path)


@pytest.mark.parametrize("name", ["manifest.csv", "tracks.csv", "tracks.txt"])
def test_data_sets_are_not_unpickled(canary, tmp_path, name):
    pytest.importorskip("lightning_fabric", reason="needs the train extra")
    from training.data import DataError, open_dataset

    (tmp_path / name).write_bytes(plain(Payload(canary)))
    with pytest.raises(DataError):
        open_dataset(tmp_path / name)
    with pytest.raises(DataError):
        open_dataset(tmp_path)


# What must not be called. Exceptions are listed with the reason.
EXCEPTIONS = {
    ("streamgenre/output/sinks/on_change.py", "shell=True"): "the command is the user's own",
    ("training/distillation/outputs.py", "exec_module"): "`--peers` is code that the user passes",
}
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "yaml", "joblib"}


def faults(tree: ast.AST) -> list[tuple[int, str]]:
    """Lines and names of calls and imports that could run code from a file."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = {alias.name.split(".")[0] for alias in node.names}
            found += [(node.lineno, name) for name in names & MODULES]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            module = node.module or ""
            # joblib.externals.loky is a pool of processes.
            if module.split(".")[0] in MODULES and not module.startswith("joblib.externals."):
                found.append((node.lineno, module))
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        options = {word.arg: ast.unparse(word.value) for word in node.keywords}
        last = called.split(".")[-1]
        if called in ("eval", "exec", "compile", "__import__") or last == "exec_module":
            found.append((node.lineno, last))
        if called.endswith("torch.load") and options.get("weights_only") != "True":
            found.append((node.lineno, "torch.load"))
        if options.get("allow_pickle", "False") != "False":
            found.append((node.lineno, "allow_pickle"))
        if options.get("shell", "False") != "False":
            found.append((node.lineno, "shell=True"))
        if called in ("os.system", "os.popen", "tempfile.mktemp") or last == "extractall":
            found.append((node.lineno, called))
        if last in ("read_pickle", "load_dataset", "load_model_from_file"):
            found.append((node.lineno, called))
    return found


def test_nothing_in_the_source_could_run_code_from_a_file():
    found, used = [], set()
    for folder in ("streamgenre", "training", "beetsplug", "examples"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            for line, fault in faults(ast.parse(path.read_text(encoding="utf-8"))):
                used.add((name, fault))
                if (name, fault) not in EXCEPTIONS:
                    found.append(f"{name}:{line}: {fault}")
    assert not found
    assert used == set(EXCEPTIONS)  # none is left over


@pytest.mark.parametrize(
    "line",
    [
        "import pickle", "from pickle import loads", "import yaml", "import joblib",
        "torch.load(path)", "torch.load(path, weights_only=False)", "eval(text)", "exec(text)",
        "np.load(path, allow_pickle=True)", "np.load(path, allow_pickle=flag)",
        "subprocess.run(words, shell=True)", "os.system(text)", "tempfile.mktemp()",
        "tar.extractall(folder)", "pandas.read_pickle(path)",
    ],
)  # fmt: skip
def test_the_search_finds(line):
    assert faults(ast.parse(line))
