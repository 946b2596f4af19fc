"""Measuring: what the figures promise, on an engine that knows tones by their pitch."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("sklearn", reason="evaluation needs the train extra")
pytest.importorskip("mir_eval", reason="evaluation needs the train extra")
pytest.importorskip("matplotlib", reason="evaluation needs the train extra")

from tones import CARD, LIVE, PITCHES, SECOND, Tones, tone, track

from streamgenre.audio.files import decode_mono
from streamgenre.errors import ConfigError
from streamgenre.model.model import Model
from streamgenre.update import Segment
from training.cli.compare import tables
from training.data.record import DataError
from training.evaluation import (
    Plan,
    cautions,
    compare_systems,
    evaluate,
    for_card,
    make_folder,
    recompute,
    write_evaluation,
    write_predictions,
)
from training.evaluation.calibration import (
    calibration_error,
    chance_error,
    risk_coverage,
)
from training.evaluation.cautions import adapted_to, unsplit
from training.evaluation.measures import figures, values
from training.evaluation.minutes import minutes
from training.evaluation.mixes import TRANSITIONS, Part, make_mixes, mixable, usual_count
from training.evaluation.predictions import read_predictions
from training.evaluation.recovery import recovery
from training.evaluation.road import FORMS, ORIGINAL, road_in
from training.evaluation.scored import scored_tracks
from training.evaluation.timeline import find_switches, measure, measure_mixes
from training.inference import stream_tracks

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture(scope="module")
def data():
    """Four tracks of 22 to 31 s of each pitch, and one of 2 s."""
    lengths = {f"{genre}{i}": 22 + 3 * i for genre in PITCHES for i in range(4)}
    lengths["short0"] = 2.25
    audio = {
        k: tone(k[:-1].replace("short", "low"), s, i) for i, (k, s) in enumerate(lengths.items())
    }
    tracks = [track(k, k[:-1].replace("short", "low")) for k in audio]
    return tracks, audio


@pytest.fixture(scope="module")
def evaluated(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluated")
    evaluation = evaluate(Model(Tones(0.5)), *data, Plan(mixes=3, data="abc"))
    return evaluation, folder, write_evaluation(evaluation, folder)


def test_many_tracks_at_once_give_what_one_gives(data):
    _, audio = data
    together = stream_tracks(Tones(0.7), audio, list(audio), LIVE, batch=5)
    for key in audio:
        alone = stream_tracks(Tones(0.7), audio, [key], LIVE)[key]
        np.testing.assert_allclose(together[key].probabilities, alone.probabilities, atol=1e-6)
        np.testing.assert_allclose(together[key].state_norm, alone.state_norm, atol=1e-6)


def test_tracks_are_heard_as_a_live_stream_hears_them(model):
    audio = {
        name: (decode_mono(EXAMPLES / f"{name}.ogg", SECOND)[: length * SECOND] * 32767).astype(
            "i2"
        )
        for name, length in (("folk-celtic", 4), ("metal-farewell", 6))
    }
    runs = stream_tracks(model.engine, audio, list(audio), model.card.hop(2.5))
    for name, samples in audio.items():
        updates = model.classify((samples, SECOND), 2.5).updates
        expected = [list(u.probabilities.values()) for u in updates]
        np.testing.assert_allclose(runs[name].probabilities, expected, atol=1e-4)


def test_a_state_can_be_emptied_at_every_step_or_at_one(data):
    _, audio = data
    forgetful = stream_tracks(Tones(), audio, ["low0"], LIVE)["low0"]
    emptied = stream_tracks(Tones(0.9), audio, ["low0"], LIVE, carry=False)["low0"]
    np.testing.assert_array_equal(emptied.probabilities, forgetful.probabilities)
    joined = {"both": np.concatenate([audio["low0"][: 10 * SECOND], audio["high0"][: 5 * SECOND]])}
    once = stream_tracks(Tones(0.9), joined, ["both"], LIVE, reset_before=20)["both"]
    carried = stream_tracks(Tones(0.9), joined, ["both"], LIVE)["both"]
    assert (once.probabilities[:20] == carried.probabilities[:20]).all()
    assert once.probabilities[20].argmax() == 2 and carried.probabilities[20].argmax() == 0


def test_what_cannot_be_scored_is_counted(data):
    tracks, audio = data
    more = [track("x", ""), track("y", "polka"), track("z", "low"), track("v", "low", "valid")]
    scored = scored_tracks([*tracks, *more], "test", CARD.label_names, audio)
    assert (scored.without_genre, scored.without_audio) == (1, 1)
    assert scored.other_genres == {"polka": 1} and len(scored.tracks) == len(tracks)
    with pytest.raises(DataError, match="there are: test, valid"):
        scored_tracks([*tracks, *more], "train", CARD.label_names, audio)


def test_macro_recall_weighs_classes_alike():
    true, right = np.array([0] * 9 + [1]), np.array([1.0] * 9 + [0.0])
    assert values(right, right, true) == {"accuracy": 0.9, "macro_recall": 0.5, "top2": 0.9}


def test_intervals_hold_the_value_and_narrow_with_more_tracks():
    rng = np.random.default_rng(0)
    widths = []
    for count in (50, 800):
        p, true = rng.dirichlet(np.ones(4), count), rng.integers(0, 4, count)
        for value, low, high in list(figures(p, true).values())[1:]:
            assert low <= value <= high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_a_mix_is_tiled_by_parts_of_allowed_length(data):
    mixes = list(make_mixes(*data, 9, seed=3))
    for mix in mixes:
        assert mix.parts[0].start == 0
        assert mix.parts[-1].end == pytest.approx(len(mix.samples) / SECOND)
        assert 120 <= mix.parts[-1].end <= 240
        for a, b in zip(mix.parts, mix.parts[1:], strict=False):
            assert a.end == b.start and a.genre != b.genre
            assert (4 <= b.fade <= 16) if mix.transition == "crossfade" else b.fade == 0
        assert all(10 <= p.end - p.start <= 120 for p in mix.parts)
    assert {mix.transition for mix in mixes} == set(TRANSITIONS)
    again = next(make_mixes(*data, 1, seed=3))
    assert again.parts == mixes[0].parts and (again.samples == mixes[0].samples).all()
    assert next(make_mixes(*data, 1, seed=4)).parts != mixes[0].parts


def test_the_truth_as_answer_is_perfect(data):
    for mix in make_mixes(*data, 3):
        answer = [Segment(p.start, p.end, "genre", p.genre, 1.0) for p in mix.parts]
        found = measure(mix.parts, answer, 0.0, mix.transition)
        assert found.right == pytest.approx(found.duration) and found.decided == found.right
        assert found.boundaries == (1, 1, 1) and found.false_switches == 0
        assert found.delays == (0,) * (len(mix.parts) - 1)


def test_an_engine_that_knows_is_nearly_perfect_and_one_with_memory_is_late(data):
    good = measure_mixes(Model(Tones()), make_mixes(*data, 3), 0.5)
    late = measure_mixes(Model(Tones(0.95)), make_mixes(*data, 3), 0.5)
    assert good["accuracy"][0] > 0.95
    # Not the F: a step over a change holds two tones, which pass for a third one between them.
    assert good["boundary_recall"] > 0.9 and good["boundary_f"] > 0.75
    assert good["false_switches_a_minute"] == 0 and good["never_reached"] == 0
    assert good["median_delay"] <= 1 < late["median_delay"]
    assert late["accuracy"][0] < good["accuracy"][0]
    assert set(good["transitions"]) == set(TRANSITIONS)


def test_switches_that_no_change_explains_are_false():
    parts = (Part(0, 60, "low", 0), Part(60, 120, "high", 0))
    words = [(0, 30, "low"), (30, 32, None), (32, 40, "high"), (40, 64, "low"), (64, 120, "high")]
    answer = [Segment(a, b, "genre" if g else "unsure", g, 1.0) for a, b, g in words]
    assert find_switches(answer) == [32, 40, 64]
    found = measure(parts, answer, 0.5, "hard cut")
    assert found.false_switches == 2 and found.delays == (4.5,)
    assert found.right == 30 + 20 + 56 and found.decided == 118
    never = measure(parts, [Segment(0, 120, "genre", "low", 1.0)], 0.5, "hard cut")
    assert never.delays == (None,) and never.boundaries == (0, 0, 0)


def test_a_carried_state_recovers_later_than_an_emptied_one(data):
    tracks, audio = data
    scored = scored_tracks(tracks, "test", CARD.label_names, audio)
    found = recovery(Tones(0.9), scored, audio, LIVE, pairs=20)
    assert found["pairs"] == 20 and found["seconds"][-1] == 15
    assert found["reset"] == [1.0] * 30 and found["accuracy_before"] == 1
    assert found["carried"][0] == 0 and found["carried"][-1] == 1
    assert found["old_genre_carried"][0] == 1


def test_minutes_say_what_they_are_made_of(data):
    tracks, audio = data
    scored = scored_tracks(tracks, "test", CARD.label_names, audio)
    row = minutes(Tones(), scored, audio, LIVE)
    assert row["made_of"] == "tracks in a row" and row["streams"] == 3
    long = {f"low{i}": tone("low", 130 + i, i) for i in range(5)}
    scored = scored_tracks([track(k, "low") for k in long], "test", CARD.label_names, long)
    found = minutes(Tones(), scored, long, LIVE)
    assert found["made_of"] == "tracks of two minutes and more"
    assert [(m["minute"], m["streams"], m["accuracy"][0]) for m in found["minutes"]] == [
        (1, 5, 1.0), (2, 5, 1.0),
    ]  # fmt: skip


def test_a_calibrated_model_shows_the_error_of_chance_and_an_overconfident_one_more():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.3, 1, 3000)
    chance = chance_error(confidence)
    errors = [calibration_error(confidence, rng.random(3000) < confidence) for _ in range(30)]
    assert np.mean(errors) == pytest.approx(chance, rel=0.15)
    assert calibration_error(confidence, rng.random(3000) < confidence**2) > 3 * chance


def test_risk_falls_with_coverage_where_confidence_means_something():
    rng = np.random.default_rng(0)
    confidence = rng.random(4000)
    found = risk_coverage(confidence, rng.random(4000) < confidence, 0.5)
    coverage = [c for c, _ in found["curve"]]
    assert coverage == sorted(coverage) and coverage[-1] == 1
    assert found["risk_at"]["0.8"] < found["risk_at"]["0.9"] < found["risk_at"]["1"]
    assert found["coverage_at_threshold"] == pytest.approx(0.5, abs=0.03)
    assert found["risk_at_threshold"] == pytest.approx(0.25, abs=0.03)


def test_figures_can_be_recomputed_from_predictions(evaluated):
    evaluation, folder, _ = evaluated
    for hop, found in evaluation.found["hops"].items():
        assert recompute(folder / f"test-{hop}.csv") == found["track_mean"]
        assert sum(map(sum, found["confusion"])) == evaluation.found["tracks"] == 13


def test_predictions_without_artists_are_read_too(tmp_path):
    (tmp_path / "old.csv").write_text("key,set,genre,a,b\nk,s,b,0.25,0.75\nl,s,a,0.3,0.7\n")
    assert read_predictions(tmp_path / "old.csv").labels == ("a", "b")
    assert recompute(tmp_path / "old.csv")["accuracy"][0] == 0.5
    (tmp_path / "other.csv").write_text("name,value\na,b\n")
    with pytest.raises(DataError, match="no file of predictions"):
        recompute(tmp_path / "other.csv")


def test_a_spreadsheets_marks_are_read_over(tmp_path):
    text = "\ufeffkey,set,genre,a,b\r\nk,s,b,0.25,0.75\r\nl,s,a,0.3,0.7\r\n\r\n,,,,\r\n"
    (tmp_path / "saved.csv").write_text(text, encoding="utf-8")
    assert recompute(tmp_path / "saved.csv")["tracks"] == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("key,set,genre,a,b\nk,s,b,0.25\n", "row 2 has 4 cells, the header 5"),
        ("key,set,genre,a,b\nk,s,b,0.25,0.75,1\n", "row 2 has 6 cells"),
        ("key,set,genre,a,b\nk,s,b,nan,0.75\n", "row 2 holds what is no probability"),
        ("key,set,genre,a,b\nk,s,b,0.2,7.5\n", "row 2 holds what is no probability"),
        ("key,set,genre,b,b\nk,s,b,0.2,0.8\n", "a label stands there twice"),
        ("key,set,genre,a,b\nk,s,b,0.2," + "1" * 140_000, "field larger"),
        ("", "columns must be"),
        (None, "no such file"),
    ],
    ids=range(8),
)
def test_what_is_no_file_of_predictions_is_refused(tmp_path, text, says):
    if text is not None:
        (tmp_path / "p.csv").write_text(text)
    with pytest.raises(DataError, match=says) as refused:
        recompute(tmp_path / "p.csv")
    assert "Errno" not in str(refused.value)


def test_an_evaluation_leaves_figures_report_and_pictures(evaluated):
    evaluation, folder, written = evaluated
    assert all(path.stat().st_size for path in written)
    assert sum(path.suffix == ".png" for path in written) == 6
    assert json.loads((folder / "test.json").read_text()) == evaluation.found
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


def test_the_streaming_curve_stands_beside_its_baselines(evaluated):
    after = evaluated[0].found["hops"]["0.5"]["after"]
    assert set(after) == {"2.5", "5", "10", "20", "30"}
    assert after["2.5"]["tracks"] == 12 and after["30"]["tracks"] == 3  # as long as that
    assert {"carried", "without_state", "running_mean"} < set(after["5"])
    # Tones are known at once, with or without a state: it is worth nothing there.
    for kind in ("without_state", "running_mean"):
        assert after["10"]["carried_less"][kind]["macro_recall"] == [0, 0, 0]


def test_a_card_takes_its_figures_from_an_evaluation(evaluated):
    found = for_card(evaluated[0].found["hops"]["2.5"])
    assert found["accuracy"] == 1 and found["tracks"] == 13
    assert "accuracy_on_free_music" not in found


def test_a_genre_may_be_called_like_a_formula(data, tmp_path):
    cash = dataclasses.replace(CARD.labels[2], name="$c^{a$ $h$", display="$h$")
    engine = Tones()
    engine.card = dataclasses.replace(CARD, labels=(*CARD.labels[:2], cash))
    tracks = [dataclasses.replace(t, genre=t.genre.replace("high", cash.name)) for t in data[0]]
    evaluation = evaluate(Model(engine), tracks, data[1], Plan(hops=(2.5,), mixes=0))
    assert "$c^{a$ $h$" in evaluation.labels
    assert any(path.suffix == ".png" for path in write_evaluation(evaluation, tmp_path))


def test_figures_are_safe_where_drawing_fails(evaluated, tmp_path, monkeypatch):
    monkeypatch.setattr("training.evaluation.plots.write_plots", lambda *_: 1 / 0)
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


def test_what_weakens_the_figures_is_said(data):
    tracks, audio = data
    more = [*tracks, track("y", "polka"), track("z", "polka"), track("n", "")]
    scored = scored_tracks(more, "test", CARD.label_names, audio)
    left_out, unnamed, few = cautions(CARD, scored, more, "test", "")
    assert left_out.endswith("that the model does not have: polka (2)")
    assert unnamed == "left out 1 track without a genre" and few.startswith("13 tracks: ")
    # All of a folder is fitted on, whatever split it is then given for measuring.
    halves = [dataclasses.replace(t, split=("train", "test")[i % 2]) for i, t in enumerate(tracks)]
    adapted = dataclasses.replace(CARD, about={"data": {"fingerprint": unsplit(tracks)}})
    assert adapted_to(adapted, halves, "test") and not adapted_to(CARD, halves, "test")
    part = [t for t in halves if t.split == "train"]
    adapted = dataclasses.replace(CARD, about={"data": {"fingerprint": unsplit(part)}})
    assert adapted_to(adapted, halves, "train") and not adapted_to(adapted, halves, "test")


def test_little_music_makes_few_mixes_and_snippets_none(data):
    tracks, audio = data
    assert usual_count(tracks, audio) == 18 and usual_count(tracks[:1], audio) == 3
    snippets = {key: samples[: SECOND // 2] for key, samples in audio.items()}
    assert usual_count(tracks, snippets) == 0 and not mixable(tracks, snippets)


def test_predictions_alone_need_no_more_than_one_run(data):
    found = evaluate(Model(Tones()), *data, Plan(hops=(2.5,), predictions_only=True)).found
    assert set(found["hops"]["2.5"]) == {"hop", "track_mean"} and "mixes" not in found
    with pytest.raises(ConfigError, match="no hop of 3 s"):
        evaluate(Model(Tones()), *data, Plan(hops=(3.0,)))


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


def test_a_system_does_not_differ_from_itself_but_from_a_worse_one(systems):
    good, bad = systems["good"], systems["bad"]
    found = compare_systems({"good": [good], "same": [good], "bad": [bad], "both": [good, bad]})
    assert found["differences"]["same"]["accuracy"]["difference"] == [0, 0, 0]
    assert found["differences"]["same"]["accuracy"]["above_zero"] is None
    assert "same | +0.000 (+0.000 to +0.000) [–]" in tables(found)
    difference, low, high = found["differences"]["bad"]["accuracy"]["difference"]
    assert low < difference < high < 0
    assert found["differences"]["bad"]["accuracy"]["above_zero"] == 0
    both = found["systems"]["both"]["over_seeds"]["accuracy"]
    assert both["standard_deviation"] > 0.2
    assert both["mean"] == found["systems"]["both"]["accuracy"][0]
    assert found["systems"]["good"]["accuracy"] == recompute(good)["accuracy"]


def test_compare_counts_what_it_leaves_out_and_gives_figures_again(systems, tmp_path):
    from training.cli.compare import command

    calls = [str(systems["good"]), f"part={systems['part']}", "-o", str(tmp_path / "c.md")]
    done = CliRunner().invoke(command, [*calls, "--json", str(tmp_path / "c.json")])
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "c.json").read_text())
    assert found["tracks"] == 200 and list(found["left_out"].values()) == [100, 0]
    assert (tmp_path / "c.md").read_text() == done.output
    alone = CliRunner().invoke(command, [str(systems["good"])])
    assert f"{recompute(systems['good'])['accuracy'][0]:.3f}" in alone.output


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


def test_a_runs_folder_stands_for_its_model(tmp_path):
    from training.cli.evaluate import open_model

    with pytest.raises(DataError, match=r"no model\.safetensors in it"):
        open_model(tmp_path)


RESULTS = EXAMPLES.parent / "training" / "results"


@pytest.mark.parametrize("name", sorted(path.parent.name for path in RESULTS.glob("*/test.json")))
def test_published_figures_come_from_the_published_predictions(name):
    folder = RESULTS / name
    published = json.loads((folder / "test.json").read_text())["hops"]
    for hop, found in published.items():
        again = recompute(folder / f"test-{hop}.csv")
        assert again["accuracy"] == found["track_mean"]["accuracy"]
        assert again["macro_recall"] == found["track_mean"]["macro_recall"]


def test_the_road_in_compares_every_form_with_the_opus_one(tmp_path):
    shutil.copy(EXAMPLES / "rock-lucky-13.ogg", tmp_path)
    (tmp_path / "cover.txt").write_text("no music")
    found = road_in(Model(Tones()), tmp_path, 2.5)
    assert found["files"] == 1 and found["skipped"] == ["cover.txt"]
    assert set(found["forms"]) == {ORIGINAL, *FORMS} - {found["reference"]}
    for form in found["forms"].values():
        assert form["steps"] >= 4 and form["mean_absolute_difference"][0] < 0.2


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
