"""The page in a real browser: it agrees with Python and sends nothing to other origins."""

from __future__ import annotations

import base64
import functools
import http.server
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from support.browser import CONTRAST
from support.paths import ROOT

import streamgenre
from streamgenre.audio.mix import Mixer

WEB = ROOT / "examples" / "web"
RATE = 16_000
PATIENCE = 60_000  # ms; two seconds are enough on an idle machine


def clip(name: str) -> np.ndarray:
    """An example clip at 44.1 kHz, float32 (n, 2)."""
    samples, rate = soundfile.read(ROOT / "examples" / f"{name}.ogg", dtype="float32")
    assert rate == 44_100
    return np.repeat(samples[:, None], 2, 1) if samples.ndim == 1 else samples


@pytest.fixture(scope="module")
def site(package, tmp_path_factory) -> Path:
    """The page as built by its script, whose npm packages are downloaded once into the cache."""
    spec = importlib.util.spec_from_file_location("build_web", WEB / "build.py")
    assert spec and spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    cache = Path(os.environ.get("STREAMGENRE_CACHE") or ROOT / "cache")
    try:
        script.runtime(cache)
    except script.BuildError as error:
        pytest.skip(str(error))
    made = tmp_path_factory.mktemp("web") / "site"
    done = subprocess.run(
        [sys.executable, WEB / "build.py", package, made],
        env=os.environ | {"STREAMGENRE_CACHE": str(cache)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "MB; serve it with" in done.stdout
    return made


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def served(folder: Path):
    """Serve a folder with a simple server; yields the address."""
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def address(site):
    with served(site) as url:
        yield url


@pytest.fixture(scope="module")
def browser(chromium, tmp_path_factory):
    """A browser whose microphone plays the Brandenburg concerto repeatedly."""
    recording = tmp_path_factory.mktemp("microphone") / "microphone.wav"
    soundfile.write(recording, clip("classical-brandenburg-2"), 44_100)
    fake = "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"
    with chromium(*fake, f"--use-file-for-fake-audio-capture={recording}") as running:
        yield running


@contextmanager
def opened(browser, url, ready="idle", complains=False, **options):
    """A page that must not send requests to other origins or write to the console."""
    context = browser.new_context(accept_downloads=True, **options)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    requests, console = [], []
    context.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: console.append(message.text))
    page.on("pageerror", lambda error: console.append(str(error)))
    page.goto(url)
    page.wait_for_selector(f"body[data-state={ready}]")
    try:
        yield page
    finally:
        context.close()
    assert requests and all(at.startswith((url, f"blob:{url}")) for at in requests), requests
    assert complains or not console, console


@pytest.fixture
def page(browser, address):
    with opened(browser, address) as found:
        yield found


def drop(page, name: str, data: bytes) -> None:
    """Drop a file on the page, as from a file manager."""
    transfer = page.evaluate_handle(
        """([name, data]) => {
          const transfer = new DataTransfer();
          const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
          transfer.items.add(new File([bytes], name));
          return transfer;
        }""",
        [name, base64.b64encode(data).decode()],
    )
    page.dispatch_event("main", "drop", {"dataTransfer": transfer})


def audio(tmp_path, samples, rate, name) -> bytes:
    soundfile.write(tmp_path / name, samples, rate)
    return (tmp_path / name).read_bytes()


DRAWN = (
    "new Promise((done) => setTimeout(() => requestAnimationFrame(() => setTimeout(done)), 200))"
)


def read(page) -> None:
    """Wait until the file is read, and for a last frame up to 150 ms later."""
    page.wait_for_selector("body[data-state=read]")
    page.evaluate(DRAWN)


def saved(page) -> list[dict]:
    with page.expect_download() as download:
        page.click("#save")
    assert download.value.suggested_filename == "streamgenre.jsonl"
    return [json.loads(line) for line in download.value.path().read_text().splitlines()]


def test_the_microphone_is_classified(page):
    assert page.inner_text("h1") == "What is playing?"
    page.click("text=Listen")
    page.wait_for_selector("h1:text-is('Classical')")
    page.wait_for_selector("#announcer:text-is('Classical')", state="attached")
    # A busy machine may skip seconds of the display.
    page.wait_for_selector("#source:text-matches('Listening 0:(0[6-9]|[1-5][0-9])')")
    assert re.search("%.* for 0:", page.inner_text("#said"))
    assert page.inner_text("#bars .top .label") == "Classical"
    assert float(page.evaluate("level.firstChild.style.getPropertyValue('--share')")) > 0.3
    page.click("text=Stop")
    page.wait_for_selector("body[data-state=stopped]")
    steps = saved(page)
    assert len(steps) >= 12 and steps[-1]["genre"] == "classical"
    assert [step["time"] for step in steps[:3]] == [0.5, 1.0, 1.5]
    page.click("text=Listen")  # a second time, from the start
    page.wait_for_selector("#source:text-matches('Listening 0:0[1-9]')")
    page.click("text=Stop")


@pytest.mark.slow
def test_a_slow_device_is_reported(page):
    """Time advances by the lost audio."""
    page.click("text=Listen")
    page.wait_for_selector("#source:text-matches('Listening 0:0[1-9]')")
    (worker,) = page.workers
    worker.evaluate("() => { for (const end = Date.now() + 6500; Date.now() < end; ); }")
    page.wait_for_selector("#error:text-matches('too slow: [1-9][.][0-9] s of audio')")
    page.wait_for_selector("h1:text-is('Classical')")
    page.click("text=Stop")
    page.wait_for_selector("body[data-state=stopped]")
    times = np.diff([step["time"] for step in saved(page)])
    assert (times[:-1] >= 0.499).all() and 1.5 <= times.max() <= 6


def test_updates_of_a_wav_agree_with_python(page, package, tmp_path):
    """At every step of music and silence in a file at the sample rate of the model."""
    parts = [soxr.resample(clip(n)[: 8 * 44_100], 44_100, RATE) for n in ("metal-farewell",)]
    parts += [np.zeros((RATE, 2)), soxr.resample(clip("reggae-island-dreams"), 44_100, RATE)]
    samples = np.rint(np.clip(np.concatenate(parts)[: 14 * RATE + 3_000], -1, 1) * 32767)
    samples = samples.astype(np.int16)
    stream = streamgenre.load(package / "model.int8.onnx").stream()
    expected = stream.feed(samples, RATE) + stream.flush()
    drop(page, "two.wav", audio(tmp_path, samples, RATE, "two.wav"))
    read(page)
    given = saved(page)
    assert len(given) == len(expected) == 29
    for mine, its in zip(given, expected, strict=True):
        assert mine["time"] == pytest.approx(its.time, abs=1e-3)
        assert (mine["status"], mine["genre"], mine["top"]) == (its.status, its.genre, its.top)
        assert mine["music"] == pytest.approx(its.music, abs=1e-3)
        assert mine["probabilities"] == pytest.approx(dict(its.probabilities), abs=1e-3)


def test_an_mp3_is_shown_played_and_seeked_by_keyboard(page, tmp_path):
    data = audio(tmp_path, clip("classical-ave-maria-cello"), 44_100, "ave.mp3")
    drop(page, "ave.mp3", data)
    read(page)
    assert page.inner_text("h1") == "Classical"
    assert "the whole recording, 0:20" in page.inner_text("#said")
    assert page.inner_text("#source") == "ave.mp3"
    page.wait_for_selector("#announcer:text-is('The whole recording: Classical')", state="attached")

    page.locator("body").press("Tab")
    names = []
    for _ in range(5):
        names.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        page.keyboard.press("Tab")
    assert names[:4] == ["listen", "open", "play", "ribbon"]
    slider = page.get_by_role("slider", name="Position")
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#ribbon[aria-valuenow='10']")
    assert slider.get_attribute("aria-valuetext") == "0:10, Classical"
    page.wait_for_selector("#said:text-matches('at 0:10')")
    page.keyboard.press(" ")
    page.wait_for_selector("#play:text-is('Pause')")
    page.wait_for_selector("#ribbon[aria-valuenow='11']")
    page.keyboard.press(" ")
    page.wait_for_selector("#play:text-is('Play')")
    page.keyboard.press("Home")
    page.wait_for_selector("#said:text-matches('the whole recording')")
    page.click("#segments button >> nth=-1")
    assert page.inner_text("#segments li:last-child .time") in slider.get_attribute(
        "aria-valuetext"
    )


def test_listening_works_with_the_keyboard(page):
    page.locator("body").press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#source:text-matches('Listening 0:0[1-9]')")
    page.keyboard.press("Enter")
    page.wait_for_selector("body[data-state=stopped]")


def test_files_without_audio_or_music_are_reported(page, tmp_path):
    drop(page, "letter.txt", b"Dear Sir or Madam")
    page.wait_for_selector("#error:text-matches('letter.txt is not audio .* Open an mp3')")
    assert page.inner_text("h1") == "What is playing?"
    assert page.locator("button[aria-disabled=false]").count() == 2
    drop(page, "nothing.flac", audio(tmp_path, np.zeros(3 * RATE), RATE, "nothing.flac"))
    read(page)
    assert page.inner_text("h1") == "No music" and page.inner_text("#error") == ""
    page.focus("#ribbon")
    page.keyboard.press("PageDown")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#said:text-matches('too quiet to classify')")


@pytest.mark.slow
def test_several_genres_are_a_mix(page, tmp_path):
    names = "classical-brandenburg-2", "electronic-sky-vibe", "metal-farewell"
    samples = np.concatenate([clip(name)[: 14 * 44_100] for name in names])
    drop(page, "mix.ogg", audio(tmp_path, samples, 44_100, "mix.ogg"))
    read(page)
    assert page.inner_text("h1") in {"A mix", "Classical", "Electronic", "Metal"}
    listed = page.locator("#segments .label").all_inner_texts()
    assert [name for name in listed if name in {"Classical", "Electronic", "Metal"}][:3] == [
        "Classical", "Electronic", "Metal",
    ]  # fmt: skip


def test_a_denied_microphone_is_reported(chromium, address):
    """Without a user to allow it, Chromium denies access."""
    with (
        chromium("--use-fake-device-for-media-stream") as browser,
        opened(browser, address) as page,
    ):
        page.click("text=Listen")
        page.wait_for_selector("#error:text-matches('microphone was denied. Allow it')")
        assert page.locator("button[aria-disabled=false]").count() == 2


def test_other_problems_of_the_microphone_are_reported(page):
    for name, message in {
        "NotFoundError": "No microphone was found. Connect one",
        "NotReadableError": "Close other programs",
        "OddError": "cannot be opened (odd). Try another browser",
    }.items():
        page.evaluate(
            """(name) => {
              const refuse = () => Promise.reject(new DOMException("odd", name));
              navigator.mediaDevices.getUserMedia = refuse;
            }""",
            name,
        )
        page.click("text=Listen")
        page.wait_for_selector("body[data-state=idle] #error:not(:empty)")
        assert message in page.inner_text("#error")


def test_a_damaged_model_is_reported(browser, site, tmp_path):
    copy = shutil.copytree(site, tmp_path / "site")
    data = bytearray((copy / "model.int8.onnx").read_bytes())
    data[len(data) // 3] ^= 1
    (copy / "model.int8.onnx").write_bytes(data)
    with served(copy) as url, opened(browser, url, "broken") as page:
        message = page.inner_text("#error")
    assert "model.int8.onnx is damaged" in message and "Build the page again" in message
    (copy / "model.int8.onnx").unlink()
    with served(copy) as url, opened(browser, url, "broken", complains=True) as page:
        assert "could not be loaded (model.int8.onnx: 404)" in page.inner_text("#error")


def test_missing_webassembly_is_reported(browser, address):
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script("delete globalThis.WebAssembly")
    page.goto(address)
    page.wait_for_selector("body[data-state=broken]")
    assert "no WebAssembly with SIMD. Use a current Firefox" in page.inner_text("#error")
    context.close()


BLOCKED = """() => new Promise((resolve) => {
  self.addEventListener("securitypolicyviolation", (event) => resolve(event.violatedDirective));
  fetch("https://example.org/").catch(() => {});
})"""


def test_requests_to_other_origins_are_blocked(browser, address):
    """The browser blocks them, both in the page and in the worker."""
    with opened(browser, address, complains=True) as page:
        assert page.evaluate(BLOCKED) == "connect-src"
        (worker,) = page.workers
        assert worker.evaluate(BLOCKED) == "connect-src"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_readable_and_fits_a_phone(browser, address, tmp_path, scheme):
    """WCAG AA: a contrast of 4.5 for text and 3 for controls; 360 px are wide enough."""
    options = {
        "color_scheme": scheme,
        "viewport": {"width": 360, "height": 740},
        "reduced_motion": "reduce",
    }
    with opened(browser, address, **options) as page:
        wide = "document.documentElement.scrollWidth"
        assert page.evaluate(wide) <= 360
        found = page.evaluate(CONTRAST)
        name = "a-very-long-name-of-a-recording-that-fits-into-no-line-at-all.ogg"
        drop(page, name, audio(tmp_path, clip("rock-lucky-13")[: 5 * 44_100], 44_100, name))
        read(page)
        assert page.evaluate(wide) <= 360
        found += page.evaluate(CONTRAST)
        drop(page, "letter.txt", b"Dear Sir or Madam")
        page.wait_for_selector("#error:not(:empty)")
        found += page.evaluate(CONTRAST)
        assert len(found) > 100
        assert all(ratio >= 4.5 for ratio, _ in found), min(found)
        edge = page.evaluate(
            """() => {
              const probe = document.createElement("p");
              probe.textContent = "edge";
              probe.style.color = "var(--edge)";
              document.querySelector("main").append(probe);
            }"""
        )
        assert edge is None
        assert all(ratio >= 3 for ratio, text in page.evaluate(CONTRAST) if text == "edge")
        running = "document.getAnimations().length"
        assert page.evaluate(running) == 0  # no animations with prefers-reduced-motion


def module(tmp_path, code: str, *arguments: object) -> str:
    """The output of a program that imports modules of the page."""
    if shutil.which("node") is None:
        pytest.skip("needs Node.js: apt install nodejs")
    code = code.replace("WEB", WEB.as_uri())
    done = subprocess.run(
        ["node", "--input-type=module", "-e", code, *map(str, arguments)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


RESAMPLE = """
import { readFileSync, writeFileSync } from "node:fs";
import { Resampler } from "WEB/resample.mjs";
const [from, cut, input, output] = process.argv.slice(1);
const samples = new Float32Array(readFileSync(input).buffer);
const resampler = new Resampler(Number(from), 16000);
const parts = [];
for (let at = 0; at < samples.length; at += Number(cut)) {
  parts.push(resampler.push(samples.subarray(at, at + Number(cut))));
}
parts.push(resampler.finish());
writeFileSync(output, Buffer.concat(parts.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength))));
"""  # noqa: E501


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000, 44_099])
def test_the_resampler_agrees_with_soxr(tmp_path, rate):
    """The length and, below 7 kHz, the samples of music, for any division into chunks."""
    music = clip("rock-motorway")[: 4 * 44_100].mean(1)
    samples = soxr.resample(music, 44_100, rate, "VHQ")
    samples.tofile(tmp_path / "in")
    made = []
    for cut in (128, len(samples)):
        module(tmp_path, RESAMPLE, rate, cut, tmp_path / "in", tmp_path / "out")
        made.append(np.fromfile(tmp_path / "out", np.float32))
    np.testing.assert_array_equal(*made)
    expected = soxr.resample(samples, rate, RATE, "VHQ")
    assert len(made[0]) == round(len(samples) * RATE / rate)
    count = min(len(expected), len(made[0]))
    window, below = np.hanning(count), np.fft.rfftfreq(count, 1 / RATE) < min(7_000, 0.44 * rate)
    wrong, whole = (
        np.square(np.abs(np.fft.rfft(x[:count] * window)))[below].sum()
        for x in (made[0][:count] - expected[:count], expected)
    )
    assert 10 * np.log10(wrong / whole) < -85


def test_the_resampler_has_no_aliasing(tmp_path):
    """Tones above the Nyquist frequency are removed, those below pass unchanged."""
    time = np.arange(48_000) / 48_000
    for tone, level in ((7_000, 0.0), (8_100, -95.0), (9_000, -95.0), (15_900, -95.0)):
        np.sin(2 * np.pi * tone * time).astype(np.float32).tofile(tmp_path / "in")
        module(tmp_path, RESAMPLE, 48_000, 480, tmp_path / "in", tmp_path / "out")
        output = np.fromfile(tmp_path / "out", np.float32)[1_000:-1_000]
        given = 10 * np.log10(2 * np.square(output, dtype=np.float64).mean() + 1e-30)
        assert given == pytest.approx(0, abs=0.001) if level == 0 else given < level


MIX = """
import { readFileSync, writeFileSync } from "node:fs";
import { Mixer } from "WEB/mix.mjs";
const [cut, input, output] = process.argv.slice(1);
const samples = new Float32Array(readFileSync(input).buffer);
const half = samples.length / 2;
const mixer = new Mixer();
const mixed = new Float32Array(half);
for (let at = 0; at < half; at += Number(cut)) {
  const end = Math.min(half, at + Number(cut));
  mixer.mix([samples.subarray(at, end), samples.subarray(half + at, half + end)], mixed, at);
}
writeFileSync(output, Buffer.from(mixed.buffer));
"""


@pytest.mark.parametrize("cut", [128, 100_000])
def test_channels_are_mixed_as_in_python(tmp_path, cut):
    """For stereo, then one inverted channel, then stereo."""
    music = clip("metal-farewell")[: 3 * 44_100]
    samples = np.concatenate([music, music[:, :1] * np.float32([1, -1]), music])
    np.ascontiguousarray(samples.T).tofile(tmp_path / "in")
    module(tmp_path, MIX, cut, tmp_path / "in", tmp_path / "out")
    mixer = Mixer()
    expected = mixer.mix(samples)[0]
    assert mixer.cancelled > 44_100
    np.testing.assert_allclose(np.fromfile(tmp_path / "out", np.float32), expected, atol=1e-6)


RATES = """
import { readFileSync } from "node:fs";
import { nativeRate } from "WEB/rate.mjs";
for (const file of process.argv.slice(1)) console.log(nativeRate(readFileSync(file)));
"""


def test_native_sample_rates_are_detected(tmp_path):
    expected = []
    for end, rates in {
        "wav": (8_000, 16_000, 44_100, 96_000),
        "flac": (16_000, 44_100, 48_000),
        "ogg": (22_050, 44_100),
        "mp3": (16_000, 22_050, 32_000, 44_100, 48_000),
    }.items():
        for rate in rates:
            path = tmp_path / f"{len(expected):02}.{end}"
            soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, rate), rate)
            expected.append((path, str(rate)))
    tagged, plain = tmp_path / "tagged.mp3", expected[-1][0].read_bytes()
    tagged.write_bytes(b"ID3\x04\x00\x00\x00\x00\x10\x00" + b"\xff" * 2048 + plain)
    opus, letter, cut = (tmp_path / name for name in ("x.opus", "letter.txt", "cut.wav"))
    soundfile.write(opus, np.zeros(24_000), 24_000, format="OGG", subtype="OPUS")
    letter.write_text("Dear Sir or Madam" * 999)
    cut.write_bytes(expected[0][0].read_bytes()[:20])
    expected += [(tagged, "48000"), (opus, "48000"), (letter, "null"), (cut, "null")]
    paths, rates = zip(*expected, strict=True)
    assert module(tmp_path, RATES, *paths).split() == list(rates)


def test_building_rejects_invalid_packages_and_other_folders(package, tmp_path):
    def build(*arguments):
        command = [sys.executable, str(WEB / "build.py"), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True)

    done = build(tmp_path, tmp_path / "site")
    assert done.returncode == 1 and "is it a package?" in done.stderr
    (tmp_path / "mine.txt").write_text("mine")
    done = build(package, tmp_path)
    assert done.returncode == 1 and "contains other files" in done.stderr
    assert build().returncode == 2


def test_building_again_keeps_other_files_and_a_working_page(package, site, tmp_path):
    made = tmp_path / "site"
    shutil.copytree(site, made)
    (made / "CNAME").write_text("music.example")
    damaged = tmp_path / "package"
    shutil.copytree(package, damaged)
    with (damaged / "model.int8.onnx").open("r+b") as file:
        file.write(b"x")
    command = [sys.executable, str(WEB / "build.py")]
    done = subprocess.run([*command, damaged, made], capture_output=True, text=True)
    assert done.returncode == 1 and "damaged" in done.stderr and done.stderr.count("\n") == 1
    again = subprocess.run([*command, package, made], capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert (made / "CNAME").read_text() == "music.example"
    names = {path.name for path in made.iterdir()}
    assert names == {path.name for path in site.iterdir()} | {"CNAME"}
