"""Tags are written atomically, and the previous genres are never lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.library import FAULTS, environment, write_sound
from support.paths import ROOT
from support.tagged import OTHER_TAGS, results_of, row, write_tagged

import streamgenre
from streamgenre.errors import ConfigError, InputError, OutputError
from streamgenre.library.corrections import Correction, Corrections, Target, write_corrections
from streamgenre.library.journal import Journal

mutagen = pytest.importorskip("mutagen", reason="needs the tags extra")
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files and processes")


@pytest.fixture
def music(tmp_path):
    folder = tmp_path / "music"
    folder.mkdir()
    return folder


def flac(folder, name, genre=None, **tags):
    values = OTHER_TAGS | tags | ({"genre": genre} if genre else {})
    return write_tagged(folder / name, values, "a.flac")


def genres(path):
    return mutagen.File(str(path)).tags.get("genre", [])


def changes(of):
    return {Path(change.path).name: change for change in of}


def outcomes(of):
    return {name: change.outcome for name, change in changes(of).items()}


def command(*arguments, **settings):
    call = [sys.executable, "-m", "streamgenre", "tags", *map(str, arguments)]
    return subprocess.run(call, capture_output=True, text=True, timeout=300, **settings)


def test_next_scan_does_not_classify_again(music, monkeypatch):
    """The results keep the genre tags from before the first write."""
    monkeypatch.syspath_prepend(str(FAULTS))
    monkeypatch.setenv("OPENED", str(music.parent / "opened"))
    flac(music, "a.flac", "Dub")
    write_sound(music / "b.wav", 1)
    results = music.parent / "r.csv"
    first = changes(streamgenre.scan(music, output=results, jobs=1))
    write_corrections(results, Corrections([Correction(Target("glob", "*"), "metal")]))

    def opened():
        return len((music.parent / "opened").read_text().splitlines())

    once = opened()
    assert {*outcomes(streamgenre.tag_files(results, write=True)).values()} == {"written"}
    assert genres(music / "a.flac") == ["Metal"]
    rows = changes(streamgenre.scan(music, output=results))
    assert opened() == once
    assert (rows["a.flac"].tag_genre, rows["b.wav"].tag_genre) == ("Dub", None)
    assert rows["a.flac"].probabilities == first["a.flac"].probabilities
    written = (music / "a.flac").stat()
    assert rows["a.flac"].size == written.st_size
    assert rows["a.flac"].mtime == written.st_mtime_ns / 1e9 != first["a.flac"].mtime
    assert {*outcomes(streamgenre.tag_files(results)).values()} == {"same"}
    again = changes(streamgenre.scan(music, output=results, refresh=True, jobs=1))
    assert opened() > once and again["a.flac"].tag_genre == "Dub"
    assert {*outcomes(streamgenre.undo_tags(results)).values()} == {"restored"}
    assert genres(music / "a.flac") == ["Dub"]
    twice = opened()
    assert changes(streamgenre.scan(music, output=results))["a.flac"].tag_genre == "Dub"
    assert opened() == twice


def test_skipped_and_failed_files(music):
    rows = [
        row(flac(music, "sure.flac")),
        row(flac(music, "doubtful.flac"), confidence=0.5),
        row(flac(music, "unsure.flac"), genre=None),
        row(flac(music, "stated.flac", "Dub")),
        row(flac(music, "broken.flac"), genre=None, error="is damaged"),
        row(flac(music, "gone.flac")),
        row(flac(music, "changed.flac")),
    ]
    (music / "gone.flac").unlink()
    with (music / "changed.flac").open("ab") as file:
        file.write(b"\0")
    results = results_of(music.parent / "r.jsonl", rows)
    found = changes(
        streamgenre.tag_files(results, write=True, min_confidence=0.6, only_missing=True)
    )
    assert {name: change.outcome for name, change in found.items()} == {
        "sure.flac": "written", "doubtful.flac": "skipped", "unsure.flac": "skipped",
        "stated.flac": "skipped", "broken.flac": "skipped", "gone.flac": "failed",
        "changed.flac": "failed",
    }  # fmt: skip
    assert "50%" in found["doubtful.flac"].why and "unsure" in found["unsure.flac"].why
    assert "scan again" in found["changed.flac"].why and "scan again" in found["gone.flac"].why
    assert genres(music / "stated.flac") == ["Dub"]


def test_albums_artists_and_corrections(music):
    rows = [
        row(flac(music, f"{i}.flac"), genre, 0.8, artist="One", album="First", segments=None)
        for i, genre in enumerate(("jazz", "jazz", "metal"))
    ]
    rows.append(row(flac(music, "3.flac"), "metal", 0.9, artist="One", segments=None))
    results = results_of(music.parent / "r.csv", rows)

    def planned(**options):
        return ["; ".join(c.new) for c in streamgenre.tag_files(results, **options)]

    assert planned() == ["Jazz", "Jazz", "Metal", "Metal"]
    assert planned(by="album") == ["Jazz", "Jazz", "Jazz", "Metal"]
    assert len({*planned(by="artist")}) == 1
    write_corrections(
        results, Corrections([Correction(Target("path", str(music / "1.flac")), "Free Jazz")])
    )
    assert planned(by="album", min_confidence=0.99) == ["", "Free Jazz", "", ""]
    with pytest.raises(ConfigError, match="track, album or artist"):
        next(streamgenre.tag_files(results, by="disc"))


def test_styles_follow_the_genre(music):
    rows = [row(flac(music, "a.flac"), "electronic", styles={"house": 0.5, "trance": 0.4})]
    results = results_of(music.parent / "r.csv", rows)
    (change,) = streamgenre.tag_files(results, styles=True, names="musicbrainz", write=True)
    assert change.new == ("electronic", "house", "trance")
    assert genres(music / "a.flac") == ["electronic", "house", "trance"]


def test_undo_restores_the_first_value(music):
    path = flac(music, "a.flac", "Dub")
    results = results_of(music.parent / "r.csv", [row(path)])
    for names, wanted in ((None, "Jazz"), ("musicbrainz", "jazz")):
        assert outcomes(streamgenre.tag_files(results, write=True, names=names)) == {
            "a.flac": "written"
        }
        assert genres(path) == [wanted]
    (change,) = streamgenre.undo_tags(results)
    assert (change.old, change.new) == (("jazz",), ("Dub",)) and genres(path) == ["Dub"]


def test_undo_rejects_changed_files(music):
    paths = [flac(music, f"{i}.flac", "Dub") for i in range(2)]
    results = results_of(music.parent / "r.csv", map(row, paths))
    list(streamgenre.tag_files(results, write=True))
    tags = mutagen.File(str(paths[0]))
    status = paths[0].stat()
    tags["title"] = "Other"  # in the padding
    tags.save()
    os.utime(paths[0], ns=(status.st_atime_ns, status.st_mtime_ns))
    assert paths[0].stat().st_size == status.st_size
    os.utime(paths[1])  # only another modification time
    done = command(results, "--undo")
    assert done.returncode == 1 and "1 restored, 1 failed" in done.stdout
    (line,) = done.stderr.splitlines()
    assert "0.flac: has changed since its genre was written" in line
    assert genres(paths[0]) == ["Jazz"] and genres(paths[1]) == ["Dub"]


@posix
def test_links_and_read_only_files(music):
    plain, linked, locked = (flac(music, f"{name}.flac") for name in ("a", "b", "c"))
    other = music.parent / "hard.flac"
    os.link(linked, other)
    locked.chmod(0o444)
    (music / "z.flac").symlink_to(plain)
    plain.chmod(0o640)
    paths = [plain, linked, locked, music / "z.flac"]
    results = results_of(music.parent / "r.csv", map(row, paths))
    before = linked.read_bytes(), locked.read_bytes()
    found = changes(streamgenre.tag_files(results, write=True))
    assert found["a.flac"].outcome == "written" and plain.stat().st_mode & 0o777 == 0o640
    assert found["b.flac"].outcome == "failed" and "2 hard links" in found["b.flac"].why
    assert found["c.flac"].outcome == "read-only" and "read-only" in found["c.flac"].why
    assert found["z.flac"].outcome == "skipped" and "is the same file as" in found["z.flac"].why
    assert (linked.read_bytes(), locked.read_bytes()) == before and linked.samefile(other)
    assert (music / "z.flac").is_symlink()


@posix
def test_symbolic_link_is_kept(music):
    path = flac(music, "a.flac")
    link = music.parent / "link.flac"
    link.symlink_to(path)
    results = results_of(music.parent / "r.csv", [row(link)])
    assert outcomes(streamgenre.tag_files(results, write=True)) == {"link.flac": "written"}
    assert link.is_symlink() and genres(path) == ["Jazz"]
    assert outcomes(streamgenre.tag_files(results, write=True)) == {"link.flac": "same"}


@posix
def test_odd_names(music):
    names = [b"invalid\xff.flac", b"100%FF.flac", b"x" * 250 + b".flac", b"new\nline.flac"]
    paths = [Path(os.fsdecode(os.fsencode(music) + b"/" + name)) for name in names]
    try:
        for path in paths:
            write_tagged(path.parent / "made.flac", {}, "a.flac").rename(path)
    except OSError:
        pytest.skip("this file system refuses such names")
    results = results_of(music.parent / "r.csv", map(row, paths))
    done = command(results, "--write")
    assert done.returncode == 0 and "4 files: 4 written" in done.stdout
    assert all(genres(path) == ["Jazz"] for path in paths)
    assert command(results, "--undo").returncode == 0
    assert all(genres(path) == [] for path in paths)


def killed_at_steps(music, every):
    """Kill runs at every n-th of about a hundred steps. Returns the number of kills."""
    paths = [flac(music, "a.flac", "Dub"), write_tagged(music / "b.mp3", {}, "v23.mp3")]
    shutil.copytree(music, music.parent / "kept")
    results_of(music.parent / "r.csv", map(row, paths))
    call = [sys.executable, str(ROOT / "tests/support/tag_kills.py"), str(music.parent), str(every)]
    done = subprocess.run(call, capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@posix
def test_nothing_is_lost_if_killed_at_some_steps(music):
    assert killed_at_steps(music, 9) >= 8


@posix
@pytest.mark.slow
def test_nothing_is_lost_if_killed_at_any_step(music):
    assert killed_at_steps(music, 1) >= 80


@posix
def test_full_disk_ends_the_run_without_loss(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        paths = [flac(disk, f"{i}.flac", "Dub") for i in range(3)]
        results = results_of(tmp_path / "r.csv", map(row, paths))
        with (disk / "full").open("wb") as file:
            file.write(bytes(shutil.disk_usage(disk).free - paths[0].stat().st_size // 2))
        before = [path.read_bytes() for path in paths]
        done = command(results, "--write")
        assert done.returncode == 1 and "No space left on device" in done.stderr
        assert [path.read_bytes() for path in paths] == before
        (disk / "full").unlink()
        assert command(results, "--write").returncode == 0
        assert [genres(path) for path in paths] == [["Jazz"]] * 3
        assert command(results, "--undo").returncode == 0
        assert [genres(path) for path in paths] == [["Dub"]] * 3
        assert {p.name for p in disk.iterdir() if p.name.startswith(".")} == set()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@posix
def test_a_dry_run_names_read_only_files_as_such(music):
    locked, other = flac(music, "a.flac"), flac(music, "b.flac")
    results = results_of(music.parent / "r.csv", map(row, (locked, other)))
    locked.chmod(0o444)
    done = command(results)
    assert done.returncode == 1 and "2 files: 1 to be written, 1 read-only" in done.stdout
    assert "a.flac: is read-only; change its mode" in done.stderr


@posix
def test_file_size_limit(music):
    import resource

    small, large = flac(music, "a.flac"), write_tagged(music / "b.wav", {}, "a.wav")
    results = results_of(music.parent / "r.csv", map(row, (small, large)))
    limit = large.stat().st_size - 1
    before = large.read_bytes()
    done = command(
        results,
        "--write",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit,) * 2),
    )
    assert done.returncode == 1 and "1 written, 1 failed" in done.stdout
    assert "b.wav: File too large" in done.stderr
    assert large.read_bytes() == before and genres(small) == ["Jazz"]
    assert not [*music.glob(".*")]


def test_incomplete_record_is_ignored(music):
    path = flac(music, "a.flac", "Dub")
    results = results_of(music.parent / "r.csv", [row(path)])
    list(streamgenre.tag_files(results, write=True))
    kept = Path(f"{results}.tags")
    with kept.open("ab") as file:
        file.write(b'{"time": "2026')
    list(streamgenre.tag_files(results, write=True, names="musicbrainz"))
    lines = kept.read_bytes().splitlines()
    assert [json.loads(line)["genres"] for line in lines] == [["Jazz"], ["jazz"]]
    assert outcomes(streamgenre.undo_tags(results)) == {"a.flac": "restored"}
    assert genres(path) == ["Dub"]
    kept.write_bytes(b"notes\n")
    with pytest.raises(InputError, match="line 1 is not a record"):
        list(streamgenre.undo_tags(results))


def test_results_in_use_are_rejected(music):
    results = results_of(music.parent / "r.csv", [row(flac(music, "a.flac"))])
    with Journal(Path(f"{results}.journal"), "m"), pytest.raises(OutputError, match="in use"):
        list(streamgenre.tag_files(results, write=True))
    assert genres(music / "a.flac") == []


def test_the_command(music):
    flac(music, "a.flac", "Dub")
    results = results_of(music.parent / "r.csv", [row(music / "a.flac")])
    done = command(results)
    assert done.returncode == 0 and "a.flac: Dub → Jazz\n1 file: 1 to be written" in done.stdout
    assert "add --write" in done.stderr and genres(music / "a.flac") == ["Dub"]
    done = command(results, "--write", "--map", "id3v1")
    assert done.returncode == 0 and "1 file: 1 written" in done.stdout
    for arguments, code, words in [
        ((results, "--undo", "--write"), 2, "--undo cannot be combined"),
        ((results, "--map", "missing.toml"), 2, "missing.toml: no such file"),
        ((music / "none.csv",), 3, "no such file"),
        ((music / "a.flac",), 2, ".csv or .jsonl"),
    ]:
        done = command(*arguments)
        assert done.returncode == code and words in done.stderr, done.stderr
        assert "Traceback" not in done.stderr


def test_undoing_needs_the_record_of_written_tags(music):
    results = results_of(music.parent / "r.csv", [row(flac(music, "a.flac"))])
    with pytest.raises(InputError, match=r"r\.csv\.tags: not found"):
        next(streamgenre.undo_tags(results))
