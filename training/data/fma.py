"""FMA, the Free Music Archive data set (Defferrard et al., ISMIR 2017; github.com/mdeff/fma).

`fma_metadata/tracks.csv` lists the tracks with their official split by artist. The audio is in
`fma_small`, `fma_medium`, `fma_large` or `fma_full`, as `000/000002.mp3`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from streamgenre.parse import parse_json

from .dataset import DataSet
from .record import DataError, Track
from .tables import rows

SUBSETS = ("small", "medium", "large", "full")  # each contains the previous; full is not cut
SPLIT_NAMES = {"training": "train", "validation": "valid", "test": "test"}
REMEDY = "unpack fma_metadata.zip of github.com/mdeff/fma there"

# Clips without sound or shorter than 30 s, known errors of the data set: see the wiki of
# github.com/mdeff/fma and its issues 8 and 41. The whole tracks are not affected.
# fmt: off
BAD_CLIPS = frozenset((
    1486, 5574, 65753, 80391, 98558, 98559, 98560, 98565, 98566, 98567, 98568, 98569, 98571,
    99134, 105247, 108924, 108925, 126981, 127336, 133297, 143992,
))
# fmt: on


@dataclass(frozen=True)
class Genre:
    """A row of genres.csv."""

    title: str
    parent: int  # 0 for none
    top: int


def metadata_folder(root: Path) -> Path | None:
    """Return the folder that contains tracks.csv, or None."""
    folders = (
        folder for folder in (root, root / "fma_metadata") if (folder / "tracks.csv").is_file()
    )
    return next(folders, None)


def read_fma(root: Path, subset: str) -> DataSet:
    """Read one subset with its official split; by default the one whose audio exists."""
    metadata = metadata_folder(root)
    if metadata is None:
        raise DataError(f"{root / 'fma_metadata' / 'tracks.csv'}: no such file; {REMEDY}")
    base = root.parent if metadata == root and not _subsets_in(root) else root
    subset = subset or _only_subset(base)
    audio = _audio_folder(base, subset)
    genres = _read_genres(metadata / "genres.csv")
    wanted = SUBSETS[: SUBSETS.index(subset) + 1]
    tracks = []
    for row in _read_tracks(metadata / "tracks.csv"):
        number = _number(row["track_id"], metadata / "tracks.csv")
        if row["set", "subset"] in wanted and (subset == "full" or number not in BAD_CLIPS):
            tracks.append(_track(row, f"{number:06d}", audio, genres))
    hierarchy = {g.title: genres[g.parent].title for g in genres.values() if g.parent in genres}
    return DataSet(f"fma-{subset}", root, tuple(tracks), hierarchy=hierarchy)


def _subsets_in(base: Path) -> list[str]:
    return [name for name in SUBSETS if (base / f"fma_{name}").is_dir()]


def _only_subset(base: Path) -> str:
    subsets = _subsets_in(base)
    if len(subsets) == 1:
        return subsets[0]
    if subsets:
        raise DataError(f"{base}: holds the subsets {', '.join(subsets)}; choose one with --subset")
    raise DataError(f"{base}: no audio folder fma_small, fma_medium or fma_large; unpack one there")


def _audio_folder(base: Path, subset: str) -> Path:
    """Return the folder of a subset, or of a larger one, which contains the same clips."""
    if subset not in SUBSETS:
        raise DataError(f"no FMA subset {subset!r}; choose from {', '.join(SUBSETS)}")
    for name in SUBSETS[SUBSETS.index(subset) :]:
        if (base / f"fma_{name}").is_dir():
            return base / f"fma_{name}"
    raise DataError(f"{base / f'fma_{subset}'}: no such folder; unpack fma_{subset}.zip there")


def _read_genres(path: Path) -> dict[int, Genre]:
    needed = ("genre_id", "parent", "title", "top_level")
    genres = {}
    for row in rows(path, needed, remedy=REMEDY):
        number, parent, top = (_number(row[n], path) for n in ("genre_id", "parent", "top_level"))
        genres[number] = Genre(row["title"], parent, top)
    return genres


def _number(cell: str, path: Path) -> int:
    try:
        return int(cell)
    except ValueError:
        raise DataError(f"{path}: {cell[:40]!r} is not a number; {REMEDY}") from None


def _read_tracks(path: Path) -> Iterator[Mapping[object, str]]:
    """Yield rows by two-level column name and "track_id". The file has three header rows."""
    needed = [("set", "split"), ("set", "subset"), ("track", "genre_top")]
    needed += [("track", "genres_all"), ("track", "title"), ("artist", "id"), ("artist", "name")]
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            columns = _columns([next(reader, []) for _ in range(3)], needed, path)
            for row in reader:
                if len(row) not in (0, len(columns)):  # 0: a blank line
                    raise DataError(f"{path}: truncated at line {reader.line_num}; {REMEDY}")
                if row:
                    yield dict(zip(columns, row, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as a table: {error}; {REMEDY}") from None


def _columns(head: list[list[str]], needed: Sequence[tuple[str, str]], path: Path) -> list[object]:
    columns: list[object] = ["track_id", *zip(head[0][1:], head[1][1:], strict=False)]
    missing = [".".join(name) for name in needed if name not in columns]
    if missing or head[2][:1] != ["track_id"]:
        raise DataError(
            f"{path}: not FMA's tracks.csv with its three header rows"
            f"{': missing ' + ', '.join(missing) if missing else ''}; {REMEDY}"
        )
    return columns


def _listed(cell: str, key: str) -> list[int]:
    """Parse a list of numbers such as `[12, 26]`."""
    try:
        numbers = parse_json(cell or "[]")
    except ValueError:
        numbers = None
    if not isinstance(numbers, list) or not all(type(number) is int for number in numbers):
        raise DataError(f"track {key}: genres_all {cell[:40]!r} is not a list of numbers; {REMEDY}")
    return numbers


def _track(row: Mapping[object, str], key: str, audio: Path, genres: Mapping[int, Genre]) -> Track:
    listed = [genres[i] for i in _listed(row["track", "genres_all"], key) if i in genres]
    top = row["track", "genre_top"]
    if not top:  # in the large subset: use the top genre if all genres share it
        tops = {genres[g.top].title for g in listed if g.top in genres}
        top = tops.pop() if len(tops) == 1 else ""
    split = row["set", "split"]
    return Track(
        key,
        "fma",
        top,
        f"artist {row['artist', 'id']}",
        SPLIT_NAMES.get(split, split),
        audio / key[:3] / f"{key}.mp3",
        tuple(g.title for g in listed),
        row["artist", "name"],
        row["track", "title"],
    )
