"""The host programs of a package have the same default model, tolerance and exit codes."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from test_cpp import pcm, program
from test_cpp import run as started
from test_javascript import host

__all__ = ["host", "pcm", "program"]  # fixtures


@pytest.fixture(params=["python", "javascript", "cpp"])
def command(request, package) -> list[str]:
    """The command of a host, without the package."""
    if request.param == "python":
        return [sys.executable, str(package / "examples/python/main.py")]
    if request.param == "javascript":
        return ["node", str(request.getfixturevalue("host") / "main.mjs")]
    return [str(request.getfixturevalue("program"))]


def without_int8(package: Path, folder: Path) -> Path:
    shutil.copytree(package, folder)
    card = json.loads((folder / "card.json").read_text())
    card["variants"] = [v for v in card["variants"] if v["dtype"] != "int8"]
    (folder / "card.json").write_text(json.dumps(card))
    return folder


def test_the_smallest_file_is_the_default(command, package, pcm, tmp_path):
    samples = pcm[:80_000].tobytes()
    default, small, whole = (
        started(*command, package, *options, data=samples).stdout
        for options in ([], ["--model", "model.int8.onnx"], ["--model", "model.onnx"])
    )
    assert default == small != whole
    folder = without_int8(package, tmp_path / "package")
    assert started(*command, folder, data=samples).stdout == whole


@pytest.mark.parametrize("file", ["model.onnx", "model.int8.onnx"])
@pytest.mark.parametrize("output", ["probabilities", "music"])
def test_the_tolerance_is_taken_from_the_card(command, package, tmp_path, file, output):
    """A test vector that is off by more than the tolerance fails."""
    assert started(*command, package, "--check", "--model", file).returncode == 0
    folder = tmp_path / "package"
    shutil.copytree(package, folder)
    card = json.loads((folder / "card.json").read_text())
    (variant,) = (v for v in card["variants"] if v["file"] == file)
    vector = folder / "test" / f"{output}.f32"
    values = np.fromfile(vector, "<f4")
    values += np.float32(2 * (variant["test_difference"] + 0.001))
    values.tofile(vector)
    done = started(*command, folder, "--check", "--model", file)
    assert done.returncode == 1, done.stderr


@pytest.mark.parametrize(
    ("arguments", "data", "code"),
    [
        ([], b"", 3),
        ([], b"\0", 3),
        (["--model", "none.onnx"], b"", 5),
        (["--check", "--model", "README.md"], b"", 5),
        (["--nothing"], b"", 2),
        (["--help"], b"", 0),
        (["--check"], b"", 0),
    ],
)
def test_the_exit_codes_are_the_same(command, package, arguments, data, code):
    done = started(*command, package, *arguments, data=data)
    assert done.returncode == code, done.stderr
    if code in (3, 5):
        message = done.stderr.decode()
        assert message.startswith("streamgenre: ") and message.count("\n") == 1


def test_a_damaged_model_is_rejected(command, package, tmp_path):
    folder = shutil.copytree(package, tmp_path / "package")
    data = bytearray((folder / "model.int8.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "model.int8.onnx").write_bytes(data)
    done = started(*command, folder, "--check")
    assert done.returncode == 5 and b"is damaged" in done.stderr


def outside(card: dict, folder: Path) -> None:
    """The test vector is a file beside the package."""
    file = folder.parent / "music.f32"
    shutil.copy(folder / "test/music.f32", file)
    card["test"]["music"]["file"] = "../music.f32"


@pytest.mark.parametrize(
    "change",
    [
        outside,
        lambda card, folder: card["test"]["music"].update(file="/etc/hostname"),
        lambda card, folder: card.update(window=10**9),
        lambda card, folder: card.update(state=10**15),
        lambda card, folder: card["hop"].update(samples=0),
    ],
    ids=["beside", "absolute", "window", "state", "hop"],
)
def test_a_card_that_is_made_to_do_harm_is_refused(command, package, tmp_path, change):
    folder = shutil.copytree(package, tmp_path / "package")
    card = json.loads((folder / "card.json").read_text())
    change(card, folder)
    (folder / "card.json").write_text(json.dumps(card))
    done = started(*command, folder, "--check")
    assert done.returncode == 5 and not done.stdout
    assert done.stderr.startswith(b"streamgenre: ") and done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 100_000], ids=["lists", "objects"])
def test_deep_nesting_in_a_card_is_refused(command, package, tmp_path, text):
    folder = shutil.copytree(package, tmp_path / "package")
    (folder / "card.json").write_text(text)
    done = started(*command, folder)
    assert done.returncode == 5, done.stderr[-300:]
    assert b"card.json" in done.stderr and done.stderr.count(b"\n") == 1
