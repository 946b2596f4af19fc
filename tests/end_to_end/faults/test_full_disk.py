"""A full disk: one message, exit code 1, earlier results are kept, and a later run works."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from support.commands import ended, run, small_disk, start, temporaries, until

import streamgenre

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX disks and limits")
EARLIER = "an earlier result\n"
COMMANDS = {
    **{
        form: (("-o", f"out.{form}", "music/0.flac"), f"out.{form}")
        for form in ("json", "csv", "txt", "srt", "vtt", "html", "svg", "png")
    },
    "embedded": (("-o", "out.html", "--embed", "music/0.flac"), "out.html"),
    "folder": (("-o", "out/", "--format", "json", "music/0.flac"), "out/music/0.flac.json"),
    "report": (("report", "genres.csv", "-o", "out.html"), "out.html"),
    "manifest": (("correct", "genres.csv", "--manifest", "out.csv"), "out.csv"),
}


def fill(disk: Path, left: int = 0) -> Path:
    """Fill the disk up to a number of bytes."""
    full = disk / "full"
    with full.open("wb") as file:
        file.write(bytes(max(0, shutil.disk_usage(disk).free - left)))
    return full


def on_a_full_disk(library: Path, disk: Path, name: str) -> None:
    arguments, result = COMMANDS[name]
    assert run("correct", "genres.csv", "glob:0.flac", "rock", cwd=library)[0] == 0
    for file in ("genres.csv", "genres.csv.corrections"):
        shutil.copy(library / file, disk / file)
    (disk / "music").symlink_to((library / "music").resolve())
    target = disk / result
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(EARLIER)
    full = fill(disk)
    code, out, error = run(*arguments, cwd=disk)
    assert code == 1 and error.count("\n") == 1, error
    assert "cannot be written: No space left on device" in error and "music/0" not in out
    assert target.read_text() == EARLIER
    full.unlink()
    assert temporaries(disk) == []
    assert run(*arguments, cwd=disk)[0] == 0
    assert target.read_bytes() != EARLIER.encode()


def test_results_on_a_full_disk(library, tmp_path):
    with small_disk(tmp_path / "disk", "400k") as disk:
        on_a_full_disk(library, disk, "json")


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_each_result_on_a_full_disk(library, tmp_path, name):
    with small_disk(tmp_path / "disk", "400k") as disk:
        on_a_full_disk(library, disk, name)


def test_corrections_on_a_full_disk(library, tmp_path):
    with small_disk(tmp_path / "disk", "400k") as disk:
        for file in ("genres.csv", "genres.csv.journal"):
            shutil.copy(library / file, disk / file)
        assert run("correct", "genres.csv", "glob:0.flac", "rock", cwd=disk)[0] == 0
        before = [(disk / f"genres.csv{end}").read_bytes() for end in ("", ".corrections")]
        full = fill(disk)
        code, out, error = run("correct", "genres.csv", "glob:1.flac", "jazz", cwd=disk)
        assert code == 1 and "No space left on device" in error and out == ""
        assert [(disk / f"genres.csv{end}").read_bytes() for end in ("", ".corrections")] == before
        full.unlink()
        assert run("correct", "genres.csv", "glob:1.flac", "jazz", cwd=disk)[0] == 0
        found = streamgenre.read_results(disk / "genres.csv")
        assert [row.corrected for row in found] == ["rock", "jazz", None]


@pytest.mark.parametrize("size", ["60k", pytest.param("8k", marks=pytest.mark.slow),
                                  pytest.param("120k", marks=pytest.mark.slow)])  # fmt: skip
def test_a_scan_on_a_full_disk_continues_later(scanned, tmp_path, size):
    with small_disk(tmp_path / "disk", size) as disk:
        result = disk / "r.csv"
        full = fill(disk, 24_000 if size == "60k" else 0)
        call = ("scan", scanned / "music", "-o", result, "--jobs", "1")
        code, out, error = run(*call)
        assert code == 1 and out == "" and not result.exists()
        assert "journal" in error or "r.csv: cannot be written" in error
        assert "Traceback" not in error
        full.unlink()
        for path in disk.iterdir():
            if size == "8k":  # too small for any journal
                path.unlink()
        subject = tmp_path / "r.csv"
        for path in disk.iterdir():
            shutil.copy(path, tmp_path / path.name)
        assert run("scan", scanned / "music", "-o", subject, "--jobs", "1")[0] == 0
        assert len(streamgenre.read_results(subject)) == 3


def test_a_log_of_live_continues_when_there_is_space_again(clip, tmp_path):
    with small_disk(tmp_path / "disk", "100k") as disk:
        log, full = disk / "log.jsonl", fill(disk)
        process = start("live", "--play", clip, "--log", log, "--format", "jsonl")
        assert [process.stdout.readline() for _ in range(4)]
        assert log.read_text() == ""
        full.unlink()
        until(lambda: log.read_text().count("\n") >= 2, process)
        process.terminate()
        code, _, error = ended(process)
        assert code == 143 and "No space" not in error
        assert log.read_text().endswith("}\n")


@pytest.mark.slow
def test_a_package_on_a_full_disk(tmp_path):
    pytest.importorskip("onnx", reason="needs the `export` extra")
    with small_disk(tmp_path / "disk", "3m") as disk:
        code, _, error = run("export", disk / "package")
        assert code == 1 and "cannot be written: No space left on device" in error
        assert list(disk.iterdir()) == []


def test_a_limit_of_the_file_size(library):
    """RLIMIT_FSIZE, as some systems set it for users."""
    import resource

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))

    (library / "out.json").write_text(EARLIER)
    code, _, error = run("-o", "out.json", "music/0.flac", cwd=library, preexec_fn=limit)
    assert code == 1 and error == "streamgenre: out.json: cannot be written: File too large\n"
    assert (library / "out.json").read_text() == EARLIER
    assert temporaries(library) == []
