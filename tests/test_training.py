"""Training on generated music: streams, resumption, measures."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch", reason="training needs the train extra")
pytest.importorskip("safetensors", reason="training needs the train extra")

from training.data import AudioCache, DataError, read_manifest  # noqa: E402
from training.evaluate import evaluate, recompute, write_predictions  # noqa: E402
from training.export import load_checkpoint  # noqa: E402
from training.fit import fit, temperature  # noqa: E402
from training.metrics import Run, macro_recall, stream_tracks  # noqa: E402
from training.sequences import NO_GENRE, Lanes, Piece, class_weights, noise  # noqa: E402
from training.train import train  # noqa: E402

SECOND = 16_000
SMALL = {
    "lanes": 4, "steps": 3, "frozen_updates": 4, "whole_updates": 4, "check_every": 4,
    "seconds": (1.0, 4.0),
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two "genres", high and low tones, twelve tracks of six seconds, and one broken file."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    rows = []
    for i in range(12):
        genre = ("high", "low")[i % 2]
        t = np.arange(6 * SECOND) / SECOND
        pitch = rng.uniform(1500, 3000) if genre == "high" else rng.uniform(80, 200)
        sound = 0.3 * np.sin(2 * np.pi * pitch * t) + 0.02 * rng.standard_normal(len(t))
        soundfile.write(folder / f"{i}.flac", sound, SECOND)
        split = ("train", "train", "train", "valid")[i // 2 % 4]
        rows.append((f"t{i}", "made", genre, f"artist {i}", split, f"{i}.flac"))
    (folder / "broken.flac").write_bytes(b"nothing")
    rows.append(("broken", "made", "low", "artist x", "train", "broken.flac"))
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("key", "set", "genre", "group", "split", "path"), *rows])
    return folder


@pytest.fixture(scope="module")
def checkpoint(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return train(data / "manifest.csv", data / "cache", folder, None, **SMALL)


def test_a_manifest_that_cannot_be_used_is_refused(tmp_path):
    with pytest.raises(DataError, match="no manifest"):
        read_manifest(tmp_path / "manifest.csv")
    (tmp_path / "manifest.csv").write_text("key,genre\na,b\n")
    with pytest.raises(DataError, match="group, path, set, split"):
        read_manifest(tmp_path / "manifest.csv")


def test_the_cache_holds_what_was_decoded_and_names_what_was_not(data, checkpoint, capsys):
    cache = AudioCache.build(data / "manifest.csv", data / "cache")
    assert len(cache) == 12 and "broken" not in cache
    expected, _ = soundfile.read(data / "3.flac", dtype="int16")
    assert np.abs(cache["t3"].astype(int) - expected).max() <= 1
    capsys.readouterr()
    AudioCache.build(data / "manifest.csv", data / "fresh")
    assert "skipped" in (said := capsys.readouterr().out) and "broken.flac" in said


def lanes(seed, hop=SECOND, other=(), share=0.0):
    tones = [Piece(np.full(3 * SECOND, 1000 * (i + 1), np.int16), i, True) for i in range(3)]
    return Lanes(
        tones, np.ones(3), list(other), seed=(seed,), lanes=2, hop=hop, window=2 * SECOND,
        seconds=(1.5, 3.0), other_share=share,
    )  # fmt: skip


def test_lanes_are_what_a_stream_would_hear():
    batch = lanes(0).read(30)
    new = batch.windows[:, :, -SECOND:]
    for t in range(1, 30):
        carried = ~batch.fresh[:, t]
        assert (batch.windows[carried, t, :SECOND] == new[carried, t - 1]).all()
        assert (batch.windows[~carried, t, :SECOND] == 0).all()
    assert batch.fresh.any() and set(np.unique(batch.labels)) == {0, 1, 2}
    assert np.array_equal(batch.windows, lanes(0).read(30).windows)
    assert not np.array_equal(batch.windows, lanes(1).read(30).windows)


def test_what_is_no_music_has_no_genre():
    batch = lanes(0, share=1.0).read(10)
    assert (batch.labels == NO_GENRE).all() and (batch.music == 0).all()
    assert all(np.isfinite(noise(np.random.default_rng(i), 8_000)).all() for i in range(50))


def test_class_weights_lie_between_frequency_and_balance():
    labels = [0] * 90 + [1] * 10
    share = class_weights(labels, 1.0)[labels.index(1) :].sum()
    even = class_weights(labels, 0.0)[labels.index(1) :].sum()
    between = class_weights(labels, 0.5)[labels.index(1) :].sum()
    assert share == pytest.approx(0.1) and even == pytest.approx(0.5) and 0.1 < between < 0.5


def test_training_writes_what_it_was_made_from(checkpoint, data):
    network, about = load_checkpoint(checkpoint)
    assert json.loads(about["labels"]) == ["high", "low"] and len(about["data"]) == 64
    assert not network.training
    log = [json.loads(line) for line in (checkpoint.parent / "log.jsonl").open()]
    assert [row["stage"] for row in log] == ["frozen", "whole"]


def test_a_broken_off_run_goes_on_where_it_was(checkpoint, data, tmp_path):
    first = dict(SMALL, whole_updates=0)
    train(data / "manifest.csv", data / "cache", tmp_path, None, **first)
    before = load_checkpoint(tmp_path / "model.safetensors")[0].state_dict()
    train(data / "manifest.csv", data / "cache", tmp_path, None, **SMALL)
    log = [json.loads(line)["update"] for line in (tmp_path / "log.jsonl").open()]
    assert log == [4, 8]
    after = load_checkpoint(tmp_path / "model.safetensors")[0].state_dict()
    assert not torch.equal(before["stem.weight"], after["stem.weight"])  # the trunk moved, too
    again = load_checkpoint(checkpoint)[0].state_dict()
    torch.testing.assert_close(after, again)  # and so it did without the break


def test_a_run_on_other_data_is_not_mixed_in(checkpoint, data, tmp_path):
    with (data / "manifest.csv").open() as file:
        lines = file.readlines()
    other = data / "other.csv"
    other.write_text("".join(lines[:-2]))
    with pytest.raises(DataError, match="of another data"):
        train(other, tmp_path / "cache", checkpoint.parent, None, **SMALL)


def test_batched_tracks_equal_a_live_stream(checkpoint, data):
    network, _ = load_checkpoint(checkpoint)
    audio = AudioCache(data / "cache")
    runs = stream_tracks(network, audio, ["t0", "t1"], 40_000)
    padded = np.zeros(40_000 * 3, np.float32)
    padded[: 6 * SECOND] = audio["t1"] / np.float32(32768)
    state = torch.zeros(1, network.state_size)
    with torch.inference_mode():
        for t in range(3):
            step = network(torch.from_numpy(padded[None, t * 40_000 : (t + 1) * 40_000]), state)
            state = step.next_state
            np.testing.assert_allclose(runs["t1"].logits[t], step.logits[0], atol=1e-4)


def test_figures_can_be_recomputed_from_predictions(checkpoint, data, tmp_path):
    network, about = load_checkpoint(checkpoint)
    audio, labels = AudioCache(data / "cache"), json.loads(about["labels"])
    tracks = [t for t in read_manifest(data / "manifest.csv") if t.key in audio]
    found, mean = evaluate(network, audio, tracks, labels, 40_000, 1.0)
    write_predictions(tmp_path / "p.csv", tracks, labels, mean)
    assert recompute(tmp_path / "p.csv") == found["track_mean"]
    assert sum(map(sum, found["confusion"])) == len(tracks)


def test_fitting_gives_thresholds_for_a_card(checkpoint, data):
    network, _ = load_checkpoint(checkpoint)
    audio = AudioCache(data / "cache")
    silence = {"silence": np.zeros(5 * SECOND, np.int16)}
    found = fit(network, audio, [f"t{i}" for i in range(6)], [0, 1] * 3, silence)
    assert 0 < found["thresholds"]["unsure"] < 1 and 0 < found["thresholds"]["music"] < 1


def test_temperature_finds_overconfidence():
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((4000, 3)).astype(np.float32)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    true = (p.cumsum(1) > rng.random((4000, 1))).argmax(1)
    runs = [Run(2 * row[None], np.zeros(1)) for row in logits]
    assert temperature(runs, true) == pytest.approx(2.0, abs=0.15)


def test_macro_recall_weighs_classes_alike():
    true, guess = np.array([0] * 9 + [1]), np.zeros(10, int)
    assert macro_recall(guess, true) == 0.5
