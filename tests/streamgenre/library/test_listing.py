"""Listing files: selection, names, links and playlists."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
from support.paths import EXAMPLES

from streamgenre.library import listing
from streamgenre.library.listing import Selection, list_files, read_paths
from streamgenre.library.row import LibraryFile, Unlisted, shown_path

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX file names and links")


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def listed(*paths, **selection):
    """Paths of the listed files, and errors."""
    found = list(list_files(map(str, paths), Selection(**selection)))
    files = [entry.path for entry in found if isinstance(entry, LibraryFile)]
    return files, [entry for entry in found if isinstance(entry, Unlisted)]


def test_files_at_any_depth_are_sorted_by_name(tmp_path):
    deep = tmp_path.joinpath(*"abcdefghij" * 4) / "x.flac"
    wanted = [touch(tmp_path / "A.MP3"), touch(deep), touch(tmp_path / "b/film.mkv")]
    for name in ("cover.jpg", "a.txt", "list.m3u", "._A.MP3", "noextension", "b/x.cue"):
        touch(tmp_path / name)
    assert listed(tmp_path) == ([*map(str, wanted)], [])


def test_patterns_may_have_the_separators_of_windows(monkeypatch):
    chosen = Selection(exclude=("Podcasts\\*",))
    assert chosen.includes("podcasts/a.mp3")
    monkeypatch.setattr(listing.os, "sep", "\\")
    assert not chosen.includes("podcasts/a.mp3")
    assert chosen.includes("music/a.mp3")


def test_size_and_time(tmp_path):
    path = touch(tmp_path / "a.mp3")
    os.utime(path, ns=(5, 1_234_567_890_123_456_789))
    (file,) = list_files([str(tmp_path)], Selection())
    # File systems round times.
    assert file == LibraryFile(str(path), 1, path.stat().st_mtime_ns)


def test_file_passed_by_name_needs_no_extension(tmp_path):
    path = touch(tmp_path / "noextension")
    assert listed(path)[0] == [str(path)]


def test_patterns(tmp_path):
    for name in ("a.mp3", "b.flac", "c.xyz", "Live/d.mp3", "Live/Old/e.mp3"):
        touch(tmp_path / name)

    def names(**selection):
        return [Path(path).name for path in listed(tmp_path, **selection)[0]]

    assert names(include=("*.xyz", "A.*")) == ["a.mp3", "c.xyz"]
    assert names(exclude=("live",)) == ["a.mp3", "b.flac"]
    assert names(exclude=("*/old/*", "b*")) == ["a.mp3", "d.mp3"]
    assert names(include=("live/*",)) == ["d.mp3", "e.mp3"]


@posix
def test_special_names(tmp_path):
    names = [b"new\nline.wav", b"invalid\xff.wav", b"-dash.wav", "ü €.wav".encode(), b" .wav"]
    names.append(b"x" * 251 + b".wav")  # 255 bytes, the longest
    try:
        for name in names:
            touch(tmp_path / os.fsdecode(name))
    except OSError:
        pytest.skip("this file system refuses such names")
    files, unlisted = listed(tmp_path)
    assert sorted(map(os.fsencode, files)) == sorted(
        os.fsencode(tmp_path / os.fsdecode(name)) for name in names
    )
    assert not unlisted
    shown = {shown_path(path) for path in files}
    assert len(shown) == len(names) and str(tmp_path / "invalid%FF.wav") in shown
    assert all(path.encode("utf-8") for path in shown)


@posix
def test_linked_folders_are_followed_once_with_follow(tmp_path):
    music = touch(tmp_path / "library/z/a.mp3")
    other = touch(tmp_path / "elsewhere/b.mp3")
    root = tmp_path / "library"
    (root / "a link to z").symlink_to(root / "z")
    (root / "loop").symlink_to(root)
    (root / "z/up").symlink_to("..")
    (root / "self.d").symlink_to("self.d")
    (root / "linked").symlink_to(other.parent)
    assert listed(root) == ([str(music)], [])
    assert listed(root, follow=True) == ([str(music), str(root / "linked/b.mp3")], [])
    assert listed(root / "a link to z")[0] == [str(root / "a link to z/a.mp3")]  # passed explicitly


@posix
def test_linked_files_and_dangling_links(tmp_path):
    target = touch(tmp_path / "elsewhere/b.mp3")
    root = tmp_path / "library"
    root.mkdir()
    (root / "b.mp3").symlink_to(target)
    (root / "gone.mp3").symlink_to(tmp_path / "nowhere.mp3")
    (root / "gone.txt").symlink_to(tmp_path / "nowhere.txt")
    os.mkfifo(root / "pipe.wav")
    files, (gone,) = listed(root)
    assert files == [str(root / "b.mp3")]
    assert gone.path == str(root / "gone.mp3") and "no such file" in gone.error
    assert "not a regular file" in listed(root / "pipe.wav")[1][0].error


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_unreadable_folder_does_not_affect_others(tmp_path):
    touch(tmp_path / "a/x.mp3").parent.chmod(0)
    path = touch(tmp_path / "b/y.mp3")
    try:
        files, (folder,) = listed(tmp_path)
    finally:
        (tmp_path / "a").chmod(0o700)
    assert files == [str(path)]
    assert folder.path == str(tmp_path / "a") and "permission" in folder.error


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs folders by descriptor")
def test_too_deep_folder_does_not_affect_others(tmp_path):
    path = touch(tmp_path / "z.mp3")
    at = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=at)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    files, (folder,) = listed(tmp_path)
    assert files == [str(path)] and "cannot be listed: File name too long" in folder.error
    assert folder.holds_files


def test_playlists(tmp_path):
    song, album = touch(tmp_path / "a song.mp3"), touch(tmp_path / "album/1.flac")
    inner = tmp_path / "inner.pls"
    inner.write_text("[playlist]\nFile1=album\nNumberOfEntries=1\n")
    outer = tmp_path / "outer.m3u"
    outer.write_text(
        "#EXTM3U\n#EXTINF:1,x\na song.mp3\ninner.pls\ngone.mp3\nhttp://me:secret@host/x.mp3\n"
    )
    files, (gone, address) = listed(outer)
    assert files == [str(song), str(album)]
    assert gone.path == str(tmp_path / "gone.mp3") and "no such file" in gone.error
    assert address.path == "http://...@host/x.mp3" and "address" in address.error
    outer.write_text("outer.m3u\n")
    assert "refer to each other" in listed(outer)[1][0].error


@pytest.mark.parametrize(
    ("data", "paths"),
    [
        (b"a\nb c\r\n\n-d", ["a", "b c", "-d"]),
        (b"a\nb\0c\0", ["a\nb", "c"]),
        (b"", []),
        (b"x" * 200_000 + b"\ny\n", ["x" * 200_000, "y"]),
        (b"\xff\n", [os.fsdecode(b"\xff")] if os.name == "posix" else None),
    ],
)
def test_lists_of_paths(data, paths):
    if paths is None:
        pytest.skip("not a name here")
    assert list(read_paths(io.BytesIO(data))) == paths


def test_example_clips():
    files, unlisted = listed(EXAMPLES)
    assert {Path(path).suffix for path in files} == {".ogg"} and len(files) > 10 and not unlisted


def test_globs(tmp_path):
    wanted = [touch(tmp_path / "a/1.mp3"), touch(tmp_path / "b/2.mp3")]
    touch(tmp_path / "a/3.flac")
    assert listed(tmp_path / "**/*.mp3") == ([*map(str, wanted)], [])
    (missing,) = listed(tmp_path / "*.ogg")[1]
    assert "no such file" in missing.error
    odd = touch(tmp_path / "[x].mp3")  # a file name that looks like a pattern
    assert listed(odd) == ([str(odd)], [])


@pytest.fixture
def store():
    """An empty object store in memory."""
    fsspec = pytest.importorskip("fsspec", reason="needs the ray extra")
    system = fsspec.filesystem("memory")
    yield system
    system.rm("/", recursive=True)


def test_fsspec_urls(store):
    for name in ("music/b/2.flac", "music/a.mp3", "music/Live/c.mp3", "music/cover.jpg"):
        store.pipe(f"/{name}", b"x" * len(name))
    files, errors = listed("memory://music", exclude=("live",))
    assert (files, errors) == (["memory:///music/a.mp3", "memory:///music/b/2.flac"], [])
    assert listed("memory://music/*.mp3") == (["memory:///music/a.mp3"], [])
    assert listed("memory://music/cover.jpg")[0] == ["memory:///music/cover.jpg"]
    (file,) = list_files(["memory://music/a.mp3"], Selection())
    assert file.size == len("music/a.mp3") and file.modified > 1e18
    for address, words in (
        ("memory://missing", "no such file"),
        ("nosuchstore://x", "nosuchstore"),
    ):
        (failed,) = listed(address)[1]
        assert words in failed.error and failed.holds_files
