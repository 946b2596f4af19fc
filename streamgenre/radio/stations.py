"""The stations to listen to, from playlists and addresses."""

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
_LONGEST_NAME = 100  # characters
_FETCHING = 15.0  # s without data


@dataclass(frozen=True)
class Station:
    """A station: its name, and the URL of its stream or of a playlist of its servers."""

    name: str
    url: str
    """Possibly with a password."""

    @property
    def address(self) -> str:
        """The URL without user name and password."""
        return shown(self.url)


def read_stations(names: Iterable[str]) -> tuple[tuple[Station, ...], list[InputError]]:
    """The stations of playlists and addresses, each URL once, and what cannot be read of them.

    An address is a station, unless its path ends in .m3u, .m3u8 or .pls and it lists several. If
    such a list cannot be fetched now, its address counts as a station, which is tried again.
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
    """The addresses that a name stands for."""
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
    raise InputError(f"{name}: is a recording; give a playlist of stations (m3u, pls)")


def _fetched(address: str) -> Sequence[Entry]:
    """The entries of a playlist on the network; none if it is something else, or not there."""
    if not address.split("?")[0].lower().endswith(LISTS):
        return ()
    try:
        file = HttpFile(address, _FETCHING)
    except InputError:
        return ()
    try:
        return entries_of(beginning(file), file.url, address) or ()
    finally:
        file.close()


def _station(entry: Entry) -> Station:
    where, title = entry
    if not Recording(where).is_url:
        raise InputError(f"the entry {shown(where)} is not the address of a station")
    url = resolved(where)
    name = one_line(" ".join(title.split())) or shown(url).split("://", 1)[1].rstrip("/")
    return Station(name[:_LONGEST_NAME].removeprefix("...@"), url)
