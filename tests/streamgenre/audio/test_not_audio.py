"""Error messages for playlists, web pages, pictures and broken addresses."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from support.audio_files import encode, write
from support.server import Page, served

from streamgenre.audio.address import Recording
from streamgenre.audio.files import open_recording, open_source
from streamgenre.audio.files.playlist import PlaylistError, entries_of
from streamgenre.errors import InputError

PAGE = b"<!DOCTYPE html>\n<html><body><h1>Log in</h1></body></html>\n"
HLS = b"#EXTM3U\n#EXT-X-TARGETDURATION:20\n#EXTINF:20,\nfile:///etc/hosts\n#EXT-X-ENDLIST\n"


@pytest.fixture(scope="module")
def mp3(music, tmp_path_factory) -> bytes:
    return write(tmp_path_factory.mktemp("mp3") / "x.mp3", *music).read_bytes()


@pytest.fixture(scope="module")
def m4a(music) -> bytes:
    """An MP4 file with its index after the samples."""
    file = io.BytesIO()
    encode(file, *music, "ipod", "aac")
    data = file.getvalue()
    assert data.index(b"mdat") < data.index(b"moov")
    return data


def seconds(source) -> float:
    try:
        return sum(map(len, source.blocks())) / source.sample_rate
    finally:
        source.close()


class Pipe:
    """A file object that cannot seek."""

    def __init__(self, data: bytes) -> None:
        self.read = io.BytesIO(data).read


# Playlists


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("#EXTM3U\n#EXTINF:12,Artist - Title\r\n{}\r\n", "x.m3u"),
        ("{}\n", "x.m3u"),
        ("# a comment\n\n{}", "x.m3u8"),
        ("\ufeff{}\n", "x.m3u8"),
        ("[playlist]\nNumberOfEntries=1\nFile1={}\nTitle1=x\nLength1=-1\nVersion=2\n", "x.pls"),
        ("[Playlist]\nfile1 = {}\n", "x.txt"),
    ],
)
def test_a_playlist_of_one_file_opens_it(tmp_path, mp3, text, name):
    (tmp_path / "müsic").mkdir()
    (tmp_path / "müsic" / "song.mp3").write_bytes(mp3)
    (tmp_path / name).write_text(text.format("müsic/song.mp3"), encoding="utf-8")
    assert seconds(open_source(tmp_path / name)) == pytest.approx(12, abs=0.1)


def test_entries_with_back_slashes_and_old_encodings(tmp_path, mp3):
    (tmp_path / "müsic").mkdir()
    (tmp_path / "müsic" / "song.mp3").write_bytes(mp3)
    (tmp_path / "x.m3u").write_bytes("müsic\\song.mp3\n".encode("latin-1"))
    assert seconds(open_source(tmp_path / "x.m3u")) == pytest.approx(12, abs=0.1)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX file names")
@pytest.mark.parametrize("head", [b"", b"#EXTM3U\n#EXTINF:1,\xff\n"])
def test_entries_are_also_file_names_in_bytes(tmp_path, head):
    """A list that is not UTF-8 may hold names as they are on the disk, in any encoding."""
    names = [b"caf\xe9 \xa4.mp3", "日本.mp3".encode(), "ü\\x.mp3".encode("latin-1")]
    folder = os.fsencode(tmp_path)
    try:
        (tmp_path / "ü").mkdir()
        for name in (*names[:2], "ü/x.mp3".encode()):
            Path(os.fsdecode(folder + b"/" + name)).touch()
    except OSError:
        pytest.skip("this file system has no such names")
    found = entries_of(head + b"\n".join(names), tmp_path, "x.m3u")
    assert found is not None
    paths = [os.fsencode(entry.where) for entry in found]
    assert paths == [folder + b"/" + name for name in (*names[:2], "ü/x.mp3".encode())]


def test_entries_with_drives_and_shares(tmp_path):
    """On Windows they are absolute; elsewhere they are shown as they were written."""
    found = entries_of(b"C:\\Music\\a.mp3\n\\\\nas\\music\\b.mp3\n", tmp_path, "x.m3u")
    assert found is not None
    first, second = (entry.where for entry in found)
    if os.name == "nt":
        assert (first, second) == ("C:\\Music\\a.mp3", "\\\\nas\\music\\b.mp3")
    else:
        assert first.endswith("C:/Music/a.mp3") and second.endswith("/nas/music/b.mp3")


def test_a_playlist_of_several_lists_them(tmp_path):
    (tmp_path / "x.m3u").write_text("a.mp3\nhttp://me:secret@radio/x\n../b.mp3\n")
    with pytest.raises(PlaylistError, match="a playlist of 3 recordings; give one") as error:
        open_source(tmp_path / "x.m3u")
    assert error.value.entries == (
        str(tmp_path / "a.mp3"), "http://me:secret@radio/x", str(tmp_path / "../b.mp3"),
    )  # fmt: skip
    assert not error.value.remote and "secret" not in str(error.value)


def test_playlists_that_refer_to_each_other_end(tmp_path):
    (tmp_path / "a.m3u").write_text("b.m3u\n")
    (tmp_path / "b.m3u").write_text("a.m3u\n")
    with pytest.raises(InputError, match="refer to each other"):
        open_source(tmp_path / "a.m3u")
    (tmp_path / "a.m3u").write_text("#EXTM3U\n")
    with pytest.raises(InputError, match="without entries"):
        open_source(tmp_path / "a.m3u")


def test_a_remote_playlist_opens_addresses(mp3):
    pages = {
        "/list.m3u": Page(b"sub/mp3\n", "audio/x-mpegurl"),
        "/list.pls": Page(b"[playlist]\nFile1=/sub/mp3\n", "audio/x-scpls"),
        "/sub/mp3": Page(mp3, "audio/mpeg"),
    }
    with served(pages) as base:
        for name in ("/list.m3u", "/list.pls"):
            source = open_source(base + name)
            assert source.name == f"{base}/sub/mp3"
            assert seconds(source) == pytest.approx(12, abs=0.1)


@pytest.mark.parametrize("entry", ["file://{}", "//../..{}", "{}", "-", "file:{}"])
def test_a_remote_playlist_never_opens_a_local_file(tmp_path, mp3, entry):
    (tmp_path / "x.mp3").write_bytes(mp3)
    text = entry.format(tmp_path / "x.mp3")
    with served({"/list.m3u": Page(f"#EXTM3U\n{text}\n".encode())}) as base:
        with pytest.raises(InputError):
            open_source(f"{base}/list.m3u")
        with pytest.raises(PlaylistError) as listed:
            open_recording(Recording(f"{base}/list.m3u"))
        assert listed.value.remote


def test_a_local_playlist_in_a_remote_one_is_not_opened(tmp_path):
    with pytest.raises(InputError, match="only http and https"):
        open_recording(Recording(str(tmp_path / "x.m3u"), remote=True))


def test_a_live_stream_opens_no_local_file():
    with (
        served({"/x.m3u8": Page(HLS, "application/vnd.apple.mpegurl")}) as base,
        pytest.raises(InputError, match="cannot be opened"),
    ):
        open_source(f"{base}/x.m3u8")


def test_a_saved_live_stream_is_named(tmp_path):
    (tmp_path / "x.m3u8").write_bytes(HLS)
    with pytest.raises(InputError, match=r"live stream \(HLS\); pass its http"):
        open_source(tmp_path / "x.m3u8")


def test_a_playlist_in_a_pipe_is_named():
    with pytest.raises(InputError, match="is a playlist; pass its name"):
        open_source(Pipe(b"#EXTM3U\n/etc/passwd\n"))


def test_lyrics_are_not_a_playlist():
    assert entries_of(b"[00:12.00] la la la\n", None, "song.lrc") is None
    assert entries_of(bytes(range(256)), None, "x.m3u") is None


# Other data


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (PAGE, "is a web page, not audio; pass the address of the stream"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "is a picture .PNG."),
        (b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(200), "is a picture .JPEG."),
        (b"%PDF-1.7\n" + bytes(200), "is a PDF"),
        (b"PK\x03\x04" + bytes(200), "is a ZIP archive; unpack it"),
        (b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk" + bytes(60), "is MIDI"),
        (b"These are words.\n" * 500, "is text"),
        (b'<?xml version="1.0"?>\n<playlist version="1"></playlist>', "a playlist in XML"),
        (b"", "is empty"),
    ],
)
def test_data_that_is_not_audio_is_named(tmp_path, data, words):
    (tmp_path / "x.mp3").write_bytes(data)
    opened = [lambda: open_source(tmp_path / "x.mp3"), lambda: open_source(Pipe(data))]
    with served({"/x.mp3": Page(data, "audio/mpeg")}) as base:
        for call in [*opened, lambda: open_source(f"{base}/x.mp3")]:
            with pytest.raises(InputError, match=words):
                call()


def test_noise_prints_nothing_from_ffmpeg(tmp_path):
    for name in ("x.mp3", "x.m4a", "x.mkv"):
        (tmp_path / name).write_bytes(np.random.default_rng(0).bytes(30_000))
        with pytest.raises(InputError, match="is not audio that can be decoded"):
            open_source(tmp_path / name)


def test_an_m4a_through_a_pipe(m4a):
    source = open_source(Pipe(m4a))
    assert seconds(source) == pytest.approx(12, abs=0.1) and source.warnings == []


@pytest.mark.parametrize("kind", ["audio/mp4", "application/octet-stream"])
def test_an_m4a_from_a_server_without_ranges(m4a, kind):
    with served({"/x.m4a": Page(m4a, kind)}) as base:
        source = open_source(f"{base}/x.m4a")
        assert seconds(source) == pytest.approx(12, abs=0.1) and source.warnings == []


# Addresses


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (Page(code=401, headers={"WWW-Authenticate": "Basic realm=x"}), "requires a user name"),
        (Page(code=403), "refuses access"),
        (Page(code=404), "there is nothing at this address .404."),
        (Page(code=503), "the server has a fault .503."),
        (Page(code=418), "refuses the request .418."),
        (Page(code=302, headers={"Location": "/x"}), "redirects to itself"),
        (Page(code=302, headers={"Location": "file:///etc/hosts"}), "not on the web"),
    ],
)
def test_an_address_that_leads_nowhere(page, words):
    with served({"/x": page}) as base:
        url = base.replace("//", "//me:se@cret@") + "/x"
        with pytest.raises(InputError, match=words) as error:
            open_source(url)
        assert "cret" not in str(error.value)


def test_a_host_that_does_not_exist():
    with pytest.raises(InputError, match="no such host, or no network"):
        open_source("http://nowhere.invalid/x")
    with pytest.raises(InputError, match="no server answers"):
        open_source("http://127.0.0.1:9/x")


def test_a_password_is_sent_but_not_shown(mp3, tmp_path):
    with served({"/x.mp3": Page(mp3, "audio/mpeg")}) as base:
        source = open_source(base.replace("//", "//me:se%3Acret@") + "/x.mp3")
        assert source.name == base.replace("//", "//...@") + "/x.mp3"
        source.close()


def test_examples_are_audio():
    for path in sorted((Path(__file__).parents[3] / "examples").glob("*.ogg")):
        open_source(path).close()
