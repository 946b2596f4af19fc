"""Names from files and from the network open no local path and put no code into a page."""

from __future__ import annotations

import html.parser
import os
import shutil

import numpy as np
import pytest
import soundfile

import streamgenre
from streamgenre.audio.files.playlist import check_entry, entries_of
from streamgenre.cli.main import run
from streamgenre.errors import InputError
from streamgenre.files import relative_url, replace_bytes

LOCAL = [
    "/etc/passwd", "../../etc/passwd", "file:///etc/passwd", "FILE:/etc/passwd", "C:\\secret.mp3",
    "concat:/etc/passwd|x", "subfile:/etc/passwd", "data:audio/wav;base64,UklGRg", "-", "pipe:0",
    "\\\\server\\share\\x.mp3", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x", "async:/etc/passwd",
]  # fmt: skip


@pytest.mark.parametrize("entry", LOCAL)
@pytest.mark.parametrize("form", ["#EXTM3U\n{}\n", "[playlist]\nFile1={}\n"])
def test_an_entry_of_a_list_from_the_network_opens_nothing_local(entry, form):
    base = "http://example.invalid/lists/radio.m3u"
    listed = entries_of(form.format(entry).encode(), base, "radio.m3u")
    assert listed
    for each in listed:
        if each.where.startswith("http://example.invalid/"):  # a path on the server
            continue
        with pytest.raises(InputError, match="only http and https"):
            check_entry(each.where)


@pytest.mark.parametrize("content", [
    "ffconcat version 1.0\nfile {}\n",
    "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{}\n#EXT-X-ENDLIST\n",
    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n{}",
    '<?xml version="1.0"?><MPD><Period><BaseURL>file://{}</BaseURL></Period></MPD>',
])  # fmt: skip
@pytest.mark.parametrize("name", ["x.mp3", "x.m3u8", "x.mpd", "x.sdp", "x.wav"])
def test_a_file_that_refers_to_others_is_not_followed(content, name, clip, tmp_path):
    secret = shutil.copy(clip, tmp_path / "secret.ogg")
    (tmp_path / name).write_text(content.format(secret))
    with pytest.raises(InputError):
        streamgenre.classify(tmp_path / name)


HOSTILE = [
    'javascript:alert(1).ogg', '"><img src=x onerror=alert(1)>.ogg', "</script><planted>.ogg",
    "'onmouseover='alert(1).ogg", "data:text;html,x.ogg", "a&lt;b#c?d%3Cscript%3E.ogg",
]  # fmt: skip


class Page(html.parser.HTMLParser):
    """Elements and addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href")]
        self.handlers += [name for name, _ in attributes if name.startswith("on")]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """A folder of recordings with hostile names; those that the system refuses are left out."""
    folder = tmp_path_factory.mktemp("hostile")
    sound = folder.parent / "sound.wav"
    noise = 0.1 * np.random.default_rng(0).standard_normal(16_000)
    soundfile.write(sound, noise, 16_000)
    for name in HOSTILE:
        try:
            shutil.copy(sound, folder / name.replace("/", "∕"))
        except OSError:
            continue
    return folder


def check(text: str) -> None:
    page = Page(text)
    assert not {"img", "planted"} & {*page.tags} and not page.handlers
    for address in page.addresses:
        assert address.startswith(("./", "#", "data:,", "data:image/", "../")), address
    assert "</script><planted>" not in text


def test_the_page_of_a_recording_with_a_hostile_name(library, tmp_path, monkeypatch):
    monkeypatch.chdir(library)
    for path in sorted(library.iterdir()):
        output = tmp_path / "page.html"
        assert run(["-o", str(output), "./" + path.name]) == 0
        check(output.read_text(encoding="utf-8"))


def test_the_report_of_files_with_hostile_names(library, tmp_path):
    assert run(["scan", str(library), "-o", str(tmp_path / "r.csv")]) == 0
    assert run(["report", str(tmp_path / "r.csv"), "-o", str(tmp_path / "page.html")]) == 0
    check((tmp_path / "page.html").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", [*HOSTILE, "javascript:alert(1)", "//host/x", "\\\\host\\x"])
def test_a_link_to_a_file_is_always_a_path(name, tmp_path):
    url = relative_url(tmp_path / name.lstrip("/"), tmp_path)
    assert url.startswith("./") and not {*url} & set("\"'<> #?\\")


def test_an_output_through_a_link_goes_to_its_target(tmp_path):
    """As with a shell's redirection. The link is kept, and nothing is left beside it."""
    target, link = tmp_path / "folder" / "real.csv", tmp_path / "r.csv"
    target.parent.mkdir()
    target.write_bytes(b"old")
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("links need a privilege here")
    replace_bytes(link, b"new")
    assert link.is_symlink() and target.read_bytes() == b"new"
    assert [*target.parent.iterdir()] == [target]


def test_a_link_planted_under_the_temporary_name_is_not_followed(tmp_path):
    victim, output = tmp_path / "victim", tmp_path / "r.csv"
    victim.write_bytes(b"keep")
    try:
        (tmp_path / f".r.csv.{os.getpid()}.partial").symlink_to(victim)
    except OSError:
        pytest.skip("links need a privilege here")
    replace_bytes(output, b"new")
    assert victim.read_bytes() == b"keep" and output.read_bytes() == b"new"
