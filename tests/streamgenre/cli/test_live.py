"""Live audio through PortAudio, from a sound server that the tests start."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.processes import default_signals

import streamgenre
from bench.live.room import NoRoomError, Room

PROGRAM = [sys.executable, "-m", "streamgenre", "live"]


@pytest.fixture
def room(tmp_path):
    """A sound server whose default input records its default output."""
    try:
        server = Room(tmp_path)
        server.start()
    except NoRoomError as why:
        pytest.skip(str(why))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def wav(clip, tmp_path_factory) -> Path:
    """The clip as a wav file, repeated so that it plays until a slow machine has started."""
    path = tmp_path_factory.mktemp("wav") / "clip.wav"
    samples, rate = soundfile.read(clip, always_2d=True)
    soundfile.write(path, np.tile(samples, (6, 1)), rate)
    return path


class Listening:
    """A running `streamgenre live --format jsonl`, read line by line."""

    def __init__(self, room: Room, *options: str) -> None:
        self.lines: queue.Queue[dict] = queue.Queue()
        self.process = subprocess.Popen(
            [*PROGRAM, "--format", "jsonl", *options], env=room.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=default_signals,
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(json.loads(line))

    def until(self, wanted, patience: float = 100.0) -> list[dict]:
        """The updates up to the first that is `wanted`."""
        updates = []
        ends = time.monotonic() + patience
        while time.monotonic() < ends:
            try:
                updates.append(self.lines.get(timeout=0.5))
            except queue.Empty:
                assert self.process.poll() is None, self.process.stderr.read()
                continue
            if wanted(updates[-1]):
                return updates
        raise AssertionError(f"not within {patience} s; the last: {updates[-3:]}")

    def end(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Exit code and standard error after that signal."""
        self.process.send_signal(number)
        code = self.process.wait(600)
        return code, self.process.stderr.read()


@pytest.fixture
def listening(room):
    started = []

    def start(*options: str) -> Listening:
        started.append(Listening(room, *options))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait(10)


def audible(update: dict) -> bool:
    return update["level"] is not None and update["level"] > -60


def python(room: Room, code: str) -> list:
    """The JSON lines that a Python program prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], env=room.environment, capture_output=True, text=True,
        timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_genre_is_known_after_five_seconds_of_music(room, listening, wav):
    one = listening()
    assert all(u["status"] == "no-music" for u in one.until(lambda u: u["time"] >= 1.0))
    room.play(wav)
    before = one.until(audible)[-1]["time"]
    update = one.until(lambda u: u["status"] == "genre")[-1]
    assert update["genre"] == "classical"
    assert update["time"] - before <= 4.5  # the previous update began up to half a second earlier
    assert update["input"] == "default"
    code, message = one.end()
    assert code == 130
    assert message.startswith("streamgenre: listened for ") and "Classical" in message
    assert message.count("\n") == 1


_LISTEN = """
import itertools, json, streamgenre, threading
for update in itertools.islice(streamgenre.listen("room"), 12):
    print(json.dumps([update.time, update.genre, update.level]), flush=True)
assert threading.active_count() == 1, threading.enumerate()
"""


def test_listen_classifies_what_is_played(room, wav):
    room.play(wav)
    updates = python(room, _LISTEN)
    assert [time for time, _, _ in updates] == [0.5 * i for i in range(1, 13)]
    assert all(level > -60 for _, _, level in updates[2:])
    assert updates[-1][1] == "classical"


def test_a_monitor_is_listed_and_recorded(room, listening, wav):
    done = subprocess.run(
        [sys.executable, "-m", "streamgenre", "devices", "--json"], env=room.environment,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    inputs = json.loads(done.stdout)["inputs"]
    assert [d["name"] for d in inputs if d["default"]] == ["default"]
    monitor = next(d for d in inputs if d["monitor"])
    assert (monitor["name"], monitor["source"]) == ("Monitor of Room", "room.monitor")
    assert (monitor["channels"], monitor["sample_rate"]) == (2, 44_100)
    room.plug("elsewhere")  # the new default, which is silent
    room.play(wav)
    for wanted in ("monitor of room", str(monitor["index"])):
        one = listening("--input", wanted)
        assert one.until(audible)[-1]["input"] == "Monitor of Room"
        one.end()


def test_the_device_goes_and_comes_back(room, listening, wav):
    one = listening("--input", "room")
    one.until(lambda u: u["time"] >= 1.0)
    updates = []
    for away, back in ((room.unplug, room.plug), (room.kill, room.start)):
        away()
        updates += one.until(lambda u: u["status"] == "gap")
        time.sleep(1)
        back()
        room.play(wav)
        updates += one.until(audible)
    updates += one.until(lambda u: u["genre"] is not None)
    assert updates[-1]["genre"] == "classical"
    # The stream's clock follows the wall clock, including gaps.
    started, ended = (datetime.fromisoformat(updates[i]["at"]) for i in (0, -1))
    passed = updates[-1]["time"] - updates[0]["time"]
    assert passed == pytest.approx((ended - started).total_seconds(), abs=3.0)
    assert all(before["time"] < after["time"] for before, after in pairwise(updates))
    code, message = one.end()
    assert code == 130 and "gap" in message


@pytest.mark.parametrize("wanted", ["default", "room"])
def test_listening_continues_after_the_server_hangs(room, listening, wav, wanted):
    one = listening("--input", wanted)
    one.until(lambda u: u["time"] >= 1.0)
    room.signal(signal.SIGSTOP)
    one.until(lambda u: u["status"] == "gap")
    room.signal(signal.SIGCONT)
    room.play(wav)
    one.until(audible)
    room.signal(signal.SIGSTOP)
    one.until(lambda u: u["status"] == "gap")
    code, _ = one.end()  # although a call to the server hangs
    assert code == 130
    room.signal(signal.SIGCONT)


def test_a_stream_that_the_server_moves_is_closed(room, listening):
    room.plug("kitchen")
    one = listening("--input", "kitchen")
    one.until(lambda u: u["time"] >= 1.0)
    room.unplug()
    room.plug("room")  # the server may move the stream to it
    gap = one.until(lambda u: u["status"] == "gap")[-1]
    room.plug("kitchen")
    after = one.until(lambda u: u["status"] != "gap")[-1]
    assert after["time"] > gap["time"]
    one.end()


_THREADS = """
import json, os, threading, time
from streamgenre.audio.live.microphone import Microphone
tasks = lambda: len(os.listdir("/proc/self/task"))
import streamgenre; streamgenre.load()
for wanted in (None, None, "room"):
    with Microphone(wanted) as microphone:
        while not microphone.read():
            time.sleep(0.05)
        during = tasks()
    time.sleep(0.2)
    if wanted is None:
        before = tasks()  # libraries start their pool of threads with the first microphone
print(json.dumps([before, during, tasks(), threading.active_count()]))
"""


def test_no_thread_is_left_behind(room):
    before, during, after, ours = python(room, _THREADS)[0]
    assert during > before
    assert after == before and ours == 1


_OVERLOAD = """
import json, time
from streamgenre.audio.live.microphone import Gap, Microphone
with Microphone(block=0.01, ring_seconds=1.0) as microphone:
    sound = gap = 0
    def take():
        global sound, gap
        for part in microphone.read():
            if isinstance(part, Gap):
                gap += round(part.seconds * microphone.sample_rate)
            else:
                sound += len(part.samples)
    while sound < 20_000:
        take()
        time.sleep(0.02)
    time.sleep(3)
    take()
    late = gap
    for _ in range(40):
        take()
        time.sleep(0.02)
    capture = microphone._reading
    microphone.close()
    take()
    print(json.dumps([capture.frames, sound, late, gap, microphone.dropped]))
"""


def test_samples_that_a_late_reader_misses_are_counted(room):
    frames, sound, late, gap, dropped = python(room, _OVERLOAD)[0]
    assert frames == sound + dropped
    assert gap == dropped and late > 1.5 * 44_100


_RATES = """
import dataclasses, json
from streamgenre.audio.live import capture
from streamgenre.audio.live.devices import choose
device = dataclasses.replace(choose(None), sample_rate=1e6)  # no sound server supports this
opened = capture.Capture(device)
opened.close()
capture._OTHER_RATES = ()
try:
    capture.Capture(device)
except capture.DeviceError as error:
    print(json.dumps([opened.sample_rate, str(error)]))
"""


def test_another_rate_is_used_if_one_is_refused(room):
    rate, error = python(room, _RATES)[0]
    assert rate == 48_000
    assert error == "input 'default' cannot be opened: it does not support this sample rate"


def failing(room: Room | None, *options: str, **variables: str) -> tuple[int, str]:
    done = subprocess.run(
        [*PROGRAM, "--format", "jsonl", *options],
        env={**(room.environment if room else os.environ), **variables},
        capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.stdout == "" and done.stderr.count("\n") == 1, done.stderr
    return done.returncode, done.stderr.strip()


def test_a_wrong_input_is_one_line_with_similar_names(room):
    assert failing(room, "--input", "monitr") == (
        4, "streamgenre: no input matches 'monitr'; did you mean 2 'Monitor of Room'?"
    )  # fmt: skip
    code, message = failing(room, "--input", "77")
    assert code == 4 and "no input has the index 77" in message and "'default'" in message
    code, message = failing(room, "--channels", "40")
    assert code == 4
    assert message.startswith(
        "streamgenre: input 'default' has channels 1 to 2 to choose from, not 40"
    )
    assert failing(room, "--input", "1" * 5000)[0] == 4


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--osc", ""), "--osc: is empty"),
        (("--osc", "localhost:0"), "--osc: 'localhost:0'"),
        (("--websocket", "99999"), "--websocket: '99999'"),
        (("--mqtt", "http://host:1883"), "--mqtt: use a URL"),
        (("--mqtt", "mqtt://host/a%0ab"), "--mqtt: the topic prefix"),
        (("--record", "x"), "--record: x: unknown"),
        (("--log", "."), "--log: .: "),
        (("--log", "a.flac", "--record", "a.flac"), "is also the file of --"),
        (("--play", "a.wav", "--now-playing", "./a.wav"), "is also the file of --play"),
        (("--play", "a.wav", "--input", "1"), "--play replaces an input"),
        (("--wait", "nan"), "--wait: must be"),
        (("--now-playing", __file__), "has other content"),
    ],
)
def test_an_invalid_option_is_named(options, named, tmp_path):
    done = subprocess.run(
        [*PROGRAM, *options], capture_output=True, text=True, timeout=600, cwd=tmp_path
    )
    if "pip install" in done.stderr:
        pytest.skip(f"{options[0]} needs its extra")
    assert done.returncode == 2, done.stderr
    assert named in done.stderr.splitlines()[-1]
    assert [*tmp_path.iterdir()] == []
    assert Path(__file__).stat().st_size > 1000


def test_without_a_device_or_portaudio_the_message_has_a_remedy(room, tmp_path):
    room.kill()
    code, message = failing(room)
    assert code == 4 and message.startswith(
        "streamgenre: no input device found: connect a microphone"
    )
    code, message = failing(room, "--input", "monitor")
    assert code == 4 and "apt install" in message
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not updates')")
    code, message = failing(room, PYTHONPATH=str(tmp_path))
    assert code == 4 and "PortAudio is not installed; install it: apt install" in message


def test_a_busy_device_is_named(monkeypatch):
    sounddevice = pytest.importorskip("sounddevice", exc_type=OSError)
    from streamgenre.audio.live.capture import Capture
    from streamgenre.audio.live.devices import Device

    def refuse(**options):
        raise sounddevice.PortAudioError("Error opening InputStream: Device unavailable", -9985)

    monkeypatch.setattr(sounddevice, "InputStream", refuse)
    device = Device(0, "Line 1", "ALSA", 2, 48_000.0, True, False, 0)
    with pytest.raises(streamgenre.DeviceError, match=r"'Line 1' .* in use by another program"):
        Capture(device)


def test_wait_limits_the_search_for_a_device(room, listening):
    one = listening("--wait", "1")
    one.until(lambda u: u["time"] >= 1.0)
    room.kill()
    code = one.process.wait(600)
    message = one.process.stderr.read()
    assert code == 4 and "'default' is gone; is it connected?; gave up after" in message


def test_a_file_plays_as_if_it_were_live(room, listening, clip, tmp_path):
    other = listening("--input", "room")
    other.until(lambda u: u["time"] >= 0.5)
    wav = tmp_path / "short.wav"
    samples, rate = soundfile.read(clip, frames=6 * 44_100)
    soundfile.write(wav, samples, rate)
    began = time.monotonic()
    done = subprocess.run(
        [*PROGRAM, "--play", str(wav), "--format", "jsonl", "--log", "log.jsonl", "--record",
         "heard.flac", "--now-playing", "now.txt", "--on-change", "echo $STREAMGENRE_GENRE >> on"],
        env=room.environment, capture_output=True, text=True, timeout=600, cwd=tmp_path,
    )  # fmt: skip
    seconds = soundfile.info(wav).duration
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began >= seconds
    updates = [json.loads(line) for line in done.stdout.splitlines()]
    timeline = streamgenre.load().classify(wav, 0.5)
    assert [u["genre"] for u in updates] == [u.genre for u in timeline.updates]
    assert (tmp_path / "log.jsonl").read_text() == done.stdout
    assert soundfile.info(tmp_path / "heard.flac").frames == soundfile.info(wav).frames
    assert (tmp_path / "on").read_text().split()[-1] == "classical"
    assert (tmp_path / "now.txt").read_text().strip() == ""  # empty at the end
    other.until(audible)  # the file was played on the output


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("form", ["text", "jsonl"])
def test_a_full_disk_is_a_failure(room, clip, tmp_path, form):
    samples, rate = soundfile.read(clip, frames=2 * 44_100)
    soundfile.write(tmp_path / "short.wav", samples, rate)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, "--play", "short.wav", "--format", form], env=room.environment, stdout=full,
            stderr=subprocess.PIPE, text=True, timeout=600, cwd=tmp_path,
        )  # fmt: skip
    assert done.returncode == 1
    assert "No space left on device" in done.stderr


def test_a_hung_server_does_not_keep_a_file_from_ending(room, clip, tmp_path):
    samples, rate = soundfile.read(clip, frames=3 * 44_100)
    soundfile.write(tmp_path / "short.wav", samples, rate)
    process = subprocess.Popen(
        [*PROGRAM, "--play", "short.wav", "--format", "jsonl"], env=room.environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    room.signal(signal.SIGSTOP)
    message = process.communicate(timeout=600)
    room.signal(signal.SIGCONT)
    assert process.returncode == 0 and message[1].startswith("streamgenre: listened for 0:03")


@pytest.mark.parametrize("number", [15, 1])  # SIGTERM, SIGHUP
def test_a_closed_terminal_ends_with_a_clean_up(room, listening, tmp_path, number):
    now = tmp_path / "now.txt"
    one = listening("--now-playing", str(now))
    one.until(lambda u: u["time"] >= 1.0)
    assert now.read_text() == "no music\n"
    code, message = one.end(number)
    assert (code, now.read_text()) == (128 + number, "\n")
    assert message.startswith("streamgenre: listened for")


_RATES_OF_ALL = """
import json
from streamgenre.audio.live.capture import Capture
from streamgenre.audio.live.devices import choose, inputs
print(json.dumps({d.source: [d.sample_rate, d.channels] for d in inputs() if d.source}))
for wanted, channels in (("good", ()), ("wide", ()), ("wide", [3]), ("good", [2])):
    try:
        capture = Capture(choose(wanted), channels)
        capture.close()
        print(json.dumps([capture.sample_rate, capture.channels]))
    except Exception as error:
        print(json.dumps(str(error)))
"""


def test_each_source_has_its_own_rate_and_channels(room):
    for name, rate, channels in (("good", 48_000, 2), ("wide", 96_000, 8), ("headset", 8_000, 1)):
        room.control("load-module", "module-null-sink", f"sink_name={name}", f"rate={rate}",
                     f"channels={channels}")  # fmt: skip
    listed, *opened = python(room, _RATES_OF_ALL)
    assert listed == {
        "room.monitor": [44_100, 2], "good.monitor": [48_000, 2], "wide.monitor": [96_000, 8],
        "headset.monitor": [8_000, 1],
    }  # fmt: skip
    good, wide, picked, second = opened
    assert (good, wide, second) == ([48_000, 2], [96_000, 8], [48_000, 1])
    assert "the sound server mixes the channels" in picked


def test_monitor_follows_the_default_output(room, listening, wav):
    one = listening("--input", "monitor")
    one.until(lambda u: u["time"] >= 1.0)
    room.plug("headphones")
    room.control("set-default-sink", "headphones")
    room.play(wav)
    one.until(lambda u: audible(u) and u["input"] == "Monitor of Headphones")
    one.end()


@pytest.mark.slow
def test_the_time_while_stopped_is_a_gap(room, listening):
    one = listening("--input", "room")
    first = one.until(lambda u: u["time"] >= 1.0)[-1]
    one.process.send_signal(signal.SIGSTOP)
    time.sleep(20)
    one.process.send_signal(signal.SIGCONT)
    ends = datetime.fromisoformat(first["at"]).timestamp() + 24
    last = one.until(lambda u: datetime.fromisoformat(u["at"]).timestamp() > ends)[-1]
    passed = (
        datetime.fromisoformat(last["at"]) - datetime.fromisoformat(first["at"])
    ).total_seconds()
    assert last["time"] - first["time"] == pytest.approx(passed, abs=5.0)


def test_a_closed_pipe_ends_live_quietly(room):
    done = subprocess.run(
        f"{sys.executable} -m streamgenre live --format jsonl | head -2", shell=True,
        env=room.environment, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.stdout.count("\n") == 2
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 50)])
def test_the_display_shows_the_genre(room, wav, tmp_path, columns, rows):
    tmux = ["tmux", "-S", str(tmp_path / "tmux"), "-f", "/dev/null"]

    def screen() -> str:
        done = subprocess.run([*tmux, "capture-pane", "-p"], capture_output=True, text=True)
        return done.stdout

    def shows(*wanted: str, patience: float = 60.0) -> str:
        ends = time.monotonic() + patience
        while time.monotonic() < ends:
            seen = screen()
            if all(text in seen for text in wanted):
                return seen
            time.sleep(0.2)
        raise AssertionError(f"{wanted} not in\n{seen}")

    def press(key: str) -> None:
        subprocess.run([*tmux, "send-keys", key], check=True)

    command = f"env -u COLUMNS -u LINES LC_ALL=C.UTF-8 {' '.join(PROGRAM)}; echo code $?; sleep 60"
    subprocess.run(
        [*tmux, "new-session", "-d", "-x", str(columns), "-y", str(rows), command],
        env=room.environment, check=True, cwd=tmp_path,
    )  # fmt: skip
    try:
        shows("too quiet to classify")
        room.play(wav)
        labels = [label.display for label in streamgenre.load().card.labels]
        seen = shows("Classical 9", *labels)
        lines = seen.splitlines()
        assert len(lines) <= rows and max(map(len, lines)) <= columns
        assert "default" in seen and "quit" in seen
        press("?")
        shows("save the timeline")
        press("?")
        press("Space")
        shows("paused")
        press("Space")
        press("s")
        shows("saved")
        (saved,) = tmp_path.glob("streamgenre-*.json")
        kept = json.loads(saved.read_text())
        assert kept["file"] == "default" and kept["updates"][-1]["time"] == kept["duration"] > 2
        subprocess.run([*tmux, "resize-window", "-x", "40", "-y", "12"], check=True)
        shows("Classical")
        press("q")
        shows("streamgenre: listened for", "code 0")
    finally:
        subprocess.run([*tmux, "kill-server"], check=False)
