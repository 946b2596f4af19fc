"""Each file has exactly one row, for any files and after any interruption."""

from __future__ import annotations

import csv
import os
import queue
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from support.library import (
    FAULTS,
    RATE,
    agree,
    environment,
    same,
    sound,
    write_broken,
    write_sound,
)
from support.paths import EXAMPLES
from support.processes import default_signals

import streamgenre
from streamgenre.errors import ConfigError, InputError, ModelFileError, OutputError
from streamgenre.library import pool
from streamgenre.library import scan as scanning
from streamgenre.library.corrections import (
    Correction,
    Corrections,
    Target,
    corrections_path,
    write_corrections,
)
from streamgenre.library.reading import AudioRead, classify_files
from streamgenre.library.row import LibraryFile

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


@pytest.fixture
def music(tmp_path):
    folder = tmp_path / "music"
    folder.mkdir()
    return folder


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Returns a function: file name -> number of workers that opened it."""
    monkeypatch.syspath_prepend(str(FAULTS))
    monkeypatch.setenv("OPENED", str(tmp_path / "opened"))
    return lambda: openings(tmp_path / "opened")


def openings(log):
    """File name -> number of worker processes that opened it."""
    if not log.exists():
        return Counter()
    return Counter(line.split(" ", 1)[1] for line in set(log.read_text().splitlines()))


def command(*arguments, **settings):
    call = [sys.executable, "-m", "streamgenre", "scan", *map(str, arguments)]
    return subprocess.run(call, capture_output=True, text=True, timeout=300, **settings)


def messages(text):
    """The lines on standard error, without the progress that a slow machine prints."""
    return [line for line in text.splitlines() if " files, " not in line or "journal" in line]


def by_name(rows):
    rows = list(rows)
    found = {Path(row.path).name: row for row in rows}
    assert len(found) == len(rows)
    return found


def test_rows_equal_the_results_of_single_files(music, model):
    for i, form in enumerate(("wav", "flac", "ogg", "mp3")):
        write_sound(music / f"{i}.{form}", i, 4.0 + i)
    shutil.copy(EXAMPLES / "rock-lucky-13.ogg", music)
    rows = by_name(streamgenre.scan(music, jobs=2))
    assert len(rows) == 5
    for name, row in rows.items():
        timeline = model.classify(music / name)
        assert (row.path, row.size) == (str(music / name), (music / name).stat().st_size)
        assert row.mtime == pytest.approx((music / name).stat().st_mtime)
        assert (row.status, row.genre, row.error) == (timeline.status, timeline.genre, None)
        assert row.duration == pytest.approx(timeline.duration, abs=1e-3)
        wanted = timeline.summary()
        same(dict(row.probabilities), wanted["probabilities"], name)
        assert [*row.styles] == [*wanted["styles"]] and 0 <= row.speech <= 1
        assert [(s.start, s.end, s.status, s.genre) for s in row.segments] == [
            (s["start"], s["end"], s["status"], s["genre"]) for s in wanted["segments"]
        ]
        assert row.model == f"{model.card.name} {model.card.version} {model.card.sha256[:12]}"


def test_failing_file_does_not_affect_others_in_its_batch(music, model):
    """All files share the batches of one process."""
    over = (sound(1) * 32768).astype(np.float32)
    soundfile.write(music / "over.wav", over, RATE, subtype="FLOAT")
    soundfile.write(music / "empty.wav", np.zeros(0, np.float32), RATE)
    for i in range(12):
        write_sound(music / f"{i}.wav", i, 1.0 + i)
    for i in range(3):
        write_broken(music / f"broken {i}.mp3", i)
    files = queue.SimpleQueue()
    for path in [*sorted(music.iterdir()), music / "vanished.wav"]:
        files.put(LibraryFile(str(path), 1, 1))
    files.put(None)
    answers = list(classify_files(model, files, 2.5))
    seconds = sum(answer.seconds for answer in answers if isinstance(answer, AudioRead))
    rows = by_name(answer[1] for answer in answers if not isinstance(answer, AudioRead))
    assert seconds >= sum(1.0 + i for i in range(12))
    errors = {name: row.error for name, row in rows.items() if row.error is not None}
    assert "over full scale" in errors.pop("over.wav")
    assert "no audio" in errors.pop("empty.wav")
    assert "no such file" in errors.pop("vanished.wav")
    expected = {
        "broken 0.mp3": "is empty (0 bytes); ",
        "broken 1.mp3": "is text, not audio; ",
        "broken 2.mp3": "is not audio that can be decoded; ",
    }
    assert errors.keys() == expected.keys()
    assert all(errors[name].startswith(words) for name, words in expected.items())
    for i in range(12):
        timeline = model.classify(music / f"{i}.wav")
        same(dict(rows[f"{i}.wav"].probabilities), timeline.summary()["probabilities"], i)


def tagged(path, **tags):
    with av.open(str(path), "w") as out:
        out.metadata.update(tags)
        stream = out.add_stream("flac" if path.suffix == ".flac" else "aac", rate=RATE)
        stream.layout = "mono"
        fit = av.AudioResampler(stream.format.name, "mono", RATE, frame_size=1024)
        frame = av.AudioFrame.from_ndarray(sound(1)[None], format="fltp", layout="mono")
        frame.sample_rate = RATE
        for part in [*fit.resample(frame), *fit.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))


@pytest.mark.parametrize("reader", ["mutagen", "FFmpeg"])
@pytest.mark.parametrize("name", ["a.flac", "a.m4a"])
def test_tags(music, model, monkeypatch, name, reader):
    from streamgenre.library import tags

    if reader == "mutagen":
        pytest.importorskip("mutagen", reason="needs the library extra")
        monkeypatch.setattr(tags, "metadata", None)
    else:
        monkeypatch.setattr(tags, "mutagen", None)
    path = music / name
    tagged(path, artist="Ärtist", album="Album", title="Title", date="1987-05-01", genre="Dub")
    assert tags.read_tags(str(path)) == tags.Tags("Ärtist", "Album", "Title", 1987, "Dub")
    assert tags.read_tags(str(music / "missing")) == tags.Tags()
    path.write_bytes(path.read_bytes()[:60])
    assert tags.read_tags(str(path)).year is None


@posix
def test_special_file_names(music):
    names = [b"new\nline.wav", b"invalid\xff.wav", b"-dash.wav", b"x" * 251 + b".wav", b"100%.wav"]
    try:
        for i, name in enumerate(names):
            write_sound(music / os.fsdecode(name), i, 1.0)
    except OSError:
        pytest.skip("this file system refuses such names")
    results = music.parent / "results.csv"
    done = command(music, "-o", results)
    assert done.returncode == 0 and messages(done.stderr) == []
    rows = by_name(streamgenre.read_results(results))
    assert {*rows} == {
        "new\nline.wav",
        "invalid%FF.wav",
        "-dash.wav",
        "x" * 251 + ".wav",
        "100%.wav",
    }
    assert all(row.error is None and row.duration == 1.0 for row in rows.values())


def test_only_new_and_changed_files_are_classified(music, opened, model):
    for i in range(4):
        write_sound(music / f"{i}.wav", i)
    write_broken(music / "broken.mp3", 2)
    results = music.parent / "results.jsonl"
    first = list(streamgenre.scan(music, output=results, jobs=2))
    assert opened() == dict.fromkeys(["b'0.wav'", "b'1.wav'", "b'2.wav'", "b'3.wav'",
                                      "b'broken.mp3'"], 1)  # fmt: skip
    agree(first, streamgenre.read_results(results))
    agree(first, streamgenre.scan(music, output=results))
    assert sum(opened().values()) == 5
    write_sound(music / "new.wav", 9)
    (music / "0.wav").unlink()
    with (music / "1.wav").open("ab") as grown:
        grown.write(bytes(RATE))
    rows = list(streamgenre.scan(music, output=results))
    assert sum(opened().values()) == 7 and opened()["b'1.wav'"] == 2
    assert {*by_name(rows)} == {"1.wav", "2.wav", "3.wav", "new.wav", "broken.mp3"}
    agree(rows, streamgenre.read_results(results))
    list(streamgenre.scan(music, output=results, retry_failed=True))
    assert sum(opened().values()) == 8 and opened()["b'broken.mp3'"] == 2
    list(streamgenre.scan(music, output=results, hop=1.25))
    list(streamgenre.scan(music, output=results, hop=1.25, refresh=True))
    assert sum(opened().values()) == 18


def test_overlapping_paths_list_each_file_once(music):
    write_sound(music / "a.wav", 1)
    rows = list(streamgenre.scan([music, music.parent, music / "a.wav", music / "../music"]))
    assert [row.path for row in rows] == [str(music / "a.wav")]


@posix
def test_decoder_crash_is_the_error_of_its_file(music, opened):
    for i in range(12):
        write_sound(music / f"{i}.wav", i)
    write_sound(music / "abort.wav", 20)
    write_sound(music / "abort too.wav", 21)
    rows = by_name(streamgenre.scan(music, jobs=2))
    errors = {name: row.error for name, row in rows.items() if row.error is not None}
    assert len(rows) == 14 and {*errors} == {"abort.wav", "abort too.wav"}
    assert all("SIGABRT" in error for error in errors.values())


@posix
def test_files_are_retried_after_a_crash(music, opened):
    for name in ("a.wav", "once.wav", "z.wav"):
        write_sound(music / name, len(name))
    rows = by_name(streamgenre.scan(music, jobs=1))
    assert len(rows) == 3 and all(row.error is None for row in rows.values())
    assert opened()["b'once.wav'"] == 2


@pytest.mark.slow
@posix
def test_hanging_decoder_is_killed(music, opened, monkeypatch):
    monkeypatch.setattr(pool, "_STALLED", 15.0)  # s, enough for short files on slow machines
    for i in range(3):
        write_sound(music / f"{i}.wav", i)
    write_sound(music / "hang.wav", 20)
    rows = by_name(streamgenre.scan(music, jobs=1))
    errors = {name: row.error for name, row in rows.items() if row.error is not None}
    assert len(rows) == 4 and [*errors] == ["hang.wav"] and "no progress" in errors["hang.wav"]


@posix
def test_workers_are_replaced_after_many_files(music, opened, monkeypatch):
    monkeypatch.setattr(pool, "_LIFETIME", 5)
    for i in range(12):
        write_sound(music / f"{i}.wav", i, 0.5)
    rows = by_name(streamgenre.scan(music, jobs=1))
    assert len(rows) == 12 and all(row.error is None for row in rows.values())
    lines = (music.parent / "opened").read_text().splitlines()
    assert len({line.split()[0] for line in lines}) == 3
    assert {*opened().values()} == {1}


@posix
def test_closing_the_iterator_ends_the_workers(music, opened):
    write_sound(music / "a.wav", 1)
    write_sound(music / "hang.wav", 2)
    rows = streamgenre.scan(music, jobs=2)
    next(rows)
    workers = {int(line.split()[0]) for line in (music.parent / "opened").read_text().splitlines()}
    rows.close()
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


def generated(folder, count):
    """A library of many short recordings, one in twenty broken, and a few real ones."""
    folder.mkdir()
    clips = sorted(EXAMPLES.glob("*.ogg"))[:3]
    for clip in clips:
        shutil.copy(clip, folder)
    for i in range(count - len(clips)):
        below = folder / f"{i % 7}/music"
        below.mkdir(parents=True, exist_ok=True)
        if i % 20 == 3:
            write_broken(below / f"broken {i}.mp3", i // 20)
        else:
            form = ("wav", "flac", "ogg", "mp3")[i % 4]
            write_sound(below / f"{i}.{form}", i, 1 + i % 5)


def killed_and_resumed(tmp_path, count, jobs=2):
    """Scan, kill the process group at three random moments, resume; compare with one whole run."""
    folder = tmp_path / "library"
    generated(folder, count)
    uninterrupted = list(streamgenre.scan(folder, jobs=jobs))
    assert len(uninterrupted) == count
    results, log = tmp_path / "results.jsonl", tmp_path / "log"
    call = [sys.executable, "-m", "streamgenre", "scan", str(folder), "-o", str(results)]
    call += ["--jobs", str(jobs)]
    rng = random.Random(count)
    parts = sorted(rng.uniform(0.05, 0.9) for _ in range(3))
    for part in parts:
        running = subprocess.Popen(
            call, start_new_session=True, stderr=subprocess.DEVNULL,
            env=environment(OPENED=str(log)),
        )  # fmt: skip
        while len(openings(log)) < part * count:  # broken files are opened, too
            assert running.poll() is None
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.3))
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        assert not results.exists()
    done = subprocess.run(call, env=environment(OPENED=str(log)), check=False)
    assert done.returncode == 0
    rows = list(streamgenre.read_results(results))
    assert len(rows) == count
    agree(rows, uninterrupted)
    again = Counter(openings(log).values())
    # In progress at a kill: the open files of each process, and files finished immediately before.
    assert sum(again.values()) == count - len(list(folder.glob("*.ogg")))
    repeated = sum(number * (times - 1) for times, number in again.items())
    assert 0 <= repeated <= 3 * jobs * pool.FILES_AT_WORKER, again
    return repeated


@posix
def test_killed_three_times_no_file_is_lost_or_repeated(tmp_path):
    killed_and_resumed(tmp_path, 150)


@posix
@pytest.mark.slow
def test_killed_three_times_with_2000_files(tmp_path):
    killed_and_resumed(tmp_path, 2_000)


@posix
def test_ctrl_c_prints_how_to_continue(music):
    for i in range(30):
        write_sound(music / f"{i}.wav", i)
    write_sound(music / "hang.wav", 30)
    results, log = music.parent / "results.csv", music.parent / "opened"
    call = [sys.executable, "-m", "streamgenre", "scan", str(music), "-o", str(results)]
    running = subprocess.Popen(
        call, env=environment(OPENED=str(log)), stderr=subprocess.PIPE, text=True,
        preexec_fn=default_signals,
    )  # fmt: skip
    while "b'hang.wav'" not in openings(log):
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, text = running.communicate(timeout=60)
    assert running.returncode == 130 and not results.exists()
    (line,) = messages(text)
    assert "interrupted; " in line and f"{results}.journal keeps" in line
    done = command(music, "-o", results)  # without the fault
    assert done.returncode == 0 and len(streamgenre.read_results(results)) == 31


def test_command_with_a_list_of_files(music):
    paths = [write_sound(music / f"{i}.wav", i) for i in range(3)]
    results = music.parent / "results.csv"
    listed = "\0".join(map(str, [*paths, music / "gone.wav"]))
    done = command("--files-from", "-", "-o", results, input=listed)
    assert done.returncode == 0  # the missing file has a row, too
    (line,) = messages(done.stderr)
    assert "gone.wav: no such file" in line
    assert done.stdout.startswith(f"{results}: 4 files, 1 with an error, ")
    done = command(music, "-o", results)
    assert (
        done.returncode == 0
        and "3 files; 3 unchanged since an earlier run, 0 classified" in done.stdout
    )


def test_a_later_scan_prints_only_new_errors_and_tells_its_work_apart(music):
    write_sound(music / "a.wav", 1)
    (music / "broken.mp3").write_bytes(b"")
    results = music.parent / "results.csv"
    done = command(music, "-o", results)
    assert "broken.mp3: is empty" in done.stderr
    assert re.search(r": 2 files, 1 with an error, 0:\d+ of audio in ", done.stdout)
    write_sound(music / "b.wav", 2)
    (music / "new.mp3").write_bytes(b"")
    done = command(music, "-o", results)
    (line,) = messages(done.stderr)
    assert "new.mp3: is empty" in line
    assert "4 files, 2 with an error; 2 unchanged since an earlier run, 2 classified" in done.stdout
    assert "in this run, 0:0" in done.stdout and "reads the 1 earlier error again" in done.stdout
    done = command(music, "-o", results, "--retry-failed")
    assert len(messages(done.stderr)) == 2 and "--retry-failed" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "pass a folder"),
        (["missing"], 3, "missing: no such file or folder"),
        ([".", "-o", "a.xlsx"], 2, ".csv or .jsonl"),
        ([".", "-o", "no/such/a.csv"], 1, "no/such/a.csv.journal"),
        ([".", "-o", "a.csv", "--hop", "3"], 2, "no hop of 3 s"),
        ([".", "-o", "a.csv", "--model", "missing.onnx"], 5, "missing.onnx"),
    ],
)
def test_usage_errors_are_one_line(tmp_path, arguments, code, words):
    done = command(*arguments, cwd=tmp_path, env=environment())
    assert done.returncode == code and words in done.stderr and "Traceback" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if "rror" in line or ": " in line]) <= 2
    assert not list(tmp_path.iterdir())


def test_unreadable_list_exits_with_3(music):
    write_sound(music / "a.wav", 1)
    (music / "list.m3u").write_bytes(b"\0")
    done = command(music, music / "list.m3u", "-o", music.parent / "a.csv")
    assert done.returncode == 3 and "list.m3u: is not a playlist" in done.stderr
    rows = by_name(streamgenre.read_results(music.parent / "a.csv"))
    assert rows["a.wav"].error is None and rows["list.m3u"].error


def test_empty_folder_gives_an_empty_table(music):
    done = command(music, "-o", music.parent / "a.csv")
    assert done.returncode == 0 and "no audio files found" in done.stderr
    assert len(streamgenre.read_results(music.parent / "a.csv")) == 0


def test_errors_before_the_first_row(tmp_path):
    with pytest.raises(ConfigError, match="jobs"):
        next(streamgenre.scan(tmp_path, jobs=0))
    with pytest.raises(ModelFileError):
        next(streamgenre.scan(tmp_path, model="missing.onnx"))
    with pytest.raises(OutputError, match="journal"):
        next(streamgenre.scan(tmp_path, output=tmp_path / "no/a.csv"))


def test_progress_counts_files_audio_and_errors(music):
    for i in range(3):
        write_sound(music / f"{i}.wav", i, 2.0)
    write_broken(music / "broken.mp3", 1)
    seen = []
    list(streamgenre.scan(music, progress=seen.append))
    last = seen[-1]
    assert (last.files, last.done, last.known, last.failed) == (4, 4, 0, 1)
    assert last.listed and last.seconds == pytest.approx(6.0) and last.left == 0
    assert last.work == last.worked == sum(path.stat().st_size for path in music.iterdir())
    assert all(before.done <= after.done for before, after in pairwise(seen))


def test_progress_line():
    from streamgenre.cli.scan import progress_line

    now = scanning.Progress(
        files=2_000, listed=True, done=1_200, failed=3, seconds=36_000, work=4_000, worked=1_000,
        elapsed=40,
    )  # fmt: skip
    assert progress_line(now) == (
        "1,200 of 2,000 files, 10.0 h of audio, 900 x real time, 3 errors, 0:02:00 left"
    )
    soon = scanning.Progress(listed=True, work=10**9, worked=10**6, elapsed=1)
    assert soon.left is None and ", 0 errors" in progress_line(soon)[-10:]
    small = scanning.Progress(files=3, listed=True, done=1, seconds=75, elapsed=10)
    assert (
        progress_line(small)
        == "1 of 3 files, 1:15 of audio, 7.5 x real time, 0 errors, 0:00:00 left"
    )


def test_later_scan_keeps_corrections(music):
    for name in "ab":
        write_sound(music / f"{name}.wav", ord(name))
    table = music.parent / "genres.csv"
    (before,) = [row for row in streamgenre.scan(music, output=table) if row.path.endswith("a.wav")]
    assert before.corrected is None
    correction = Correction(Target.parse("glob:a.wav"), "salsa")
    write_corrections(table, Corrections([correction]))
    found = by_name(streamgenre.scan(music, output=table, refresh=True))
    assert found["a.wav"].corrected == "salsa" and found["b.wav"].corrected is None
    assert (found["a.wav"].status, found["a.wav"].genre) == (before.status, before.genre)
    assert by_name(streamgenre.read_results(table)) == found
    with table.open(encoding="utf-8", newline="") as file:  # the file contains them, too
        assert {row["corrected"] for row in csv.DictReader(file)} == {"salsa", ""}
    corrections_path(table).write_text("nonsense", "utf-8")
    with pytest.raises(InputError, match=r"genres.csv.corrections: line 1"):
        next(streamgenre.scan(music, output=table))


def test_rows_of_remote_files_equal_those_of_local_files(music, model):
    fsspec = pytest.importorskip("fsspec", reason="needs the ray extra")
    system = fsspec.filesystem("memory")
    local, remote = queue.SimpleQueue(), queue.SimpleQueue()
    for i, form in enumerate(("wav", "flac", "mp3", "ogg")):
        path = write_sound(music / f"{i}.{form}", i)
        system.pipe(f"/{path.name}", path.read_bytes())
        local.put(LibraryFile(str(path), 1, 1))
        remote.put(LibraryFile(f"memory://{path.name}", 1, 1))
    system.pipe("/broken.mp3", b"no sound")
    remote.put(LibraryFile("memory://broken.mp3", 1, 1))
    remote.put(LibraryFile("memory://gone.mp3", 1, 1))
    for files in (local, remote):
        files.put(None)

    def rows(files):
        answers = classify_files(model, files, 2.5)
        return by_name(answer[1] for answer in answers if not isinstance(answer, AudioRead))

    at_addresses = rows(remote)
    assert at_addresses.pop("broken.mp3").error.startswith("is text, not audio; ")
    assert "no such file" in at_addresses.pop("gone.mp3").error
    for name, row in rows(local).items():
        assert at_addresses[name] == replace(row, path=f"memory://{name}"), name
    system.rm("/", recursive=True)
