"""Short fuzzing runs: seeds, inputs that once failed, kept corpora, and new mutations.

A target runs in a process of its own, because a decoder may crash it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="needs the `export` extra")
pytest.importorskip("pyarrow", reason="needs the `library` extra")
pytest.importorskip("websockets", reason="needs the `websocket` extra")
pytest.importorskip("paho.mqtt", reason="needs the `mqtt` extra")

from support.paths import ROOT

from fuzz.supervise import counts, table
from fuzz.targets import TARGETS


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "tests" / "fuzz", name, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=900,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="limits of CPU time and memory are Linux's")
@pytest.mark.parametrize("name", [*TARGETS])
def test_bad_input_is_refused_in_words(name):
    done = run(name, "--replay", "--mutations", "60", "--seed", "7")
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-4_000:]
    assert f"{name}: " in done.stdout and " 0 failed" in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits of CPU time and memory are Linux's")
@pytest.mark.parametrize("name", [*TARGETS])
def test_a_minute_of_new_mutations(name, tmp_path):
    done = run(
        name, "--engine", "mutate", "--cpu-seconds", "60", "--folder", str(tmp_path),
    )  # fmt: skip
    texts = [path.read_text() for path in tmp_path.glob(f"{name}/found/*.txt")]
    assert done.returncode == 0, "\n".join(texts)[-4_000:]


def test_a_violated_promise_is_found(tmp_path):
    from fuzz.target import Target
    from fuzz.worker import Worker

    def check(data: bytes, folder: Path) -> None:
        assert b"bad" not in data

    worker = Worker(Target("t", "", lambda: {}, check), tmp_path)
    for data in (b"good", b"bad 1", b"bad 2"):  # two of one kind
        worker.run(data)
    (found,) = (path for path in (tmp_path / "found").iterdir() if not path.suffix)
    assert found.read_bytes() == b"bad 1"
    assert "AssertionError" in found.with_suffix(".txt").read_text()
    assert int.from_bytes((tmp_path / "count").read_bytes(), "little") == 3


@pytest.mark.parametrize("name", [*TARGETS])
def test_seeds_are_valid(name, tmp_path):
    """Mutations of an input that is refused at once would reach little code."""
    from streamgenre.errors import StreamgenreError

    target = TARGETS[name]
    refused = set()
    for number, (key, data) in enumerate(target.inputs().items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        try:
            target.check(data, folder)
        except StreamgenreError:
            refused.add(key)
    assert len(refused) < len(target.inputs()) / 2


def test_the_documentation_has_the_counts():
    assert {count.target for count in counts()} == {*TARGETS}
    text = (ROOT / "docs" / "robustness.md").read_text("utf-8")
    assert table({name: target.about for name, target in TARGETS.items()}) in text
