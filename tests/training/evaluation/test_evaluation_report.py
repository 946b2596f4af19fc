"""The files of an evaluation."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="evaluation needs the train extra")
pytest.importorskip("mir_eval", reason="evaluation needs the train extra")
pytest.importorskip("matplotlib", reason="evaluation needs the train extra")

from support.engines import Gated
from support.paths import RESULTS
from support.tones import CARD, Tones

from streamgenre.model.model import Model
from training.data.record import DataError, Track
from training.evaluation import (
    Plan,
    evaluate,
    make_folder,
    redraw,
    write_evaluation,
)
from training.evaluation.report import verdicts


def test_an_evaluation_writes_figures_report_and_pictures(evaluated):
    evaluation, folder, written = evaluated
    assert all(path.stat().st_size for path in written)
    assert sum(path.suffix == ".png" for path in written) == 6
    assert json.loads((folder / "test.json").read_text()) == evaluation.metrics.to_json()
    text = (folder / "test.md").read_text()
    for heading in (
        "Whole tracks", "As the stream goes on", "Sets and lengths", "Genres", "Minute by minute",
        "Changes of genre", "After a change of track", "Calibration and doubt",
        "All tracks as one stream", "Steadiness within a track", "What is said of a track",
        "What is no music",
    ):  # fmt: skip
        assert f"\n## {heading}" in text
    for told in (
        "| split | test |", "| tracks scored | 13 |", "abc", "- The genre of a track is right in ",
        "- Mind: 13 tracks: the intervals", "Boundary F: ", "Never reached: ", "Area under risk",
    ):  # fmt: skip
        assert told in text
    assert "temperature" not in text and "by chance" not in text
    assert "[picture" not in text and text.count("](test-") == 6


def test_the_name_of_a_genre_can_look_like_a_formula(data, tmp_path):
    cash = dataclasses.replace(CARD.labels[2], name="$c^{a$ $h$", display="$h$")
    engine = Tones()
    engine.card = dataclasses.replace(CARD, labels=(*CARD.labels[:2], cash))
    tracks = [dataclasses.replace(t, genre=t.genre.replace("high", cash.name)) for t in data[0]]
    evaluation = evaluate(Model(engine), tracks, data[1], Plan(hops=(2.5,), mixes=0))
    assert "$c^{a$ $h$" in evaluation.labels
    assert any(path.suffix == ".png" for path in write_evaluation(evaluation, tmp_path))


def test_figures_are_safe_where_drawing_fails(evaluated, tmp_path, monkeypatch):
    monkeypatch.setattr("training.evaluation.report.write_plots", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_evaluation(evaluated[0], tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "test.json", "test.md", "test-verdicts.md", "test-2.5.csv", "test-0.5.csv"
    }  # fmt: skip


def test_a_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        make_folder(tmp_path / "file" / "out")


def test_an_evaluation_reports_all_sections_and_draws_the_gates(heard, tmp_path):
    scored, audio = heard
    evaluation = evaluate(Model(Gated(0.5)), list(scored.tracks), audio, Plan(mixes=0))
    written = {path.name for path in write_evaluation(evaluation, tmp_path)}
    assert "test-gates.png" in written
    found = json.loads((tmp_path / "test.json").read_text())
    assert found == evaluation.metrics.to_json()
    text = (tmp_path / "test.md").read_text()
    for heading in (
        "All tracks as one stream", "Steadiness within a track", "What is said of a track",
        "What is no music", "The gates over time",
    ):  # fmt: skip
        assert f"\n## {heading}" in text
    assert "digital silence | 1 | 240 | 1.000" in text and "macro recall after" in text
    # The same again, and without the live hop among those asked for.
    again = evaluate(Model(Gated(0.5)), list(scored.tracks), audio, Plan(hops=(2.5,), mixes=0))
    for name in ("stability", "non_music", "gates"):
        assert getattr(again.metrics, name) == getattr(evaluation.metrics, name)
    assert again.metrics.carry_over.changes == evaluation.metrics.carry_over.changes


def test_errors_are_listed_before_correct_tracks():
    tracks = [
        Track("a", "made", "jazz", "", "test", Path("a"), artist="One", title="First | take"),
        Track("b", "made", "jazz", "", "test", Path("b")),
        Track("c", "made", "rock", "", "test", Path("c")),
        Track("d", "made", "jazz", "", "test", Path("d")),
    ]
    said = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.1, 0.9]])
    text = verdicts(tracks, ["jazz", "rock"], said, "2.5")
    assert "## jazz: 1 of 3" in text and "## rock: 1 of 1" in text
    order = [text.index(name) for name in ("| d |", "| b |", "One – First \\| take")]
    assert order == sorted(order)
    assert "| wrong | d | rock 0.90 | jazz 0.10 |" in text


def test_report_and_pictures_are_redrawn_from_the_figures(evaluated, tmp_path):
    _, folder, written = evaluated
    again = {path.name: path for path in redraw(folder / "test.json", tmp_path)}
    assert again.keys() == {p.name for p in written if p.suffix == ".png"} | {"test.md"}
    assert again["test.md"].read_text() == (folder / "test.md").read_text()
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(DataError, match="not what evaluate wrote"):
        redraw(tmp_path / "other.json", tmp_path)


@pytest.mark.parametrize(
    "path", sorted(RESULTS.glob("[!v]*/test.json.gz")), ids=lambda p: p.parent.name
)
def test_committed_figures_can_be_drawn(path, tmp_path):
    assert len(redraw(path, tmp_path)) >= 5
