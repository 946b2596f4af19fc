"""Group the tracks of a library by album and artist, and aggregate their probabilities.

The probabilities of a group are the mean over its tracks, weighted by seconds of music.

An album is identified by title and artist, or by title and folder if it is a compilation. A disc
folder such as `CD 1` counts as its parent folder. The artist of a track is the first one in its
tag. If tracks with the same title in one folder have several artists, each artist with three or
more tracks has an album, and the others are guests on the album of the most frequent artist. If
guests have more than half of the tracks, and no artist has more than half, the album is a
compilation.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from ..model.timeline import LEAST_MUSIC, Verdict
from ..update import Status
from .names import artists_in, folded
from .row import Row, split_path

_DISC = re.compile(r"(?:cd|dis[ck]|disque|lp|side)[\W_]*(?:\d{1,2}|[a-d])", re.I)
_NOT_AN_ARTIST = frozenset(
    {"", "various", "various artists", "va", "v.a.", "unknown", "unknown artist"}
)
_MIN_ALBUM = 3  # tracks from which an artist has an album instead of being a guest
_DEFAULT_UNSURE = 0.42  # threshold if it cannot be derived from the rows

_AlbumKey = tuple[str, str, str]  # title, artist and folder


@dataclass(frozen=True, slots=True)
class Group:
    """An album or an artist."""

    kind: Literal["album", "artist"]
    name: str
    artist: str | None
    """The artist; None for compilations and for albums without an artist."""
    folder: str | None
    """The folder, for compilations and albums without an artist; otherwise None."""
    files: int
    """Number of files."""
    failed: int
    """Number of files with an error."""
    seconds: float
    """Seconds of audio."""
    musical_seconds: float
    """Seconds of music."""
    verdict: Verdict | None
    """The prediction for all tracks together; None if all files have an error."""
    corrected: str | None
    """The corrected genre of more than half of the files, if there is one."""

    @property
    def final_genre(self) -> str | None:
        """The corrected genre if there is one, otherwise the predicted genre."""
        if self.corrected is not None:
            return self.corrected
        return None if self.verdict is None else self.verdict.genre


@dataclass(slots=True)
class Tally:
    """Sums over rows."""

    files: int = 0
    failed: int = 0
    seconds: float = 0.0
    musical: float = 0.0  # s
    music: float = 0.0  # s, weighted by the probability of music
    probabilities: dict[str, float] = field(default_factory=dict)  # weighted by seconds of music
    corrections: Counter[str] = field(default_factory=Counter)

    def add(self, row: Row) -> None:
        """Add a row."""
        self.files += 1
        if row.corrected is not None:
            self.corrections[row.corrected] += 1
        if row.error is not None:
            self.failed += 1
            return
        weight = row.musical_seconds
        self.seconds += row.duration or 0.0
        self.musical += weight
        self.music += (row.duration or 0.0) * (row.music or 0.0)
        for label, probability in (row.probabilities or {}).items():
            self.probabilities[label] = self.probabilities.get(label, 0.0) + weight * probability

    def merge(self, other: Tally) -> None:
        """Add all rows of another tally."""
        self.files += other.files
        self.failed += other.failed
        self.seconds += other.seconds
        self.musical += other.musical
        self.music += other.music
        for label, total in other.probabilities.items():
            self.probabilities[label] = self.probabilities.get(label, 0.0) + total
        self.corrections.update(other.corrections)

    def without(self, row: Row) -> Tally:
        """Return a tally without this row. Corrections are omitted."""
        weight = row.musical_seconds
        one = row.probabilities or {}
        rest = {
            label: max(0.0, total - weight * one.get(label, 0.0))
            for label, total in self.probabilities.items()
        }
        return Tally(
            files=self.files - 1,
            failed=self.failed - (row.error is not None),
            seconds=self.seconds - (row.duration or 0.0),
            musical=max(0.0, self.musical - weight),
            music=self.music - (row.duration or 0.0) * (row.music or 0.0),
            probabilities=rest,
        )

    def verdict(self, unsure: float) -> Verdict | None:
        """The prediction for all rows together; None if no row has a result.

        `unsure`: probability that the most probable label must reach.
        """
        if self.files == self.failed or not self.probabilities:
            return None
        labels = list(self.probabilities)
        if self.musical:
            mean = {label: self.probabilities[label] / self.musical for label in labels}
        else:
            mean = dict.fromkeys(labels, 1 / len(labels))
        top = max(labels, key=mean.__getitem__)
        status: Status = "genre"
        if not self.musical or self.musical < LEAST_MUSIC * self.seconds:
            status = "no-music"
        elif mean[top] < unsure:
            status = "unsure"
        return Verdict(
            status=status,
            genre=top if status == "genre" else None,
            confidence=mean[top],
            music=self.music / self.seconds if self.seconds else 0.0,
            probabilities=mean,
        )

    @property
    def corrected(self) -> str | None:
        """The corrected genre of more than half of the files, if there is one."""
        for genre, count in self.corrections.most_common(1):
            if 2 * count > self.files:
                return genre
        return None


class Groups:
    """The albums and artists of a library.

    Rows without an album or artist tag belong to no album or artist.

    Args:
        rows: all rows, iterated once. Memory grows with the number of albums and artists.
        unsure: probability that a label must reach to become the genre of a group. None derives it
            from the rows: the midpoint between the highest confidence of unsure rows and the lowest
            confidence of rows with a genre.
    """

    def __init__(self, rows: Iterable[Row], unsure: float | None = None) -> None:
        albums: dict[tuple[str, str], dict[str, Tally]] = defaultdict(lambda: defaultdict(Tally))
        artists: dict[str, Tally] = defaultdict(Tally)
        self._names: dict[str, str] = {}  # folded name -> its first spelling
        sure, doubtful = 1.0, 0.0
        for row in rows:
            if row.confidence is not None:
                if row.status == "genre":
                    sure = min(sure, row.confidence)
                elif row.status == "unsure":
                    doubtful = max(doubtful, row.confidence)
            title, artist, folder = self._key(row)
            if title:
                albums[title, folder][artist].add(row)
            if artist:
                artists[artist].add(row)
        if unsure is None:
            unsure = (doubtful + sure) / 2 if 0 < doubtful < sure < 1 else _DEFAULT_UNSURE
        self._artists = {
            artist: self._group("artist", artist, artist, None, tally, unsure)
            for artist, tally in artists.items()
        }
        self._place: dict[_AlbumKey, _AlbumKey] = {}
        merged: dict[_AlbumKey, Tally] = defaultdict(Tally)
        for (title, folder), parts in albums.items():
            for artist, place in _places(title, folder, parts):
                self._place[title, artist, folder] = place
                merged[place].merge(parts[artist])
        self._albums = {
            place: self._group("album", place[0], place[1], place[2], tally, unsure)
            for place, tally in merged.items()
        }
        self._tallies = merged
        self.unsure = unsure

    @property
    def albums(self) -> Sequence[Group]:
        """All albums."""
        return tuple(self._albums.values())

    @property
    def artists(self) -> Sequence[Group]:
        """All artists."""
        return tuple(self._artists.values())

    def album_of(self, row: Row) -> Group | None:
        """The album of a row, or None."""
        place = self._place.get(self._key(row))
        return None if place is None else self._albums[place]

    def rest_of_album(self, row: Row) -> Verdict | None:
        """The prediction for the other tracks on the album of a row, or None."""
        place = self._place.get(self._key(row))
        return None if place is None else self._tallies[place].without(row).verdict(self.unsure)

    def artist_of(self, row: Row) -> Group | None:
        """The artist of a row, or None."""
        return self._artists.get(self._key(row)[1])

    def _key(self, row: Row) -> _AlbumKey:
        title, artist = row.album or "", next(iter(artists_in(row.artist or "")), "")
        keys = folded(title), folded(artist)
        self._names.setdefault(keys[0], title)
        self._names.setdefault(keys[1], artist)
        return (
            keys[0],
            "" if keys[1] in _NOT_AN_ARTIST else keys[1],
            _album_folder(split_path(row.path)[0]),
        )

    def _group(
        self,
        kind: Literal["album", "artist"],
        name: str,
        artist: str,
        folder: str | None,
        tally: Tally,
        unsure: float,
    ) -> Group:
        return Group(
            kind=kind,
            name=self._names[name],
            artist=self._names[artist] if artist else None,
            folder=folder or None,
            files=tally.files,
            failed=tally.failed,
            seconds=tally.seconds,
            musical_seconds=tally.musical,
            verdict=tally.verdict(unsure),
            corrected=tally.corrected,
        )


def _places(title: str, folder: str, parts: dict[str, Tally]) -> Iterator[tuple[str, _AlbumKey]]:
    """Yield each artist and the album of their tracks, for one title in one folder."""
    files = sum(tally.files for tally in parts.values())
    guests = sum(tally.files for tally in parts.values() if tally.files < _MIN_ALBUM)
    main = max(parts, key=lambda artist: parts[artist].files)
    mixed = 2 * guests > files >= 2 * parts[main].files
    for artist, tally in parts.items():
        by = "" if mixed else artist if tally.files >= _MIN_ALBUM and artist else main
        yield artist, (title, by, "" if by else folder)


@lru_cache(4_096)
def _album_folder(folder: str) -> str:
    """The folder of an album: the parent of a disc folder, otherwise the folder itself."""
    above, name = split_path(folder)
    return above if _DISC.fullmatch(name) else folder
