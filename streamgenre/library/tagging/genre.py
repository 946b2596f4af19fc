"""Read, write and restore the genre tag of one file.

The containers are read and written by mutagen. This module adds three cases that mutagen does not
support: changing only the genre byte of ID3v1, an APEv2 tag in a file with ID3, and the INFO list
of wav files.
"""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ...errors import ConfigError, InputError, first_line
from ...extras import install_command
from . import riff
from .record import Field, Genre

try:
    import mutagen
    import mutagen.aiff
    import mutagen.apev2
    import mutagen.asf
    import mutagen.dsdiff
    import mutagen.dsf
    import mutagen.flac
    import mutagen.id3
    import mutagen.mp4
    import mutagen.ogg
    import mutagen.wave
except ImportError:
    mutagen = None  # type: ignore[assignment]

_V1_SIZE, _V1_NONE = 128, 255
_ENCODING = re.compile(r"encoding=<[^>]*>,? ?")
_LATIN1, _UTF16, _UTF8 = 0, 1, 3
_APE_TEXT = 0


class GenreTag(ABC):
    """The genre tag of a file. Writes are immediate and not atomic."""

    genre: Genre
    """The genre fields, exactly as stored."""
    names: tuple[str, ...]
    """The genres as text, for display."""
    others: str
    """Hash of all other fields."""

    def __init__(self, path: Path, kind: Any) -> None:
        self.path, self.kind = path, kind

    @abstractmethod
    def set_genres(self, genres: Sequence[str]) -> None:
        """Write these genres. They replace the stored ones."""

    @abstractmethod
    def restore(self, genre: Genre) -> None:
        """Write the genre fields that the file had before."""

    def matches(self, genres: Sequence[str]) -> bool:
        """Whether all genre fields of the file have exactly these values."""
        places: dict[str, list[str]] = {}
        for field in self.genre.fields:
            if field.name != _V1:
                places.setdefault(field.name.lower(), []).extend(field.values)
        # The INFO list has a single value, terminated by NUL.
        info = [value.encode("latin-1") for value in places.pop(_INFO.lower(), [])]
        return (
            bool(places or info)
            and all(values == [*genres] for values in places.values())
            and all(value.rstrip(b"\0") == genres[0].encode() for value in info)
        )


def read_genre(path: Path, kind: type | None = None) -> GenreTag:
    """Read the genre tag of a file.

    `kind`: the `kind` of another GenreTag, for a copy whose extension does not show its format.
    Raises InputError if the tags cannot be read or the format is not supported, and ConfigError if
    mutagen is missing.
    """
    if mutagen is None:
        raise ConfigError(f"tags need mutagen: {install_command('tags')}")
    try:
        if kind is None:
            found = mutagen.File(str(path))
            if found is None:
                raise InputError(f"{path}: tags of this format cannot be written")
            kind = type(found)
        return _of_kind(path, kind)
    except InputError:
        raise
    except Exception as error:  # mutagen raises many types for damaged tags
        raise InputError(f"{path}: its tags cannot be read: {first_line(error)}") from None


def _of_kind(path: Path, kind: Any) -> GenreTag:
    if issubclass(kind, _id3_kinds()):
        return _ID3(path, kind)
    if issubclass(kind, (mutagen.flac.FLAC, mutagen.ogg.OggFileType)):
        return _Vorbis(path, kind)
    if issubclass(kind, mutagen.mp4.MP4):
        return _MP4(path, kind)
    if issubclass(kind, mutagen.apev2.APEv2File):
        return _APE(path, kind)
    if issubclass(kind, mutagen.asf.ASF):
        return _ASF(path, kind)
    raise InputError(f"{path}: tags of this format cannot be written")


def _id3_kinds() -> tuple[type, ...]:
    return (
        mutagen.id3.ID3FileType,
        mutagen.wave.WAVE,
        mutagen.aiff.AIFF,
        mutagen.dsf.DSF,
        mutagen.dsdiff.DSDIFF,
    )


def _hash(parts: Iterable[object]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(repr(part).encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()


# ID3v1: the last 128 bytes of a file. The last byte is the genre number.

_V1, _INFO = "ID3v1", "IGNR"


def _read_v1(path: Path) -> bytes:
    with path.open("rb") as file:
        if file.seek(0, 2) < _V1_SIZE:
            return b""
        file.seek(-_V1_SIZE, 2)
        data = file.read()
    return data if data.startswith(b"TAG") else b""


class _without_v1:  # noqa: N801  # read as a statement
    """Removes the ID3v1 tag while other tags are written, and appends it again with a genre."""

    def __init__(self, path: Path, v1: bytes, genre: int) -> None:
        self._path, self._v1, self._genre = path, v1, genre

    def __enter__(self) -> None:
        if self._v1:
            with self._path.open("r+b") as file:
                file.truncate(file.seek(-_V1_SIZE, 2))

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._v1:
            with self._path.open("ab") as file:
                file.write(self._v1[:-1] + bytes([self._genre]))


def _v1_number(genres: Sequence[str]) -> int:
    known = [name.lower() for name in mutagen.id3.TCON.GENRES]
    first = genres[0].lower()
    return known.index(first) if first in known else _V1_NONE


def _v1_fields(v1: bytes) -> list[Field]:
    return [Field(_V1, (str(v1[-1]),))] if v1 else []


def _v1_before(genre: Genre) -> int:
    return next((int(field.values[0]) for field in genre.fields if field.name == _V1), _V1_NONE)


# APEv2: keys are case-insensitive, but their case is preserved.


def _ape_keys(tags: Any) -> list[str]:
    return [key for key in tags if key.lower() == "genre"]


def _ape_fields(tags: Any) -> list[Field]:
    fields = []
    for key in _ape_keys(tags):
        if tags[key].kind != _APE_TEXT:
            raise InputError("the genre in its APEv2 tag is not text; remove that item first")
        fields.append(Field(_APE_PREFIX + key, tuple(tags[key])))
    return fields


_APE_PREFIX = "APEv2 "


def _ape_others(tags: Any) -> list[tuple[str, int, object]]:
    genre = _ape_keys(tags)
    return sorted((key, tags[key].kind, tags[key].value) for key in tags if key not in genre)


def _ape_put(tags: Any, genres: Sequence[str]) -> None:
    keys = _ape_keys(tags) or ["Genre"]
    for key in keys[1:]:
        del tags[key]
    tags[keys[0]] = list(genres)


def _ape_restore(tags: Any, genre: Genre) -> None:
    for key in _ape_keys(tags):
        del tags[key]
    for field in genre.fields:
        if field.name.startswith(_APE_PREFIX):
            tags[field.name.removeprefix(_APE_PREFIX)] = list(field.values)


class _ID3(GenreTag):
    """mp3, TTA, wav, AIFF and DSD files."""

    def __init__(self, path: Path, kind: Any) -> None:
        super().__init__(path, kind)
        at_ends = issubclass(kind, mutagen.id3.ID3FileType)  # otherwise in a chunk
        # Read the tag as stored: without conversion to another version or values from ID3v1.
        self._tags = kind(str(path), translate=False, load_v1=False).tags
        self._v1 = _read_v1(path) if at_ends else b""
        self._ape = _ape_tag(path) if at_ends else None
        self._info = riff.info_items(path) if issubclass(kind, mutagen.wave.WAVE) else None
        fields = [*self._frames(), *_v1_fields(self._v1)]
        if self._ape is not None:
            fields += _ape_fields(self._ape)
        stored = None if self._info is None else self._info.get(riff.GENRE)
        if stored is not None:
            fields.append(Field(_INFO, (stored.decode("latin-1"),)))
        self.genre = Genre(self._tags is not None, tuple(fields))
        self.names = self._shown(stored)
        self._version = self._version_to_write()
        self.others = self._hash_others()

    def _frames(self) -> list[Field]:
        frames = [] if self._tags is None else self._tags.getall("TCON")
        return [Field("TCON", tuple(f.text), (int(f.encoding),)) for f in frames]

    def _shown(self, info: bytes | None) -> tuple[str, ...]:
        found = (
            [] if self._tags is None else [n for f in self._tags.getall("TCON") for n in f.genres]
        )
        if not found and self._ape is not None:
            found = [value for field in _ape_fields(self._ape) for value in field.values]
        if not found and info:
            found = [info.rstrip(b"\0").decode("utf-8", "replace")]
        known = mutagen.id3.TCON.GENRES
        if not found and self._v1 and self._v1[-1] < len(known):
            found = [known[self._v1[-1]]]
        return tuple(name for name in found if name.strip())

    def _version_to_write(self) -> int:
        """The version of the tag, or 2.3 for 2.2, which mutagen does not write."""
        if self._tags is None:
            return 4
        version = self._tags.version[1]
        if version == 2:
            if self._tags.unknown_frames:
                raise InputError(
                    f"{self.path}: has ID3v2.2 frames without an equivalent in ID3v2.3; convert "
                    "its tags first"
                )
            self._tags.update_to_v23()
        return 3 if version <= 3 else 4

    def _hash_others(self) -> str:
        parts: list[object] = [self._v1[:-1]]
        tags = self._tags
        if tags is None and self._v1 and self._ape is None:
            tags = self._new_tag()  # the new ID3v2 tag will have these frames
        if tags is not None:
            frames = (f for key, f in tags.items() if not key.startswith("TCON"))
            # mutagen does not write empty text frames.
            kept = [f for f in frames if not (isinstance(f, mutagen.id3.TextFrame) and not str(f))]
            parts += sorted((f.HashKey, _ENCODING.sub("", repr(f))) for f in kept)
            parts += sorted(tags.unknown_frames)
        if self._ape is not None:
            parts += _ape_others(self._ape)
        return _hash(parts)

    def set_genres(self, genres: Sequence[str]) -> None:
        path = str(self.path)
        tags, ape = self._tags, self._ape
        # Some readers ignore other tags if there is an ID3v2 tag, so none is added to a file that
        # already has title or artist in another kind of tag.
        if tags is None and ape is None and not self._described():
            tags = self._new_tag()
        with _without_v1(self.path, self._v1, _v1_number(genres)):
            if tags is not None:
                latin = all(ord(c) < 256 for c in "".join(genres))
                encoding = _UTF8 if self._version == 4 else _LATIN1 if latin else _UTF16
                frame = mutagen.id3.TCON(encoding=encoding, text=list(genres))
                tags.setall("TCON", [frame])
                self._save(tags)
            if ape is not None and (tags is None or _ape_keys(ape)):
                _ape_put(ape, genres)
                ape.save(path)
        if self._info is not None:
            riff.set_info_genre(self.path, genres[0].encode() + b"\0")

    def _described(self) -> bool:
        """Whether the INFO list has more than the name of the program that wrote the file."""
        return bool(self._info and {*self._info} - {riff.SOFTWARE})

    def _new_tag(self) -> Any:
        """Create a tag with the fields of ID3v1, which some readers ignore if there is an ID3v2."""
        if self._v1:
            return mutagen.id3.ID3(str(self.path), load_v1=True)
        found = self.kind(str(self.path))
        found.add_tags()
        return found.tags

    def _save(self, tags: Any) -> None:
        # Separate several values by NUL in both versions, so that other frames do not change.
        tags.save(str(self.path), v2_version=self._version, v23_sep=None)

    def restore(self, genre: Genre) -> None:
        path = str(self.path)
        with _without_v1(self.path, self._v1, _v1_before(genre)):
            if self._tags is not None and not genre.has_tag:
                self._delete()
            elif self._tags is not None:
                frames = [
                    mutagen.id3.TCON(encoding=field.detail[0], text=list(field.values))
                    for field in genre.fields
                    if field.name == "TCON"
                ]
                self._tags.setall("TCON", frames)
                self._save(self._tags)
            if self._ape is not None:
                _ape_restore(self._ape, genre)
                self._ape.save(path)
        if self._info is not None:
            stored = (field.values[0] for field in genre.fields if field.name == _INFO)
            old = next(stored, None)
            riff.set_info_genre(self.path, None if old is None else old.encode("latin-1"))

    def _delete(self) -> None:
        if issubclass(self.kind, mutagen.id3.ID3FileType):
            self._tags.delete(str(self.path), delete_v1=False)
        else:
            self.kind(str(self.path)).delete(str(self.path))


def _ape_tag(path: Path) -> Any:
    try:
        return mutagen.apev2.APEv2(str(path))
    except mutagen.apev2.APENoHeaderError:
        return None


class _Vorbis(GenreTag):
    """Ogg (Vorbis, Opus, Speex, FLAC) and FLAC files."""

    def __init__(self, path: Path, kind: Any) -> None:
        super().__init__(path, kind)
        self._file = kind(str(path))
        pairs = [] if self._file.tags is None else [*self._file.tags]
        if any("\ufffd" in value or "?" in key for key, value in pairs):
            raise InputError(f"{path}: has comments that are not UTF-8; repair its tags first")
        self.genre = Genre(
            self._file.tags is not None,
            tuple(Field(k, (v,), (i,)) for i, (k, v) in enumerate(pairs) if _is_genre(k)),
        )
        self.names = tuple(v for k, v in pairs if _is_genre(k) and v.strip())
        kept: list[object] = [pair for pair in pairs if not _is_genre(pair[0])]
        blocks = getattr(self._file, "metadata_blocks", ())
        kept += [(b.code, b.write()) for b in blocks if b.code not in (1, 4)]  # padding, comments
        self.others = _hash(kept)

    def set_genres(self, genres: Sequence[str]) -> None:
        if self._file.tags is None:
            self._file.add_tags()
        tags, old = self._file.tags, self.genre.fields
        kept = [pair for pair in tags if not _is_genre(pair[0])]
        key, place = (old[0].name, old[0].detail[0]) if old else ("GENRE", len(kept))
        tags[:] = [*kept[:place], *((key, genre) for genre in genres), *kept[place:]]
        self._file.save(str(self.path))

    def restore(self, genre: Genre) -> None:
        if not genre.has_tag:
            self._file.delete(str(self.path))
            return
        pairs = [pair for pair in self._file.tags if not _is_genre(pair[0])]
        for field in genre.fields:
            pairs.insert(field.detail[0] or 0, (field.name, field.values[0]))
        self._file.tags[:] = pairs
        self._file.save(str(self.path))


def _is_genre(key: str) -> bool:
    return key.lower() == "genre"


class _MP4(GenreTag):
    """mp4, m4a and m4b files."""

    _KEY = "\xa9gen"

    def __init__(self, path: Path, kind: Any) -> None:
        super().__init__(path, kind)
        self._file = kind(str(path))
        tags = self._file.tags or {}
        stored = self._KEY in tags
        fields = (Field(self._KEY, tuple(tags[self._KEY])),) if stored else ()
        self.genre = Genre(self._file.tags is not None, fields)
        self.names = tuple(value for field in fields for value in field.values if value.strip())
        self.others = _hash(sorted((k, repr(v)) for k, v in tags.items() if k != self._KEY))

    def set_genres(self, genres: Sequence[str]) -> None:
        if self._file.tags is None:
            self._file.add_tags()
        self._file.tags[self._KEY] = list(genres)
        self._file.save(str(self.path))

    def restore(self, genre: Genre) -> None:
        if not genre.has_tag:
            self._file.delete(str(self.path))
            return
        self._file.tags.pop(self._KEY, None)
        for field in genre.fields:
            self._file.tags[self._KEY] = list(field.values)
        self._file.save(str(self.path))


class _APE(GenreTag):
    """WavPack, Musepack, Monkey's Audio, OptimFROG and TAK files."""

    def __init__(self, path: Path, kind: Any) -> None:
        super().__init__(path, kind)
        self._v1 = _read_v1(path)
        self._tags = _ape_tag(path)
        fields = [] if self._tags is None else _ape_fields(self._tags)
        self.names = tuple(value for field in fields for value in field.values if value.strip())
        self.genre = Genre(self._tags is not None, (*fields, *_v1_fields(self._v1)))
        kept: list[object] = [self._v1[:-1]]
        self.others = _hash(kept + ([] if self._tags is None else [*_ape_others(self._tags)]))

    def set_genres(self, genres: Sequence[str]) -> None:
        tags = mutagen.apev2.APEv2() if self._tags is None else self._tags
        with _without_v1(self.path, self._v1, _v1_number(genres)):
            _ape_put(tags, genres)
            tags.save(str(self.path))

    def restore(self, genre: Genre) -> None:
        with _without_v1(self.path, self._v1, _v1_before(genre)):
            _ape_restore(self._tags, genre)
            if genre.has_tag:
                self._tags.save(str(self.path))
            else:
                self._tags.delete(str(self.path))


class _ASF(GenreTag):
    """wma and wmv files."""

    _KEY = "WM/Genre"

    def __init__(self, path: Path, kind: Any) -> None:
        super().__init__(path, kind)
        self._file = kind(str(path))
        stored = [value for name, value in self._file.tags if name == self._KEY]
        if any(value.TYPE != mutagen.asf.UNICODE for value in stored):
            raise InputError(f"{path}: its genre is not text; remove that attribute first")
        self.genre = Genre(
            True, tuple(Field(self._KEY, (v.value,), (v.language, v.stream)) for v in stored)
        )
        self.names = tuple(v.value for v in stored if v.value.strip())
        self.others = _hash(
            sorted(
                (name, repr((v.TYPE, v.value, v.language or 0, v.stream or 0)))
                for name, v in self._file.tags
                if name != self._KEY
            )
        )

    def _set(self, values: Iterable[tuple[str, int | None, int | None]]) -> None:
        kind: Any = mutagen.asf.ASFUnicodeAttribute  # type: ignore[attr-defined]
        made = [kind(text, language=lang, stream=stream) for text, lang, stream in values]
        kept = [(name, value) for name, value in self._file.tags if name != self._KEY]
        self._file.tags[:] = kept + [(self._KEY, value) for value in made]
        self._file.save(str(self.path))

    def set_genres(self, genres: Sequence[str]) -> None:
        self._set((genre, None, None) for genre in genres)

    def restore(self, genre: Genre) -> None:
        self._set((field.values[0], *field.detail) for field in genre.fields)  # type: ignore[misc]
