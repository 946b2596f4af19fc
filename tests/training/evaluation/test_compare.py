"""Systems side by side."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("sklearn", reason="evaluation needs the train extra")
pytest.importorskip("mir_eval", reason="evaluation needs the train extra")
pytest.importorskip("matplotlib", reason="evaluation needs the train extra")

from support.engines import of_sets
from support.tones import PITCHES, track

from training.cli.compare import tables
from training.data.record import DataError
from training.evaluation import (
    compare_systems,
    recompute,
    write_predictions,
)
from training.evaluation.probes.genres import ELEVEN


@pytest.fixture(scope="module")
def systems(tmp_path_factory):
    """A system that is right in nine of ten tracks, and one in five of ten."""
    folder, rng = tmp_path_factory.mktemp("systems"), np.random.default_rng(0)
    labels = list(PITCHES)
    tracks = [track(f"t{i}", labels[i % 3]) for i in range(300)]
    paths = {}
    for name, share in (("good", 0.9), ("bad", 0.5)):
        guess = [(i + (rng.random() > share)) % 3 for i in range(300)]
        paths[name] = folder / f"{name}.csv"
        write_predictions(paths[name], tracks, labels, np.eye(3)[guess] * 0.7 + 0.1)
    paths["part"] = folder / "part.csv"
    lines = paths["good"].read_text().splitlines()
    paths["part"].write_text("\n".join(lines[:201]) + "\n")
    return paths


def test_a_system_differs_from_a_worse_one_but_not_from_itself(systems):
    good, bad = systems["good"], systems["bad"]
    found = compare_systems({"good": [good], "same": [good], "bad": [bad], "both": [good, bad]})
    assert found.differences["same"]["accuracy"].difference == (0, 0, 0)
    assert found.differences["same"]["accuracy"].above_zero is None
    assert "same | +0.000 (+0.000 to +0.000) [–]" in tables(found)
    difference, low, high = found.differences["bad"]["accuracy"].difference
    assert low < difference < high < 0
    assert found.differences["bad"]["accuracy"].above_zero == 0
    both = found.systems["both"].over_seeds["accuracy"]
    assert both.standard_deviation > 0.2
    assert both.mean == found.systems["both"].accuracy[0]
    assert found.systems["good"].accuracy == recompute(good).accuracy


def test_compare_counts_omitted_tracks_and_is_reproducible(systems, tmp_path):
    from training.cli.compare import command

    calls = [str(systems["good"]), f"part={systems['part']}", "-o", str(tmp_path / "c.md")]
    done = CliRunner().invoke(command, [*calls, "--json", str(tmp_path / "c.json")])
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "c.json").read_text())
    assert found["tracks"] == 200 and list(found["left_out"].values()) == [100, 0]
    assert (tmp_path / "c.md").read_text() == done.output
    alone = CliRunner().invoke(command, [str(systems["good"])])
    assert f"{recompute(systems['good']).accuracy.value:.3f}" in alone.output


def test_compare_overwrites_none_of_its_inputs(systems, tmp_path):
    from training.cli.compare import command

    good = str(systems["good"])
    for arguments, says in [
        (["-o", good], "is an input"),
        (["-o", str(tmp_path / "c"), "--json", str(tmp_path / "c")], "other output"),
        (["--json", str(tmp_path / "absent" / "c.json")], "make it first"),
    ]:
        done = CliRunner().invoke(command, [good, *arguments])
        assert isinstance(done.exception, DataError) and says in str(done.exception)
        assert done.output == ""


def test_compare_takes_the_difference_over_groups_too(tmp_path):
    rows = [(s, g) for s in ("gtzan", "debian") for g in sorted(ELEVEN) for _ in range(4)]
    rows = [row for row in rows if row != ("gtzan", "electronic")]
    scored, labels = of_sets([*rows, ("debian", "folk")])
    for name, wrong in (("good", []), ("bad", range(0, 40, 4))):
        guess = scored.true.copy()
        guess[list(wrong)] = labels.index("folk")
        write_predictions(tmp_path / f"{name}.csv", scored.tracks, labels, np.eye(14)[guess])
    found = compare_systems({name: [tmp_path / f"{name}.csv"] for name in ("good", "bad")})
    ten = found.groups["GTZAN's ten genres alone"]
    assert ten.tracks == 40 and ten.genres == 10
    assert ten.differences["bad"]["macro_recall"].difference.value == -0.25
    eleven = found.groups["eleven genres (without ambient, folk, soul)"]
    assert eleven.tracks == 84 and "songs" not in " ".join(found.groups)
    assert "| GTZAN's ten genres alone: bad | 40 | 10 | 0.750" in tables(found)
