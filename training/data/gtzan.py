"""GTZAN (Tzanetakis and Cook 2002): ten folders of a hundred clips named `blues.00000.wav`.

Its errors are listed by Sturm, "The GTZAN dataset: Its contents, its faults, their effects on
evaluation, and its future use" (arXiv:1306.1461). The fault-filtered lists avoid them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from .audio_files import audio_files
from .dataset import DataSet
from .record import DataError, Track

# fmt: off
GENRES = (
    "blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock",
)
# fmt: on
PLACES = (".", "genres", "genres_original", "Data/genres_original")
LISTS = {split: f"{split}_filtered.txt" for split in ("train", "valid", "test")}

# A clip or a part of one: blues.00000.wav, blues.00000.3.wav, blues.00000_seg2.wav.
NAME = re.compile(rf"({'|'.join(GENRES)})\.(\d{{5}})(?:[._-].*)?\.\w+", re.IGNORECASE)

# Clips that are identical excerpts: the column "Repetitions: Exact" in the table of faults of Sturm
# 2013. The clips of a row share a group, and therefore a side of any split.
REPETITIONS: Mapping[str, tuple[tuple[int, ...], ...]] = {
    "disco": ((50, 51, 70), (55, 60, 89), (71, 74), (98, 99)),
    "hiphop": ((39, 45), (76, 78)),
    "jazz": (
        *((33, 51), (34, 53), (35, 55), (36, 58), (37, 60), (38, 62), (39, 65)),
        *((40, 67), (42, 68), (43, 69), (44, 70), (45, 71), (46, 72)),
    ),
    "metal": (
        *((4, 13), (34, 94), (40, 61), (41, 62)),
        *((42, 63), (43, 64), (44, 65), (45, 66)),
    ),
    "pop": (
        *((15, 22), (30, 31), (45, 46), (47, 80), (52, 57)),
        *((54, 60), (56, 59), (67, 71), (87, 90)),
    ),
    "reggae": (
        *((3, 54), (5, 56), (8, 57), (10, 60), (13, 58)),
        *((41, 69), (73, 74), (75, 91, 92), (80, 81, 82)),
    ),
}
FIRST = {
    f"{genre}.{number:05d}": f"{genre}.{same[0]:05d}"
    for genre, repetitions in REPETITIONS.items()
    for same in repetitions
    for number in same
}
FIRST["rock.00016"] = FIRST["metal.00058"] = "metal.00058"  # the only repetition across genres


def clip_of(path: Path) -> str | None:
    """Return `blues.00000` for a file with this clip or a part of it, whatever the extension."""
    match = NAME.fullmatch(path.name)
    return f"{match[1].lower()}.{match[2]}" if match else None


def _clips_in(folder: Path) -> list[tuple[str, str, Path]]:
    """List clip, genre and path of all files with names of GTZAN in their genre folders."""
    return [
        (clip, genre, path)
        for genre in GENRES
        for path in audio_files(folder / genre)
        if (clip := clip_of(path)) and clip.startswith(f"{genre}.")
    ]


def genre_folder(root: Path) -> Path | None:
    """Return the folder that contains the genre folders of GTZAN, or None."""
    for place in PLACES:
        if len({genre for _, genre, _ in _clips_in(root / place)}) > 1:
            return root / place
    return None


def is_gtzan(root: Path) -> bool:
    """Whether a folder contains GTZAN and nothing else, so that no other music is ignored."""
    folder = genre_folder(root)
    if folder is None:
        return False
    clips = {path for _, _, path in _clips_in(folder)}
    return all(path in clips or path.parent == folder for path in audio_files(folder))


def read_gtzan(root: Path, lists: Path | None) -> DataSet:
    """Read all clips, or, with the fault-filtered lists, the listed clips with their split."""
    folder = genre_folder(root)
    if folder is None:
        raise DataError(
            f"{root}: no folders blues, classical, ... with files such as blues.00000.wav; "
            "give the folder into which genres.tar.gz was unpacked"
        )
    clips = [
        (clip, Track(path.stem, "gtzan", genre, FIRST.get(clip, clip), "", path))
        for clip, genre, path in _clips_in(folder)
    ]
    other = len(audio_files(root)) - len(clips)
    warnings: tuple[str, ...] = ()
    if other:
        warnings += (f"audio files without a name of GTZAN, left out: {other}",)
    if lists is None and any((root / name).is_file() for name in LISTS.values()):
        lists = root
    if lists is None:
        return DataSet("gtzan", root, tuple(track for _, track in clips), warnings)
    sides = _read_lists(lists)
    listed = tuple(replace(track, split=sides[clip]) for clip, track in clips if clip in sides)
    absent = len(sides.keys() - {clip for clip, _ in clips})
    if absent:
        warnings += (f"{absent} of the {len(sides)} listed clips are missing",)
    return DataSet("gtzan-filtered", root, listed, warnings)


def _read_lists(folder: Path) -> dict[str, str]:
    """Read the split of each clip in the lists of Kereliuk, Sturm and Larsen (2015)."""
    sides: dict[str, str] = {}
    for split, name in LISTS.items():
        try:
            lines = (folder / name).read_text(encoding="utf-8").split()
        except FileNotFoundError:
            raise DataError(
                f"{folder / name}: no such file; get {', '.join(LISTS.values())} from "
                "github.com/jongpillee/music_dataset_split"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{folder / name}: cannot be read: {error}; get it again") from None
        for line in lines:
            clip = clip_of(Path(line))
            if clip is None:
                raise DataError(
                    f"{folder / name}: {line[:40]!r} is not a line like blues/blues.00029.wav"
                )
            sides[clip] = split
    return sides
