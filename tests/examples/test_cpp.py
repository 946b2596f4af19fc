"""The C++ host agrees with Python, on this machine and on an emulated ARM board."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from support.paths import ROOT
from support.processes import default_signals

import streamgenre
from streamgenre.audio.files import open_source
from streamgenre.audio.mix import mix_to_mono
from streamgenre.audio.resample import Resampler

SOURCE = ROOT / "examples" / "cpp"
CACHE = Path(os.environ.get("STREAMGENRE_CACHE") or ROOT / "cache").absolute() / "cpp"
HOST = {"x86_64": "x64", "AMD64": "x64", "aarch64": "arm64"}.get(platform.machine(), "")
CROSS_TOOLS = ("aarch64-linux-gnu-g++", "qemu-aarch64-static")
BOARD = "processor\t: 0\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: 0xd08\n\n"
"""/proc/cpuinfo of a Raspberry Pi 4, for the runtime, which would read that of this machine."""


def missing(*programs: str) -> None:
    """Skip if a program is not installed."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


def fetcher():
    """The download script of the example."""
    spec = importlib.util.spec_from_file_location("fetch_runtime", SOURCE / "fetch_runtime.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def built(architecture: str, *options: str, version: str | None = None) -> Path:
    """The program with its libraries, built once for each version of the sources.

    `version` of ONNX Runtime; None for the default of `fetch_runtime.py`.
    """
    module = fetcher()
    version = version or module.VERSION
    runtime = CACHE / f"onnxruntime-{version}-{architecture}"
    try:
        module.fetch(Path(os.path.relpath(runtime)), architecture, version)
    except module.FetchError as error:
        pytest.skip(str(error))
    files = sorted(p for p in SOURCE.iterdir() if p.suffix in (".h", ".cpp", ".txt", ".cmake"))
    content = b"".join(path.name.encode() + path.read_bytes() for path in files)
    key = hashlib.sha256(content + f"{runtime} {options}".encode()).hexdigest()[:16]
    program = CACHE / f"streamgenre-{architecture}-{key}"
    if program.exists():
        return program
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        configure = ["cmake", "-S", SOURCE, "-B", scratch, f"-DONNXRUNTIME_ROOT={runtime}"]
        for command in ([*configure, *options], ["cmake", "--build", scratch]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            assert "warning" not in done.stdout + done.stderr
        (Path(scratch) / "streamgenre").rename(program)
    return program


@pytest.fixture(scope="module")
def program() -> Path:
    """The program built for this machine."""
    if sys.platform != "linux" or not HOST:
        pytest.skip("the runtime is fetched for Linux on x64 and arm64 only")
    missing("cmake", "c++")
    return built(HOST)


@pytest.fixture(scope="module")
def on_debian() -> Path:
    """The program, built with the ONNX Runtime of Debian 13, the oldest one in its README."""
    if sys.platform != "linux" or not HOST:
        pytest.skip("the runtime is fetched for Linux on x64 and arm64 only")
    missing("cmake", "c++")
    return built(HOST, version="1.21.1")


@pytest.fixture(scope="module")
def on_board(tmp_path_factory) -> list[str | Path]:
    """The command of an arm64 build on an emulated processor."""
    if sys.platform != "linux" or HOST == "arm64":
        pytest.skip("cross-compiling is for another processor than a board's")
    missing("cmake", *CROSS_TOOLS)
    program = built("arm64", f"-DCMAKE_TOOLCHAIN_FILE={SOURCE / 'arm64.cmake'}")
    # The emulator looks up files here first, so the runtime finds the processor of a board.
    prefix = tmp_path_factory.mktemp("board")
    (prefix / "proc").mkdir()
    (prefix / "proc" / "cpuinfo").write_text(BOARD)
    (prefix / "lib").symlink_to("/usr/aarch64-linux-gnu/lib")
    return ["qemu-aarch64-static", "-cpu", "cortex-a72", "-L", prefix, program]


@pytest.fixture(scope="module")
def pcm(clip) -> np.ndarray:
    """The clip as from `ffmpeg -f s16le -ar 16000 -ac 1`, with an incomplete last hop."""
    source = open_source(clip)
    resampler = Resampler(source.sample_rate, 16_000)
    parts = [resampler.push(mix_to_mono(block)[0]) for block in source.blocks()]
    source.close()
    mono = np.concatenate([*parts, resampler.finish()])[: 16 * 16_000 + 3_000]
    return np.rint(np.clip(mono, -1, 1) * 32_767).astype("<i2")


def run(*command: str | Path, data: bytes = b"") -> subprocess.CompletedProcess:
    return subprocess.run(command, input=data, capture_output=True, timeout=600, check=False)


def run_on(program: Path, package: Path, samples: np.ndarray, *options: str) -> list[dict]:
    """The updates for samples."""
    done = run(program, package, *options, data=samples.tobytes())
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_updates_agree_with_python(program, package, pcm):
    compare_with_python(program, package, pcm)


@pytest.mark.slow  # downloads and links another runtime
def test_updates_agree_with_python_on_the_oldest_runtime(on_debian, package, pcm):
    compare_with_python(on_debian, package, pcm)
    for model in ("model.onnx", "model.int8.onnx", "model.ort"):
        done = run(on_debian, package, "--check", "--model", model)
        assert (done.returncode, done.stderr) == (0, b""), model
    linked = run("ldd", on_debian).stdout.decode()
    assert "onnxruntime-1.21.1-" in linked


def compare_with_python(program: Path, package: Path, pcm: np.ndarray) -> None:
    """Check for the same decisions as in Python, and the same probabilities within 0.001."""
    samples = np.concatenate([np.zeros(20_000, "<i2"), pcm])  # silence, then music
    stream = streamgenre.load(package / "model.onnx").stream()
    expected = [*stream.feed(samples, 16_000), *stream.flush()]
    updates = run_on(program, package, samples, "--model", "model.onnx")
    assert len(updates) == len(expected) > 30
    assert {update.status for update in expected} >= {"no-music", "genre"}
    for given, wanted in zip(updates, expected, strict=True):
        names = ("status", "genre", "top")
        assert [given[name] for name in names] == [getattr(wanted, name) for name in names]
        for name in ("time", "confidence", "music"):
            assert given[name] == pytest.approx(getattr(wanted, name), abs=1e-3)
        assert given["probabilities"] == pytest.approx(wanted.probabilities, abs=1e-3)


def test_float_and_integer_samples_agree(program, package, pcm):
    samples = (pcm / np.float32(32_768)).astype("<f4")
    assert run_on(program, package, samples, "--format", "f32le") == run_on(program, package, pcm)


def test_nan_samples_are_silence(program, package, pcm):
    samples = (pcm[:80_000] / np.float32(32_768)).astype("<f4")
    samples[1_000::5_000] = np.resize([np.nan, np.inf, -np.inf], len(samples[1_000::5_000]))
    silent = np.where(np.isfinite(samples), samples, np.float32(0))
    form = ("--format", "f32le")
    assert run_on(program, package, samples, *form) == run_on(program, package, silent, *form)


@pytest.mark.parametrize("model", ["model.onnx", "model.int8.onnx", "model.ort"])
def test_the_test_vector_passes(program, package, model):
    done = run(program, package, "--check", "--model", model)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"right" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        "model.int8.onnx",
        pytest.param("model.onnx", marks=pytest.mark.slow),
        pytest.param("model.ort", marks=pytest.mark.slow),
    ],
)
def test_the_test_vector_passes_on_a_board(on_board, package, model):
    done = run(*on_board, package, "--check", "--model", model)
    assert done.returncode == 0, done.stderr
    assert b"right" in done.stdout


@pytest.mark.parametrize("model", ["model.onnx", "model.int8.onnx", "model.ort"])
def test_a_damaged_model_is_rejected(program, package, tmp_path, model):
    """One byte of a weight, so that the file loads but computes something else."""
    folder = shutil.copytree(package, tmp_path / "package")
    data = bytearray((folder / model).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / model).write_bytes(data)
    for option in ("--check", "--bench=1"):
        done = run(program, folder, option, "--model", model)
        assert done.returncode == 5
        assert_one_line(done, "is damaged (its hash differs from the card)")


@pytest.mark.parametrize("size", [0, 1, 55, 56, 63, 64, 65, 65_535, 65_536, 65_537, 200_000])
def test_hashes_of_files_of_any_size(program, package, tmp_path, size):
    """A file with a correct hash that is not a model is rejected by the runtime."""
    data = np.random.default_rng(size).bytes(size)

    def of_data(card):
        card["variants"][0]["sha256"] = hashlib.sha256(data).hexdigest()

    folder = changed_card(package, tmp_path / "package", of_data)
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").write_bytes(data)
    done = run(program, folder, "--model", "model.onnx")
    assert done.returncode == 5
    assert_one_line(done, "model.onnx: cannot be loaded")


def test_a_wrong_step_fails_the_check(program, package, tmp_path):
    folder = shutil.copytree(package, tmp_path / "package")
    values = np.fromfile(folder / "test" / "probabilities.f32", "<f4")
    values[-1] += 0.002
    values.tofile(folder / "test" / "probabilities.f32")
    done = run(program, folder, "--check", "--model", "model.onnx")
    assert done.returncode == 1
    assert b"WRONG" in done.stdout


def test_updates_are_printed_immediately(program, package, pcm):
    with subprocess.Popen(
        [program, package], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        running.stdin.write(pcm[:8_000].tobytes())
        running.stdin.flush()
        assert json.loads(running.stdout.readline())["time"] == 0.5
        running.stdin.close()
        assert running.wait(600) == 0


def test_a_closed_pipe_ends_the_host_quietly(program, package, pcm):
    with subprocess.Popen(
        [program, package],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        running.stdout.close()
        running.stdin.write(pcm[:16_000].tobytes())
        running.stdin.close()
        assert running.wait(600) == 0
        assert running.stderr.read() == b""


def test_ctrl_c_ends_the_host(program, package):
    with subprocess.Popen(
        [program, package], stdin=subprocess.PIPE, preexec_fn=default_signals
    ) as running:
        time.sleep(0.5)
        running.send_signal(signal.SIGINT)
        assert running.wait(600) == -signal.SIGINT  # which a shell calls 130


def test_memory_does_not_grow(program, package):
    short, long = (
        json.loads(run(program, package, "--bench", steps).stdout) for steps in ("50", "1000")
    )
    assert 0 < short["p50_ms"] <= short["p99_ms"]
    assert 0 < short["bare"]["resident_mb"] < short["in_all"]["resident_mb"]
    # Only the memory of the program counts; resident pages of the library depend on the kernel.
    weights_mb = (package / "model.onnx").stat().st_size / 1e6
    assert short["in_all"]["own_mb"] < 12 + 2 * weights_mb  # the runtime repacks some of them
    assert long["in_all"]["own_mb"] < short["in_all"]["own_mb"] + 1.5


def changed_card(package: Path, folder: Path, change) -> Path:
    """A package with a changed card; its files are links."""
    folder.mkdir()
    for path in package.iterdir():
        if path.name != "card.json":
            (folder / path.name).symlink_to(path)
    card = json.loads((package / "card.json").read_text())
    change(card)
    (folder / "card.json").write_text(json.dumps(card))
    return folder


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda card: card.update(format=2), "format version"),
        (lambda card: card.update(batch=4), "--batch 1"),
        (lambda card: card.update(window=8_000), "copy the package again"),
        (lambda card: card.update(state=100), "copy the package again"),
        (lambda card: card["labels"].pop(), "copy the package again"),
        (lambda card: card.update(state=-1), "invalid size"),
        (lambda card: card.update(window=10**15), "invalid size"),
        (lambda card: card.update(labels="jazz"), "card.json"),
        (lambda card: card.pop("thresholds"), "thresholds"),
        (lambda card: card.update(variants=[]), "lists no model.onnx"),
        (lambda card: card["variants"][1].update(sha256="0" * 64), "is damaged"),
    ],
)
def test_a_card_that_does_not_match_is_an_error(program, package, tmp_path, change, reason):
    done = run(program, changed_card(package, tmp_path / "package", change))
    assert done.returncode == 5
    assert_one_line(done, reason)


def assert_one_line(done: subprocess.CompletedProcess, reason: str) -> None:
    """One clear line on standard error, nothing on standard output."""
    assert done.stdout == b""
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("streamgenre: ")
    assert reason in line


@pytest.mark.parametrize("model", ["model.onnx", "model.int8.onnx", "model.ort"])
def test_a_truncated_model_is_an_error(program, package, tmp_path, model):
    whole = (package / model).read_bytes()
    folder = changed_card(package, tmp_path / "package", lambda card: None)
    (folder / model).unlink()
    (folder / model).write_bytes(whole[: len(whole) // 2])
    done = run(program, folder, "--model", model)
    assert done.returncode == 5
    assert_one_line(done, model)


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        ([], 2, "package folder"),
        (["PACKAGE", "more"], 2, "package folder"),
        (["PACKAGE", "--loud"], 2, "--loud"),
        (["PACKAGE", "--model"], 2, "--model"),
        (["PACKAGE", "--format", "mp3"], 2, "mp3"),
        (["PACKAGE", "--bench", "none"], 2, "none"),
        (["/nowhere"], 5, "/nowhere/card.json"),
        (["PACKAGE", "--model", "other.onnx"], 5, "other.onnx"),
        (["PACKAGE", "--model", "test"], 5, "test"),
        (["PACKAGE", "--model", "README.md"], 5, "README.md"),
        (["PACKAGE"], 3, "no audio"),
    ],
)
def test_bad_input_is_an_error(program, package, arguments, code, reason):
    given = [str(package) if word == "PACKAGE" else word for word in arguments]
    done = run(program, *given)
    assert done.returncode == code
    assert_one_line(done, reason)


def test_an_invalid_card_is_an_error(program, tmp_path):
    for text in ("", "{", "[]", "null", "\x00\x01"):
        (tmp_path / "card.json").write_text(text)
        done = run(program, tmp_path)
        assert done.returncode == 5
        assert_one_line(done, "card.json")


def test_a_failed_download_is_an_error(tmp_path):
    done = subprocess.run(
        [sys.executable, SOURCE / "fetch_runtime.py", tmp_path / "new", "x64"],
        env={**os.environ, "PIP_NO_INDEX": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "onnxruntime" in line
    assert "ONNXRUNTIME_ROOT" in line
    assert not list(tmp_path.iterdir())
