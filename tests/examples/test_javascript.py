"""The JavaScript host agrees with Python and rejects damaged packages."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from support.paths import ROOT

import streamgenre
from streamgenre.model.card import Thresholds
from streamgenre.model.decide import Decider

HOST = ROOT / "examples" / "javascript"
RATE = 16_000
FLOATS = "probabilities", "music", "confidence"


@pytest.fixture(scope="session")
def host(tmp_path_factory) -> Path:
    """The example with its npm packages, which are downloaded once into the cache."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("needs Node.js: apt install nodejs npm")
    lock = (HOST / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("STREAMGENRE_CACHE") or ROOT / "cache")
    modules = cache / f"node-{hashlib.sha256(lock).hexdigest()[:12]}" / "node_modules"
    if not modules.is_dir():
        fresh = tmp_path_factory.mktemp("npm")
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HOST / name, fresh)
        install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(install, cwd=fresh, capture_output=True, text=True, timeout=300)
        if done.returncode:
            pytest.skip(f"npm could not fetch onnxruntime-node: {done.stderr.strip()[-200:]}")
        modules.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(fresh / "node_modules", modules)
    here = tmp_path_factory.mktemp("javascript")
    for path in HOST.glob("*.mjs"):
        shutil.copy(path, here)
    (here / "node_modules").symlink_to(modules.absolute())
    return here


@pytest.fixture(scope="session")
def run(host):
    """Runs main.mjs."""

    def call(*arguments, stdin=b""):
        command = ["node", str(host / "main.mjs"), *map(str, arguments)]
        return subprocess.run(command, input=stdin, capture_output=True, timeout=600)

    return call


def sound(rest=0) -> np.ndarray:
    """int16 samples of two genres with silence between, and `rest` samples of an incomplete hop."""
    parts = []
    for name in ("classical-brandenburg-2", "metal-farewell"):
        samples, rate = soundfile.read(
            ROOT / "examples" / f"{name}.ogg", frames=12 * 44_100, dtype="float32", always_2d=True
        )
        parts += [soxr.resample(samples.mean(1), rate, RATE)[: 10 * RATE], np.zeros(2 * RATE)]
    joined = np.concatenate([*parts, parts[0][:rest]])
    return np.rint(np.clip(joined, -1, 1) * 32767).astype("<i2")


def in_python(model: Path, samples: np.ndarray) -> list[streamgenre.Update]:
    stream = streamgenre.load(model).stream()
    return stream.feed(samples, RATE) + stream.flush()


def lines(done) -> list[dict]:
    assert done.returncode == 0 and done.stderr == b"", done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("file", "rest"), [("model.onnx", 0), ("model.int8.onnx", 1_000), ("model.ort", 5_001)]
)
def test_updates_agree_with_python(package, run, file, rest):
    """1,000 remaining samples are too few to change the decision, 5,001 are not."""
    samples = sound(rest)
    given = lines(run(package, "--model", file, stdin=samples.tobytes()))
    # Python does not read .ort files; this one is converted from model.onnx.
    expected = in_python(package / file.replace(".ort", ".onnx"), samples)
    assert len(given) == len(expected) == 48 + bool(rest)
    assert {update["genre"] for update in given} >= {"classical", "metal"}
    for mine, its in zip(given, expected, strict=True):
        assert list(mine) == [
            "time", "status", "genre", "top", "confidence", "music", "probabilities",
        ]  # fmt: skip
        assert mine["time"] == pytest.approx(its.time, abs=1e-3)
        assert (mine["status"], mine["genre"], mine["top"]) == (its.status, its.genre, its.top)
        for name in FLOATS:
            assert mine[name] == pytest.approx(getattr(its, name), abs=1e-3)


def test_chunk_sizes_do_not_affect_the_updates(package, host, run):
    samples = sound(333)[: 4 * RATE].tobytes()
    whole = run(package, stdin=samples)
    process = subprocess.Popen(
        ["node", host / "main.mjs", package], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    rng, at = np.random.default_rng(0), 0
    while at < len(samples):
        size = int(rng.integers(1, 9_999))
        process.stdin.write(samples[at : at + size])
        process.stdin.flush()
        at += size
    given, _ = process.communicate(timeout=600)
    assert process.returncode == 0 and given == whole.stdout and given.count(b"\n") == 8


@pytest.mark.parametrize("file", ["model.onnx", "model.int8.onnx", "model.ort"])
def test_the_test_vector_passes(package, run, file):
    done = run(package, "--check", "--model", file)
    output = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    assert f"{file}: largest difference" in output and "over 50 steps" in output


def test_a_wrong_test_vector_fails(package, run, tmp_path):
    copy = shutil.copytree(package, tmp_path / "package")
    vector = np.fromfile(copy / "test/music.f32", "<f4")
    vector[30] -= 0.01
    vector.tofile(copy / "test/music.f32")
    done = run(copy, "--check", "--model", "model.onnx")
    assert done.returncode == 1 and done.stderr.count(b"\n") == 1
    assert b"largest difference 0.0100" in done.stderr


def damaged(package: Path) -> None:
    data = bytearray((package / "model.int8.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (package / "model.int8.onnx").write_bytes(data)


def edited(**entries):
    def edit(package: Path) -> None:
        card = json.loads((package / "card.json").read_text())
        (package / "card.json").write_text(json.dumps(card | entries))

    return edit


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damaged, "model.int8.onnx is damaged"),
        (edited(format=2), "format 1"),
        (edited(batch=4), "a batch of one stream"),
        (edited(state=26_000), "ONNX Runtime cannot load model.int8.onnx"),
        (edited(labels=[]), "does not match its card: probabilities"),
        (lambda folder: (folder / "card.json").write_text("{"), "card.json: is not valid JSON"),
        (lambda folder: (folder / "card.json").unlink(), "card.json: cannot be read (ENOENT)"),
    ],
)
def test_a_bad_package_is_one_line(package, run, tmp_path, damage, message):
    for name in ("card.json", "model.int8.onnx"):
        shutil.copy(package / name, tmp_path)
    damage(tmp_path)
    done = run(tmp_path, stdin=sound()[:RATE].tobytes())
    assert done.returncode == 5 and done.stdout == b""
    assert message in done.stderr.decode() and done.stderr.count(b"\n") == 1


def test_wrong_usage_is_an_error(package, run):
    assert run().returncode == 2
    assert run(package, "--rate", 8000).returncode == 2
    done = run(package, "--model", "model.fp4.onnx")
    assert done.returncode == 5 and b"cannot be read" in done.stderr
    assert run("--help").stdout.startswith(b"ffmpeg")
    silent = run(package)
    assert silent.returncode == 3 and silent.stdout == b""
    assert silent.stderr == b"streamgenre: no audio on standard input\n"


def test_a_closed_pipe_ends_the_host_quietly(package, host):
    """As with `| head -1`."""
    process = subprocess.Popen(
        ["node", host / "main.mjs", package],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin and process.stdout and process.stderr
    second = sound()[:RATE].tobytes()
    process.stdin.write(second)
    process.stdin.flush()
    assert process.stdout.readline().startswith(b'{"time":0.5')
    process.stdout.close()
    try:
        for _ in range(20):
            process.stdin.write(second)
            process.stdin.flush()
        process.stdin.close()
    except BrokenPipeError:
        pass
    assert process.wait(600) == 0 and process.stderr.read() == b""
    process.stderr.close()


DECIDE = """
import { readFileSync } from "node:fs";
import { Decider } from "./decide.mjs";
const { thresholds, classes, steps } = JSON.parse(readFileSync(0));
const decider = new Decider(thresholds, classes);
console.log(JSON.stringify(steps.map(([probabilities, music, level, seconds]) => {
  const { status, genre } = decider.decide(probabilities, music, level ?? -Infinity, seconds);
  return [status, genre, Array.from(decider.smoothed)];
})));
"""


@pytest.mark.parametrize("seed", range(3))
def test_decisions_agree_with_python(host, seed):
    """For changing, pausing and ambiguous music."""
    rng = np.random.default_rng(seed)
    limits = {
        "unsure": 0.42, "music": 0.7, "silence": -70.0, "margin": 0.2, "smoothing": 2.0, "hold": 0.2
    }  # fmt: skip
    steps, likely = [], np.zeros(5)
    for _ in range(2_000):
        if rng.random() < 0.1:
            likely = rng.normal(0, 2.5, 5)
        weights = np.exp(likely + rng.normal(0, 0.5, 5))
        level = None if rng.random() < 0.05 else float(rng.uniform(-72, 0))
        seconds = 0.5 if rng.random() < 0.95 else float(rng.uniform(0, 0.2))
        steps.append([(weights / weights.sum()).tolist(), float(rng.beta(4, 0.8)), level, seconds])
    asked = json.dumps({"thresholds": limits, "classes": 5, "steps": steps})
    done = subprocess.run(
        ["node", "--input-type=module", "-e", DECIDE],
        cwd=host, input=asked, capture_output=True, text=True, check=True,
    )  # fmt: skip
    decider, seen = Decider(Thresholds(**limits), 5), set()
    for step, (status, genre, smoothed) in zip(steps, json.loads(done.stdout), strict=True):
        probabilities, music, level, seconds = step
        expected = decider.decide(
            np.array(probabilities), music, -np.inf if level is None else level, seconds
        )
        assert (status, genre) == expected
        np.testing.assert_allclose(smoothed, decider.smoothed, atol=1e-12)
        seen.add(status)
    assert seen == {"genre", "unsure", "no-music"}


ODD = """
import * as ort from "onnxruntime-node";
import { readFileSync } from "node:fs";
import { openSession, Stream } from "./streamgenre.mjs";
const read = (file) => readFileSync(process.argv[1] + "/" + file);
const card = JSON.parse(read("card.json"));
const session = await openSession(ort, card, "model.onnx", read("model.onnx"));
const stream = new Stream(ort, session, card);
const hum = Float32Array.from({ length: 12_000 }, (_, i) => Math.sin(i / 9) / 3);
const fed = [];
const hear = async (samples) => {
  const updates = [...(await stream.feed(samples)), ...(await stream.flush())];
  fed.push(updates.map(({ time, music, level }) => [time, music, level]));
};
await hear(hum);
const refused = [await stream.feed(hum).catch((error) => error.message)];
stream.reset();
await hear(hum);
stream.reset();
await hear(hum.map((x, i) => (i === 5 ? NaN : i === 7 ? 1e30 : x)));
const unusable = stream.unusable;
stream.reset();
const first = stream.feed(hum);
refused.push(await stream.feed(hum).catch((error) => error.message));
await first;
const broken = { ...session, outputNames: session.outputNames, run: async (...given) => {
  const step = await session.run(...given);
  step.music.data[0] = NaN;
  return step;
} };
const lost = new Stream(ort, broken, card);
const [update] = await lost.feed(hum);
console.log(JSON.stringify({ fed, refused, unusable, resets: lost.stateResets,
  lost: [update.status, ...update.probabilities.slice(0, 1)] }));
"""


def test_a_stream_rejects_invalid_calls_and_survives_non_finite_samples(host, package):
    done = subprocess.run(
        ["node", "--input-type=module", "-e", ODD, str(package)],
        cwd=host, capture_output=True, text=True, check=True,
    )  # fmt: skip
    results = json.loads(done.stdout)
    fresh, again, harmed = results["fed"]
    assert [time for time, *_ in fresh] == [0.5, 0.75] and fresh == again
    assert results["refused"] == [
        "the stream was flushed; call reset() or create a new stream",
        "await the previous call before the next one",
    ]
    assert results["unusable"] == 2
    assert harmed[0][2] == pytest.approx(fresh[0][2], abs=0.1)
    assert results["resets"] == 1
    assert results["lost"] == ["no-music", pytest.approx(1 / 14)]
