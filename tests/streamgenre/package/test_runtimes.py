"""Model files load in every ONNX Runtime from the oldest supported version to the newest."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from support.paths import ROOT

pytestmark = pytest.mark.slow  # installs each version

_LOAD = """
import sys
import numpy as np, onnxruntime
assert onnxruntime.__version__.startswith(sys.argv[1]), onnxruntime.__version__
for file in sys.argv[2:]:
    loaded = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    sizes = {i.name: [n if isinstance(n, int) else 1 for n in i.shape] for i in loaded.get_inputs()}
    loaded.run(None, {name: np.zeros(size, np.float32) for name, size in sizes.items()})
"""


def oldest_supported() -> str:
    """The lowest version in the dependencies."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (text,) = (name for name in project["dependencies"] if name.startswith("onnxruntime"))
    return re.search(r">=([\d.]+)", text)[1]


@pytest.fixture(scope="module", params=[oldest_supported(), "1.21", "1.22", "newest"])
def runtime(request, tmp_path_factory) -> tuple[str, Path]:
    """A version of ONNX Runtime, and a folder with it and nothing else."""
    version, folder = request.param, tmp_path_factory.mktemp("runtime")
    wanted = "onnxruntime" if version == "newest" else f"onnxruntime=={version}.*"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--only-binary", ":all:"]
    done = subprocess.run([*pip, "--target", folder, wanted], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"pip cannot install {wanted}: {done.stderr.strip().splitlines()[0]}")
    return "" if version == "newest" else version, folder


def run(runtime: tuple[str, Path], *arguments: object) -> None:
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={"PYTHONPATH": str(runtime[1])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-500:]


@pytest.mark.parametrize("folder", ["package", "bundled"])
def test_every_model_file_runs(runtime, package, folder):
    folder = package if folder == "package" else ROOT / "streamgenre" / "models"
    files = [path for path in folder.iterdir() if path.suffix in (".onnx", ".ort")]
    assert len(files) >= 2
    run(runtime, "-c", _LOAD, runtime[0], *files)


@pytest.mark.parametrize("file", ["model.onnx", "model.int8.onnx"])
def test_the_test_vector_is_reproduced(runtime, package, file):
    run(runtime, package / "examples/python/main.py", package, "--model", file, "--check")


def test_the_largest_opset_runs(runtime, tmp_path):
    from streamgenre.model.model import read_model
    from streamgenre.package.export import export_package
    from streamgenre.package.limits import LARGEST_OPSET

    export_package(*read_model(None), tmp_path / "made", opset=LARGEST_OPSET)
    files = [tmp_path / "made" / name for name in ("model.onnx", "model.int8.onnx", "model.ort")]
    run(runtime, "-c", _LOAD, runtime[0], *files)
