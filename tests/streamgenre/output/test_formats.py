"""Every format for timelines, against its golden file and against programs that read it.

After a change that is meant, write the golden files again:

    PYTHONPATH=.:tests python tests/streamgenre/output/test_formats.py
"""

from __future__ import annotations

import csv
import dataclasses
import io
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from support.timelines import timeline_of

import streamgenre
from streamgenre.audio.address import Recording
from streamgenre.model.card import Label, Thresholds
from streamgenre.output.formats import FORMATS
from streamgenre.output.timeline import write_function
from streamgenre.output.timeline.graph import layers

GOLDEN = Path(__file__).parent / "golden"
FILES = {
    "json": "timeline.json",
    "csv": "timeline.csv",
    "audacity": "timeline.labels.txt",
    "srt": "timeline.srt",
    "vtt": "timeline.vtt",
    "html": "timeline.html",
    "svg": "timeline.svg",
    "png": "timeline.png",
}
RECORDING = Recording("music/R&B <1>, \"live\".mp3")  # fmt: skip
LABELS = (
    Label("jazz", "Jazz", "#8458d6"),
    Label("rock", "Rock", "#e0453a"),
    Label("hiphop", "Hip hop", "#ff9f1c"),
    Label("folk", "Folk & <more>", "#8fae3c"),
)
DECISIONS = (
    [("genre", "jazz")] * 4
    + [("unsure", None)] * 4
    + [("genre", "rock")] * 8
    + [("no-music", None)] * 3
    + [("gap", None)] * 2
    + [("genre", "hiphop")] * 5
)


def example(model, decisions=DECISIONS):
    """A timeline with every status, of a card that does not change with the model."""
    card = dataclasses.replace(
        model.card,
        name="model",
        version="1",
        sha256="0" * 64,
        labels=LABELS,
        styles=(),
        thresholds=Thresholds(0.35, 0.5, -60.0, 0.1, smoothing=2.0),
    )
    return timeline_of(card, decisions)


def written(name, timeline, recording=RECORDING, folder=Path("results")) -> bytes:
    data = io.BytesIO()
    file = io.TextIOWrapper(data, "utf-8", write_through=True)
    write_function(FORMATS[name], folder)(file, recording, timeline)
    file.flush()
    return data.getvalue()


def comparable(name: str, data: bytes) -> bytes:
    """The part of a page that depends on the timeline: its body without the script."""
    if name != "html":
        return data
    text = data.decode()
    return text[text.index("<body>") : text.index("<script>")].encode()


@pytest.mark.parametrize("name", [name for name in FILES if name != "png"])
def test_a_format_matches_its_golden_file(model, name):
    expected = (GOLDEN / FILES[name]).read_bytes().replace(b"\r\n", b"\n")
    assert comparable(name, written(name, example(model))) == expected


def test_the_png_looks_like_its_golden_file(model):
    """Not byte by byte: versions of Matplotlib and FreeType place letters differently."""
    image = pytest.importorskip("matplotlib.image", reason="needs the plot extra")
    expected = image.imread(GOLDEN / FILES["png"])
    drawn = image.imread(io.BytesIO(written("png", example(model))))
    assert drawn.shape == expected.shape
    different = np.abs(drawn[..., :3] - expected[..., :3]).max(2) > 0.2
    assert different.mean() < 0.01


def test_every_format_is_tested():
    assert {*FORMATS} == {*FILES, "text", "jsonl"}  # which are tested with the command


def test_rows_of_csv_can_be_read_back(model):
    timeline = example(model)
    table = write_function(FORMATS["csv"], Path())
    file = io.StringIO()
    for name in ("a,b.mp3", 'two\n"lines".mp3'):
        table(file, Recording(name), timeline)
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    segments = timeline.segments
    assert file.getvalue().count("file,start") == 1 and len(rows) == 2 * len(segments)
    assert [*rows[0]] == ["file", "start", "end", "status", "genre", "confidence"]
    assert {row["file"] for row in rows} == {"a,b.mp3", 'two\n"lines".mp3'}
    for row, segment in zip(rows, segments, strict=False):
        assert (float(row["start"]), float(row["end"])) == (segment.start, segment.end)
        assert (row["status"], row["genre"] or None) == (segment.status, segment.genre)


def test_labels_are_as_audacity_documents_them(model):
    """Start, end and text between tabs, seconds with a decimal point; one label per line."""
    text = written("audacity", example(model)).decode()
    line = re.compile(r"(\d+\.\d+)\t(\d+\.\d+)\t([^\t\n]*)")
    assert text.endswith("\n")
    labels = [line.fullmatch(row).groups() for row in text.splitlines()]
    assert [(float(a), float(b)) for a, b, _ in labels] == [
        (segment.start, segment.end) for segment in example(model).segments
    ]
    assert [label for *_, label in labels] == [
        "Jazz", "Unsure", "Rock", "No music", "No signal", "Hip hop",
    ]  # fmt: skip


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the ffmpeg command")
@pytest.mark.parametrize("name", ["srt", "vtt"])
def test_ffmpeg_reads_captions(model, tmp_path, name):
    source = tmp_path / f"captions.{name}"
    source.write_bytes(written(name, example(model)))
    command = ["ffmpeg", "-v", "warning", "-i", source, "-f", "srt", "-"]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert done.stderr == ""
    captions = written("srt", example(model)).decode()
    assert done.stdout.split() == captions.split()


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the ffmpeg command")
def test_captions_of_a_long_recording_with_a_short_end(model, tmp_path):
    timeline = timeline_of(model.card, [("genre", "jazz"), ("genre", "rock")], hop=90_000.0)
    timeline.append(dataclasses.replace(timeline.updates[0], time=180_000.0002))
    for name in ("srt", "vtt"):
        text = written(name, timeline).decode()
        assert "50:00:00" in text and text.count("-->") == 2  # the third would have no length
        (tmp_path / f"x.{name}").write_text(text)
        command = ["ffmpeg", "-v", "warning", "-i", tmp_path / f"x.{name}", "-f", "srt", "-"]
        done = subprocess.run(command, capture_output=True, check=True, text=True)
        assert done.stderr == "" and done.stdout.count("-->") == 2


@pytest.mark.parametrize("decisions", [DECISIONS, [("no-music", None)], [("genre", "jazz")] * 5000])
def test_the_svg_is_well_formed_and_stays_inside_its_frame(model, decisions):
    data = written("svg", example(model, decisions))
    root = ElementTree.fromstring(data)
    width, height = float(root.get("width")), float(root.get("height"))
    for element in root.iter():
        if element.tag.endswith("rect") and element.get("x"):
            assert 0 <= float(element.get("x")) <= width
            assert float(element.get("x")) + float(element.get("width")) <= width
        if element.tag.endswith("path"):
            numbers = [float(n) for n in re.findall(r"[\d.]+", element.get("d"))]
            assert max(numbers[::2]) <= width and max(numbers[1::2]) <= height
    assert len(data) < 400_000  # of three hours, too


def test_the_layers_of_the_graph_fill_it(model):
    """At each time, the probabilities add up to one; nothing is drawn where there is no music."""
    timeline = example(model)
    by_start = {}
    for layer in layers(timeline):
        assert (layer.upper >= layer.lower).all()
        by_start.setdefault(layer.times[0], []).append(layer)
    assert sorted(by_start) == [0.0, 52.5]
    assert [stretch[0].times[-1] for stretch in by_start.values()] == [40.0, 65.0]
    for stretch in by_start.values():
        np.testing.assert_allclose(stretch[-1].upper, 1, atol=1e-6)


class Page(HTMLParser):
    """The elements of a page that could request something, and whether all are closed."""

    VOID = ("meta", "link", "br")

    def __init__(self, text):
        super().__init__()
        self.open, self.requested = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(tag)
        values = [
            v for name, v in attributes if name in ("src", "href", "action", "data", "poster")
        ]
        self.requested += [(tag, value) for value in values]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attributes):
        pass


@pytest.mark.parametrize(
    "name",
    ["song.mp3", "a/<script>alert(1)</script>.mp3", 'x" onerror="alert(1).mp3', "$word 100%?#.mp3",
     "two\nlines.mp3", "lie\u0301d \U0001f3b5.flac", "(the recording).mp3"],
)  # fmt: skip
def test_a_page_requests_its_recording_and_nothing_else(model, name):
    page = Page(written("html", example(model), Recording(name)).decode())
    assert page.open == []
    link, audio = page.requested
    assert link == ("link", "data:,")
    assert audio[0] == "audio" and audio[1].startswith("./") and "<" not in audio[1]


def test_the_link_of_a_page_leads_from_its_folder_to_the_recording(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "a b#1.mp3").touch()
    for folder, expected in {
        "music": "./a%20b%231.mp3",
        "pages/music": "./../../music/a%20b%231.mp3",
        ".": "./music/a%20b%231.mp3",
    }.items():
        Path(folder).mkdir(parents=True, exist_ok=True)
        for source in ("music/a b#1.mp3", str(tmp_path / "music" / "a b#1.mp3")):
            text = written("html", example(model), Recording(source), Path(folder)).decode()
            assert f'src="{expected}"' in text


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("-", None),
        ("", None),
        ("http://host/x.mp3?a=1&b=2", "http://host/x.mp3?a=1&amp;b=2"),
        ("http://me:secret@host/x.mp3", None),
    ],
)
def test_a_page_of_what_is_no_file(model, name, source):
    text = written("html", example(model), Recording(name)).decode()
    assert "secret" not in text and ("<audio" in text) == (source is not None)
    if source:
        assert f'src="{source}"' in text and 'preload="none"' in text
        assert "media-src http://host;" in text


@pytest.mark.parametrize("name", [name for name in FILES if name != "png"])
def test_a_timeline_is_saved_as_the_command_writes_it(model, tmp_path, name):
    target = tmp_path / f"x{FORMATS[name].extension}"
    streamgenre.save(example(model), target, RECORDING.where, format=name)
    assert target.read_bytes() == written(name, example(model), folder=tmp_path)


def test_the_extension_chooses_the_format_to_save(model, tmp_path):
    streamgenre.save(example(model), tmp_path / "x.VTT")
    assert (tmp_path / "x.VTT").read_text().startswith("WEBVTT")
    streamgenre.save(example(model), tmp_path / "x.html")
    assert "<h1>Recording</h1>" in (tmp_path / "x.html").read_text()
    for name in ("x.txt", "x.jsonl", "x.xyz"):
        with pytest.raises(streamgenre.ConfigError, match=r"choose json|use .csv"):
            streamgenre.save(example(model), tmp_path / name)
    with pytest.raises(streamgenre.ConfigError, match="embed"):
        streamgenre.save(example(model), tmp_path / "x.csv", "x.mp3", embed=True)
    with pytest.raises(streamgenre.OutputError, match=r"none\.mp3"):
        streamgenre.save(example(model), tmp_path / "y.html", "none.mp3", embed=True)
    assert {path.name for path in tmp_path.iterdir()} == {"x.VTT", "x.html"}


def test_png_without_matplotlib_names_the_remedy(model, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(streamgenre.ConfigError, match=r"pip install .*\[plot\]"):
        streamgenre.save(example(model), tmp_path / "x.png")


if __name__ == "__main__":
    loaded = streamgenre.load()
    for format_name, file_name in FILES.items():
        result = comparable(format_name, written(format_name, example(loaded)))
        (GOLDEN / file_name).write_bytes(result)
    from PIL import Image

    with Image.open(GOLDEN / FILES["png"]) as picture:
        picture.convert("P", palette=Image.Palette.ADAPTIVE).save(picture.filename, optimize=True)
