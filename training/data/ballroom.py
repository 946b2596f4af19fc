"""The Extended Ballroom data set (Marchand and Peeters, ISMIR 2016 late-breaking session).

An XML file with an element a dance and in it one a song; the audio is in `Chacha/100701.mp3`.
It has no split of its own.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from .audio_files import audio_files
from .dataset import DataSet
from .record import DataError, Track

XML = "extendedballroom_v1.1.xml"

# Elements in a song that name another with the same recording: equal, at another tempo, or without
# the voice. A `version` is another performance of the same tune, and is no reason to join artists.
SAME_RECORDING = ("exact", "time", "karaoke")


def read_ballroom(root: Path) -> DataSet:
    """All songs; an artist's songs, and all recordings that occur twice, share a group."""
    path = root / XML
    try:
        tree = ElementTree.parse(path).getroot()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; it comes with the Extended Ballroom") from None
    except (OSError, ElementTree.ParseError) as error:
        raise DataError(f"{path}: cannot be read as XML: {error}; get it anew") from None
    songs = [(dance.tag, song) for dance in tree for song in dance.iter("song") if song.get("id")]
    groups = _groups([song for _, song in songs])
    files = {
        (dance, file.stem): file
        for dance in sorted({dance for dance, _ in songs})
        for file in audio_files(root / dance)
    }
    tracks = []
    for dance, song in songs:
        key = song.attrib["id"]
        file = files.get((dance, key), root / dance / f"{key}.mp3")
        artist, title = song.get("artist", ""), song.get("title", "")
        tracks.append(
            Track(key, "ballroom", dance, groups[key], "", file, artist=artist, title=title)
        )
    return DataSet("ballroom", root, tuple(tracks))


def _groups(songs: list[ElementTree.Element]) -> dict[str, str]:
    """A name for each set of songs that are joined by an artist or a recording."""
    above: dict[str, str] = {}

    def top(name: str) -> str:
        while above.setdefault(name, name) != name:
            name = above[name]
        return name

    for song in songs:
        key = song.attrib["id"]
        same = [other.get("id", "") for kind in SAME_RECORDING for other in song.iter(kind)]
        artist = song.get("artist")
        for other in [*same, *([f"artist {artist}"] if artist else [])]:
            # The first name in order leads, so that the order of the file does not matter. Numbers
            # come before artists: "~" puts them behind.
            ends = sorted((top(key), top(other)), key=lambda name: (name.isdigit(), name))
            above[ends[1]] = ends[0]
    return {song.attrib["id"]: top(song.attrib["id"]) for song in songs}
