"""Which stations playlists and addresses stand for."""

from __future__ import annotations

import pytest
from support.server import Page, served

from streamgenre.radio.stations import read_stations

LIST = b"""#EXTM3U
#EXTINF:-1 tvg-logo="a,b.png" group="x",Jazz, all day
http://radio.example/jazz
http://me:secret@radio.example:8000/rock
icy://radio.example/old
http://radio.example/jazz
song.mp3
ftp://radio.example/x
"""
PLS = (
    b"[playlist]\nFile2=http://b.example/\nTitle2=B\nFile1=http://a.example/x\nNumberOfEntries=2\n"
)


def names(stations):
    return [(station.name, station.url) for station in stations]


def test_a_playlist_gives_names_and_addresses_each_once(tmp_path):
    path = tmp_path / "list.m3u"
    path.write_bytes(LIST)
    stations, errors = read_stations([str(path), "http://radio.example/jazz"])
    assert names(stations) == [
        ("Jazz, all day", "http://radio.example/jazz"),
        ("radio.example:8000/rock", "http://me:secret@radio.example:8000/rock"),
        ("radio.example/old", "http://radio.example/old"),
    ]
    assert stations[1].address == "http://...@radio.example:8000/rock"
    assert len(errors) == 2
    assert "song.mp3 is not the address of a station" in str(errors[0])
    assert all("list.m3u" in str(error) for error in errors)


def test_titles_of_pls_belong_to_the_files_of_their_number(tmp_path):
    path = tmp_path / "list.pls"
    path.write_bytes(PLS)
    assert names(read_stations([str(path)])[0]) == [
        ("B", "http://b.example/"),
        ("a.example/x", "http://a.example/x"),
    ]


def test_a_list_on_the_network_is_many_stations_or_one():
    one = b"#EXTM3U\n#EXTINF:-1,One\nhttp://radio.example/one\n"
    hls = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\npart.ts\n"
    local = b"#EXTM3U\nhttp://radio.example/a\nfile:///etc/passwd\n"
    pages = {
        "/many.pls": Page(PLS),
        "/one.m3u": Page(one),
        "/hls.m3u8": Page(hls),
        "/local.m3u": Page(local),
        "/gone.m3u": Page(code=404),
    }
    with served(pages) as url:
        stations, errors = read_stations([f"{url}{path}" for path in pages])
    assert names(stations) == [
        ("B", "http://b.example/"),
        ("a.example/x", "http://a.example/x"),
        ("One", f"{url}/one.m3u"),
        (f"{url}/hls.m3u8".removeprefix("http://"), f"{url}/hls.m3u8"),
        (f"{url}/gone.m3u".removeprefix("http://"), f"{url}/gone.m3u"),
    ]
    assert len(errors) == 1 and "may list only http" in str(errors[0])


@pytest.mark.parametrize("name", ["nowhere.m3u", "ftp://radio.example/list.m3u", ""])
def test_what_is_no_list_is_an_error(name):
    stations, errors = read_stations([name])
    assert not stations and len(errors) == 1
    assert errors[0].exit_code == 3


def test_a_recording_is_no_list(clip):
    stations, errors = read_stations([str(clip)])
    assert not stations and "is a recording" in str(errors[0])
