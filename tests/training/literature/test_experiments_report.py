"""The report of the table of published systems, on results that are made up."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from support.paths import RESULTS

pytest.importorskip("sklearn", reason="evaluation needs the train extra")
pytest.importorskip("matplotlib", reason="evaluation needs the train extra")
pytest.importorskip("torch", reason="training needs the train extra")

from support.tones import track

from training.data import DataError
from training.evaluation import read_predictions, write_predictions
from training.evaluation.metrics import Estimate
from training.literature.questions import Question, all_questions, compare, seeds_apart
from training.literature.report import write_report
from training.literature.report.answers import answer
from training.literature.report.tables import training_hours
from training.literature.report.tags import tag_answers
from training.literature.results import FIELDS, PREDICTIONS, Entry, genre_metrics, predictions_of
from training.literature.rows import all_rows
from training.literature.systems import System, each_seed, mean_hits, systems_of

LABELS = ["blues", "jazz", "$ki|ng"]
TRUE = np.arange(60) % 3
TRACKS = [track(f"k{i}", LABELS[t]) for i, t in enumerate(TRUE)]
CHARTS = ["accuracy", "parameters", "cost", "genres", "confusion", "choi-parameters",
          "choi-tags-parameters", "choi-time"]  # fmt: skip


def entry(folder, section, system, seed, wrong, **more):
    """A system that errs on the tracks of `wrong`, and its predictions."""
    guess = TRUE.copy()
    guess[list(wrong)] = (guess[list(wrong)] + 1) % 3
    said = np.eye(3)[guess] * 0.7 + 0.1
    (folder / PREDICTIONS).mkdir(parents=True, exist_ok=True)
    write_predictions(folder / PREDICTIONS / f"{system}-{seed}.csv.gz", TRACKS, LABELS, said)
    return {
        "section": section, "system": system, "title": f"The {system}", "source": "Someone 2016",
        "task": "genre", "seed": seed, "dataset": "tones", "data": "ab", "time": "2026-01-02",
        "narrowed": "width 8 instead of 64", "published": f"GTZAN 0.{seed}{section}", "why": "so",
        "parameters": 100_000 * section + seed, "macs_per_second": 3_000_000, "passes": 2.0,
        "cpu_seconds_per_second": 0.002, "train_seconds": 360.0,
    } | genre_metrics([row[None] for row in said], TRUE, LABELS).to_json() | more  # fmt: skip


MINIMAL = {"section": 1, "system": "a", "seed": 1, "data": "ab"}


def typed(entry):
    return Entry.model_validate(entry)


def tagger(system, area, apart):
    tags = {
        name: {"roc_auc": 0.7 + i / 50 + more, "pr_auc": 0.2, "positives": 9 - i}
        for i, (name, more) in enumerate(zip(("rock", "sad", "guitar", "80s"), apart, strict=True))
    }
    return {"section": 9, "system": system, "title": "tagger", "source": "Choi et al. 2016",
            "task": "tags", "seed": 1, "data": "ab", "tracks": 60, "roc_auc": area, "pr_auc": 0.3,
            "tags": tags, "parameters": 200_000, "train_seconds": 60.0, "passes": 1.0,
            "published": "AUC 0.8662"}  # fmt: skip


def made(folder):
    """Three seeds each of two systems, three of Choi's, three taggers, and one that is bare."""
    entries = [
        *(
            entry(folder, 1, "crnn-basic", s, range(20 + s), accuracy_carried=0.6)
            for s in (1, 2, 3)
        ),
        *(entry(folder, 1, "tfcrnn-g1", s, range(5 + s)) for s in (1, 2, 3)),
        entry(folder, 9, "choi-crnn-0.25", 1, range(12)),
        entry(folder, 9, "choi-k2c2-0.25", 1, range(1, 13)),
        entry(folder, 9, "choi-k2c2-1", 1, range(9), parameters=1_000_000),
        tagger("choi-tags-crnn-0.1", 0.7, (0, 0, 0, 0)),
        tagger("choi-tags-k2c2-0.1", 0.75, (0.04, 0.05, 0.05, 0.06)),
        tagger("choi-tags-k2c2-3", 0.75, (0.04, 0.05, 0.05, 0.06)) | {"parameters": 3_000_000},
        {"section": 4, "system": "bare", "seed": 1, "data": "ab", "accuracy": None},
    ]
    folder.mkdir(exist_ok=True)
    (folder / "results.json").write_text(json.dumps(entries))
    return entries


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "experiments"
    return folder, made(folder), write_report(folder)


def test_every_system_and_published_figure_is_in_the_table(reported):
    folder, entries, written = reported
    text = (folder / "table.md").read_text()
    for e in entries:
        lines = [line for line in text.splitlines() if f"`{e['system']}`" in line]
        assert len(lines) >= 2 and all(e["source"] in text for line in lines if "source" in e)
        if e["seed"] == 1 and "published" in e:
            assert sum(e["published"] in line for line in lines) == 1
    assert {path.name for path in written} == {"table.md", "questions.md"} | {
        f"{name}.png" for name in CHARTS
    }
    assert all(f"({path.name})" in text for path in written[1:])
    assert {len(set(map(row_cells, rows))) for rows in tables(text)} == {1}


def tables(text):
    return [part.splitlines() for part in text.split("\n\n") if part.startswith("|")]


def row_cells(row):
    return len(re.findall(r"(?<!\\)\|", row))


def test_a_line_has_the_mean_over_seeds_its_spread_and_the_costs(reported):
    folder, entries, _ = reported
    figures, cost = (
        next(rows for rows in tables((folder / "table.md").read_text()) if name in rows[0])
        for name in ("of segments", "multiply-adds")
    )
    line = next(row for row in figures if "`crnn-basic`" in row)
    assert "| 3 | 0.633 ± 0.017 (" in line
    # The mean of hits over seeds: their one interval, not the mean of three.
    value, low, high = entries[0]["accuracy"]
    mine = re.search(r"\((0\.\d+) to (0\.\d+)\)", line)
    assert 0 < float(mine[1]) < 38 / 60 < float(mine[2]) and low < value < high
    assert next(row for row in cost if "`choi-crnn-0.25`" in row) == (
        "| 9 | `choi-crnn-0.25` | 900,001 | 3.0 | 2.00 | 6.0 | 2.0 | width 8 instead of 64 |"
    )
    bare = next(row for row in cost if "`bare`" in row)
    assert bare == "| 4 | `bare` | – | – | – | – | – | – |"


def test_hours_are_counted_once(reported):
    assert training_hours(map(typed, reported[1])) == pytest.approx(9 * 0.1 + 3 / 60)
    assert (
        training_hours([typed(MINIMAL | {"train_seconds": 3600.0, "networks": 6})]) == 0
    )  # they count already


def test_the_same_results_give_the_same_bytes(reported, tmp_path):
    made(tmp_path)
    again = write_report(tmp_path)
    assert [path.name for path in again] == [path.name for path in reported[2]]
    for path, first in zip(again, reported[2], strict=True):
        assert path.read_bytes() == first.read_bytes(), path.name
        assert path.stat().st_size < 120_000


@pytest.mark.parametrize(
    ("kept", "charts"),
    [
        (("labels", "confusion"), {"confusion"}),
        (("confusion", "parameters", "train_seconds"), {"confusion"}),
        (("recall_by_genre",), {"genres"}),
        (("task", "passes", "title"), set()),
    ],
)
def test_missing_parts_are_omitted(reported, tmp_path, kept, charts):
    always = ("system", "section", "seed", "data", *kept)
    shorter = [{key: e.get(key) for key in always} for e in reported[1]]
    (tmp_path / "results.json").write_text(json.dumps(shorter))
    names = {path.name for path in write_report(tmp_path)}
    assert names == {"table.md"} | {f"{chart}.png" for chart in charts}
    text = (tmp_path / "table.md").read_text()
    assert all(f"`{e['system']}`" in text for e in shorter) and "| – |" in text


def test_no_results_make_no_report(tmp_path):
    assert write_report(tmp_path) == [] and not list(tmp_path.iterdir())


def test_a_known_difference_is_reported_correctly(reported):
    folder, entries, _ = reported
    known = {s.name: s for s in systems_of(map(typed, entries), folder)}
    found = compare(known["tfcrnn-g1"], known["crnn-basic"])
    # Wrong on 7 of 60 tracks on the mean, and on 22: fifteen tracks are between them.
    value, low, high = found.difference
    assert value == pytest.approx(15 / 60, abs=1e-4) and 0.12 < low < value < high < 0.38
    assert found.direction == 1 and found.p < 1e-3
    assert compare(known["crnn-basic"], known["tfcrnn-g1"]).direction == -1
    # The same number right, on other tracks.
    same = compare(known["choi-crnn-0.25"], known["choi-k2c2-0.25"])
    assert same.difference[0] == 0 and same.direction == 0 and same.p is None
    text = (folder / "questions.md").read_text()
    assert re.search(r"^Helps: \+0\.250 \(\+0\.\d+ to \+0\.\d+\)\.$", text, re.M)
    assert re.search(
        r"^No difference shown: `choi-.* \+0\.000 \(-0\.\d+ to \+0\.\d+\)\.$", text, re.M
    )
    assert re.search(
        r"^Worse: .* -0\.050 \(-0\.0\d+ to -0\.0\d+; not tested", text, re.M
    )  # tag by tag
    assert "| < 0.001 |" in text  # the p of the first pair
    assert text.count("## ") == 2  # questions of systems without results are left out


def test_an_answer_states_if_seeds_differ_as_much(tmp_path):
    entries = [
        *(entry(tmp_path, 1, "loose", s, range(w)) for s, w in ((1, 1), (2, 3), (3, 29))),
        *(entry(tmp_path, 1, "firm", s, range(21 + s)) for s in (1, 2, 3)),
    ]
    loose, firm = reversed(systems_of(map(typed, entries), tmp_path))
    found = compare(loose, firm)
    assert found.direction == 1 and found.p > 0.05
    question = Question("Does it help?", (("loose", "firm"),), better="helps")
    assert re.fullmatch(
        r"Helps: \+0\.200 \(.* to .*; no more than seeds differ, p 0\.\d\d(; macro .*)?\)\.",
        answer(question, [found]),
    )
    both = answer(question, [found, compare(firm, loose)])
    assert both.startswith("Helps: `loose` against `firm` +0.200 (")
    assert "; worse: `firm` against `loose` -0.200 (" in both


def test_disagreement_of_metrics_is_reported(tmp_path):
    """As many right, but of one genre all instead of a third of each."""
    even = entry(tmp_path, 1, "even", 1, range(20, 60))
    one = entry(tmp_path, 1, "one", 1, [i for i in range(60) if i % 3])
    found = compare(*reversed(systems_of(map(typed, [even, one]), tmp_path)))
    assert found.direction == 0
    text = answer(
        Question("?", (("one", "even"),)), [replace(found, macro_recall=Estimate(0.3, 0.1, 0.4))]
    )
    assert re.fullmatch(
        r"No difference shown: `one` against `even` .*; macro recall \+0\.300, .*\)\.", text
    )


def test_seeds_of_one_system_measure_the_rate_of_chance_differences(tmp_path):
    entries = [
        *(entry(tmp_path, 1, "loose", s, range(w)) for s, w in ((1, 0), (2, 30), (3, 31))),
        *(entry(tmp_path, 2, "fixed", s, range(9)) for s in (1, 2, 3)),  # the same every time
    ]
    systems = systems_of(map(typed, entries), tmp_path)
    assert seeds_apart(each_seed(s, tmp_path) for s in systems) == (2, 3)


def test_tags_are_compared_by_group_and_by_frequency():
    assert (
        tag_answers([System((typed(tagger("flat", 0.7, (0, 0, 0, 0))),))]) == []
    )  # one tag a group
    genres, moods = (f"style {i}" for i in range(9)), ("sad", "happy", "mellow", "party", "chill")
    names = [*genres, *moods]
    tags = {
        n: {"roc_auc": 0.9 - i / 40, "pr_auc": 0.2, "positives": 50 - i}
        for i, n in enumerate(names)
    }
    told = System((typed(tagger("one", 0.7, (0, 0, 0, 0)) | {"tags": tags}),))
    heading, _, groups, answered = tag_answers([told])
    assert heading == "## Which tags are predicted best?" and "| mood | 5 |" in groups
    assert answered.startswith(
        "Against tags of genre: mood worse. How common a tag is: common tags"
    )
    assert "predicted better (Spearman's correlation +1.00, p < 0.001)" in answered


def test_systems_of_other_tracks_are_not_compared(tmp_path):
    one, other = entry(tmp_path, 1, "one", 1, ()), entry(tmp_path, 1, "other", 1, ())
    path = tmp_path / PREDICTIONS / "other-1.csv.gz"
    kept = gzip.decompress(path.read_bytes()).decode().splitlines()[:-1]
    path.write_bytes(gzip.compress("\n".join(kept).encode()))
    assert len(read_predictions(path).keys) == 59
    with pytest.raises(DataError, match="same tracks"):
        compare(*systems_of(map(typed, [one, other]), tmp_path))
    later = entry(tmp_path, 1, "other", 2, ())
    tags = [tagger(name, 0.7, (0, 0, 0, 0)) for name in ("a", "b")]
    del tags[0]["tags"]["sad"]
    with pytest.raises(DataError, match="different tags"):
        compare(*systems_of(map(typed, tags), tmp_path))
    with pytest.raises(DataError, match="other tracks or genres"):
        systems_of(map(typed, [other, later]), tmp_path)


@pytest.mark.parametrize(
    "data",
    [b"no gzip", gzip.compress(b"key,set,genre" * 99)[:-9], b""],
    ids=["no gzip", "cut off", "empty"],
)
def test_broken_predictions_are_refused(tmp_path, data):
    (tmp_path / "p.csv.gz").write_bytes(data)
    with pytest.raises(DataError, match=r"p\.csv\.gz"):
        read_predictions(tmp_path / "p.csv.gz")


def test_the_questions_are_of_the_rows(tmp_path):
    rows = {row.system for row in all_rows()}
    pairs = [pair for question in all_questions() for pair in question.pairs]
    assert len(set(pairs)) == len(pairs) and all(a != b for a, b in pairs)
    assert {name for pair in pairs for name in pair} - rows == set()
    wrong = tmp_path / "q.toml"
    wrong.write_text('[[question]]\nask = "Why?"\npairs = []\nbeter = "so"\n')
    with pytest.raises(TypeError, match="beter"):
        all_questions(wrong)


def test_the_committed_figures_are_of_the_committed_predictions():
    results = json.loads((RESULTS / "results.json").read_text())
    for e in results:
        path = predictions_of(RESULTS, typed(e))
        assert path, (e["system"], e["seed"])
        if e["task"] == "genre":
            found = mean_hits([path])[1].values()
            for measure in ("accuracy", "macro_recall", "top2"):
                assert round(found[measure], 4) == e[measure][0], (e["system"], e["seed"], measure)


def test_every_row_has_committed_results_with_its_texts():
    results = json.loads((RESULTS / "results.json").read_text())
    found = {(e["system"], e["seed"]): e for e in results}
    rows = {(row.system, seed): row for row in all_rows() for seed in row.seeds}
    assert found.keys() == rows.keys()
    assert all(row.words.items() <= found[place].items() for place, row in rows.items())
    assert all(set(FIELDS) <= e.keys() for e in results)


def test_the_cheaper_half_was_trained_three_times():
    results = json.loads((RESULTS / "results.json").read_text())
    trained = {row.system for row in all_rows() if row.kind in ("network", "baseline")}
    seconds = {name: [] for name in sorted(trained)}
    for e in results:
        if e["system"] in trained:
            seconds[e["system"]].append(e["train_seconds"])
    cheapest = sorted(seconds, key=lambda name: np.mean(seconds[name]))[: len(seconds) // 2]
    assert {name: len(seconds[name]) for name in cheapest if len(seconds[name]) < 3} == {}
