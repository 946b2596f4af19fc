"""Reading the list of stations from playlists and addresses."""

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


def test_playlist_without_duplicates(tmp_path):
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
    assert "song.mp3 is not an http(s) address" in str(errors[0])
    assert all("list.m3u" in str(error) for error in errors)


def test_pls_titles_are_matched_by_number(tmp_path):
    path = tmp_path / "list.pls"
    path.write_bytes(PLS)
    assert names(read_stations([str(path)])[0]) == [
        ("B", "http://b.example/"),
        ("a.example/x", "http://a.example/x"),
    ]


def test_remote_playlist_is_one_station_or_several():
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
def test_invalid_list_is_rejected(name):
    stations, errors = read_stations([name])
    assert not stations and len(errors) == 1
    assert errors[0].exit_code == 3


def test_recording_is_rejected(clip):
    stations, errors = read_stations([str(clip)])
    assert not stations and "is a recording" in str(errors[0])
