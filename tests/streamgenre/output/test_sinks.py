"""Local sinks: files and commands, and the thread of each sink."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.waiting import threads, wait_for

from streamgenre.audio.files import open_source
from streamgenre.errors import ConfigError, OutputError
from streamgenre.output.sinks import log, on_change, record
from streamgenre.output.sinks.background import BackgroundSink
from streamgenre.output.sinks.log import JsonLines, Log, live_line
from streamgenre.output.sinks.now_playing import NowPlaying
from streamgenre.output.sinks.on_change import OnChange
from streamgenre.output.sinks.record import Recorder
from streamgenre.update import DIGITAL_SILENCE, Update

AT = datetime(2025, 3, 4, 5, 6, 7, 89_000, timezone(timedelta(hours=2)))
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX system")
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


def make(status="genre", genre="jazz", number=1.0, labels=("jazz", "rock", "classical")):
    return Update(
        time=number,
        status=status,
        genre=genre if status == "genre" else None,
        top=genre or labels[0],
        confidence=0.834,
        music=0.9,
        probabilities={label: 0.8 if label == genre else 0.1 for label in labels},
        level=DIGITAL_SILENCE,
        styles={},
    )


class Probe:
    """A sink that can be slow, fail and hang, and records its updates."""

    name = "probe"

    def __init__(self):
        self.got, self.closed_in, self.fail, self.go = [], None, None, threading.Event()
        self.go.set()

    def __call__(self, update, at, source):
        self.go.wait()
        if self.fail:
            raise self.fail
        self.got.append(update.time)

    def close(self):
        self.closed_in = threading.current_thread()


def test_a_stalled_sink_does_not_block_and_gets_the_newest_updates():
    probe = Probe()
    probe.go.clear()
    background = BackgroundSink(probe, longest=10)
    background.put((make(number=-1), AT, "default"))
    wait_for(lambda: not background._waiting)
    for i in range(1000):
        background.put((make(number=i), AT, "default"))  # a put that waits would never return
    assert background.dropped == 990
    probe.go.set()
    assert background.close()
    assert probe.got == [-1, *range(990, 1000)]
    assert probe.closed_in not in (None, threading.current_thread())
    assert not threads("probe")


def test_a_sink_that_hangs_does_not_block_close():
    probe = Probe()
    probe.go.clear()
    background = BackgroundSink(probe)
    for i in range(5):
        background.put((make(number=i), AT, "default"))
    assert not background.close(timeout=0.2)  # a close that waits would never return
    assert all(thread.daemon for thread in threads("probe"))
    probe.go.set()
    wait_for(lambda: not threads("probe"))
    assert probe.got == [0]
    assert background.dropped == 4


def test_a_problem_is_one_line_and_is_cleared_by_the_next_success(capfd):
    probe = Probe()
    background = BackgroundSink(probe)
    probe.fail = OSError(28, "No space left on device", "x\ny")
    background.put((make(), AT, "default"))
    wait_for(lambda: background.problem == "No space left on device")
    probe.fail = ValueError("two\nlines")
    background.put((make(), AT, "default"))
    wait_for(lambda: background.problem == "two\\nlines")
    probe.fail = None
    background.put((make(number=7), AT, "default"))
    wait_for(lambda: not background.problem)
    assert probe.got == [7]
    assert background.close()
    assert capfd.readouterr() == ("", "")


@posix
def test_a_closed_pipe_is_noticed():
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as file:  # noqa: PTH123
        sink = JsonLines(file)
        background = BackgroundSink(sink)
        background.put((make(), AT, "default"))
        wait_for(lambda: background.broken)
        background.put((make(), AT, "default"))
        assert background.close()
        assert not background.problem
        with pytest.raises(BrokenPipeError):
            file.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), writer)  # for the close at the end


def test_updates_are_lines_of_json():
    file = io.StringIO()
    JsonLines(file)(make(), AT, "Mic ü")
    line = file.getvalue()
    assert line.endswith("}\n") and line.count("\n") == 1
    entries = json.loads(line)
    assert entries["input"] == "Mic ü"
    assert entries["at"] == "2025-03-04T05:06:07.089+02:00"
    assert entries["genre"] == "jazz" and entries["level"] is None
    assert list(entries)[:3] == ["input", "at", "time"]


def test_the_log_is_appended_to_and_rotated(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"cut off": tr', "utf-8")
    sink = Log(path, size=6000)
    for i in range(100):
        sink(make(number=i), AT, "default")
    sink.close()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["log.jsonl", *(f"log.jsonl.{i}" for i in range(1, 6))]
    assert all(file.stat().st_size <= 1000 for file in files)
    lines = "".join(file.read_text("utf-8") for file in [*files[:0:-1], path]).splitlines()
    kept = [json.loads(line)["time"] for line in lines]
    assert kept == list(range(100 - len(kept), 100)) and len(kept) > 10


def test_the_log_holds_a_day(model, music):
    """At the shortest hop, right after the oldest file was dropped."""
    hop = min(hop.seconds for hop in model.card.hops)
    updates = model.stream(hop).feed(*music)
    assert any(update.styles for update in updates)
    longest = max(len(live_line(u, AT, "Built-in Audio Analog Stereo (monitor)")) for u in updates)
    kept = log.LOG_MEGABYTES * 1_000_000 * log.LOG_FILES // (log.LOG_FILES + 1)
    assert kept / longest * hop > 24 * 3600


def test_a_truncated_line_does_not_affect_the_next_one(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"cut off": tr', "utf-8")
    sink = Log(path)
    sink(make(number=3), AT, "default")
    sink.close()
    assert path.read_text("utf-8") == '{"cut off": tr\n' + live_line(make(number=3), AT, "default")


@linux
def test_the_log_reports_a_full_disk():
    sink = Log("/dev/full")
    for _ in range(3):
        with pytest.raises(OSError, match="No space left"):
            sink(make(), AT, "default")
    sink.close()


@pytest.mark.parametrize("where", ["missing/file", "folder", "file/below"])
@pytest.mark.parametrize("kind", ["log", "record", "now-playing"])
def test_an_invalid_path_is_an_error_at_once(kind, where, tmp_path, model):
    (tmp_path / "folder.flac").mkdir()
    (tmp_path / "file").touch()
    path = tmp_path / f"{where}.flac"
    make_it = {
        "log": lambda: Log(path),
        "record": lambda: Recorder(path),
        "now-playing": lambda: NowPlaying(path, model.card),
    }
    with pytest.raises(OutputError, match=rf"{path.name}: .*; choose ") as error:
        make_it[kind]()
    assert "\n" not in str(error.value) and "Errno" not in str(error.value)
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "file", tmp_path / "folder.flac"]


@linux
def test_a_folder_without_write_permission(model):
    path = "/sys/streamgenre.flac"  # even root may not
    for make_it in (Log, Recorder, lambda path: NowPlaying(path, model.card)):
        with pytest.raises(OutputError, match=r"Permission denied|Read-only"):
            make_it(path)


def tone(seconds, rate=16_000, channels=2):
    wave = 0.5 * np.sin(np.arange(round(seconds * rate)) * 2 * np.pi * 440 / rate)
    return np.repeat(wave.astype(np.float32)[:, None], channels, axis=1)


def loud(samples, rate, begin, end):
    """Whether that interval has sound (True), silence (False), or both (None)."""
    part = np.abs(samples[round(begin * rate) : round(end * rate)]).max(1)
    runs = part.reshape(-1, rate // 50).max(1) > 0.1
    return bool(runs[0]) if (runs == runs[0]).all() else None


@pytest.mark.parametrize("extension", ["wav", "flac", "ogg", "opus"])
def test_a_recording_has_the_times_of_the_updates(extension, tmp_path):
    path = tmp_path / f"recording.{extension}"
    recorder = Recorder(path)
    recorder.gap(0.5)
    buffer = np.empty((1600, 2), np.float32)
    for _ in range(10):
        buffer[:] = tone(0.1)
        recorder.write(buffer, 16_000.0)
        buffer[:] = 0  # the caller reuses it
    recorder.gap(1.5)
    recorder.write(tone(1.0), 16_000.0)
    recorder.gap(1.0)
    assert recorder.close() and not recorder.worker.problem and not recorder.worker.dropped
    samples, rate = soundfile.read(path, always_2d=True)
    assert samples.shape[1] == 2 and len(samples) / rate == pytest.approx(5.0)
    assert loud(samples, rate, 0.04, 0.46) is False
    assert loud(samples, rate, 0.54, 1.46) is True
    assert loud(samples, rate, 1.54, 2.96) is False
    assert loud(samples, rate, 3.04, 3.96) is True
    assert loud(samples, rate, 4.04, 4.96) is False


def test_another_device_starts_another_file(tmp_path):
    (tmp_path / "recording-2.wav").write_text("somebody's")
    recorder = Recorder(tmp_path / "recording.wav")
    recorder.write(tone(1), 16_000)
    recorder.gap(1)
    recorder.write(tone(1, 48_000, 1), 48_000)
    assert recorder.close()
    (tmp_path / "recording-2.wav").rename(tmp_path / "theirs")
    infos = {path.name: soundfile.info(path) for path in tmp_path.glob("*.wav")}
    assert {n: (i.samplerate, i.channels, i.duration) for n, i in infos.items()} == {
        "recording.wav": (16_000, 2, 2.0),
        "recording-3.wav": (48_000, 1, 1.0),
    }
    assert (tmp_path / "theirs").read_text() == "somebody's"


def test_a_recording_overwrites_no_file_and_leaves_no_empty_one(tmp_path):
    (tmp_path / "old.flac").write_text("old")
    with pytest.raises(OutputError, match=r"old\.flac: exists"):
        Recorder(tmp_path / "old.flac")
    with pytest.raises(ConfigError, match=r"\.flac, \.wav, \.ogg, \.opus"):
        Recorder(tmp_path / "new.mp3")
    assert Recorder(tmp_path / "new.flac").close()
    assert [path.name for path in tmp_path.iterdir()] == ["old.flac"]


def test_opus_at_an_unsupported_rate(tmp_path):
    recorder = Recorder(tmp_path / "recording.opus")
    recorder.check(48_000)
    with pytest.raises(OutputError, match=r"not 44.1; record to \.flac"):
        recorder.check(44_100)
    recorder.write(tone(1), 44_100)
    wait_for(lambda: "44.1" in recorder.worker.problem)
    assert recorder.close()


def test_a_slow_disk_causes_silence_and_keeps_the_times(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "WAITING_SECONDS", 2.0)
    go, write = threading.Event(), record._Part.write

    def slow(part, samples):
        go.wait()
        write(part, samples)

    monkeypatch.setattr(record._Part, "write", slow)
    recorder = Recorder(tmp_path / "recording.wav")
    recorder.write(tone(1), 16_000)
    wait_for(lambda: not recorder.worker._waiting)
    for _ in range(9):
        recorder.write(tone(1), 16_000)
    assert recorder.worker.dropped == 7 * 16_000
    go.set()
    assert recorder.close()
    samples, rate = soundfile.read(tmp_path / "recording.wav")
    assert len(samples) == 10 * rate
    assert loud(samples, rate, 0, 1) is True
    assert loud(samples, rate, 1, 8) is False
    assert loud(samples, rate, 8, 10) is True


RECORD = """
import sys, time
import numpy as np
from streamgenre.output.sinks import record
recorder = record.Recorder(sys.argv[1])
noise = np.random.default_rng(0).standard_normal((4800, 2)).astype(np.float32) / 10
for _ in range(100):
    recorder.write(noise, 48_000)
while recorder.worker._waiting:
    time.sleep(0.01)
print("written", flush=True)
time.sleep(60)
"""


@posix
@pytest.mark.parametrize(("extension", "lost"), [("wav", 2.2), ("flac", 0.2), ("ogg", 1.2)])
def test_the_recording_of_a_killed_process_can_be_played(extension, lost, tmp_path):
    path = tmp_path / f"recording.{extension}"
    child = subprocess.Popen([sys.executable, "-c", RECORD, path], stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"written\n"
    child.send_signal(signal.SIGKILL)
    child.communicate()
    source = open_source(str(path), None)
    seconds = sum(len(block) for block in source.blocks()) / source.sample_rate
    source.close()
    assert 10 - lost <= seconds <= 10
    if extension == "wav":  # strict readers go by the size that the header states
        stated = int.from_bytes(path.read_bytes()[4:8], "little")
        assert stated > (10 - lost) * 48_000 * 4


FULL = """
import resource, sys, time
import numpy as np
from streamgenre.output.sinks import record
record.RETRY_SECONDS = 0.3
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
recorder = record.Recorder(sys.argv[1])
noise = np.random.default_rng(0).standard_normal((4800, 2)).astype(np.float32) / 10
for _ in range(10):
    recorder.write(noise, 48_000)
while not recorder.worker.problem:
    time.sleep(0.01)
print(recorder.worker.problem)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
time.sleep(0.4)
for _ in range(3):
    recorder.write(noise, 48_000)
    time.sleep(0.1)
print(recorder.worker.problem)
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
for _ in range(20):  # the writer runs in parallel: the time of its last attempt is unknown
    time.sleep(0.4)
    recorder.write(noise, 48_000)
    time.sleep(0.1)
    if not recorder.worker.problem:
        break
print(recorder.close(), repr(recorder.worker.problem))
"""


@posix
@pytest.mark.parametrize("extension", ["wav", "flac"])
def test_recording_continues_after_a_full_disk(extension, tmp_path):
    path = tmp_path / f"recording.{extension}"
    run = subprocess.run([sys.executable, "-c", FULL, path], capture_output=True, text=True)
    assert run.stderr == ""
    first, second, last = run.stdout.splitlines()
    assert first.startswith(f"cannot write to {path}: ")
    assert second.startswith("cannot write to ")
    assert last == "True ''"
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        f"recording-2.{extension}",
        path.name,
    ]
    # It has the blocks written since then: one, or rarely two.
    seconds = soundfile.info(tmp_path / f"recording-2.{extension}").duration
    assert seconds in (pytest.approx(0.1), pytest.approx(0.2))


def read_lines(path):
    return [line.split("|") for line in path.read_text("utf-8").splitlines()]


ECHO = (
    'echo "$STREAMGENRE_STATUS|$STREAMGENRE_GENRE|$STREAMGENRE_DISPLAY|$STREAMGENRE_TOP|'
    "$STREAMGENRE_CONFIDENCE|$STREAMGENRE_TIME|$STREAMGENRE_COLOUR|$STREAMGENRE_PREVIOUS"
    '" >> "{path}"'
)


@posix
def test_a_command_runs_at_each_change(tmp_path, model, capfd):
    path = tmp_path / "read_lines"
    label = model.card.labels[0]
    sink = OnChange(ECHO.format(path=path) + "; echo out; echo err >&2", model.card)
    steps = [
        ("genre", label.name),
        ("genre", label.name),
        ("unsure", label.name),
        ("genre", label.name),
    ]
    for i, (status, genre) in enumerate(steps):
        sink(make(status, genre, i), AT, "default")
        done = max(1, i)
        wait_for(lambda done=done: path.exists() and len(read_lines(path)) == done)
    sink.close()
    known = [label.name, label.display, label.name, "0.83"]
    assert read_lines(path) == [
        ["genre", *known, "0.000", label.colour, ""],
        ["unsure", "", "", label.name, "0.83", "2.000", "", label.name],
        ["genre", *known, "3.000", label.colour, "unsure"],
    ]
    assert capfd.readouterr() == ("", "")
    assert not threads("on-change")


@posix
def test_several_changes_while_a_command_runs_become_one(tmp_path, model):
    path, go = tmp_path / "read_lines", tmp_path / "go"
    wait = f'; while [ ! -e "{go}" ]; do sleep 0.02; done'
    sink = OnChange(ECHO.format(path=path) + wait, model.card)
    names = model.card.label_names[:5]
    sink(make(genre=names[0]), AT, "default")
    wait_for(path.exists)
    for name in names:
        sink(make(genre=name), AT, "default")
    go.touch()
    wait_for(lambda: len(read_lines(path)) == 2)
    sink(make(genre=names[2]), AT, "default")
    sink.close()
    assert [line[1] for line in read_lines(path)] == [names[0], names[4], names[2]]
    assert [line[7] for line in read_lines(path)] == ["", names[0], names[4]]


@posix
def test_a_change_that_is_undone_while_a_command_runs_is_ignored(tmp_path, model):
    path, go = tmp_path / "read_lines", tmp_path / "go"
    wait = f'; while [ ! -e "{go}" ]; do sleep 0.02; done'
    sink = OnChange(ECHO.format(path=path) + wait, model.card)
    one, other = model.card.label_names[:2]
    sink(make(genre=one), AT, "default")
    wait_for(path.exists)
    sink(make(genre=other), AT, "default")
    sink(make(genre=one), AT, "default")
    go.touch()
    wait_for(lambda: not sink._worker._waiting)
    sink(make(genre=other), AT, "default")
    sink.close()
    assert [(line[1], line[7]) for line in read_lines(path)] == [(one, ""), (other, one)]


@posix
def test_a_command_that_fails_or_hangs_is_reported(tmp_path, model, monkeypatch):
    monkeypatch.setattr(on_change, "LONGEST_SECONDS", 0.5)
    path = tmp_path / "pid"
    script = f'[ $STREAMGENRE_STATUS = gap ] && exit 3; sleep 50 & echo $! > "{path}"; wait'
    background = BackgroundSink(OnChange(script, model.card))
    background.put((make("gap"), AT, "default"))
    wait_for(
        lambda: background.put((make("gap"), AT, "default")) or "exit code 3" in background.problem
    )
    background.put((make("unsure"), AT, "default"))
    wait_for(
        lambda: background.put((make("unsure"), AT, "default")) or "killed" in background.problem
    )
    pid = int(path.read_text())
    wait_for(lambda: gone(pid))
    assert background.close()


@posix
def test_close_does_not_wait_for_a_command(tmp_path, model):
    path = tmp_path / "pid"
    background = BackgroundSink(OnChange(f'echo $$ > "{path}"; sleep 50', model.card))
    background.put((make(), AT, "default"))
    wait_for(lambda: path.exists() and path.read_text())
    assert background.close()
    assert gone(int(path.read_text()))
    assert not threads("on-change")


def gone(pid):
    """Whether the process has exited; it may be a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z"


def test_now_playing_keeps_the_genre_in_one_line(tmp_path, model):
    path, label = tmp_path / "now.txt", model.card.labels[3]
    sink = NowPlaying(path, model.card)
    assert path.read_text("utf-8") == "\n"
    lines = []
    for status in ("genre", "unsure", "no-music", "gap"):
        sink(make(status, label.name), AT, "default")
        lines.append(path.read_text("utf-8"))
    assert lines == [f"{label.display}\n", "unsure\n", "no music\n", "no signal\n"]
    sink.close()
    assert path.read_text("utf-8") == "\n"
    assert list(tmp_path.iterdir()) == [path]


def test_now_playing_is_always_complete_and_replaced_only_on_change(tmp_path, model):
    path, stop, read = tmp_path / "now.txt", threading.Event(), set()
    sink = NowPlaying(path, model.card)

    def reader():
        while not stop.is_set():
            read.add(path.read_text("utf-8"))

    thread = threading.Thread(target=reader)
    thread.start()
    for i in range(300):
        sink(make(genre=model.card.label_names[i % 2]), AT, "default")
    stop.set()
    thread.join()
    assert read <= {"\n", *(f"{label.display}\n" for label in model.card.labels[:2])}
    before = path.stat()
    sink(make(genre=model.card.label_names[1]), AT, "default")
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


@posix
def test_now_playing_keeps_a_link_and_recovers(tmp_path, model):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "now.txt")
    sink = NowPlaying(tmp_path / "link", model.card)
    assert (tmp_path / "link").is_symlink()
    (tmp_path / "real").rename(tmp_path / "away")
    with pytest.raises(OutputError, match="cannot be written"):
        sink(make("unsure"), AT, "default")
    (tmp_path / "away").rename(tmp_path / "real")
    sink(make("unsure"), AT, "default")
    assert (tmp_path / "link").read_text() == "unsure\n"
    with pytest.raises(OutputError, match="not a regular file"):
        NowPlaying(os.devnull, model.card)
