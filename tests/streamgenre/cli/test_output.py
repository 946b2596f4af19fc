"""-o, playlists and passwords, as a user gives them to the command."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time

import pytest
from support.audio_files import write
from support.processes import default_signals
from support.server import Page, served

from streamgenre.cli.main import run
from streamgenre.cli.timeline import expand_wildcards


@pytest.fixture(scope="module")
def mp3(music, tmp_path_factory) -> bytes:
    return write(tmp_path_factory.mktemp("mp3") / "x.mp3", *music).read_bytes()


@pytest.fixture
def radio(mp3):
    """A station that sends the music, slowly, and never ends."""

    def send(write):
        for _ in range(40):
            for first in range(0, len(mp3), 16_000):  # one second
                write(mp3[first : first + 16_000])
                time.sleep(0.2)

    with served({"/radio": Page(kind="audio/mpeg", write=send)}) as base:
        yield f"{base}/radio"


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("form", ["jsonl", "json", "text"])
def test_an_interrupted_run_keeps_what_is_computed(tmp_path, clip, radio, form, number, code):
    target = tmp_path / "out"
    command = [sys.executable, "-m", "streamgenre", "--format", form, "-o", target, clip, radio]
    with subprocess.Popen(command, stderr=subprocess.PIPE, preexec_fn=default_signals) as running:
        lines = 10 if form == "jsonl" else 1  # the clip has 8 updates
        while not target.exists() or target.read_text().count("\n") < lines:
            assert running.poll() is None
            time.sleep(0.05)
        running.send_signal(number)
        assert running.wait(600) == code
        message = running.stderr.read().decode()
    text = target.read_text()
    assert text.endswith("\n") and list(tmp_path.iterdir()) == [target]
    if form == "jsonl":
        kept = [json.loads(line)["file"] for line in text.splitlines()]
        assert kept.count(str(clip)) == 8 and kept.count(radio) >= 2
        assert message == f"streamgenre: interrupted; {target} keeps the {len(kept)} lines so far\n"
    else:
        assert message == f"streamgenre: interrupted; {target} keeps the results of 1 file\n"
        assert "radio" not in text
    if form == "json":
        assert json.loads(text)["file"] == str(clip)


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
@pytest.mark.parametrize("form", ["jsonl", "json", "text"])
def test_an_output_file_keeps_its_mode(tmp_path, clip, form):
    target = tmp_path / "out"
    target.touch()
    target.chmod(0o600)
    assert run(["--format", form, "-o", str(target), str(clip)]) == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600 and target.stat().st_size > 500


@pytest.mark.parametrize(
    ("name", "begins"), [("x.json", '{"schema"'), ("x.JSONL", '{"file"'), ("x.txt", "classical-")]
)
def test_the_name_of_the_output_selects_the_format(tmp_path, clip, name, begins):
    assert run(["-o", str(tmp_path / name), str(clip)]) == 0
    assert (tmp_path / name).read_text().startswith(begins)
    assert run(["--format", "text", "-o", str(tmp_path / name), str(clip)]) == 0
    assert (tmp_path / name).read_text().startswith("classical-")


@pytest.mark.parametrize("name", ["out.csv", "out.srt", "out.HTML", "out.png"])
def test_a_format_that_does_not_exist_is_refused(tmp_path, clip, name, capfd):
    assert run(["-o", str(tmp_path / name), str(clip)]) == 2
    message = capfd.readouterr().err
    assert "there is no format" in message and "text, json or jsonl" in message
    assert list(tmp_path.iterdir()) == []


def test_each_entry_of_a_playlist_is_a_file_of_the_call(tmp_path, clip, capfd):
    shutil.copy(clip, tmp_path / "song.ogg")
    (tmp_path / "inner.m3u").write_text("none.mp3\n")
    (tmp_path / "list.m3u").write_text("#EXTM3U\nsong.ogg\ninner.m3u\nsong.ogg\n")
    assert run(["--format", "json", str(tmp_path / "list.m3u"), str(clip)]) == 3
    captured = capfd.readouterr()
    results = [json.loads(line) for line in captured.out.splitlines()]
    assert [result["file"] for result in results] == [
        str(tmp_path / name) for name in ("song.ogg", "none.mp3", "song.ogg")
    ] + [str(clip)]
    assert "error" in results[1] and captured.err.count("\n") == 1


def test_an_entry_of_a_remote_playlist_never_opens_a_local_file(clip, capfd):
    listing = f"file://{clip}\n-\n".encode()
    with served({"/list.m3u": Page(listing)}) as base:
        assert run(["--format", "json", f"{base}/list.m3u"]) == 3
    captured = capfd.readouterr()
    assert captured.out.count('"error"') == 2 and captured.out.count('"segments"') == 0


def test_playlists_of_each_other_end(tmp_path, capfd):
    (tmp_path / "a.m3u").write_text("a.m3u\n")
    assert run([str(tmp_path / "a.m3u")]) == 3
    assert capfd.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("form", ["text", "json", "jsonl"])
@pytest.mark.parametrize("password", ["secret", "se:cret", "p@secret", "se%3Acret"])
def test_a_password_is_in_no_message_and_no_result(tmp_path, mp3, form, password, capfd):
    pages = {
        "/x.mp3": Page(mp3[: len(mp3) // 2] + bytes(40_000), "audio/mpeg"),
        "/list.pls": Page(b"[playlist]\nFile1=/page\nFile2=/none\n"),
        "/page": Page(b"<html>", "text/html"),
    }
    with served(pages) as base:
        urls = [base.replace("//", f"//me:{password}@") + path for path in ("/x.mp3", "/list.pls")]
        codes = [run(["--format", form, url]) for url in urls]
        codes.append(run([f"rtsp://me:{password}@host/x"]))
        codes.append(run(["--raw", "s16le", "--rate", "8000", urls[0]]))
    assert codes == [0, 3, 3, 3]
    captured = capfd.readouterr()
    for text in (captured.out, captured.err):
        assert "cret" not in text and "me:" not in text
    assert "...@127.0.0.1" in captured.err
    assert form == "text" or "//...@127.0.0.1" in captured.out


def test_wildcards_are_expanded_where_the_shell_does_not(tmp_path, monkeypatch):
    for name in ("b.flac", "a.flac", "c.ogg", "[x].flac"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert expand_wildcards(["*.flac"]) == ("[x].flac", "a.flac", "b.flac")
    assert expand_wildcards(["[x].flac", "c.ogg"]) == ("[x].flac", "c.ogg")
    assert expand_wildcards(["*.wav"]) == ("*.wav",)
    assert expand_wildcards(["http://host/*.mp3?x=1"]) == ("http://host/*.mp3?x=1",)
