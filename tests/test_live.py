"""Listening live, through PortAudio, to a sound server of the tests' own."""

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

import pytest
import soundfile
from processes import heeding

import streamgenre
from bench.room import NoRoomError, Room

PROGRAM = [sys.executable, "-m", "streamgenre", "live"]


@pytest.fixture
def room(tmp_path):
    """The default input hears what is played to the default output."""
    try:
        found = Room(tmp_path)
        found.start()
    except NoRoomError as why:
        pytest.skip(str(why))
    yield found
    found.stop()


@pytest.fixture(scope="session")
def wav(clip, tmp_path_factory) -> Path:
    """The clip as a wav file, for a player that knows nothing else."""
    path = tmp_path_factory.mktemp("wav") / "clip.wav"
    soundfile.write(path, *soundfile.read(clip))
    return path


class Listening:
    """`streamgenre live --format jsonl` in a room, line by line."""

    def __init__(self, room: Room, *options: str) -> None:
        self.lines: queue.Queue[dict] = queue.Queue()
        self.process = subprocess.Popen(
            [*PROGRAM, "--format", "jsonl", *options], env=room.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=heeding,
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(json.loads(line))

    def until(self, wanted, patience: float = 30.0) -> list[dict]:
        """The updates up to the first that is wanted."""
        found = []
        ends = time.monotonic() + patience
        while time.monotonic() < ends:
            try:
                found.append(self.lines.get(timeout=0.5))
            except queue.Empty:
                assert self.process.poll() is None, self.process.stderr.read()
                continue
            if wanted(found[-1]):
                return found
        raise AssertionError(f"not within {patience} s; the last: {found[-3:]}")

    def end(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Exit code and standard error after that signal."""
        self.process.send_signal(number)
        code = self.process.wait(20)
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


def heard(update: dict) -> bool:
    return update["level"] is not None and update["level"] > -60


def python(room: Room, code: str) -> list:
    """The JSON lines that a piece of Python prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], env=room.environment, capture_output=True, text=True,
        timeout=90,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_genre_is_there_within_five_seconds_of_music(room, listening, wav):
    one = listening()
    assert all(u["status"] == "no-music" for u in one.until(lambda u: u["time"] >= 1.0))
    room.play(wav)
    before = one.until(heard)[-1]["time"]
    update = one.until(lambda u: u["status"] == "genre")[-1]
    assert update["genre"] == "classical"
    assert update["time"] - before <= 4.5  # the update before began up to half a second earlier
    assert update["input"] == "default"
    code, said = one.end()
    assert code == 130
    assert said.startswith("streamgenre: heard ") and "Classical" in said
    assert said.count("\n") == 1


_LISTEN = """
import itertools, json, streamgenre, threading
for update in itertools.islice(streamgenre.listen("room"), 12):
    print(json.dumps([update.time, update.genre, update.level]), flush=True)
assert threading.active_count() == 1, threading.enumerate()
"""


def test_listen_hears_what_is_played(room, wav):
    room.play(wav)
    updates = python(room, _LISTEN)
    assert [time for time, _, _ in updates] == [0.5 * i for i in range(1, 13)]
    assert all(level > -60 for _, _, level in updates[2:])
    assert updates[-1][1] == "classical"


def test_a_monitor_is_listed_and_heard(room, listening, wav):
    done = subprocess.run(
        [sys.executable, "-m", "streamgenre", "devices", "--json"], env=room.environment,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    inputs = json.loads(done.stdout)["inputs"]
    assert [d["name"] for d in inputs if d["default"]] == ["default"]
    monitor = next(d for d in inputs if d["monitor"])
    assert (monitor["name"], monitor["source"]) == ("Monitor of Room", "room.monitor")
    assert (monitor["channels"], monitor["sample_rate"]) == (2, 44_100)
    room.plug("elsewhere")  # is the default now, and silent
    room.play(wav)
    for wanted in ("monitor of room", str(monitor["index"])):
        one = listening("--input", wanted)
        assert one.until(heard)[-1]["input"] == "Monitor of Room"
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
        updates += one.until(heard)
    updates += one.until(lambda u: u["genre"] is not None)
    assert updates[-1]["genre"] == "classical"
    # The stream's clock went on with the wall's, gaps and all.
    started, ended = (datetime.fromisoformat(updates[i]["at"]) for i in (0, -1))
    passed = updates[-1]["time"] - updates[0]["time"]
    assert passed == pytest.approx((ended - started).total_seconds(), abs=1.0)
    assert all(before["time"] < after["time"] for before, after in pairwise(updates))
    code, said = one.end()
    assert code == 130 and "gaps" in said


@pytest.mark.parametrize("wanted", ["default", "room"])
def test_a_server_that_hangs_is_survived(room, listening, wav, wanted):
    one = listening("--input", wanted)
    one.until(lambda u: u["time"] >= 1.0)
    room.signal(signal.SIGSTOP)
    one.until(lambda u: u["status"] == "gap")
    room.signal(signal.SIGCONT)
    room.play(wav)
    one.until(heard, patience=60)
    room.signal(signal.SIGSTOP)
    one.until(lambda u: u["status"] == "gap")
    began = time.monotonic()
    code, _ = one.end()  # and it ends though a call to the server does not
    assert code == 130 and time.monotonic() - began < 15
    room.signal(signal.SIGCONT)


def test_a_source_that_moves_elsewhere_is_not_listened_to(room, listening):
    room.plug("kitchen")
    one = listening("--input", "kitchen")
    one.until(lambda u: u["time"] >= 1.0)
    room.unplug()
    room.plug("room")  # the server may move the stream there
    gap = one.until(lambda u: u["status"] == "gap")[-1]
    room.plug("kitchen")
    after = one.until(lambda u: u["status"] != "gap")[-1]
    assert after["time"] > gap["time"]
    one.end()


_THREADS = """
import json, os, threading, time
from streamgenre.audio.microphone import Microphone
tasks = lambda: len(os.listdir("/proc/self/task"))
import streamgenre; streamgenre.load()
before = tasks()
for wanted in (None, "room"):
    with Microphone(wanted) as microphone:
        while not microphone.read():
            time.sleep(0.05)
        during = tasks()
time.sleep(0.2)
print(json.dumps([before, during, tasks(), threading.active_count()]))
"""


def test_no_thread_is_left_behind(room):
    before, during, after, ours = python(room, _THREADS)[0]
    assert during > before
    assert after == before and ours == 1


_OVERLOAD = """
import json, time
from streamgenre.audio.microphone import Gap, Microphone
with Microphone(block=0.01, ring_seconds=1.0) as microphone:
    sound = gap = 0
    def take():
        global sound, gap
        for heard in microphone.read():
            if isinstance(heard, Gap):
                gap += round(heard.seconds * microphone.sample_rate)
            else:
                sound += len(heard.samples)
    while sound < 20_000:
        take()
        time.sleep(0.02)
    assert gap == 0
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


def test_what_a_late_reader_misses_is_counted_exactly(room):
    frames, sound, late, gap, dropped = python(room, _OVERLOAD)[0]
    assert frames == sound + dropped
    assert gap == late == dropped  # told once, and nothing is missed afterwards
    assert 1.5 * 44_100 < dropped < 3 * 44_100


_RATES = """
import dataclasses, json
from streamgenre.audio import capture
from streamgenre.audio.devices import choose
device = dataclasses.replace(choose(None), sample_rate=1e6)  # which no sound server takes
opened = capture.Capture(device)
opened.close()
capture._OTHER_RATES = ()
try:
    capture.Capture(device)
except capture.DeviceError as error:
    print(json.dumps([opened.sample_rate, str(error)]))
"""


def test_a_rate_that_is_refused_is_not_insisted_on(room):
    rate, error = python(room, _RATES)[0]
    assert rate == 48_000
    assert error == "input 'default' cannot be opened: it refuses this sample rate"


def failing(room: Room | None, *options: str, **variables: str) -> tuple[int, str]:
    done = subprocess.run(
        [*PROGRAM, "--format", "jsonl", *options],
        env={**(room.environment if room else os.environ), **variables},
        capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.stdout == "" and done.stderr.count("\n") == 1, done.stderr
    return done.returncode, done.stderr.strip()


def test_a_wrong_choice_is_one_line_with_what_is_near(room):
    assert failing(room, "--input", "monitr") == (
        4, "streamgenre: no input is called 'monitr'; did you mean 2 'Monitor of Room'?"
    )  # fmt: skip
    code, said = failing(room, "--input", "77")
    assert code == 4 and "no input has the index 77" in said and "'default'" in said
    code, said = failing(room, "--channels", "40")
    assert code == 4
    assert said.startswith(
        "streamgenre: input 'default' has channels 1 to 2 to choose from, not 40"
    )
    assert failing(room, "--input", "1" * 5000)[0] == 4


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--osc", ""), "--osc: names nothing"),
        (("--osc", "localhost:0"), "--osc: 'localhost:0'"),
        (("--websocket", "99999"), "--websocket: '99999'"),
        (("--mqtt", "http://host:1883"), "--mqtt: is no URL"),
        (("--mqtt", "mqtt://host/a%0ab"), "--mqtt: the prefix"),
        (("--record", "x"), "--record x"),
        (("--log", "."), "--log .: "),
        (("--log", "a.flac", "--record", "a.flac"), "is the file of --"),
        (("--play", "a.wav", "--now-playing", "./a.wav"), "is the file of --play"),
        (("--play", "a.wav", "--input", "1"), "--play takes the place of an input"),
        (("--wait", "nan"), "--wait: nan"),
        (("--now-playing", __file__), "holds more than a line"),
    ],
)
def test_an_option_that_cannot_be_followed_is_named(options, named, tmp_path):
    done = subprocess.run(
        [*PROGRAM, *options], capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    if "pip install" in done.stderr:
        pytest.skip(f"{options[0]} needs its extra")
    assert done.returncode == 2, done.stderr
    assert named in done.stderr.splitlines()[-1]
    assert [*tmp_path.iterdir()] == []
    assert Path(__file__).stat().st_size > 1000


def test_without_a_device_or_portaudio_a_line_says_what_to_do(room, tmp_path):
    room.kill()
    code, said = failing(room)
    assert code == 4 and said.startswith("streamgenre: there is no input: connect a microphone")
    code, said = failing(room, "--input", "monitor")
    assert code == 4 and "apt install" in said
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    code, said = failing(room, PYTHONPATH=str(tmp_path))
    assert code == 4 and "PortAudio is not installed; install it: apt install" in said


def test_a_busy_device_is_named(monkeypatch):
    sounddevice = pytest.importorskip("sounddevice", exc_type=OSError)
    from streamgenre.audio.capture import Capture
    from streamgenre.audio.devices import Device

    def refuse(**options):
        raise sounddevice.PortAudioError("Error opening InputStream: Device unavailable", -9985)

    monkeypatch.setattr(sounddevice, "InputStream", refuse)
    device = Device(0, "Line 1", "ALSA", 2, 48_000.0, True, False, 0)
    with pytest.raises(streamgenre.DeviceError, match=r"'Line 1' .* in use by another program"):
        Capture(device)


def test_a_device_that_stays_away_is_given_up_when_asked(room, listening):
    one = listening("--wait", "1")
    one.until(lambda u: u["time"] >= 1.0)
    room.kill()
    code = one.process.wait(30)
    said = one.process.stderr.read()
    assert code == 4 and "'default' is gone; is it connected?; given up after" in said


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
        env=room.environment, capture_output=True, text=True, timeout=120, cwd=tmp_path,
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
    assert (tmp_path / "now.txt").read_text().strip() == ""  # nothing plays any more
    other.until(heard)  # it was played aloud


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("form", ["text", "jsonl"])
def test_results_that_cannot_be_written_are_a_failure(room, clip, tmp_path, form):
    samples, rate = soundfile.read(clip, frames=2 * 44_100)
    soundfile.write(tmp_path / "short.wav", samples, rate)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, "--play", "short.wav", "--format", form], env=room.environment, stdout=full,
            stderr=subprocess.PIPE, text=True, timeout=60, cwd=tmp_path,
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
    said = process.communicate(timeout=30)
    room.signal(signal.SIGCONT)
    assert process.returncode == 0 and said[1].startswith("streamgenre: heard 0:03")


@pytest.mark.parametrize("number", [15, 1])  # SIGTERM, SIGHUP
def test_a_closed_terminal_is_tidied_up_after(room, listening, tmp_path, number):
    now = tmp_path / "now.txt"
    one = listening("--now-playing", str(now))
    one.until(lambda u: u["time"] >= 1.0)
    assert now.read_text() == "no music\n"
    code, said = one.end(number)
    assert (code, now.read_text()) == (128 + number, "\n")
    assert said.startswith("streamgenre: heard")


_RATES_OF_ALL = """
import json
from streamgenre.audio.capture import Capture
from streamgenre.audio.devices import choose, inputs
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
    assert "the sound server mixes them" in picked


def test_monitor_follows_the_default_output(room, listening, wav):
    one = listening("--input", "monitor")
    one.until(lambda u: u["time"] >= 1.0)
    room.plug("headphones")
    room.control("set-default-sink", "headphones")
    room.play(wav)
    one.until(lambda u: heard(u) and u["input"] == "Monitor of Headphones")
    one.end()


def test_what_passes_while_it_is_stopped_is_a_gap(room, listening):
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
    assert last["time"] - first["time"] == pytest.approx(passed, abs=2.0)


def test_a_closed_pipe_ends_it_quietly(room):
    done = subprocess.run(
        f"{sys.executable} -m streamgenre live --format jsonl | head -2", shell=True,
        env=room.environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.count("\n") == 2
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 50)])
def test_the_display_shows_what_is_heard(room, wav, tmp_path, columns, rows):
    tmux = ["tmux", "-S", str(tmp_path / "tmux"), "-f", "/dev/null"]

    def screen() -> str:
        done = subprocess.run([*tmux, "capture-pane", "-p"], capture_output=True, text=True)
        return done.stdout

    def shows(*wanted: str, patience: float = 20.0) -> str:
        ends = time.monotonic() + patience
        while time.monotonic() < ends:
            seen = screen()
            if all(text in seen for text in wanted):
                return seen
            time.sleep(0.2)
        raise AssertionError(f"{wanted} not in\n{seen}")

    def press(key: str) -> None:
        subprocess.run([*tmux, "send-keys", key], check=True)

    command = f"LC_ALL=C.UTF-8 {' '.join(PROGRAM)}; echo code $?; sleep 60"
    subprocess.run(
        [*tmux, "new-session", "-d", "-x", str(columns), "-y", str(rows), command],
        env=room.environment, check=True, cwd=tmp_path,
    )  # fmt: skip
    try:
        shows("too quiet to judge")
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
        shows("streamgenre: heard", "code 0")
    finally:
        subprocess.run([*tmux, "kill-server"], check=False)
