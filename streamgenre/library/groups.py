"""Albums and artists of a library, and what their tracks say together.

The probabilities of a group are the mean over its tracks, each weighted by its seconds of music.

An album is its title together with its artist, or, for a compilation, with its folder. Folders of
discs (`CD 1`) count as the folder above. The artist of a track is the first one that its tag names.
Where tracks of one title in one folder name several artists, those with few tracks are guests on
the album of the artist who has most, and an artist with three or more has an album. Where no artist
has half of the tracks and guests have more than half, the whole is a compilation.
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
_ANYBODY = frozenset({"", "various", "various artists", "va", "v.a.", "unknown", "unknown artist"})
_OWN_ALBUM = 3  # tracks of an artist that can be an album beside others of its title
_USUAL_UNSURE = 0.42  # probability below which a verdict is unsure, where the rows do not tell

_AlbumKey = tuple[str, str, str]  # title, artist and folder


@dataclass(frozen=True, slots=True)
class Group:
    """An album or an artist."""

    kind: Literal["album", "artist"]
    name: str
    artist: str | None
    """The artist; None for a compilation and for an album without one."""
    folder: str | None
    """The folder of a compilation or of an album without an artist; else None."""
    files: int
    failed: int
    """Files with an error."""
    seconds: float
    """Of audio."""
    musical_seconds: float
    """Of music."""
    verdict: Verdict | None
    """What the model says; None if all files have an error."""
    corrected: str | None
    """The genre to which more than half of the files are corrected."""

    @property
    def final_genre(self) -> str | None:
        """The correction where there is one, else the genre of the model."""
        if self.corrected is not None:
            return self.corrected
        return None if self.verdict is None else self.verdict.genre


@dataclass(slots=True)
class Tally:
    """The sum of some rows."""

    files: int = 0
    failed: int = 0
    seconds: float = 0.0
    musical: float = 0.0  # s
    music: float = 0.0  # s, weighted by the probability of music
    probabilities: dict[str, float] = field(default_factory=dict)  # times seconds of music
    corrections: Counter[str] = field(default_factory=Counter)

    def add(self, row: Row) -> None:
        """Count a row."""
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
        """Count all rows of another tally."""
        self.files += other.files
        self.failed += other.failed
        self.seconds += other.seconds
        self.musical += other.musical
        self.music += other.music
        for label, total in other.probabilities.items():
            self.probabilities[label] = self.probabilities.get(label, 0.0) + total
        self.corrections.update(other.corrections)

    def without(self, row: Row) -> Tally:
        """The tally before this row was counted; its corrections do not matter."""
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
        """What the model says of the rows together; None if it has no result for any."""
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
        """The genre to which more than half of the files are corrected."""
        for genre, count in self.corrections.most_common(1):
            if 2 * count > self.files:
                return genre
        return None


class Groups:
    """The albums and artists of a library.

    `rows`: all of them, read once; what is kept grows with the number of albums and artists.
    `unsure`: probability that a label must reach to be the genre of a group; None: as in the rows,
    between the most confident unsure one and the least confident one with a genre.

    A row without an album or artist in its tags belongs to none.
    """

    def __init__(self, rows: Iterable[Row], unsure: float | None = None) -> None:
        albums: dict[tuple[str, str], dict[str, Tally]] = defaultdict(lambda: defaultdict(Tally))
        artists: dict[str, Tally] = defaultdict(Tally)
        self._names: dict[str, str] = {}  # folded -> as first written
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
            unsure = (doubtful + sure) / 2 if 0 < doubtful < sure < 1 else _USUAL_UNSURE
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
        return tuple(self._albums.values())

    @property
    def artists(self) -> Sequence[Group]:
        return tuple(self._artists.values())

    def album_of(self, row: Row) -> Group | None:
        """The album of a row."""
        place = self._place.get(self._key(row))
        return None if place is None else self._albums[place]

    def rest_of_album(self, row: Row) -> Verdict | None:
        """What the model says of the other tracks of the album of a row."""
        place = self._place.get(self._key(row))
        return None if place is None else self._tallies[place].without(row).verdict(self.unsure)

    def artist_of(self, row: Row) -> Group | None:
        """The artist of a row: the first one that its tag names."""
        return self._artists.get(self._key(row)[1])

    def _key(self, row: Row) -> _AlbumKey:
        title, artist = row.album or "", next(iter(artists_in(row.artist or "")), "")
        keys = folded(title), folded(artist)
        self._names.setdefault(keys[0], title)
        self._names.setdefault(keys[1], artist)
        return (
            keys[0],
            "" if keys[1] in _ANYBODY else keys[1],
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
    """Which album the tracks of each artist are of, for one title in one folder."""
    files = sum(tally.files for tally in parts.values())
    guests = sum(tally.files for tally in parts.values() if tally.files < _OWN_ALBUM)
    main = max(parts, key=lambda artist: parts[artist].files)
    mixed = 2 * guests > files >= 2 * parts[main].files
    for artist, tally in parts.items():
        by = "" if mixed else artist if tally.files >= _OWN_ALBUM and artist else main
        yield artist, (title, by, "" if by else folder)


@lru_cache(4_096)
def _album_folder(folder: str) -> str:
    """The folder of an album; that above it for the folder of a disc."""
    above, name = split_path(folder)
    return above if _DISC.fullmatch(name) else folder
