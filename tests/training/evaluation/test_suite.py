"""The whole evaluation, and the command."""

from __future__ import annotations

import csv
import json
import shutil

import pytest
from click.testing import CliRunner

pytest.importorskip("sklearn", reason="evaluation needs the train extra")
pytest.importorskip("mir_eval", reason="evaluation needs the train extra")
pytest.importorskip("matplotlib", reason="evaluation needs the train extra")

from support.paths import EXAMPLES
from support.tones import Tones

from streamgenre.errors import ConfigError
from streamgenre.model.model import Model
from training.data.record import DataError
from training.evaluation import (
    Plan,
    evaluate,
)


def test_predictions_alone_need_no_more_than_one_run(data):
    found = evaluate(Model(Tones()), *data, Plan(hops=(2.5,), predictions_only=True)).metrics
    assert found.hops["2.5"].to_json().keys() == {"hop", "track_mean"} and found.mixes is None
    with pytest.raises(ConfigError, match="no hop of 3 s"):
        evaluate(Model(Tones()), *data, Plan(hops=(3.0,)))


def test_a_card_takes_its_figures_from_an_evaluation(evaluated):
    found = evaluated[0].metrics.hops["2.5"].for_card()
    assert found["accuracy"] == 1 and found["tracks"] == 13
    assert "accuracy_on_free_music" not in found


def test_the_folder_of_a_run_is_accepted_as_its_model(tmp_path):
    from training.cli.evaluate import open_model

    with pytest.raises(DataError, match=r"no model\.safetensors in it"):
        open_model(tmp_path)


@pytest.mark.slow
def test_the_command_measures_the_bundled_model_on_a_manifest(tmp_path):
    from training.cli.evaluate import command

    rows = [("key", "set", "genre", "group", "split", "path")]
    for name in ("folk-celtic", "metal-farewell", "classical-brandenburg-2"):
        shutil.copy(EXAMPLES / f"{name}.ogg", tmp_path)
        genre = name.partition("-")[0]
        rows.append((name, "examples", genre, name, "test", f"{name}.ogg"))
        rows.append((f"other {name}", "examples", genre, "other", "train", f"{name}.ogg"))
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    out = tmp_path / "out"
    done = CliRunner().invoke(
        command,
        [str(tmp_path), "--cache", str(tmp_path / "cache"), "--mixes", "1", "-o", str(out)],
    )
    assert done.exit_code == 0, done.output
    assert "accuracy, per track" in done.stdout and "1 mixes" in done.stdout
    assert "warning: 3 tracks: the intervals" in done.stderr
    found = json.loads((out / "test.json").read_text())
    assert found["tracks"] == 3 and len(found["data"]) == 64
    assert set(found["hops"]) == {"2.5", "1.25", "0.5"}
    assert (out / "test-0.5.csv").is_file() and (out / "test.md").is_file()
