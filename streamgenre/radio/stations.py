"""Read the list of stations from playlists and addresses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..audio.address import Recording, is_url, resolved, shown
from ..audio.files import open_recording
from ..audio.files.content import beginning
from ..audio.files.http import HttpFile
from ..audio.files.playlist import Entry, PlaylistError, check_entry, entries_of
from ..errors import InputError, one_line

LISTS = (".m3u", ".m3u8", ".pls")
_MAX_NAME = 100  # characters
_FETCH_TIMEOUT = 15.0  # s without data


@dataclass(frozen=True)
class Station:
    """A radio station."""

    name: str
    url: str
    """URL of the stream, or of a playlist of its servers. May contain a password."""

    @property
    def address(self) -> str:
        """The URL without user name and password."""
        return shown(self.url)


def read_stations(names: Iterable[str]) -> tuple[tuple[Station, ...], list[InputError]]:
    """Return the stations of playlists and addresses without duplicates, and the errors.

    An address is a station, unless its path ends in .m3u, .m3u8 or .pls and it lists several
    stations. If such a playlist cannot be fetched, its address becomes a station, so that it is
    retried later.
    """
    found: dict[str, Station] = {}
    errors: list[InputError] = []
    for name in names:
        try:
            for entry in _listed(name):
                try:
                    station = _station(entry)
                except InputError as error:
                    errors.append(InputError(f"{shown(name)}: {error}"))
                else:
                    found.setdefault(station.url, station)
        except InputError as error:
            errors.append(error)
    return tuple(found.values()), errors


def _listed(name: str) -> Sequence[Entry]:
    """The entries of a playlist, or the address itself."""
    address = resolved(name)
    if is_url(address):
        entries = _fetched(address)
        if len(entries) > 1:
            for entry in entries:
                check_entry(entry.where)
            return entries
        return [Entry(address, entries[0].title if entries else "")]
    try:
        open_recording(Recording(address)).close()
    except PlaylistError as listed:
        return listed.listed
    raise InputError(f"{name}: is a recording; pass a playlist of stations (m3u, pls)")


def _fetched(address: str) -> Sequence[Entry]:
    """Download a playlist; empty if it cannot be fetched or is not a playlist."""
    if not address.split("?")[0].lower().endswith(LISTS):
        return ()
    try:
        file = HttpFile(address, _FETCH_TIMEOUT)
    except InputError:
        return ()
    try:
        return entries_of(beginning(file), file.url, address) or ()
    finally:
        file.close()


def _station(entry: Entry) -> Station:
    where, title = entry
    if not Recording(where).is_url:
        raise InputError(f"the entry {shown(where)} is not an http(s) address")
    url = resolved(where)
    name = one_line(" ".join(title.split())) or shown(url).split("://", 1)[1].rstrip("/")
    return Station(name[:_MAX_NAME].removeprefix("...@"), url)
