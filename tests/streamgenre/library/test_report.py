"""The tables of a report: shares, unsure files, likely wrong tags, outliers, speech and silence."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamgenre.cli.main import run
from streamgenre.library.report.csv_files import write_csv_files
from streamgenre.library.report.looks import looks
from streamgenre.library.report.page import write_page
from streamgenre.library.report.tables import WITHOUT_GENRE, build, category_of
from streamgenre.library.results import write_results
from streamgenre.library.row import Row
from streamgenre.library.tag_genres import labels_of_tag
from streamgenre.update import Segment

GOLDEN = Path(__file__).parent / "golden"
LABELS = ("folk", "jazz", "rock")


def row(path, top, probability, tag=None, names=("Ann", "One"), year=1999, **more):
    """A minute of music, of which a tenth is silence."""
    rest = (1 - probability) / 2
    status = "genre" if probability >= 0.5 else "unsure"
    genre = top if status == "genre" else None
    values = {
        "duration": 60.0,
        "status": status,
        "genre": genre,
        "confidence": probability,
        "probabilities": {label: probability if label == top else rest for label in LABELS},
        "music": 0.9,
        "speech": 0.02,
        "segments": (
            Segment(0, 54, status, genre, probability),
            Segment(54, 60, "no-music", None, 1),
        ),
        "title": Path(path).stem.title(),
        "artist": names[0],
        "album": names[1],
        "year": year,
        "tag_genre": tag,
        "model": "m 1 0",
    }
    return Row(path, 1000, 1.0, **(values | more))


TALK = {
    "status": "no-music",
    "genre": None,
    "segments": (Segment(0, 3, "genre", "folk", 0.9), Segment(3, 60, "no-music", None, 1)),
    "music": 0.05,
    "speech": 0.5,
}
ROWS = [
    row("/m/One/a.mp3", "jazz", 0.9, "Jazz"),
    row("/m/One/b.mp3", "jazz", 0.8, "Jazz; Vocal"),
    row("/m/One/c.mp3", "rock", 0.7, "Jazz"),
    row("/m/One/d.mp3", "jazz", 0.95, "Pop/Rock"),
    row("/m/One/e, \"f\".mp3", "folk", 0.4, "Soundtrack", year=None),
    row("/m/Two/g.mp3", "rock", 0.6, "Rock", ("Bob", "Two"), 2001, corrected="surf"),
    row("/m/Two/h.mp3", "rock", 0.6, "Alternative", ("Bob; Ann", "Two"), 2001),
    row("/m/talk.mp3", "folk", 0.5, None, (None, None), None, **TALK),
    Row("/m/bad.mp3", 0, 1.0, error="is empty (0 bytes)", model="m 1 0"),
]  # fmt: skip


def test_tables_match_the_golden_files(tmp_path):
    write_csv_files(tmp_path, build(ROWS, LABELS))
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in GOLDEN.iterdir()}
    for path in GOLDEN.iterdir():
        assert (tmp_path / path.name).read_text("utf-8") == path.read_text("utf-8"), path.name


def test_files_to_review():
    report = build(ROWS, LABELS)

    def named(name):
        return [Path(cells[0]).name for cells in report.table(name).rows]

    # Corrections come first, then d with the highest confidence. "Soundtrack" matches no label.
    assert named("tags") == ["g.mp3", "d.mp3", "c.mp3"]
    assert named("outliers") == ["c.mp3"]
    assert named("unsure") == ['e, "f".mp3'] and named("sound") == ["talk.mp3"]
    assert report.counts == Counter(
        {"jazz": 3, "rock": 2, "surf": 1, "unsure": 1, "no-music": 1, "error": 1}
    )


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("Rock", {"rock"}),
        ("ROCK & ROLL", {"rock"}),
        ("Hip-Hop/Rap", {"hiphop"}),
        ("Hip hop", {"hiphop"}),
        ("Latin Jazz", {"jazz"}),
        ("Pop/Rock", {"pop", "rock"}),
        ("Jazz; Vocal", {"jazz"}),
        ("R&B", {"soul"}),
        ("Drum & Bass", {"electronic"}),
        ("Soundtrack", set()),
        ("rocket", set()),
        ("", set()),
    ],
)
def test_labels_of_tag(tag, expected):
    labels = ("electronic", "hiphop", "jazz", "pop", "rock", "soul")
    assert labels_of_tag(tag, labels) == expected


def test_labels_of_tag_are_labels_of_the_model():
    assert labels_of_tag("Punk", ("jazz", "punk")) == {"punk"}
    assert labels_of_tag("Punk", ("jazz",)) == set()
    assert labels_of_tag("Salsa Dura", ("salsa",)) == {"salsa"}


NAMES = st.sampled_from([None, "A", "B", "A; B", "</script>"])
ANY_ROW = st.builds(
    row,
    st.sampled_from([f"/m/{name}/{i}.mp3" for name in "xy" for i in range(4)]),
    st.sampled_from(LABELS),
    st.sampled_from([0.4, 0.6, 1.0]),
    st.sampled_from([None, "Jazz", "Pop", "x"]),
    st.tuples(NAMES, NAMES),
    st.sampled_from([None, 1999, 2001]),
    corrected=st.sampled_from([None, None, "jazz", "unsure", "surf"]),
    error=st.sampled_from([None, None, None, "is damaged"]),
    status=st.sampled_from(["genre", "unsure", "no-music"]),
)


@given(st.lists(ANY_ROW, max_size=12))
@settings(max_examples=25)
def test_shares_sum_to_one_and_each_file_is_counted_once(rows):
    report = build(rows, LABELS)
    assert report.files == len(rows) == sum(report.counts.values())
    genres = report.table("genres").rows
    assert sum(cells[2] for cells in genres) == len(rows)
    statuses = Counter(category_of(one)[0] for one in rows)
    assert set(statuses) <= {"genre", *WITHOUT_GENRE}
    for status in WITHOUT_GENRE:
        (found,) = (cells[2] for cells in genres if cells[:2] == (status, None))
        assert found == statuses[status]
    if rows:
        assert sum(cells[3] for cells in genres) == pytest.approx(1, abs=1e-5)
    for name in ("artists", "albums", "years", "folders"):
        table = report.table(name)
        parts = [i for i, column in enumerate(table.columns) if column.kind == "part"]
        files = next(i for i, column in enumerate(table.columns) if column.name == "files")
        for cells in table.rows:
            assert sum(cells[i] for i in parts) == pytest.approx(1, abs=1e-4)
        if name in ("years", "folders"):
            assert sum(cells[files] for cells in table.rows) == len(rows)
    assert len(report.table("unsure").rows) == statuses["unsure"]


class Scripts(HTMLParser):
    """The script elements of a page."""

    def __init__(self):
        super().__init__()
        self.found, self._inside = [], False

    def handle_starttag(self, tag, attributes):
        self._inside = tag == "script"
        if self._inside:
            self.found.append("")

    def handle_data(self, data):
        if self._inside:
            self.found[-1] += data

    def handle_endtag(self, tag):
        self._inside = False


EVIL = st.text(st.sampled_from(list("</script><!--'\"&\n\r\t\u2028\0$é")), min_size=1, max_size=20)


@given(EVIL, EVIL)
@settings(max_examples=40)
def test_names_cannot_break_out_of_the_data(tmp_path_factory, name, tag):
    page = tmp_path_factory.getbasetemp() / "page.html"
    path = "/m/" + name.replace("/", "|")
    report = build([row(path, "jazz", 0.9, tag, (tag, tag), corrected=tag)], LABELS)
    write_page(page, report, tag, looks(report.genres))
    text = page.read_text("utf-8")
    data, _ = scripts(text)
    found = json.loads(data)
    assert found["files"]["name"] == [path.removeprefix("/m/")]
    assert found["files"]["artist"] == [tag]
    assert "<!--" not in text


def scripts(text):
    parser = Scripts()
    parser.feed(text)
    return parser.found


def test_page_makes_no_requests(tmp_path):
    report = build(ROWS, LABELS)
    write_page(tmp_path / "page.html", report, "t", looks(report.genres))
    text = (tmp_path / "page.html").read_text("utf-8")
    assert not re.search(r"https?:", text) and "default-src 'none'" in text


def test_links_are_relative_to_the_page(tmp_path):
    music = tmp_path / "mu sic#" / "x"
    music.mkdir(parents=True)
    (tmp_path / "pages").mkdir()
    report = build([row(f"{music}/a?.mp3", "jazz", 0.9)], LABELS)
    write_page(tmp_path / "pages/p.html", report, "t", looks(report.genres))
    data, _ = scripts((tmp_path / "pages/p.html").read_text("utf-8"))
    assert json.loads(data)["folders"] == [[str(music), "./../mu%20sic%23/x/"]]


def test_the_command(tmp_path, capsys):
    results = tmp_path / "genres.csv"
    write_results(results, ROWS, LABELS)
    assert run(["report", str(results)]) == 0
    assert (tmp_path / "genres.html").exists()
    assert run(["report", str(results), "--format", "csv", "-o", str(tmp_path / "t")]) == 0
    with (tmp_path / "t" / "files.csv").open(newline="", encoding="utf-8") as file:
        assert [one["path"] for one in csv.DictReader(file)] == [one.path for one in ROWS]
    assert "9 files" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "name", "code", "words"),
    [
        (None, "a.csv", 3, "no such file"),
        (None, "a.jsonl", 3, "no such file"),
        ("x", "a.txt", 2, ".parquet, .csv or .jsonl"),
        ('{"time": 1}\n', "a.jsonl", 3, "is not the table of a scan"),
        ("no json\n", "a.jsonl", 3, "is not the table of a scan"),
        ("a,b\n", "a.csv", 3, "is not the table of a scan"),
    ],
)
def test_other_inputs_are_rejected_in_one_line(tmp_path, capsys, content, name, code, words):
    if content is not None:
        (tmp_path / name).write_text(content)
    assert run(["report", str(tmp_path / name), "-o", str(tmp_path / "p.html")]) == code
    error = capsys.readouterr().err
    assert words in error and name in error and error.count("\n") == 1
    assert not (tmp_path / "p.html").exists()


def test_report_of_an_empty_scan(tmp_path):
    for name in ("a.csv", "a.jsonl"):
        write_results(tmp_path / name, [], LABELS)
        assert run(["report", str(tmp_path / name)]) == 0
