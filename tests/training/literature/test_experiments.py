"""The table of published systems: its rows, the queue, and what a run leaves behind."""

from __future__ import annotations

import csv
import gzip
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

torch = pytest.importorskip("torch", reason="training needs the train extra")
pytest.importorskip("lightning_fabric", reason="training needs the train extra")

from filelock import FileLock  # noqa: E402

from streamgenre.networks import build  # noqa: E402
from streamgenre.networks.segment import SegmentNetwork  # noqa: E402
from training.card import Calibration, make_card  # noqa: E402
from training.cli import main  # noqa: E402
from training.config import Config  # noqa: E402
from training.data import AudioCache, DataError, open_dataset  # noqa: E402
from training.evaluation.metrics import Estimate, TagMetrics  # noqa: E402
from training.export import onnx as export  # noqa: E402
from training.inference.segments import segment_tracks, segments_of  # noqa: E402
from training.literature import queue  # noqa: E402
from training.literature import rows as table  # noqa: E402
from training.literature.cost import macs_per_second, parameters  # noqa: E402
from training.literature.queue import work_off  # noqa: E402
from training.literature.results import (  # noqa: E402
    FIELDS,
    Entry,
    check_data,
    find_result,
    keep_result,
    read_results,
    reword,
)
from training.literature.rows import Row, all_rows, changed_rows, chosen_rows, find_config  # noqa: E402
from training.literature.run import Bench  # noqa: E402

torch.set_num_threads(1)
SECOND = 16_000
SMALL = {
    "sequences": {"lanes": 4, "from_start": 0.0, "repeat": True, "fresh": 1.0, "crossfade": 0.0,
                  "steps": [1, 1], "gain": [0.0, 0.0], "other": 0.0},
    "optimiser": {"rate": 3e-3, "trunk_rate": 3e-3, "music_weight": 0.0},
    "run": {"frozen_updates": 0, "updates": 4, "check_every": 2, "average": 0.0},
}  # fmt: skip
IRVIN = Row(10, "small-rnn", "An RNN", "Someone 2016", "0.5", "so", seeds=(1, 2),
            entries=SMALL | {"network": {"kind": "irvin", "cell": "rnn", "size": 8}})  # fmt: skip
TICKS = SMALL["sequences"] | {"hops": [2.5], "stretch": [2.5, 2.5]}
CRNN = Row(1, "small-crnn", "A CRNN", "Someone 2019", "0.6", "so",
           entries=SMALL | {"network": {"kind": "tfcrnn", "width": 8, "size": 8, "gate": "single"},
                            "sequences": TICKS})  # fmt: skip
TREE = Row(10, "small-softmax", "Softmax regression", "Someone 2016", "0.4", "so",
           kind="baseline", entries={"features": "irvin", "model": "softmax"})  # fmt: skip
STACK = Row(4, "small-svm", "Stacked", "Someone 2019", "", "so",
            kind="stacking", entries={"of": ["small-rnn"]})  # fmt: skip
MEAN = Row(4, "small-mean", "Joined", "Someone 2019", "", "so",
           kind="stacking", entries={"of": ["small-rnn"], "last": "mean"})  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """High and low tones, twelve of each, two to seven seconds long."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    rows = []
    for i in range(24):
        genre = ("high", "low")[i % 2]
        t = np.arange(int(rng.uniform(2, 7) * SECOND)) / SECOND
        pitch = rng.uniform(900, 1500) if genre == "high" else rng.uniform(80, 200)
        sound = 0.3 * np.sin(2 * np.pi * pitch * t) + 0.02 * rng.standard_normal(len(t))
        soundfile.write(folder / f"{i}.flac", sound, SECOND)
        split = ("train", "train", "valid", "test")[i // 2 % 4]
        rows.append((f"t{i}", "made", genre, f"artist {i}", split, f"{i}.flac"))
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("key", "set", "genre", "group", "split", "path"), *rows])
    return folder


@pytest.fixture
def bench(folder, tmp_path):
    data = open_dataset(folder)
    audio = AudioCache.build(data.tracks, folder / "cache")
    return Bench(data, audio, tmp_path / "runs", tmp_path / "results")


def test_every_row_can_be_trained_and_says_what_was_published():
    """Each network builds, at its own hop; titles, sources and reasons are there."""
    for row in all_rows():
        assert row.title and row.source and row.why, row.system
        if row.kind == "network":
            config = row.config(seed=3)
            assert config.run.seed == 3
            network = build(config.network | {"classes": 14})
            assert [network.window_for(hop) for hop in config.sequences.hop_samples]
            assert row.narrowed or not config.network.get("width", 128) < 128, row.system


def test_all_sections_of_the_literature_exist():
    assert {row.section for row in all_rows()} == set(range(12))


def test_rows_are_chosen_by_name_pattern_and_section():
    assert [r.system for r in chosen_rows(["crnn-se"])] == ["crnn-se"]
    assert {r.section for r in chosen_rows(["4", "5"])} == {4, 5}
    assert all(r.system.startswith("feng-") for r in chosen_rows(["feng-*"]))
    with pytest.raises(DataError, match="nothing-such"):
        chosen_rows(["crnn-se", "nothing-such"])


def test_a_row_is_a_config_of_the_trainer():
    """`train --config` takes the rows by name, so that one command trains what the table has."""
    assert find_config("irvin-lstm") == chosen_rows(["irvin-lstm"])[0].config(1)
    assert find_config("crnn-se", ["run.updates=7"]).run.updates == 7


def test_a_row_writes_its_figures_its_predictions_and_their_origin(bench):
    told = []
    assert work_off(bench, [IRVIN, CRNN], (1,), progress=told.append) == []
    results = read_results(bench.results)
    assert [r.system for r in results] == ["small-crnn", "small-rnn"]
    for system, line in zip(("small-rnn", "small-crnn"), told[::2], strict=True):
        assert line.startswith(f"{system}-1: ") and bench.audio.source[:12] in line
        assert "seed 1" in line and "commit" in line and "started 20" in line
    for result in results:
        assert result.data == bench.audio.source and result.seed == 1
        assert result.tracks == 6 and 0 <= result.accuracy[0] <= 1
        assert result.parameters > 100 and result.macs_per_second > 1000
        assert result.train_seconds > 0 and result.cpu_seconds_per_second > 0
        assert result.commit and result.time and "updates of" in result.budget
        with gzip.open(bench.results / "predictions" / f"{result.run}.csv.gz", "rt") as f:
            rows = list(csv.DictReader(f))
        right = [row["genre"] == max(("high", "low"), key=lambda g: float(row[g])) for row in rows]
        assert np.mean(right) == pytest.approx(result.accuracy[0], abs=1e-4)
    assert results[0].accuracy_carried is not None and results[1].accuracy_carried is None


def test_our_own_rows_are_of_their_committed_predictions(bench):
    work_off(bench, [IRVIN], (1,), progress=lambda _: None)
    kept = bench.results / "predictions" / "small-rnn-{seed}.csv.gz"
    own = Row(0, "own", "Ours", "this project", "", "ours", kind="committed",
              entries={"predictions": str(kept), "budget": "minutes"})  # fmt: skip
    assert work_off(bench, [own], (), progress=lambda _: None) == []
    mine, other = read_results(bench.results)
    assert mine.accuracy == other.accuracy and mine.budget == "minutes"
    assert (bench.results / "predictions" / "own-1.csv.gz").exists()
    told = []
    assert not work_off(bench, chosen_rows(["own-frozen-gru"]), (), progress=told.append)
    assert "skipped" in told[-1] and "other tracks or genres than the test split" in told[-1]


def test_rows_of_another_task_are_skipped(bench):
    """Not failed: the whole queue runs on any data set; and results of other data are refused."""
    tagger = replace(IRVIN, system="small-tagger", entries=IRVIN.entries | {"task": "tags"})
    told = []
    assert work_off(bench, [tagger], (1,), progress=told.append) == []
    assert "skipped: small-tagger needs tags" in told[-1]
    tagged = replace(bench, dataset=replace(bench.dataset, task="tags"))
    assert work_off(tagged, [IRVIN], (1,), progress=told.append) == []
    assert "small-rnn predicts genres" in told[-1] and read_results(bench.results) == []
    keep_result(bench.results, Entry(section=1, system="a", seed=1, data="other"))
    with pytest.raises(DataError, match="results for other data"):
        work_off(bench, [IRVIN], (1,), progress=told.append)


def test_rows_with_a_result_are_not_run_again(bench):
    work_off(bench, [IRVIN], (1,), progress=lambda _: None)
    before = (bench.results / "results.json").read_bytes()
    told = []
    work_off(bench, [IRVIN], (1,), progress=told.append)
    assert told == [] and (bench.results / "results.json").read_bytes() == before


@pytest.mark.parametrize(("time", "measured"), [("2000-01-01", True), ("2999-01-01", False)])
def test_again_repeats_only_earlier_results(bench, monkeypatch, time, measured):
    """Not of what another process, sharing the rows, has measured since."""
    data = bench.audio.source
    keep_result(bench.results, Entry(section=10, system="small-rnn", seed=1, data=data, time=time))
    ran = []
    monkeypatch.setattr(
        queue,
        "run_row",
        lambda *_: ran.append(1) or Entry(section=10, system="small-rnn", seed=1, data=""),
    )
    work_off(bench, [IRVIN], (1,), again=True, progress=lambda _: None)
    assert bool(ran) == measured


def test_a_row_that_another_process_runs_is_skipped(bench):
    with FileLock(bench.lock(IRVIN, 1)):
        work_off(bench, [IRVIN], (1, 2), progress=lambda _: None)
    assert [r.seed for r in read_results(bench.results)] == [2]


def test_a_broken_row_does_not_stop_the_others(bench):
    broken = Row(10, "broken", "?", "?", "", "?", entries=SMALL | {"network": {"kind": "none"}})
    told = []
    assert work_off(bench, [broken, IRVIN], (1,), progress=told.append) == ["broken-1"]
    assert find_result(read_results(bench.results), "small-rnn", 1)
    assert any("unknown network kind" in line for line in told)


def test_the_same_row_and_seed_give_the_same_figures(bench, tmp_path):
    work_off(bench, [IRVIN], (1,), progress=lambda _: None)
    other = Bench(bench.dataset, bench.audio, tmp_path / "runs-2", tmp_path / "results-2")
    work_off(other, [IRVIN], (1,), progress=lambda _: None)
    name = "predictions/small-rnn-1.csv.gz"
    assert (bench.results / name).read_bytes() == (other.results / name).read_bytes()


def predictions(bench, name):
    """Probabilities (tracks, 2) as they are kept."""
    with gzip.open(bench.results / "predictions" / f"{name}.csv.gz", "rt") as file:
        return np.array([[float(r[g]) for g in ("high", "low")] for r in csv.DictReader(file)])


def test_classical_and_stacked_rows(bench, monkeypatch):
    monkeypatch.setattr(table, "all_rows", lambda: (IRVIN, TREE, STACK, MEAN))
    assert work_off(bench, [STACK, MEAN], progress=lambda _: None) == []  # trains what it joins
    models = [bench.folder(IRVIN, seed) / "model.safetensors" for seed in IRVIN.seeds]
    trained = [model.stat().st_mtime_ns for model in models]
    assert work_off(bench, [IRVIN, TREE], progress=lambda _: None) == []
    assert [model.stat().st_mtime_ns for model in models] == trained
    one, other = (predictions(bench, f"small-rnn-{seed}") for seed in IRVIN.seeds)
    np.testing.assert_allclose(predictions(bench, "small-mean-1"), (one + other) / 2, atol=2e-5)
    by_name = {r.system: r for r in read_results(bench.results)}
    assert by_name["small-softmax"].accuracy[0] == 1.0  # two pitches are easy for it
    assert by_name["small-svm"].budget.startswith("2 networks")


def test_an_entry_replaces_only_the_same_entry(tmp_path):
    entry = Entry(section=1, system="a", seed=1, data="x", why="so")
    keep_result(tmp_path, entry)
    keep_result(tmp_path, entry.model_copy(update={"seed": 2}))
    accuracy = Estimate(0.5, 0.4, 0.6)
    keep_result(tmp_path, Entry(**entry.fields(), accuracy=accuracy))
    assert [(e.seed, e.accuracy) for e in read_results(tmp_path)] == [(1, accuracy), (2, None)]
    assert all(set(FIELDS) <= e.to_json().keys() for e in read_results(tmp_path))
    reword(tmp_path, {"a": {"why": "other music"}, "b": {"why": "?"}})
    assert {e.why for e in read_results(tmp_path)} == {"other music"}
    check_data(tmp_path, "x")
    with pytest.raises(DataError, match=r"other data \(x; this is y\); give another folder"):
        check_data(tmp_path, "y")
    for text in ("{}", '[{"system": "a"}]', '[{"section": 1, "system": "a", "seed": 1}]'):
        (tmp_path / "results.json").write_text(text)
        with pytest.raises(DataError, match="not a list of results"):
            read_results(tmp_path)


def test_rows_are_trained_with_overrides(bench):
    """On its own: a result of other entries is not taken for the table's, nor the other way."""
    (longer,) = changed_rows([IRVIN, TREE], ["run.updates=6", "run.check_every=3"])
    assert longer.config(1).run.updates == 6 and IRVIN.config(1).run.updates == 4
    told = []
    assert work_off(bench, [longer], (1,), progress=told.append) == []
    assert work_off(bench, [IRVIN], (1,), progress=told.append) == ["small-rnn-1"]
    assert "other config entries; give another folder with --results" in told[-1]
    reword(bench.results, {"small-rnn": {"narrowed": "width 8", "why": "so it is"}})
    (entry,) = read_results(bench.results)
    assert entry.set == ["run.updates=6", "run.check_every=3"] and entry.updates == 6
    assert entry.why == "so it is" and "run.updates=6" in entry.narrowed
    (wrong,) = changed_rows([IRVIN], ["run.updtes=6"])
    assert work_off(bench, [wrong], (2,), progress=told.append) == ["small-rnn-2"]
    assert "config entry run.updtes: there is no such entry" in told[-1]


def test_the_command_lists_and_refuses(tmp_path):
    run = CliRunner().invoke(main, ["experiments", "--list", "--row", "10"])
    assert run.exit_code == 0 and "irvin-lstm" in run.output and "samplecnn" not in run.output
    run = CliRunner().invoke(main, ["experiments", "--list", "--row", "irvni*"])
    assert "irvni*: no such system" in str(run.exception)
    run = CliRunner().invoke(main, ["experiments", "--results", str(tmp_path / "typo")])
    assert "typo: contains no results; give DATA" in str(run.exception)


@pytest.mark.parametrize(
    ("seconds", "overlap", "most", "count"),
    [(1.0, 0.0, 0, 1), (5.0, 0.0, 0, 2), (5.0, 0.5, 0, 4), (60.0, 0.0, 6, 6), (2.0, 0.5, 0, 1)],
)
def test_tracks_are_read_in_whole_segments(seconds, overlap, most, count):
    samples = np.arange(int(seconds * 1000)).astype(np.int16)
    segments = segments_of(samples, 2000, overlap, most)
    assert segments.shape == (count, 2000)
    if len(samples) < 2000:  # repeated to its length
        assert (segments[0, len(samples) :] == samples[: 2000 - len(samples)]).all()


class _Level(SegmentNetwork):
    """Says the level of a segment."""

    def __init__(self):
        super().__init__(1000, 16_000, 1)
        self.weight = torch.nn.Parameter(torch.ones(1))

    def features(self, samples):
        return samples

    def classify(self, features):
        mean = features.mean(1, keepdim=True)
        return torch.cat([mean, -mean], 1), mean


def test_segments_come_back_to_their_tracks():
    audio = {k: np.full(int(n), v, np.int16) for k, n, v in (("a", 3500, 8192), ("b", 400, -16384))}
    found = segment_tracks(_Level(), audio, ["b", "a"])
    assert np.allclose(found["a"][:, 0], [0.25] * 3) and np.allclose(found["b"][:, 0], [-0.5])


def test_multiply_adds_are_counted_by_hand():
    network = torch.nn.GRU(3, 5, num_layers=2, bidirectional=True, batch_first=True)

    class Recurrent(_Level):
        def __init__(self):
            super().__init__()
            self.gru, self.linear = network, torch.nn.Linear(10, 2)
            self.conv = torch.nn.Conv1d(1, 3, 4, stride=100)

        def classify(self, features):
            x = self.conv(features[:, None]).transpose(1, 2)
            return self.linear(self.gru(x)[0][:, -1]), x

    steps = (1000 - 4) // 100 + 1
    gru = 2 * 3 * 5 * ((3 + 5) + (10 + 5))
    expected = steps * (3 * 4 + gru) + 10 * 2
    assert macs_per_second(Recurrent(), 1000) == pytest.approx(expected * 16)
    assert parameters(torch.nn.Linear(3, 4)) == 16


def test_published_segments_are_drawn_from_anywhere_and_short_clips_repeated():
    from training.streams.sequences import Clip, Lanes

    rising = Clip(np.arange(20_000).astype(np.int16), 0, True)
    short = Clip(np.arange(1_000, 2_000).astype(np.int16), 1, True)
    settings = Config.model_validate(
        {"network": {}} | {"sequences": SMALL["sequences"] | {"stretch": [0.25, 0.25]}}
    ).sequences
    lanes = Lanes([rising, short], [], settings, seed=(1,), hop=4000, window=4000, tick=4000)
    starts = []
    for _ in range(20):
        batch = lanes.read(1)
        for window, label in zip(batch.windows[:, 0], batch.labels[:, 0, 0], strict=True):
            values = np.round(window * 32768).astype(int)
            if label == 0:
                starts.append(values[0])
                assert (np.diff(values) == 1).all()
            else:
                assert (values == np.resize(short.samples, 4000)).all()
    assert len(set(starts)) > 20


def test_a_smaller_share_of_the_artists_is_a_part_of_a_larger_one():
    from support.tones import track

    from training.trainer.training_set import some_groups

    tracks = [track(f"{g}{i}", g, "train", f"artist {g}{i // 2}") for g in "ab" for i in range(20)]
    every, half, tenth = (some_groups(tracks, share) for share in (1.0, 0.5, 0.1))
    assert every == tracks and {t.key for t in tenth} < {t.key for t in half}
    for share, kept in ((half, 10), (tenth, 2)):
        assert [sum(t.genre == g for t in share) for g in "ab"] == [kept, kept]


def test_a_share_includes_tracks_with_soft_targets_only(bench, tmp_path):
    from training.distillation.soft_targets import SoftTargets, TrackTargets
    from training.streams.sequences import NO_GENRE
    from training.trainer.train import Trainer

    train = [t for t in bench.dataset.tracks if t.split == "train"]
    unlabelled = {t.key for t in train[::4] + train[1::4]}  # three of each kind
    tracks = [replace(t, genre="") if t.key in unlabelled else t for t in bench.dataset.tracks]
    said = TrackTargets(np.full(2, 0.5, "f4"), np.zeros((4, 1), "f2"), np.ones(4, "f4"))
    targets = SoftTargets(("high", "low"), ("tag",), (), {t.key: said for t in train})
    heard = {}
    for share in (1.0, 0.5):
        row = Row(7, "x", "x", "x", "x", "x", entries=IRVIN.entries | {
            "sequences": SMALL["sequences"] | {"share": share}})  # fmt: skip
        trainer = Trainer(
            tmp_path, row.config(1), tracks, ["high", "low"], bench.audio, soft_targets=targets
        )
        heard[share] = sorted(clip.label for clip in trainer.feed.music)
    none = NO_GENRE
    assert heard[1.0] == [none] * 6 + [0] * 3 + [1] * 3
    assert heard[0.5] == [none] * 3 + [0] * 2 + [1] * 2


def test_artificial_copies_are_played_beside_the_tracks(bench, tmp_path):
    from training.trainer.train import Trainer

    row = Row(7, "x", "x", "x", "x", "x", entries=IRVIN.entries | {
        "sequences": SMALL["sequences"] | {"copies": 2}})  # fmt: skip
    trainer = Trainer(tmp_path, row.config(1), bench.dataset.tracks, ["high", "low"], bench.audio)
    music = trainer.feed.music
    assert len(music) == 3 * 12
    assert [p.label for p in music[12:]] == [p.label for p in music[:12] for _ in range(2)]
    assert not any(np.array_equal(music[12].samples, p.samples) for p in music[:12])


def test_tags_are_grouped_and_compared_with_their_frequency():
    from training.literature.report.tags import against_commonness, by_group, group_of

    assert [group_of(t) for t in ("Hip-Hop", "Mellow", "guitar", "80s")] == [
        "genre", "mood", "instrument", "era",
    ]  # fmt: skip
    names = ("rock", "jazz", "sad", "happy", "80s")
    tags = {
        name: TagMetrics(roc_auc=0.5 + i / 10, pr_auc=0.1, positives=10 * (i + 1))
        for i, name in enumerate(names)
    }
    tags["folk"] = TagMetrics(roc_auc=None, pr_auc=None, positives=0)
    groups = by_group(tags)
    assert groups["genre"].tags == 2 and groups["genre"].roc_auc == 0.55
    assert groups["mood"].roc_auc == 0.75 and "instrument" not in groups
    assert against_commonness(tags.values())[0] == pytest.approx(1.0)


KINDS = {
    (row.entries["network"]["kind"], row.entries["network"].get("gate")): row
    for row in all_rows()
    if row.kind == "network" and row.task == "genre"
}


@pytest.mark.parametrize("row", KINDS.values(), ids=["-".join(filter(None, k)) for k in KINDS])
def test_every_kind_of_network_is_a_model_that_the_product_runs(row, tmp_path, monkeypatch):
    """With its card, whose gates are as many as the network gives, and at the row's own hop."""
    import streamgenre

    monkeypatch.setattr(export, "PARITY_STEPS", 2)
    config = row.config(1)
    description = config.network | {"classes": 3}
    description |= {"width": 8} if "width" in description else {}
    network, calibration = build(description).eval(), Calibration()
    hop = config.sequences.hop_samples[0]
    card = make_card(network, description, ["a", "b", "c"], [hop / SECOND], calibration)
    export.export(network, calibration, card, path := tmp_path / "model.onnx")
    sound = np.random.default_rng(0).normal(0, 0.1, int(2.2 * hop)).astype(np.float32)
    updates = streamgenre.load(path).stream().feed(sound, SECOND)
    assert len(updates) == 2 and sum(updates[-1].probabilities.values()) == pytest.approx(1)


@pytest.mark.slow
def test_a_network_of_the_table_is_trained_exported_and_run_like_our_own(folder, tmp_path):
    """A bidirectional network of 3 s segments steps as a stream, through the product's own core."""
    import streamgenre

    model = tmp_path / "feng.onnx"
    small = ["network.width=0.125", "run.updates=30", "run.check_every=15", "sequences.lanes=8"]
    run = CliRunner().invoke(
        main,
        ["train", str(folder), "--config", "feng-rnn", "--folder", str(tmp_path / "run"),
         "--cache", str(folder / "cache"), "-o", str(model),
         *(part for change in small for part in ("--set", change))],
    )  # fmt: skip
    assert run.exit_code == 0, run.output
    loaded = streamgenre.load(model)
    high, rate = soundfile.read(folder / "0.flac")
    stream = loaded.stream()
    updates = [u for part in np.array_split(np.tile(high, 3), 7) for u in stream.feed(part, rate)]
    assert [u.time for u in updates] == [3.0 * (i + 1) for i in range(len(updates))] and updates
    assert updates[-1].top == "high"
