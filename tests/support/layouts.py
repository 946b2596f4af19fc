"""Write small data sets in the layouts of the real ones."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

if TYPE_CHECKING:
    from training.data import decoding

RATE = 8_000
MANIFEST = ("key", "set", "genre", "group", "split", "path")


def tone(path: Path, seconds: float = 0.5, pitch: float = 440.0) -> Path:
    """Write a tone in the format of the extension: wav, flac, ogg, mp3 or au."""
    path.parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(int(seconds * RATE)) / RATE
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * pitch * t), RATE)
    return path


def table(path: Path, rows: Iterable[Sequence[object]], delimiter: str = ",") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def manifest(folder: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = MANIFEST) -> Path:
    """Write the table, and a tone for every path in it."""
    for row in rows:
        tone(folder / row[list(header).index("path")])
    return table(folder / "manifest.csv", [header, *rows])


def folders(root: Path, names: Iterable[str]) -> Path:
    for name in names:
        tone(root / name)
    return root


# id, split, subset, genre_top, genres_all, artist id, artist, title
FMA_TRACKS = [
    (2, "training", "small", "Hip-Hop", [21], 1, "AWOL", "Food"),
    (5, "training", "small", "Rock", [12, 26], 2, "Bit", "Line\nbreak"),
    (10, "validation", "small", "Hip-Hop", [21], 3, "Kurt, Vile", "Freeway"),
    (140, "test", "small", "Rock", [12], 4, "Alec", "Peel"),
    (141, "test", "small", "Hip-Hop", [21], 4, "Alec", "Untitled"),
    (98565, "training", "small", "Rock", [12], 5, "Cut", "Too short"),  # a known bad clip
    (155000, "training", "medium", "Jazz", [4], 6, "Duo", "Blue"),
    (155001, "training", "large", "", [26, 12], 7, "Trio", "All roots the same"),
    (155002, "test", "large", "", [21, 12], 7, "Trio", "Two roots"),
]
FMA_GENRES = [
    ("genre_id", "#tracks", "parent", "title", "top_level"),
    (4, 1, 0, "Jazz", 4),
    (12, 3, 0, "Rock", 12),
    (21, 2, 0, "Hip-Hop", 21),
    (26, 1, 12, "Indie-Rock", 12),
]


def fma(root: Path, subset: str = "small", metadata: str = "fma_metadata") -> Path:
    """FMA with its three header rows, and the audio of a subset."""
    groups = ["", "album", "artist", "artist", "set", "set", "track", "track", "track"]
    names = ["", "title", "id", "name", "split", "subset", "genre_top", "genres_all", "title"]
    rows = [
        (n, "Album", artist_id, artist, split, of, top, json.dumps(every), title)
        for n, split, of, top, every, artist_id, artist, title in FMA_TRACKS
    ]
    table(root / metadata / "tracks.csv", [groups, names, ["track_id"] + [""] * 8, *rows])
    table(root / metadata / "genres.csv", FMA_GENRES)
    wanted = ("small", "medium", "large")
    wanted = wanted[: wanted.index(subset) + 1]
    for n, _, of, *_ in FMA_TRACKS:
        if of in wanted:
            tone(root / f"fma_{subset}" / f"{n:06d}"[:3] / f"{n:06d}.mp3")
    return root


def gtzan(root: Path, clips: dict[str, Iterable[int]], ending: str = "wav") -> Path:
    for genre, numbers in clips.items():
        for number in numbers:
            tone(root / genre / f"{genre}.{number:05d}.{ending}")
    return root


BALLROOM = """<ballroom>
  <Waltz>
    <song album="A" artist="Herberman" bpm="87" id="100601" title="Morning Song" hash="x"/>
    <song album="A" artist="Herberman" bpm="87" id="100602" title="Evening &amp; Song" hash="x"/>
    <song album="B" artist="Izzy" bpm="87" id="106602" title="Lagrima" hash="x">
      <time id="115727"/><version id="100601"/></song>
    <song album="B" artist="Various" bpm="87" id="115727" title="Lagrima" hash="x"/>
  </Waltz>
  <Chacha>
    <song album="C" artist="Nat" bpm="120" id="100701" title="Sway" hash="x">
      <exact id="100702"/></song>
    <song album="D" artist="Pat" bpm="120" id="100702" title="Sway" hash="x"/>
    <song album="D" artist="Ted" bpm="120" id="100703" title="Go" hash="x">
      <karaoke id="100704" voiced="1"/></song>
    <song album="D" artist="Ned" bpm="120" id="100704" title="Go" hash="x"/>
    <song album="D" artist="Zed" bpm="120" id="100705" title="Stop" hash="x"/>
  </Chacha>
</ballroom>
"""


def ballroom(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "extendedballroom_v1.1.xml").write_text(BALLROOM)
    waltz, chacha = (100601, 100602, 106602, 115727), range(100701, 100706)
    return folders(root, [f"Waltz/{n}.mp3" for n in waltz] + [f"Chacha/{n}.mp3" for n in chacha])


def magnatagatune(root: Path) -> Path:
    """Sixty tags, of which the first ten occur only once, and a clip in each of five folders."""
    tags = [f"tag {i}" for i in range(60)]
    paths = [f"{d}/band_{d}-album-01-song-{s}-{s + 29}.mp3" for d in "0bcdf" for s in (0, 30)]
    rows = [(i, *(int(k >= 10 or i == 0) for k in range(60)), path) for i, path in enumerate(paths)]
    table(root / "annotations_final.csv", [("clip_id", *tags, "mp3_path"), *rows], "\t")
    info = [(i, "1", f"Song {i}", f"Band {path[0]}", path) for i, path in enumerate(paths)]
    header = ("clip_id", "track_number", "title", "artist", "mp3_path")
    table(root / "clip_info_final.csv", [header, *info], "\t")
    return folders(root, paths)


def msd(root: Path) -> Path:
    rows = [("a/1.mp3", "train", "X", 1, 0), ("a/2.mp3", "valid", "Y", 1, 1)]
    rows += [("b/3.mp3", "test", "Z", 0, 0)]
    table(root / "msd.csv", [("path", "split", "artist", "rock", "chillout"), *rows])
    return folders(root, [str(row[0]) for row in rows])


def dying(path: str) -> decoding.Decoded:
    """A decoder that crashes on one file, as with a fault in a C library."""
    from training.data import decoding

    if "deadly" in path:
        os._exit(11)
    return decoding.decode(path)
