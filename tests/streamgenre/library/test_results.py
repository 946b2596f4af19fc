"""Results can be written and read in every format without loss."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace

import pytest

import streamgenre
from streamgenre.errors import ConfigError, InputError
from streamgenre.library.corrections import Correction, Corrections, Target, write_corrections
from streamgenre.library.results import check_format, write_results
from streamgenre.library.row import Row, columns
from streamgenre.update import Segment

LABELS = ("folk", "jazz")
ROWS = [
    Row(
        path='/music/a, "b"\nü.mp3',
        size=3_000_000_000,
        mtime=1796046903.4104,
        duration=61.5,
        status="genre",
        genre="jazz",
        confidence=0.75,
        probabilities={"folk": 0.25, "jazz": 0.75},
        styles={"swing": 0.5, "bebop": 0.4},
        music=0.9,
        speech=0.01,
        segments=(
            Segment(0.0, 2.5, "unsure", None, 0.5),
            Segment(2.5, 61.5, "genre", "jazz", 0.8),
        ),
        artist="Someone; Another",
        album="007",
        title="12",
        year=1959,
        tag_genre="Jazz",
        model="tfcrnn 2.2 0123456789ab",
    ),
    Row("/music/broken.mp3", 0, 5.0, error="is empty (0 bytes)", model="tfcrnn 2.2 0123456789ab"),
    Row("/music/gone.mp3", None, None, error="no such file", model="tfcrnn 2.2 0123456789ab"),
]
COLUMNS = [
    "path", "size", "mtime", "duration", "status", "genre", "corrected", "confidence",
    "probability_folk", "probability_jazz", "styles", "music", "speech", "segments", "artist",
    "album", "title", "year", "tag_genre", "error", "model",
]  # fmt: skip


@pytest.fixture(params=[".parquet", ".csv", ".jsonl"])
def path(request, tmp_path):
    if request.param == ".parquet":
        pytest.importorskip("pyarrow", reason="needs the library extra")
    return tmp_path / f"results{request.param}"


def test_round_trip(path):
    write_results(path, ROWS, LABELS)
    results = streamgenre.read_results(path)
    assert list(results) == ROWS
    assert len(results) == len(ROWS)
    assert results.columns == COLUMNS == columns(LABELS)


def test_data_frame(path):
    pytest.importorskip("pandas")
    write_results(path, ROWS, LABELS)
    frame = streamgenre.read_results(path).to_pandas()
    assert list(frame.columns) == COLUMNS and len(frame) == len(ROWS)
    assert frame["genre"].tolist()[0] == "jazz" and frame["genre"].isna().tolist()[1:] == [True] * 2
    assert frame["probability_jazz"].sum() == 0.75 and frame["size"].sum() == 3_000_000_000
    assert frame["year"].tolist()[0] == 1959 and frame["album"].tolist()[0] == "007"
    assert frame["styles"].tolist()[0] == {"swing": 0.5, "bebop": 0.4}
    assert frame["segments"].tolist()[0][1]["end"] == 61.5


def test_empty_table(path):
    write_results(path, [], LABELS)
    results = streamgenre.read_results(path)
    assert list(results) == [] and len(results) == 0


def test_plain_csv_and_json(tmp_path):
    write_results(tmp_path / "a.csv", ROWS, LABELS)
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        head, first, *_ = csv.reader(file)
    assert head == COLUMNS and first[0] == ROWS[0].path and json.loads(first[10])["swing"] == 0.5
    write_results(tmp_path / "a.jsonl", ROWS, LABELS)
    lines = (tmp_path / "a.jsonl").read_text("utf-8").splitlines()
    assert [list(json.loads(line)) for line in lines] == [COLUMNS] * len(ROWS)


def test_long_fields_are_read_and_the_limit_of_the_csv_module_is_kept(tmp_path):
    limit = csv.field_size_limit()
    segments = tuple(Segment(i, i + 1, "genre", "jazz", 0.5) for i in range(limit // 50))
    row = replace(ROWS[0], segments=segments)
    write_results(tmp_path / "a.csv", [row, row], LABELS)
    for found in streamgenre.read_results(tmp_path / "a.csv"):
        assert csv.field_size_limit() == limit
        assert found == row
    assert csv.field_size_limit() == limit
    (tmp_path / "b.csv").write_text(",".join(COLUMNS) + '\n"', "utf-8")
    with pytest.raises(InputError):
        list(streamgenre.read_results(tmp_path / "b.csv"))
    assert csv.field_size_limit() == limit


def test_parquet_types(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the library extra")
    write_results(tmp_path / "a.parquet", ROWS, LABELS)
    schema = parquet.read_schema(tmp_path / "a.parquet")
    types = {field.name: str(field.type) for field in schema}
    assert types["size"] == "int64" and types["probability_jazz"] == "double"
    assert types["styles"].startswith("map<") and types["segments"].startswith("list<")


@pytest.mark.parametrize("name", ["a.xlsx", "a", "-", "a.json"])
def test_unknown_extension(name):
    with pytest.raises(ConfigError, match=r"\.parquet, \.csv or \.jsonl"):
        check_format(name)


def test_missing_pyarrow_is_reported_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for call in (check_format, streamgenre.read_results):
        with pytest.raises(ConfigError, match=r"pip install '.*\[library\]'.*\.csv"):
            call(tmp_path / "a.parquet")


@pytest.mark.parametrize("data", [b"", b"\xff\0", b"a,b\n1,2\n", b'{"a": 1}\n'])
def test_other_files_are_rejected_in_one_line(path, data):
    path.write_bytes(data)
    if data == b"" and path.suffix == ".jsonl":
        pytest.skip("is a table without rows")
    with pytest.raises(InputError, match=f"{path.name}: cannot be read") as refused:
        list(streamgenre.read_results(path))
    assert "\n" not in str(refused.value)
    with pytest.raises(InputError, match="no such file"):
        streamgenre.read_results(path.with_stem("missing"))


def test_table_without_the_column_corrected(path, tmp_path):
    write_results(path, ROWS, LABELS)
    if path.suffix == ".parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
        parquet.write_table(parquet.read_table(path).drop_columns("corrected"), path)
    elif path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row[:6] + row[7:] for row in csv.reader(file)]
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
    else:
        records = map(json.loads, path.read_text("utf-8").splitlines())
        kept = [{name: one[name] for name in one if name != "corrected"} for one in records]
        path.write_text("".join(json.dumps(one) + "\n" for one in kept), "utf-8")
    results = streamgenre.read_results(path)
    assert list(results) == ROWS and results.columns == COLUMNS


def test_corrections_are_applied_to_rows(path):
    write_results(path, ROWS, LABELS)
    target = Target.parse("artist:another")
    write_corrections(path, Corrections([Correction(target, "bebop")]))
    first, *others = streamgenre.read_results(path)
    assert (first.genre, first.corrected, first.final_genre) == ("jazz", "bebop", "bebop")
    assert others == ROWS[1:]
    write_corrections(path, Corrections())
    assert list(streamgenre.read_results(path)) == ROWS
