"""The command as a user types it: output, exit codes, and one clear line for each failure."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.audio_files import write
from support.paths import ROOT
from support.processes import default_signals

LABELS = {
    "ambient", "blues", "classical", "country", "disco", "electronic", "folk",
    "hiphop", "jazz", "metal", "pop", "reggae", "rock", "soul",
}  # fmt: skip


def streamgenre(*arguments, stdin=None, **environment):
    return subprocess.run(
        [sys.executable, "-m", "streamgenre", *map(str, arguments)],
        capture_output=True,
        input=stdin,
        timeout=600,
        env={**os.environ, "COLUMNS": "80", **environment},  # not the terminal of the tests
    )


def test_text_shows_ribbon_segments_verdict_and_speed(clip):
    done = streamgenre(clip)
    text = done.stdout.decode()
    assert done.returncode == 0 and done.stderr == b""
    assert clip.name in text and "|Classical" in text and "Whole recording: Classical" in text
    assert "times real time" in text and "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_text_fits_a_narrow_terminal(clip):
    text = streamgenre(clip, COLUMNS="40").stdout.decode()
    assert max(map(len, text.splitlines())) <= 40


@pytest.mark.parametrize("columns", ["0", "00", "-1", "", "x"])
def test_an_impossible_width_is_ignored(clip, columns):
    without = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
    program = [sys.executable, "-m", "streamgenre", str(clip)]
    shown = [
        subprocess.run(program, env=environment, capture_output=True).stdout.splitlines()[:-1]
        for environment in (without, {**without, "COLUMNS": columns})
    ]
    assert shown[0] == shown[1] and len(shown[0]) > 5


def test_many_files_get_a_line_each_and_a_summary(clip, tmp_path):
    done = streamgenre(clip, clip, clip, clip, tmp_path / "none.mp3", COLUMNS="100")
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 3 and len(lines) == 7
    for line in lines[:4]:
        assert line.startswith(clip.name) and "0:20  Classical" in line and "|Classical--" in line
    assert lines[4:] == [
        "",
        "4 files, 1:20 of audio: 4 Classical; 1 could not be read",
        "Percentages are the confidence in the genre.",
    ]
    assert len(streamgenre(clip, clip, clip).stdout.decode().splitlines()) > 20  # reports


@pytest.mark.parametrize("columns", ["30", "40", "60", "100", "250"])
def test_many_files_fit_any_terminal(clip, columns):
    done = streamgenre(*[clip] * 4, COLUMNS=columns)
    lines = done.stdout.decode().splitlines()
    assert len(lines[:4]) == 4 and max(map(len, lines[:4])) <= int(columns)
    assert all(line.startswith(clip.name[:8]) for line in lines[:4])


def test_json_has_the_documented_keys(clip):
    done = streamgenre("--format", "json", clip)
    (line,) = done.stdout.decode().splitlines()
    result = json.loads(line)
    assert list(result) == [
        "schema", "file", "duration", "status", "genre", "confidence", "music", "hop",
        "probabilities", "styles", "segments", "updates", "model",
    ]  # fmt: skip
    assert result["schema"] == 1 and result["file"] == str(clip) and result["hop"] == 2.5
    assert result["status"] == "genre" and result["genre"] == "classical"
    assert set(result["probabilities"]) == LABELS
    assert sum(result["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert result["confidence"] == result["probabilities"]["classical"]
    assert set(result["segments"][0]) == {"start", "end", "status", "genre", "confidence"}
    assert result["segments"][0]["start"] == 0.0
    assert result["segments"][-1]["end"] == result["duration"] == pytest.approx(20, abs=0.1)
    for a, b in pairwise(result["segments"]):
        assert a["end"] == b["start"]
    for update in result["updates"]:
        assert set(update) >= {"time", "status", "genre", "top", "confidence", "music"}
        assert set(update["probabilities"]) == LABELS
    assert set(result["model"]) == {"name", "version", "sha256"}


def test_jsonl_and_json_agree(clip):
    whole = json.loads(streamgenre("--format", "json", clip).stdout)
    lines = [
        json.loads(line)
        for line in streamgenre("--format", "jsonl", clip).stdout.decode().splitlines()
    ]
    assert all(line.pop("file") == str(clip) for line in lines)
    assert {*map(tuple, lines)} == {*map(tuple, whole["updates"])}  # the same keys
    for line, update in zip(lines, whole["updates"], strict=True):
        # Rows have single precision, so that the last of four digits may differ.
        assert line.pop("probabilities") == pytest.approx(update.pop("probabilities"), abs=1e-4)
        for name in ("confidence", "music", "level"):
            assert line.pop(name) == pytest.approx(update.pop(name), abs=0.11)
        assert update.pop("styles") == {} and update.pop("speech") is None  # jsonl only
        assert isinstance(line.pop("styles"), dict)
        assert 0 <= line.pop("speech") <= 1
        assert line == update


def test_several_files_and_a_bad_one_among_them(clip, tmp_path):
    done = streamgenre("--format", "json", clip, tmp_path / "none.mp3", clip)
    first, failed, last = map(json.loads, done.stdout.decode().splitlines())
    assert done.returncode == 3
    assert first["updates"] == last["updates"]
    assert failed == {
        "schema": 1,
        "file": str(tmp_path / "none.mp3"),
        "error": f"{tmp_path / 'none.mp3'}: no such file; check the path",
    }
    assert done.stderr.decode().count("\n") == 1


def bad_inputs(folder: Path) -> list[Path]:
    (folder / "empty.mp3").touch()
    (folder / "text.mp3").write_text("These are words.\n" * 500)
    (folder / "noise.flac").write_bytes(np.random.default_rng(0).bytes(30_000))
    (folder / "folder").mkdir()
    soundfile.write(folder / "header.wav", np.zeros((0, 2)), 44_100)
    names = ("none.mp3", "empty.mp3", "text.mp3", "noise.flac", "folder", "header.wav")
    return [folder / name for name in names]


def test_each_bad_input_gives_one_line_and_code_3(tmp_path):
    for path in bad_inputs(tmp_path):
        done = streamgenre(path)
        message = done.stderr.decode()
        assert done.returncode == 3, message
        assert message.count("\n") == 1 and path.name in message and "Traceback" not in message
        assert done.stdout == b""


@pytest.mark.parametrize("kind", ["short", "silent", "nan", "cut"])
def test_odd_but_decodable_inputs_end_with_0(tmp_path, music, kind):
    samples, rate = music
    path = tmp_path / "float.wav"
    if kind == "short":
        samples = samples[: rate // 10]
    elif kind == "silent":
        samples = samples * 0
    elif kind == "nan":
        samples = samples.copy()
        samples[1000:2000] = np.nan
    if kind == "nan":
        soundfile.write(path, samples, rate, subtype="FLOAT")
    else:
        write(path, samples, rate)
    if kind == "cut":
        path.write_bytes(path.read_bytes()[:400_000])
    done = streamgenre("--format", "json", path)
    result = json.loads(done.stdout)
    assert done.returncode == 0 and len(result["updates"]) >= 1
    assert result["segments"][-1]["end"] == result["duration"]
    words = {
        "short": "only 0.1 s long; the result is uncertain",
        "silent": "is silent from start to end",
        "nan": "not finite",
        "cut": "truncated",
    }
    lines = done.stderr.decode().splitlines()
    assert all(line.startswith(f"streamgenre: warning: {path}: ") for line in lines)
    assert any(words[kind] in line for line in lines)
    if kind == "silent":
        assert result["status"] == "no-music" and result["genre"] is None


def test_raw_samples_on_standard_input(clip, music):
    samples, rate = music
    data = (samples * 32767).astype("<i2").tobytes()
    arguments = ("--raw", "s16le", "--rate", rate, "--channels", 2, "--format", "json", "-")
    result = json.loads(streamgenre(*arguments, stdin=data).stdout)
    assert result["genre"] == "classical" and result["duration"] == pytest.approx(12)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the ffmpeg command")
@pytest.mark.parametrize("form", ["wav", "mp3", "ogg", "matroska"])
def test_a_pipe_from_ffmpeg(clip, form):
    command = ["ffmpeg", "-v", "error", "-i", str(clip), "-f", form, "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as ffmpeg:
        done = subprocess.run(
            [sys.executable, "-m", "streamgenre", "--format", "json", "-"],
            stdin=ffmpeg.stdout,
            capture_output=True,
            timeout=600,
        )
    result = json.loads(done.stdout)
    assert result["genre"] == "classical" and result["duration"] == pytest.approx(20, abs=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["inof"], "did you mean 'info'"),
        (["--hop", "0.7", "x.mp3"], "available hops"),
        (["--raw", "s16le", "-"], "--rate"),
        (["--rate", "8000", "-"], "--raw"),
        (["--format", "cassette", "x.mp3"], "cassette"),
        (["--nothing", "x.mp3"], "--nothing"),
    ],
)
def test_wrong_usage_ends_with_2(arguments, message):
    done = streamgenre(*arguments)
    assert done.returncode == 2
    assert message in done.stderr.decode()


def test_bad_models_end_with_5(clip, tmp_path):
    whole = ROOT / "streamgenre/models/tfcrnn.onnx"
    data = bytearray(whole.read_bytes())
    cut, flipped, text = (tmp_path / n for n in ("cut.onnx", "flipped.onnx", "text.onnx"))
    cut.write_bytes(data[: len(data) // 2])
    data[len(data) // 2] ^= 1
    flipped.write_bytes(data)
    text.write_text("no model")
    for path in (cut, flipped, text, tmp_path / "none.onnx", tmp_path):
        done = streamgenre("--model", path, clip)
        assert done.returncode == 5, path
        assert done.stderr.decode().count("\n") == 1 and path.name in done.stderr.decode()


def test_files_named_like_commands(clip, tmp_path):
    shutil.copy(clip, tmp_path / "info")
    for arguments in (["./info"], ["--", "info"]):
        done = subprocess.run(
            [sys.executable, "-m", "streamgenre", *arguments], cwd=tmp_path, capture_output=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode == 0 and b"Classical" in done.stdout


def test_an_output_file_is_complete_or_absent(clip, tmp_path):
    target = tmp_path / "out.json"
    done = streamgenre("--format", "json", "-o", target, clip)
    assert done.returncode == 0 and done.stdout == b""
    assert json.loads(target.read_text())["genre"] == "classical"
    assert list(tmp_path.iterdir()) == [target]
    assert streamgenre("-o", tmp_path / "no" / "out", clip).returncode == 1


def test_help_and_version_load_neither_compiler_nor_network():
    code = (
        "import sys\n"
        "import streamgenre\n"
        "from streamgenre.cli.main import run\n"
        "run(['--help']); run(['--version'])\n"
        "heavy = {'numba', 'llvmlite', 'onnxruntime', 'torch', 'av', 'rich'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert b"Usage" in done.stdout and b"0." in done.stdout
    for command in ("info", "doctor", "bench"):
        assert command.encode() in done.stdout
        assert streamgenre(command, "--help").returncode == 0


def test_classifying_needs_neither_torch_nor_librosa(clip):
    code = (
        "import sys\n"
        "from streamgenre.cli.main import run\n"
        f"run([{str(clip)!r}])\n"
        "heavy = {'torch', 'librosa', 'onnx'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert done.returncode == 0, done.stderr


def test_info_doctor_and_bench_report():
    info = streamgenre("info").stdout.decode()
    assert "licence" in info and "sha256" in info and "Hip hop" in info
    card = json.loads(streamgenre("info", "--json").stdout)
    assert {label["name"] for label in card["labels"]} == LABELS
    doctor = streamgenre("doctor")
    assert doctor.returncode == 0, doctor.stdout
    assert b"ok      model" in doctor.stdout and b"FAILED" not in doctor.stdout
    bench = streamgenre("bench").stdout.decode()
    assert "p95" in bench and "speed kernel" in bench


def test_a_closed_pipe_ends_quietly(clip):
    program = [sys.executable, "-m", "streamgenre", "--hop", "0.5", "--format", "jsonl"]
    with subprocess.Popen(
        [*program, *[str(clip)] * 20], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        running.stdout.readline()
        running.stdout.close()
        assert running.wait(600) == 0
        assert running.stderr.read() == b""


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_ends_with_130():
    program = [sys.executable, "-m", "streamgenre", "--format", "jsonl"]
    program += ["--raw", "s16le", "--rate", "16000", "-"]
    with subprocess.Popen(
        program,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=default_signals,
    ) as running:
        running.stdin.write(bytes(16_000 * 2 * 10))
        running.stdin.flush()
        running.stdout.readline()  # it is running
        time.sleep(0.2)
        running.send_signal(signal.SIGINT)
        assert running.wait(600) == 130
        assert b"Traceback" not in running.stderr.read()


def test_jsonl_is_written_while_the_pipe_is_open():
    program = [sys.executable, "-m", "streamgenre", "--format", "jsonl"]
    program += ["--raw", "s16le", "--rate", "16000", "-"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        running.stdin.write(bytes(40_000 * 2 + 10))
        running.stdin.flush()
        first = json.loads(running.stdout.readline())  # the pipe is still open
        assert first["time"] == 2.5 and first["file"] == "-"
        running.stdin.close()
        assert running.wait(600) == 0


def test_works_without_a_writable_cache_folder(clip, tmp_path):
    package = ROOT / "streamgenre"
    copy = tmp_path / "streamgenre"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    # A file in place of each cache folder: not even root can write there.
    (copy / "audio" / "__pycache__").touch()
    home = tmp_path / "home"
    home.touch()
    done = subprocess.run(
        [sys.executable, "-B", "-m", "streamgenre", str(clip)],
        cwd=tmp_path,
        capture_output=True,
        timeout=600,
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")},
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / "cache"),
            "PYTHONPATH": str(tmp_path),
        },
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"Classical" in done.stdout


def test_an_input_is_never_overwritten(clip, tmp_path):
    copy = shutil.copy(clip, tmp_path / "song.ogg")
    assert streamgenre("-o", copy, copy).returncode == 2
    assert Path(copy).read_bytes() == clip.read_bytes()


def test_a_failure_keeps_an_earlier_result(tmp_path):
    (tmp_path / "out.txt").write_text("earlier")
    assert streamgenre("-o", tmp_path / "out.txt", tmp_path / "none.mp3").returncode == 3
    assert (tmp_path / "out.txt").read_text() == "earlier"


def test_a_damaged_cache_is_ignored(tmp_path):
    program = """if True:
        import numpy as np, streamgenre
        pool = streamgenre.load().pool(patience=0)
        pool.stream().feed(np.zeros(8_000, np.float32), 16_000)
        print(len(pool.collect()))
        """

    def run():
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
        command = [sys.executable, "-c", program]
        return subprocess.run(command, env=environment, capture_output=True, check=True).stdout

    assert run().strip() == b"1"
    indices = list(tmp_path.rglob("*.nbi"))
    assert indices
    for index in indices:
        index.write_bytes(index.read_bytes()[:20])
    assert run().strip() == b"1"


def test_a_file_is_classified_without_slow_imports(clip):
    program = f"""if True:
        import sys
        from streamgenre.cli.main import main
        sys.argv = ["streamgenre", {str(clip)!r}]
        try:
            main()
        except SystemExit:
            pass
        heavy = {{"numba", "llvmlite", "torch", "soundfile", "ssl", "scipy"}} & set(sys.modules)
        assert not heavy, heavy
        """
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")
def test_closed_streams_and_full_disks_give_one_line(clip):
    command = f"{sys.executable} -m streamgenre {clip}"
    for ending, code in ((">&-", 1), ("2>&-", 0), ("> /dev/full", 1)):
        if "full" in ending and not Path("/dev/full").exists():
            continue
        done = subprocess.run(["sh", "-c", f"{command} {ending}"], capture_output=True)
        assert done.returncode == code, ending
        assert done.stderr.decode().count("\n") == (code != 0), done.stderr


def test_a_name_with_a_line_break_stays_on_one_line(tmp_path):
    (tmp_path / "two\nlines.mp3").touch()
    assert streamgenre(tmp_path / "two\nlines.mp3").stderr.decode().count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stalled_stream_does_not_delay_an_interrupt(tmp_path, number, code):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/silent"
        program = [sys.executable, "-m", "streamgenre", "-o", str(tmp_path / "out"), url]
        with subprocess.Popen(
            program, stderr=subprocess.PIPE, preexec_fn=default_signals
        ) as running:
            connection, _ = server.accept()
            with connection:
                connection.recv(10)  # the program waits for an answer now
                time.sleep(0.5)
                running.send_signal(number)
                assert running.wait(25) == code  # a connection is given up after 30 s
        assert list(tmp_path.iterdir()) == []
