"""The Extended Ballroom data set (Marchand and Peeters, ISMIR 2016 late-breaking session).

An XML file has one element per dance, with one element per song. The audio of a song is in
`Chacha/100701.mp3`. The data set has no split.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from .audio_files import audio_files
from .dataset import DataSet
from .disjoint import DisjointSets
from .record import DataError, Track

XML = "extendedballroom_v1.1.xml"

# Child elements that name another song with the same recording: identical, at another tempo, or
# without vocals. A `version` is another performance of the same tune, so it is not in this list.
SAME_RECORDING = ("exact", "time", "karaoke")


def read_ballroom(root: Path) -> DataSet:
    """Read all songs. Songs of one artist and copies of one recording share a group."""
    path = root / XML
    try:
        tree = ElementTree.parse(path).getroot()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; it is part of the Extended Ballroom") from None
    except (OSError, ElementTree.ParseError) as error:
        raise DataError(f"{path}: cannot be read as XML: {error}; download it again") from None
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
    """Return the group of each song. Songs with the same artist or recording are in one group."""
    # A group is named after an artist in it, if there is one, otherwise after a song.
    sets = DisjointSets(lambda name: (name.isdigit(), name))
    for song in songs:
        key = song.attrib["id"]
        same = [other.get("id", "") for kind in SAME_RECORDING for other in song.iter(kind)]
        artist = song.get("artist")
        for other in [*same, *([f"artist {artist}"] if artist else [])]:
            sets.merge(key, other)
    return {song.attrib["id"]: sets.root(song.attrib["id"]) for song in songs}
