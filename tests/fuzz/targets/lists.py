"""Text files that people write or other programs make: lists, tables, settings, logs."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from fuzz.target import Reader, Target
from streamgenre.audio.files import content, playlist
from streamgenre.cli.config import defaults
from streamgenre.library.corrections import read_corrections
from streamgenre.library.groups import Groups
from streamgenre.library.listing import Selection, list_files, read_paths
from streamgenre.library.manifest import write_manifest
from streamgenre.library.report.inputs import input_kind
from streamgenre.library.results import read_results, write_results
from streamgenre.library.row import Row
from streamgenre.library.tagging.names import genre_names
from streamgenre.library.tagging.record import Field, FileState, Genre, Record, read_records
from streamgenre.radio.stations import read_stations
from streamgenre.update import Segment
from training.data.opening import open_dataset

LABELS = ("blues", "rock")


def rows(count: int = 6) -> list[Row]:
    """Rows of a small library, one of them with an error."""
    segments = (Segment(0.0, 10.0, "genre", "rock", 0.9),)
    row = Row(
        "/m/a.mp3", 1_000, 1.5e9, 10.0, "genre", "rock", None, 0.9, {"blues": 0.1, "rock": 0.9},
        {"punk": 0.5}, 1.0, 0.0, segments, "Band", "Album", "Song", 1999, "Rock", None, "m 1 (ab)",
    )  # fmt: skip
    made = [replace(row, path="/m/x.mp3", corrected="folk")]
    made += [
        replace(row, path=f"/m/{n}.mp3", title=f"Song {n}", year=1990 + n) for n in range(count)
    ]
    return [*made, Row("/m/broken.mp3", 10, 1.5e9, error="no audio", model="m 1 (ab)")]


def _playlist(data: bytes, folder: Path) -> None:
    for name, base in (("x.m3u", folder), ("x.pls", "http://127.0.0.1/a/"), ("x", None)):
        entries = playlist.entries_of(data, base, name) or ()
        for entry in entries:
            if base is not folder:
                with _refusals():
                    playlist.check_entry(entry.where)
    content.description(data[:4_096])
    playlist.is_hls(data)


class _refusals:  # noqa: N801  # read as a statement
    """A refused entry does not end the check of the other ones."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type | None, error: object, trace: object) -> bool:
        from streamgenre.errors import StreamgenreError

        return kind is not None and issubclass(kind, StreamgenreError)


def _paths(data: bytes, folder: Path) -> None:
    paths = list(read_paths(io.BytesIO(data)))
    for path in paths[:20]:
        # Only paths below the folder: the listing reads what it is given.
        list(list_files([str(folder / path.replace("/", "_").replace("..", "_"))[:4_000]], _ALL))


_ALL = Selection()


def _list_file(data: bytes, folder: Path) -> None:
    path = folder / "x.m3u"
    path.write_bytes(data.replace(b"/", b"_").replace(b"..", b"_"))
    list(list_files([str(path)], _ALL))


def _stations(data: bytes, folder: Path) -> None:
    path = folder / "stations.m3u"
    path.write_bytes(data.replace(b".m3u", b"").replace(b".pls", b""))  # these would be fetched
    stations, errors = read_stations([str(path)])
    assert all(station.url.startswith("http") for station in stations)
    assert all(str(error) for error in errors)


def _manifest(data: bytes, folder: Path) -> None:
    (folder / "0.wav").write_bytes(b"x")
    path = folder / "manifest.csv"
    path.write_bytes(data)
    open_dataset(path, for_training=False)


def _table(name: str) -> Callable[[bytes, Path], None]:
    def check(data: bytes, folder: Path) -> None:
        path = folder / name
        path.write_bytes(data)
        Path(f"{path}.corrections").write_text('{"target": "album:Album", "genre": "folk"}\n')
        input_kind(path)
        table = read_results(path)
        assert len({*table.columns}) == len(table.columns)
        labels = table.labels
        found = list(table)
        Groups(found)
        write_results(folder / "again.csv", found, labels)
        write_results(folder / "again.jsonl", found, labels)
        assert len(list(read_results(folder / "again.csv"))) == len(found)
        write_manifest(folder / "manifest.csv", found)

    return check


def _corrections(data: bytes, folder: Path) -> None:
    path = folder / "r.csv"
    Path(f"{path}.corrections").write_bytes(data)
    corrections = read_corrections(path)
    if corrections is not None:
        for row in rows():
            corrections.applied(row)


def _tag_records(data: bytes, folder: Path) -> None:
    path = folder / "r.tags"
    path.write_bytes(data)
    list(read_records(path))


def _names(data: bytes, folder: Path) -> None:
    path = folder / "map.toml"
    path.write_bytes(data)
    genre_names(path)


def _settings(data: bytes, folder: Path) -> None:
    from streamgenre.cli.live import command

    path = folder / "config.toml"
    path.write_bytes(data)
    os.environ["STREAMGENRE_CONFIG"] = str(path)
    import click

    try:
        defaults("live", command)
    except click.UsageError as error:
        assert error.format_message()
    finally:
        del os.environ["STREAMGENRE_CONFIG"]


def _radio_log(data: bytes, folder: Path) -> None:
    from streamgenre.radio.page import write_page

    path = folder / "radio.jsonl"
    path.write_bytes(data)
    input_kind(path)
    write_page(folder / "radio.html", path, _card().labels)


def _library_report(data: bytes, folder: Path) -> None:
    from streamgenre.cli.main import run

    path = folder / "r.jsonl"
    path.write_bytes(data)
    code = run(["report", str(path), "-o", str(folder / "r.html")])
    assert code in (0, 1, 2, 3), code


@cache
def _card():  # type: ignore[no-untyped-def]
    import streamgenre

    return streamgenre.load().card


_READERS: tuple[Callable[[bytes, Path], None], ...] = (
    _playlist,
    _paths,
    _list_file,
    _stations,
    _manifest,
    _table("r.csv"),
    _table("r.jsonl"),
    _table("r.parquet"),
    _corrections,
    _tag_records,
    _names,
    _settings,
    _radio_log,
    _library_report,
)


@cache
def tables() -> dict[str, bytes]:
    """The rows in every format of results."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        made = {}
        for kind in ("csv", "jsonl", "parquet"):
            path = Path(folder) / f"r.{kind}"
            write_results(path, rows(), LABELS)
            made[kind] = path.read_bytes()
    return made


def _seeds() -> Mapping[str, bytes]:
    m3u = b"#EXTM3U\n#EXTINF:12,Artist - Title\nmusic/a.mp3\nhttp://127.0.0.1:1/x\n"
    pls = b"[playlist]\nFile1=http://127.0.0.1:1/a\nTitle1=A\nFile2=c:\\music\\b.mp3\n"
    manifest = (
        b"key,genre,path,genre2,set,group,split,tags,artist,title\n"
        b"a,rock,0.wav,pop,x,1,train,a|b,Band,Song\nb,jazz,0.wav,,x,2,test,,Trio,Tune\n"
    )
    corrections = "".join(
        json.dumps(line) + "\n"
        for line in ({"target": "album:A", "artist": "B", "genre": "jazz"},
                     {"target": "path:/m/1.mp3", "genre": "folk"},
                     {"target": "glob:/m/**/*.mp3", "genre": "rock"})
    )  # fmt: skip
    names = b'base = "id3v1"\n[genres]\nrock = ["Rock", "Hard Rock"]\n[styles]\npunk = "Punk"\n'
    settings = b'[live]\nhop = 0.5\nformat = "jsonl"\nlog = "x.jsonl"\n'
    log = "".join(
        json.dumps(
            {"schema": 1, "clock": f"2026-01-0{n}T10:00:00Z", "station": "S", "url": "http://s/",
             "status": "genre", "genre": "rock", "confidence": 0.9,
             "probabilities": {"rock": 0.9}, "title": None, "error": None}) + "\n"
        for n in range(1, 6)
    )  # fmt: skip
    state = FileState(1_000, 10**18)
    genre = Genre(True, (Field("TCON", ("Rock",), (3,)),))
    record = (
        Record("/m/a.mp3", "write", state, state, "ab", ("Rock",), genre, "Rock").to_json() + "\n"
    )
    examples = (
        (m3u, pls), (b"a.mp3\nb/c.flac\n", b"a\0b\0"), (m3u,), (m3u, pls), (manifest,),
        (tables()["csv"],), (tables()["jsonl"],), (tables()["parquet"],),
        (corrections.encode(),), (record.encode(),), (names,), (settings,), (log.encode(),),
        (tables()["jsonl"],),
    )  # fmt: skip
    deep = b'{"a": ' + b"[" * 20_000
    return {
        f"{number}-{index}": bytes([number]) + data
        for number, datas in enumerate(examples)
        for index, data in enumerate((*datas, deep))
    }


def _check(data: bytes, folder: Path) -> None:
    reader = Reader(data)
    read = _READERS[reader.number() % len(_READERS)]
    read(reader.rest(), folder)


TARGET = Target(
    "lists",
    "playlists, path lists, manifests, result tables, corrections, maps, settings, radio logs",
    _seeds,
    _check,
)
