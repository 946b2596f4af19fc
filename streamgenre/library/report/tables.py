"""Build the tables of a report: genre shares by artist, album, year and folder; files to review.

Each file counts as its corrected genre, otherwise as its predicted genre, otherwise as its status.
The shares of a group are fractions of its files and sum to 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ...model.timeline import Verdict
from ..groups import Group, Groups
from ..names import spelling_key
from ..row import Row, split_path
from ..tag_genres import labels_of_tag

Cell = str | int | float | None
Kind = Literal[
    "file", "text", "genre", "status", "count", "share", "part", "hours", "seconds", "year"
]
"""How a column is displayed. `file`: a path. `part`: the share of one genre."""

WITHOUT_GENRE = ("unsure", "no-music", "error")
"""The statuses of files without a genre."""
_MIN_ALBUM = 3  # tracks from which an album can have outliers
_MUSICAL = 0.9  # share of music below which a file is in the table `sound`


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    """Name in CSV files."""
    title: str
    """Title on the page."""
    kind: Kind = "text"
    minor: bool = False
    """Hidden on narrow screens."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a report."""

    name: str
    title: str
    about: str
    """Description for the page."""
    columns: tuple[Column, ...]
    rows: Sequence[tuple[Cell, ...]]


@dataclass(frozen=True, slots=True)
class Sound:
    """Seconds of music, speech and other audio in a file or library. Speech is an estimate."""

    music: float = 0.0
    speech: float = 0.0
    other: float = 0.0
    """Silence, noise, and everything else."""

    def __add__(self, more: Sound) -> Sound:
        return Sound(self.music + more.music, self.speech + more.speech, self.other + more.other)


@dataclass(frozen=True, slots=True)
class Report:
    """The content of a report."""

    genres: tuple[str, ...]
    """Labels of the model, and further genres of corrections."""
    tables: tuple[Table, ...]
    files: int
    """Number of files."""
    seconds: float
    """Seconds of audio."""
    sound: Sound
    counts: Counter[str]
    """Number of files by genre, or by status if they have no genre."""

    def table(self, name: str) -> Table:
        """Return the table with this name."""
        return next(one for one in self.tables if one.name == name)


def category_of(row: Row) -> tuple[str, str | None]:
    """("genre", final genre), or (one of WITHOUT_GENRE, None)."""
    if row.corrected is not None:
        return "genre", row.corrected
    if row.error is None and row.status == "genre" and row.genre is not None:
        return "genre", row.genre
    known = row.error is None and row.status in WITHOUT_GENRE
    return (row.status or "" if known else "error"), None


def sound_of(row: Row) -> Sound:
    """Seconds of music, speech and other audio in a file."""
    seconds = row.duration or 0.0
    music = min(row.musical_seconds, seconds)
    speech = min(seconds - music, seconds * (row.speech or 0.0))
    return Sound(music, speech, seconds - music - speech)


@dataclass(slots=True)
class _Share:
    """Files and seconds of a group by genre or status."""

    files: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    seconds: Counter[tuple[str, str | None]] = field(default_factory=Counter)

    def add(self, row: Row) -> None:
        key = category_of(row)
        self.files[key] += 1
        self.seconds[key] += row.duration or 0.0  # type: ignore[assignment]  # a float counts, too


@dataclass(slots=True)
class _Groups:
    """Key of a group -> its shares."""

    shares: dict[Cell, _Share] = field(default_factory=dict)

    def add(self, key: Cell, row: Row) -> None:
        self.shares.setdefault(key, _Share()).add(row)


def build(rows: Iterable[Row], labels: Sequence[str], unsure: float | None = None) -> Report:
    """Build the report of a scan. The rows are iterated twice.

    `labels`: labels of the model. `unsure`: see `Groups`.
    """
    return _Builder(Groups(rows, unsure), labels).report(rows)


class _Builder:
    """Builds a report row by row."""

    def __init__(self, groups: Groups, labels: Sequence[str]) -> None:
        self._groups, self._labels = groups, labels
        self._new: dict[str, None] = {}  # genres of corrections, in order
        self._whole = _Share()
        self._by = {name: _Groups() for name in ("artists", "albums", "years", "folders")}
        self._sound = Sound()
        self._lists: dict[str, list[tuple[Cell, ...]]] = {
            name: [] for name in ("unsure", "tags", "outliers", "sound", "files")
        }

    def report(self, rows: Iterable[Row]) -> Report:
        for row in rows:
            self._add(row)
        lists = self._lists
        lists["unsure"].sort(key=lambda cells: _number(cells[2]))
        lists["tags"].sort(key=lambda cells: (cells[3] is None, -_number(cells[4])))
        lists["outliers"].sort(key=lambda cells: -_number(cells[-1]))
        lists["sound"].sort(key=lambda cells: -(_number(cells[3]) + _number(cells[4])))
        counts: Counter[str] = Counter()
        for (status, genre), files in self._whole.files.items():
            counts[genre or status] += files
        tables = [self._genres(), *self._grouped()]
        tables += [Table(*_LISTS[name], lists[name]) for name in lists]
        return Report(
            genres=tuple(self._known),
            tables=tuple(tables),
            files=sum(self._whole.files.values()),
            seconds=float(sum(self._whole.seconds.values())),
            sound=self._sound,
            counts=counts,
        )

    @property
    def _known(self) -> list[str]:
        return [*self._labels, *self._new]

    def _add(self, row: Row) -> None:
        status, genre = category_of(row)
        if genre is not None and genre not in self._labels:
            self._new[genre] = None
        self._whole.add(row)
        album, artist = self._groups.album_of(row), self._groups.artist_of(row)
        if artist is not None:
            self._by["artists"].add(id(artist), row)
        if album is not None:
            self._by["albums"].add(id(album), row)
        self._by["years"].add(row.year, row)
        self._by["folders"].add(split_path(row.path)[0], row)
        names = row.artist, row.album, row.title
        sound = sound_of(row)
        self._sound += sound
        length = sum((sound.music, sound.speech, sound.other))
        if length and sound.music < _MUSICAL * length:
            parts = (round(part, 1) for part in (sound.music, sound.speech, sound.other))
            self._lists["sound"].append((row.path, round(length, 1), *parts, *names))
        if status == "unsure":
            first, second = _two_best(row)
            self._lists["unsure"].append((row.path, *first, *second, *names))
        if genre is not None:
            self._compare(row, genre, album)
        status_cell = "error" if row.error is not None else row.status
        self._lists["files"].append(
            (row.path, status_cell, row.genre, row.corrected, *_best(row, row.probabilities),
             row.duration, *names, row.year, row.tag_genre, row.error)
        )  # fmt: skip

    def _compare(self, row: Row, genre: str, album: Group | None) -> None:
        """Compare the genre of a file with its tag and with the rest of its album."""
        names = row.artist, row.album, row.title
        probabilities = row.probabilities or {}
        tagged = labels_of_tag(row.tag_genre or "", self._known)
        if tagged and genre not in tagged:
            own = sum(probabilities.get(label, 0.0) for label in tagged)
            self._lists["tags"].append(
                (row.path, row.tag_genre, row.genre, row.corrected, row.confidence, round(own, 4),
                 *names)
            )  # fmt: skip
        if row.corrected is not None or album is None or album.files < _MIN_ALBUM:
            return
        if album.corrected is not None and spelling_key(album.corrected) == spelling_key(genre):
            return
        rest = self._groups.rest_of_album(row)
        if rest is None or rest.genre is None or rest.genre == genre:
            return
        distance = sum(
            abs(p - rest.probabilities.get(label, 0.0)) for label, p in probabilities.items()
        )
        self._lists["outliers"].append(
            (row.path, genre, row.confidence, album.name, album.artist, rest.genre,
             round(rest.confidence, 4), row.title, round(distance / 2, 4))
        )  # fmt: skip

    def _genres(self) -> Table:
        files, seconds = self._whole.files, self._whole.seconds
        all_files, all_seconds = sum(files.values()), sum(seconds.values())
        keys: list[tuple[str, str | None]] = [("genre", genre) for genre in self._known]
        keys.sort(key=lambda key: -files[key])
        keys += [(status, None) for status in WITHOUT_GENRE]
        rows = [
            (status, genre, files[status, genre], _share(files[status, genre], all_files),
             _hours(seconds[status, genre]), _share(seconds[status, genre], all_seconds))
            for status, genre in keys
        ]  # fmt: skip
        columns = (
            Column("status", "Status", "status"),
            Column("genre", "Genre", "genre"),
            Column("files", "Files", "count"),
            Column("share", "Share of files", "share"),
            Column("hours", "Hours", "hours", minor=True),
            Column("share_of_time", "Share of time", "share", minor=True),
        )
        return Table("genres", "Genres", "Files and audio of each genre.", columns, rows)

    def _grouped(self) -> Iterable[Table]:
        for name, groups in (("artists", self._groups.artists), ("albums", self._groups.albums)):
            album = name == "albums"
            heads = (_ALBUM if album else _ARTIST) + _VERDICT
            shares = self._by[name].shares
            named = [(_of_group(group, album), shares[id(group)]) for group in groups]
            yield self._shares(name, heads, named)
        for name, head in (("years", _YEAR), ("folders", _FOLDER)):
            order = sorted(self._by[name].shares.items(), key=_in_order)
            yield self._shares(name, (head,), [((key,), share) for key, share in order])

    def _shares(
        self,
        name: str,
        heads: Sequence[Column],
        groups: Sequence[tuple[tuple[Cell, ...], _Share]],
    ) -> Table:
        keys: list[tuple[str, str | None]] = [("genre", genre) for genre in self._known]
        keys += [(status, None) for status in WITHOUT_GENRE]
        parts = [Column("share_" + genre, genre, "part") for genre in self._known]
        parts += [Column(status.replace("-", "_"), status, "part") for status in WITHOUT_GENRE]
        counts = (Column("files", "Files", "count"), Column("hours", "Hours", "hours", minor=True))
        rows = []
        for cells, share in groups:
            files = sum(share.files.values())
            hours = _hours(sum(share.seconds.values()))
            shares = (_share(share.files[key], files) for key in keys)
            rows.append((*cells, files, hours, *shares))
        return Table(name, *_ABOUT[name], (*heads, *counts, *parts), rows)


def _in_order(item: tuple[Cell, _Share]) -> tuple[bool, int, str]:
    key = item[0]
    return key is None, key if isinstance(key, int) else 0, str(key)


def _of_group(group: Group, album: bool) -> tuple[Cell, ...]:
    verdict = group.verdict
    cells: tuple[Cell, ...] = ("error", None, group.corrected, None, None)
    if verdict is not None:
        best = _best(verdict, verdict.probabilities)
        cells = verdict.status, verdict.genre, group.corrected, *best
    return (group.name, *((group.artist, group.folder) if album else ()), *cells)


def _best(
    result: Row | Verdict, probabilities: Mapping[str, float] | None
) -> tuple[str | None, float | None]:
    """The most probable label and the confidence; None without music."""
    if result.status not in ("genre", "unsure"):
        return None, None
    label = max(probabilities, key=lambda name: probabilities[name]) if probabilities else None
    return label, None if result.confidence is None else round(result.confidence, 4)


def _two_best(row: Row) -> list[tuple[str | None, float | None]]:
    best = sorted((row.probabilities or {}).items(), key=lambda item: -item[1])[:2]
    return [*best, (None, None), (None, None)][:2]


def _share(part: float, whole: float) -> float:
    return round(part / whole, 6) if whole else 0.0


def _hours(seconds: float) -> float:
    return round(seconds / 3600, 4)


def _number(cell: Cell) -> float:
    return cell if isinstance(cell, (int, float)) else 0.0


_FILE = Column("path", "File", "file")
_NAMES = (
    Column("artist", "Artist", minor=True),
    Column("album", "Album", minor=True),
    Column("title", "Title", minor=True),
)
_BEST = Column("most_probable", "Most probable", "genre")
_VERDICT = (
    Column("status", "Status", "status"),
    Column("genre", "Genre", "genre"),
    Column("corrected", "Corrected", "genre", minor=True),
    _BEST,
    Column("confidence", "Confidence", "share", minor=True),
)
_ARTIST = (Column("artist", "Artist"),)
_ALBUM = (
    Column("album", "Album"),
    Column("artist", "Artist", minor=True),
    Column("folder", "Folder", minor=True),
)
_YEAR, _FOLDER = Column("year", "Year", "year"), Column("folder", "Folder")
_ABOUT = {
    "artists": ("Artists", "The prediction for all tracks of an artist together."),
    "albums": ("Albums", "The prediction for all tracks of an album together."),
    "years": ("Years", "Files by the year in their tags."),
    "folders": ("Folders", "Files in each folder, without subfolders."),
}
_LISTS: dict[str, tuple[str, str, str, tuple[Column, ...]]] = {
    "unsure": (
        "unsure",
        "Unsure",
        "Music without a confident prediction. The least confident results come first.",
        (
            _FILE,
            Column("best", "Most probable", "genre"),
            Column("best_probability", "Probability", "share"),
            Column("second", "Second", "genre", minor=True),
            Column("second_probability", "Probability", "share", minor=True),
            *_NAMES,
        ),
    ),
    "tags": (
        "tags",
        "Likely wrong tags",
        "The genre tag differs from the prediction. The most confident results come first.",
        (
            _FILE,
            Column("tag_genre", "Tag"),
            Column("genre", "Genre", "genre"),
            Column("corrected", "Corrected", "genre", minor=True),
            Column("confidence", "Confidence", "share"),
            Column("tag_probability", "Tag probability", "share", minor=True),
            *_NAMES,
        ),
    ),
    "outliers": (
        "outliers",
        "Outliers",
        "Tracks whose genre differs from the rest of their album. The most different come first.",
        (
            _FILE,
            Column("genre", "Genre", "genre"),
            Column("confidence", "Confidence", "share", minor=True),
            Column("album", "Album", minor=True),
            Column("album_artist", "Artist", minor=True),
            Column("album_genre", "Rest of the album", "genre"),
            Column("album_confidence", "Album confidence", "share", minor=True),
            Column("title", "Title", minor=True),
            Column("distance", "Difference", "share", minor=True),
        ),
    ),
    "sound": (
        "sound",
        "Speech and silence",
        "Files with less than 90 % music. Those with the most speech and silence come first.",
        (
            _FILE,
            Column("duration", "Length", "seconds"),
            Column("music", "Music", "seconds"),
            Column("speech", "Speech", "seconds"),
            Column("other", "Silence or noise", "seconds", minor=True),
            *_NAMES,
        ),
    ),
    "files": (
        "files",
        "All files",
        "All files of the scan.",
        (
            _FILE,
            Column("status", "Status", "status"),
            Column("genre", "Genre", "genre"),
            Column("corrected", "Corrected", "genre", minor=True),
            _BEST,
            Column("confidence", "Confidence", "share"),
            Column("duration", "Length", "seconds", minor=True),
            *_NAMES,
            Column("year", "Year", "year", minor=True),
            Column("tag_genre", "Tag", minor=True),
            Column("error", "Error", minor=True),
        ),
    ),
}
