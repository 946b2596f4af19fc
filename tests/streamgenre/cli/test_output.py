"""-o, playlists and passwords on the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from support.audio_files import write
from support.paths import EXAMPLES
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
@pytest.mark.parametrize("form", ["jsonl", "json", "text", "csv"])
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
    ("name", "begins"),
    [
        ("x.json", '{"schema"'),
        ("x.JSONL", '{"file"'),
        ("x.txt", "classical-"),
        ("x", "classical-"),
        ("x.csv", "file,start,end,status,genre,confidence\n"),
        ("x.srt", "1\n00:00:00,000 --> "),
        ("x.vtt", "WEBVTT\n\n00:00:00.000 --> "),
        ("x.HTML", "<!doctype html>"),
        ("x.htm", "<!doctype html>"),
        ("x.svg", "<svg "),
    ],
)
def test_the_name_of_the_output_selects_the_format(tmp_path, clip, name, begins):
    assert run(["-o", str(tmp_path / name), str(clip)]) == 0
    assert (tmp_path / name).read_text().startswith(begins)
    assert run(["--format", "text", "-o", str(tmp_path / name), str(clip)]) == 0
    assert (tmp_path / name).read_text().startswith("classical-")


@pytest.mark.parametrize("name", ["out.xml", "out.pdf", "out.TSV", "out.mp3"])
def test_an_unknown_extension_is_rejected(tmp_path, clip, name, capfd):
    assert run(["-o", str(tmp_path / name), str(clip)]) == 2
    message = capfd.readouterr().err
    assert "unknown extension" in message and ".vtt" in message and "--format" in message
    assert list(tmp_path.iterdir()) == []
    assert run(["--format", "csv", "-o", str(tmp_path / name), str(clip)]) == 0
    assert (tmp_path / name).read_text().startswith("file,")


def test_a_table_has_one_header_for_all_files(clip, tmp_path, capfd):
    missing = str(tmp_path / "none.mp3")
    assert run(["--format", "csv", str(clip), missing, str(clip)]) == 3
    captured = capfd.readouterr()
    header, *rows = captured.out.splitlines()
    assert header == "file,start,end,status,genre,confidence"
    assert len(rows) >= 2 and all(row.startswith(f"{clip},") for row in rows)
    assert captured.err.count("\n") == 1


ONE = ["audacity", "srt", "vtt", "html", "png", "svg"]
EXTENSIONS = {"audacity": "txt", "text": "txt"}


@pytest.mark.parametrize("form", ONE)
def test_single_recording_formats_reject_two_recordings(clip, tmp_path, form, capfd):
    for target in ([], ["-o", str(tmp_path / "x")]):
        assert run(["--format", form, *target, str(clip), str(clip)]) == 2
        assert f"-o {form}/" in capfd.readouterr().err
    (tmp_path / "two.m3u").write_text(f"{clip}\n{clip}\n")
    assert run(["--format", form, "-o", str(tmp_path / "x"), str(tmp_path / "two.m3u")]) == 2
    assert f"-o {form}/" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["two.m3u"]


@pytest.mark.parametrize("form", [*ONE, "text", "json", "jsonl", "csv"])
def test_a_folder_mirrors_the_inputs(clip, tmp_path, monkeypatch, form, capfd):
    music, here = tmp_path / "music", tmp_path / "here"
    (music / "a").mkdir(parents=True)
    here.mkdir()
    for name in ("x.ogg", "a/x.ogg", "a/x.flac"):
        shutil.copy(clip, music / name)
    (here / "y.ogg").symlink_to(clip)
    (music / "two.m3u").write_text("x.ogg\na/x.flac\n")
    monkeypatch.chdir(here)
    inputs = ["y.ogg", "../music/two.m3u", str(music / "a" / "x.ogg"), "none.ogg"]
    assert run(["--format", form, "-o", "out/", *inputs]) == 3
    end = f".{EXTENSIONS.get(form, form)}"
    below = (music / "a").relative_to(music.anchor)
    written = {path.relative_to(here / "out") for path in (here / "out").rglob("*.*")}
    expected = {f"y.ogg{end}", f"music/x.ogg{end}", f"music/a/x.flac{end}", f"{below}/x.ogg{end}"}
    failed = {f"none.ogg{end}"} if form in ("json", "jsonl") else set()
    assert {path.as_posix() for path in written} == expected | failed
    assert all((here / "out" / path).stat().st_size for path in written)
    captured = capfd.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1


def test_an_existing_folder_needs_no_slash_and_keeps_other_files(clip, tmp_path, monkeypatch):
    shutil.copy(clip, tmp_path / "x.ogg")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    monkeypatch.chdir(tmp_path)
    assert run(["-o", "out", "--format", "vtt", "x.ogg"]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["mine.txt", "x.ogg.vtt"]
    assert run(["-o", "x.ogg/", "x.ogg"]) == 1  # a file, not a folder


def test_two_inputs_never_share_a_file(clip, tmp_path, monkeypatch, capfd):
    (tmp_path / "here").mkdir()
    for name in ("x.ogg", "here/x.ogg"):
        shutil.copy(clip, tmp_path / name)
    monkeypatch.chdir(tmp_path / "here")
    assert run(["--format", "srt", "-o", "out/", "x.ogg", "../x.ogg", "x.ogg"]) == 1
    assert "already has the result of x.ogg" in capfd.readouterr().err
    assert [path.name for path in (tmp_path / "here" / "out").iterdir()] == ["x.ogg.srt"]


def test_a_refused_output_leaves_nothing_behind(clip, tmp_path, capfd):
    table = tmp_path / "a.csv"
    table.write_text("mine")
    assert run([str(table), "-o", str(table)]) == 2
    assert "is also an input" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"] and table.read_text() == "mine"


def test_a_result_in_a_folder_never_replaces_an_input(clip, tmp_path, monkeypatch, capfd):
    for name in ("x.ogg", "x.ogg.txt"):
        shutil.copy(clip, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert run(["--format", "audacity", "-o", ".", "x.ogg", "x.ogg.txt"]) == 2
    assert "is also an input" in capfd.readouterr().err
    assert (tmp_path / "x.ogg.txt").read_bytes() == clip.read_bytes()


def test_a_stream_in_a_folder_is_named_after_its_address(mp3, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with served({"/a/x.mp3": Page(mp3, "audio/mpeg")}) as base:
        url = base.replace("//", "//me:secret@")
        assert run(["--format", "csv", "-o", "out/", f"{url}/a/x.mp3?id=1"]) == 0
    (result,) = (tmp_path / "out").rglob("*.csv")
    host = base.split("//")[1].replace(":", "_")
    assert result.relative_to(tmp_path / "out").as_posix() == f"{host}/a/x.mp3_id=1.csv"


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_an_interrupted_run_into_a_folder_keeps_complete_files(tmp_path, clip, radio):
    command = [sys.executable, "-m", "streamgenre", "-o", tmp_path / "out/", "--format", "html"]
    command[4] = f"{command[4]}/"
    with subprocess.Popen(
        [*command, clip, radio], stderr=subprocess.PIPE, preexec_fn=default_signals
    ) as running:
        while not list(tmp_path.rglob("*.unfinished")) or not list(tmp_path.rglob("*.html")):
            assert running.poll() is None
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130
        message = running.stderr.read().decode()
    assert message == f"streamgenre: interrupted; {tmp_path / 'out'} keeps 1 file\n"
    (kept,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert kept.name == f"{clip.name}.html" and kept.read_text().endswith("</html>\n")


@pytest.mark.parametrize("form", ["text", "json", "jsonl", "csv", "srt", "html", "svg"])
def test_short_segments_are_merged_in_every_format(tmp_path, form, capfd):
    """Silence of 6 s in the middle of 30 s."""
    count = {"text": "no music", "html": ">No music<", "srt": "No music", "svg": ">No music</text>"}
    mix = EXAMPLES / "classical-brandenburg-2.ogg"
    samples, rate = soundfile.read(mix, frames=12 * 44_100, always_2d=True)
    parts = [samples, np.zeros((6 * rate, samples.shape[1])), samples]
    soundfile.write(tmp_path / "x.wav", np.concatenate(parts), rate)
    texts = []
    for options in ([], ["--min-segment", "10"]):
        assert run(["--format", form, *options, str(tmp_path / "x.wav")]) == 0
        texts.append(capfd.readouterr().out)
    before, after = (text.count(count.get(form, "no-music")) for text in texts)
    assert before > 0
    assert after == (before - 1 if form == "json" else 0)  # its updates are those of the steps
    if form == "jsonl":
        times = [[json.loads(line)["time"] for line in text.splitlines()] for text in texts]
        assert times[0] == times[1]


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "x"])
def test_an_impossible_length_of_segments_is_refused(clip, value, capfd):
    assert run(["--min-segment", value, str(clip)]) == 2
    assert "--min-segment" in capfd.readouterr().err


def test_embed_needs_a_page_and_files(clip, tmp_path, capfd):
    assert run(["--embed", str(clip)]) == 2
    assert "--format html" in capfd.readouterr().err
    assert run(["--embed", "--format", "html", "http://me:secret@host/x"]) == 2
    message = capfd.readouterr().err
    assert "leave out --embed" in message and "secret" not in message
    assert run(["--embed", "-o", str(tmp_path / "x.html"), str(clip)]) == 0
    assert (tmp_path / "x.html").stat().st_size > clip.stat().st_size * 4 / 3


@pytest.mark.skipif(os.name == "nt", reason="a pseudo-terminal")
def test_a_picture_is_not_printed_on_a_terminal(clip):
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "streamgenre", "--format", "png", clip]
    done = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE)
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 2 and b"-o" in done.stderr
    piped = subprocess.run(command, capture_output=True)
    assert piped.returncode == 0 and piped.stdout.startswith(b"\x89PNG") and piped.stderr == b""


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


def test_playlists_that_refer_to_each_other_end(tmp_path, capfd):
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
