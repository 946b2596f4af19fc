"""Names of recordings: how they are resolved and shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgenre.audio.address import resolved, shown
from streamgenre.audio.files import open_source
from streamgenre.errors import InputError

_PASSWORD = st.text("abcXYZ019@:!$&'()*+,;=%._~-", min_size=4, max_size=20)


@given(password=_PASSWORD, path=st.sampled_from(["", "/", "/x", "/a@b", "?q=a@b", ":8000/x"]))
def test_no_part_of_a_password_is_shown(password, path):
    assert shown(f"http://me:{password}@radio.example{path}") == f"http://...@radio.example{path}"


@pytest.mark.parametrize("name", ["song.mp3", "a@b.mp3", "me:secret@x.mp3", "-", "C:/a@b.mp3"])
def test_a_path_is_shown_as_it_is(name):
    assert shown(name) == name and resolved(name) == name


@pytest.mark.parametrize("kind", ["rtsp", "ftp", "mms", "rtmp", "srt", "udp", "s3"])
def test_other_schemes_are_named(kind):
    with pytest.raises(InputError, match=f"{kind}: addresses are not supported; use") as error:
        open_source(f"{kind}://me:secret@host/x")
    assert "secret" not in str(error.value)


def test_schemes_are_resolved(tmp_path):
    assert resolved("ICY://radio:8000/x") == "http://radio:8000/x"
    assert resolved("HTTPS://radio/X") == "https://radio/X"
    assert resolved((tmp_path / "a b.mp3").as_uri()) == str(tmp_path / "a b.mp3")


def test_a_file_on_another_computer():
    """Windows opens shared folders by name; other systems need them mounted."""
    assert resolved("file://localhost/a.mp3") == str(Path("/a.mp3"))
    if os.name == "nt":
        assert resolved("file://nas/music/a%20b.mp3") == r"\\nas\music\a b.mp3"
    else:
        with pytest.raises(InputError, match="is on another computer, nas; mount"):
            resolved("file://nas/music/a.mp3")


@pytest.mark.parametrize("url", ["http://", "http:///x", "http://me:pa/ss@host/", "http://[::1"])
def test_an_incomplete_address_is_rejected(url):
    with pytest.raises(InputError, match="is not a complete address") as error:
        resolved(url)
    assert "ss@" not in str(error.value)


def test_an_empty_name_is_rejected():
    with pytest.raises(InputError, match="the name is empty; pass a file"):
        open_source("")
