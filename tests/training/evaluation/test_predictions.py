"""Files of predictions give back the published figures."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="evaluation needs the train extra")
pytest.importorskip("mir_eval", reason="evaluation needs the train extra")
pytest.importorskip("matplotlib", reason="evaluation needs the train extra")

from support.paths import RESULTS

from training.data.record import DataError
from training.evaluation import (
    read_predictions,
    recompute,
)
from training.evaluation.predictions import pack, runs_of


def test_figures_can_be_recomputed_from_predictions(evaluated):
    evaluation, folder, _ = evaluated
    for hop, found in evaluation.metrics.hops.items():
        assert recompute(folder / f"test-{hop}.csv") == found.track_mean
        assert sum(map(sum, found.confusion)) == evaluation.metrics.tracks == 13


def test_predictions_without_artists_are_read_too(tmp_path):
    (tmp_path / "old.csv").write_text("key,set,genre,a,b\nk,s,b,0.25,0.75\nl,s,a,0.3,0.7\n")
    assert read_predictions(tmp_path / "old.csv").labels == ("a", "b")
    assert recompute(tmp_path / "old.csv").accuracy[0] == 0.5
    (tmp_path / "other.csv").write_text("name,value\na,b\n")
    with pytest.raises(DataError, match="no file of predictions"):
        recompute(tmp_path / "other.csv")


def test_marks_of_spreadsheets_are_ignored(tmp_path):
    text = "\ufeffkey,set,genre,a,b\r\nk,s,b,0.25,0.75\r\nl,s,a,0.3,0.7\r\n\r\n,,,,\r\n"
    (tmp_path / "saved.csv").write_text(text, encoding="utf-8")
    assert recompute(tmp_path / "saved.csv").tracks == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("key,set,genre,a,b\nk,s,b,0.25\n", "row 2 has 4 cells, the header 5"),
        ("key,set,genre,a,b\nk,s,b,0.25,0.75,1\n", "row 2 has 6 cells"),
        ("key,set,genre,a,b\nk,s,b,nan,0.75\n", "row 2 holds what is no probability"),
        ("key,set,genre,a,b\nk,s,b,0.2,7.5\n", "row 2 holds what is no probability"),
        ("key,set,genre,b,b\nk,s,b,0.2,0.8\n", "two rows or columns have the same label"),
        ("key,set,genre,a,b\nk,s,b,0.2," + "1" * 140_000, "field larger|no probability"),
        ("", "columns must be"),
        (None, "no such file"),
    ],
    ids=range(8),
)
def test_other_files_are_refused_as_predictions(tmp_path, text, says):
    if text is not None:
        (tmp_path / "p.csv").write_text(text)
    with pytest.raises(DataError, match=says) as refused:
        recompute(tmp_path / "p.csv")
    assert "Errno" not in str(refused.value)


PUBLISHED = sorted(RESULTS.glob("*/test.json.gz"))


@pytest.mark.parametrize("path", PUBLISHED, ids=[path.parent.name for path in PUBLISHED])
def test_published_figures_come_from_the_published_predictions(path):
    published = json.loads(gzip.decompress(path.read_bytes()))["hops"]
    for hop, metrics in published.items():
        again = recompute(RESULTS / f"models.csv.gz:{path.parent.name}-{hop}")
        assert list(again.accuracy) == metrics["track_mean"]["accuracy"]
        assert list(again.macro_recall) == metrics["track_mean"]["macro_recall"]


def test_runs_packed_into_a_table_are_kept(evaluated, tmp_path):
    _, folder, _ = evaluated
    runs = {f"run-{hop}": folder / f"test-{hop}.csv" for hop in ("2.5", "0.5")}
    pack(runs, tmp_path / "table.csv.gz")
    assert runs_of(tmp_path / "table.csv.gz") == set(runs)
    for run, path in runs.items():
        one, same = read_predictions(tmp_path / f"table.csv.gz:{run}"), read_predictions(path)
        np.testing.assert_array_equal(one.probabilities, same.probabilities)
        assert (one.keys, one.genres, one.groups) == (same.keys, same.genres, same.groups)
    for name, says in (("table.csv.gz", "name one"), ("table.csv.gz:other", "no run of that name")):
        with pytest.raises(DataError, match=says):
            read_predictions(tmp_path / name)
