"""List audio files recursively. Only one folder is in memory at a time."""

from __future__ import annotations

import glob
import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO

from ..audio.address import scheme, shown
from ..audio.files.playlist import entries_of, is_hls
from ..errors import InputError, reason
from .remote import Remote, is_remote
from .row import LibraryFile, Unlisted

_EXTENSIONS = (
    ".3gp .8svx .aac .ac3 .adts .aif .aifc .aiff .amr .ape .asf .au .avi .avr .bwf .caf .dff "
    ".dsf .dts .eac3 .ec3 .f4a .flac .flv .gsm .htk .iff .ircam .m4a .m4b .m4r .m4v .mka .mkv "
    ".mov .mp+ .mp1 .mp2 .mp3 .mp4 .mpc .mpeg .mpg .mpp .mts .nist .ofr .oga .ogg .ogv .oma "
    ".opus .paf .pvf .qt .ra .rf64 .rm .sd2 .sds .sf .shn .snd .spx .tak .ts .tta .voc .vob "
    ".w64 .wav .wave .webm .wma .wmv .wv .wve .xi "
)
AUDIO = frozenset(_EXTENSIONS.split())
"""Extensions of audio and video files."""
LISTS = frozenset({".m3u", ".m3u8", ".pls"})
_LONGEST_LIST = 1 << 28  # bytes
_DEEPEST_LIST = 4
_RESOURCE_FORK = "._"  # prefix of files in which macOS stores attributes on other file systems
_CHUNK = 1 << 16

ListingEntry = LibraryFile | Unlisted


@dataclass(frozen=True)
class Selection:
    """Selects files below a folder. Files that are passed explicitly are always included.

    Patterns support the wildcards *, ? and [...] and ignore case. A pattern without a slash is
    matched against the name, one with a slash against the path relative to the given folder.
    """

    include: tuple[str, ...] = ()
    """Patterns of files to include. If empty, files with an extension in AUDIO are included."""
    exclude: tuple[str, ...] = ()
    """Patterns of files and folders to exclude."""
    follow: bool = False
    """Follow symbolic links to folders. Each folder is listed once; real folders come first."""

    def includes(self, relative: str) -> bool:
        """Whether to include the file at this path relative to the given folder."""
        name = relative.rpartition("/")[2]
        if self.excludes(relative) or name.startswith(_RESOURCE_FORK):
            return False
        if self.include:
            return _matches(relative, self.include)
        return Path(name).suffix.lower() in AUDIO

    def includes_below(self, relative: str) -> bool:
        """Whether to include the file, with `exclude` also applied to its parent folders."""
        folders = relative.split("/")[:-1]
        return self.includes(relative) and not any(
            self.excludes("/".join(folders[: i + 1])) for i in range(len(folders))
        )

    def excludes(self, relative: str) -> bool:
        """Whether a file or folder is excluded."""
        return _matches(relative, self.exclude)


def _matches(relative: str, patterns: Sequence[str]) -> bool:
    relative = relative.lower()
    name = relative.rpartition("/")[2]
    if os.sep == "\\":  # both separators are usual there
        patterns = [pattern.replace("\\", "/") for pattern in patterns]
    return any(
        fnmatchcase(relative if "/" in pattern else name, pattern.lower()) for pattern in patterns
    )


def list_files(paths: Iterable[str], selection: Selection) -> Iterator[ListingEntry]:
    """List the files of paths, which can be files, folders, playlists, globs and fsspec URLs.

    A file below two of the paths is listed twice. The files of a folder are sorted by name.
    """
    walk = _Walk(selection)
    for path in paths:
        yield from _list_path(path, walk, 0)
    yield from walk.linked()


def read_paths(file: BinaryIO) -> Iterator[str]:
    """Read paths from a file: separated by NUL if its start contains one, otherwise by newlines."""
    rest = chunk = file.read(_CHUNK)
    mark = b"\0" if b"\0" in chunk else b"\n"
    while chunk:
        *whole, rest = rest.split(mark)
        yield from map(_path, filter(None, whole))
        chunk = file.read(_CHUNK)
        rest += chunk
    if rest:
        yield _path(rest)


def _path(line: bytes) -> str:
    return os.fsdecode(line.removesuffix(b"\r"))


def _list_path(path: str, walk: _Walk, depth: int) -> Iterator[ListingEntry]:
    if is_remote(path):
        yield from _list_address(path, walk)
        return
    if scheme(path):
        yield Unlisted(shown(path), "is an address; scan accepts only files and folders")
        return
    path = os.path.abspath(path)  # noqa: PTH100  # links stay as they are
    try:
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            yield from walk.folder(path)
        elif not stat.S_ISREG(status.st_mode):
            yield Unlisted(path, "is not a regular file; pass a file or a folder")
        elif Path(path).suffix.lower() in LISTS:
            if depth == _DEEPEST_LIST:
                yield Unlisted(
                    path, "the playlists refer to each other; pass the files themselves", True
                )
                return
            for entry in _entries(Path(path)):
                yield from _list_path(entry, walk, depth + 1)
        else:
            yield LibraryFile(path, status.st_size, status.st_mtime_ns)
    except (OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError) and glob.has_magic(path):
            matches = sorted(glob.glob(path, recursive=True))  # noqa: PTH207  # has its root
            for match in matches:
                yield from _list_path(match, walk, depth)
            if matches:
                return
        yield Unlisted(path, _why(error))
    except InputError as error:
        yield Unlisted(path, str(error), holds_files=True)


def _list_address(address: str, walk: _Walk) -> Iterator[ListingEntry]:
    try:
        for relative, file in Remote(address).files():
            if not relative or walk.selection.includes_below(relative):
                yield file
    except InputError as error:
        yield Unlisted(shown(address), str(error), holds_files=True)


def _entries(path: Path) -> list[str]:
    with path.open("rb") as file:
        data = file.read(_LONGEST_LIST + 1)
    if is_hls(data):
        raise InputError(
            "is a playlist of a live stream (HLS); pass its address to streamgenre without scan"
        )
    entries = None if len(data) > _LONGEST_LIST else entries_of(data, path.parent, path.name)
    if not entries:
        raise InputError("is not a playlist, or has no entries; pass the files themselves")
    return [entry.where for entry in entries]


class _Walk:
    """Walks through folders. With `follow`, it remembers the folders it has listed."""

    def __init__(self, selection: Selection) -> None:
        self.selection = selection
        self._links: deque[tuple[str, str]] = deque()  # to folders; listed after real folders
        self._seen: set[tuple[int, int]] = set()

    def folder(self, root: str, below: str = "") -> Iterator[ListingEntry]:
        """List the files below a folder. `below`: its path relative to the given folder."""
        waiting = [(root, below)]
        while waiting:
            path, below = waiting.pop()
            if self.selection.follow and not self._is_new(path):
                continue
            folders = []
            try:
                with os.scandir(path) as listed:
                    entries = sorted(listed, key=lambda entry: entry.name)
            except OSError as error:
                yield Unlisted(path, f"the folder cannot be listed: {_why(error)}", True)
                continue
            for entry in entries:
                relative = f"{below}/{entry.name}" if below else entry.name
                try:
                    if entry.is_dir(follow_symlinks=False):
                        if not self.selection.excludes(relative):
                            folders.append((entry.path, relative))
                    elif _links_to_folder(entry):
                        if self.selection.follow and not self.selection.excludes(relative):
                            self._links.append((entry.path, relative))
                    elif self.selection.includes(relative):
                        status = entry.stat()
                        if stat.S_ISREG(status.st_mode):
                            yield LibraryFile(entry.path, status.st_size, status.st_mtime_ns)
                except OSError as error:  # it disappeared, or is a dangling link
                    yield Unlisted(entry.path, _why(error))
            waiting += reversed(folders)

    def linked(self) -> Iterator[ListingEntry]:
        """List the files below linked folders that were not listed yet."""
        while self._links:
            yield from self.folder(*self._links.popleft())

    def _is_new(self, path: str) -> bool:
        try:
            status = Path(path).stat()
        except OSError:
            return True  # listing it reports the reason
        key = (status.st_dev, status.st_ino)
        new = key not in self._seen
        self._seen.add(key)
        return new


def _links_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_symlink() and entry.is_dir()
    except OSError:  # a link to itself
        return False


def _why(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file; check the path"
    if isinstance(error, PermissionError):
        return "no permission to read it; check its owner and mode"
    return f"{reason(error)}; check the path and the disk"
