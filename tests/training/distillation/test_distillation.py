"""Distillation: outputs of teachers, soft targets, and training with them."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="training needs the train extra")
pytest.importorskip("lightning_fabric", reason="training needs the train extra")

from safetensors.numpy import save_file  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from support.runs import Says, rows_of  # noqa: E402

from streamgenre.networks.trunk import TrunkTFCRNN  # noqa: E402
from training import checkpoint  # noqa: E402
from training.config import Optimiser, Sequences, read_config  # noqa: E402
from training.data import AudioCache, DataError, open_dataset  # noqa: E402
from training.distillation import genres, tags  # noqa: E402
from training.distillation.make import make_soft_targets  # noqa: E402
from training.distillation.outputs import EVERY, Trunk, cached_outputs, open_peers, tagger_outputs  # noqa: E402
from training.distillation.soft_targets import (  # noqa: E402
    FIRST,
    STEP,
    SoftTargets,
    Style,
    TrackTargets,
    read_soft_targets,
    write_soft_targets,
)
from training.heads.styles import finish_styles  # noqa: E402
from training.model import load_model  # noqa: E402
from training.streams.sequences import NO_GENRE, Batch, Clip, Lanes, StepTargets, music_clips  # noqa: E402
from training.trainer.learner import Inputs, Learner  # noqa: E402
from training.trainer.train import Trainer  # noqa: E402

torch.set_num_threads(1)  # small networks: a second thread waits more than it works
SECOND = 16_000
LABELS = ["electronic", "rock"]


def silent(what, now, total):
    """Told by no one."""


def distributions(rng, *shape):
    return rng.dirichlet(np.ones(shape[-1]), shape[:-1]).astype(np.float32)


def targets(seed, rows=4, classes=2, width=3):
    rng = np.random.default_rng(seed)
    return TrackTargets(
        distributions(rng, classes),
        rng.random((rows, width)).astype(np.float16),
        rng.random(rows).astype(np.float32),
    )


# The file of lessons


@settings(max_examples=15, deadline=None)
@given(keys=st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4, unique=True))
def test_soft_targets_are_read_as_written(keys, tmp_path_factory):
    path = tmp_path_factory.mktemp("lessons") / "x.safetensors"
    made = SoftTargets(
        tuple(LABELS),
        ("a", "b", "c"),
        (Style("house", "House", "electronic", 2),),
        {key: targets(i, rows=i) for i, key in enumerate(keys)},
        about={"teachers": ["one"], "class_power": 0.4},
    )
    write_soft_targets(path, made)
    found = read_soft_targets(path, LABELS)
    assert replace(found, by_key={}, sha256="") == replace(made, by_key={})
    assert set(found.by_key) == set(keys)
    for key in keys:
        for name in ("genres", "tags", "music"):
            expected, got = (getattr(x.by_key[key], name) for x in (made, found))
            assert got.dtype == expected.dtype and np.array_equal(got, expected)
        assert found.by_key[key].sizes == (2, 3)


def test_the_hash_identifies_soft_targets(tmp_path):
    hashes = []
    for seed in (0, 1):
        write_soft_targets(tmp_path / "x", SoftTargets(tuple(LABELS), (), (), {"t": targets(seed)}))
        hashes.append(read_soft_targets(tmp_path / "x", LABELS).sha256)
        assert hashes[-1] == read_soft_targets(tmp_path / "x", LABELS).sha256
    assert hashes[0] != hashes[1] and len(hashes[0]) == 64


def test_tags_in_any_memory_order_are_kept(tmp_path):
    said = replace(targets(0), tags=np.asfortranarray(targets(0).tags))
    write_soft_targets(tmp_path / "x", SoftTargets(tuple(LABELS), (), (), {"t": said}))
    assert np.array_equal(read_soft_targets(tmp_path / "x", LABELS).by_key["t"].tags, said.tags)


def damaged(path, what):
    """A file at the path that holds no lessons."""
    tensors = {"genres/t": np.ones(2, np.float32)}
    about = {"labels": json.dumps(LABELS), "tags": "[]", "styles": "[]", "about": "{}"}
    if what == "text":
        path.write_text("labels = []")
    elif what == "cut off":
        write_soft_targets(path, SoftTargets(tuple(LABELS), (), (), {"t": targets(0)}))
        path.write_bytes(path.read_bytes()[:-5])
    elif what == "folder":
        path.mkdir()
    elif what == "no metadata":
        save_file(tensors, path)
    elif what == "no tags":
        save_file(tensors, path, about)
    elif what == "network":
        save_file({"weight": np.ones(2, np.float32)}, path, about)
    elif what == "no JSON":
        save_file({}, path, about | {"labels": "rock"})
    elif what == "styles":
        save_file({}, path, about | {"styles": '[{"name": "house"}]'})


@pytest.mark.parametrize(
    "what",
    ["none", "text", "cut off", "folder", "no metadata", "no tags", "network", "no JSON", "styles"],
)
def test_other_files_are_rejected_in_one_line(what, tmp_path):
    damaged(tmp_path / "x", what)
    with pytest.raises(
        DataError, match=r"cannot be read as soft targets .* run teach again"
    ) as caught:
        read_soft_targets(tmp_path / "x", LABELS)
    assert "\n" not in str(caught.value) and str(tmp_path / "x") in str(caught.value)


def test_soft_targets_without_a_description_are_rejected(tmp_path):
    about = {"lessons": json.dumps({"labels": LABELS, "tags": [], "styles": []})}
    save_file({}, tmp_path / "x", about)
    with pytest.raises(DataError, match="run teach again"):
        read_soft_targets(tmp_path / "x", LABELS)


@pytest.mark.parametrize("labels", [["rock"], ["rock", "electronic"], [*LABELS, "jazz"], []])
def test_soft_targets_for_other_genres_are_rejected(labels, tmp_path):
    write_soft_targets(tmp_path / "x", SoftTargets(tuple(LABELS), (), (), {}))
    with pytest.raises(DataError, match=r"for other genres \(electronic, rock\)"):
        read_soft_targets(tmp_path / "x", labels)


@given(rows=st.integers(1, 100), seconds=st.floats(-100, 1_000))
def test_a_time_maps_to_the_nearest_row(rows, seconds):
    found = targets(0, rows=rows).row(seconds)
    away = np.abs(FIRST + STEP * np.arange(rows) - seconds)
    assert 0 <= found < rows and away[found] <= away.min() + 1e-9


# Sequences


WINDOW = 2 * SECOND
PLAIN = Sequences(
    lanes=3, hops=(0.5,), stretch=(1.5, 4.0), fade=(0.1, 2.0), gain=(0.0, 0.0), other=0.0
)


def numbered(number, label, said, seconds=6):
    """A piece whose every window is found again: its samples count up in steps of 16."""
    samples = 1 + number * 7_000 + np.arange(seconds * SECOND) // 16
    return Clip(samples.astype(np.int16), label, True, said)


WITH_TARGETS = [numbered(i, (0, 1, NO_GENRE)[i], targets(i, rows=4)) for i in range(3)]


def lanes(seed=0, hop=SECOND // 2, tick=None, config=PLAIN, music=WITH_TARGETS):
    return Lanes(music, [], config, seed=(seed,), hop=hop, window=WINDOW, tick=tick or hop)


def found_in(window, music):
    """The piece and the first sample of it that a window is, to the sample; None: of no one."""
    exact = window * 32768
    first = round(float(exact[0]))
    for clip in music:
        block = 16 * (first - int(clip.samples[0]))
        for start in range(max(0, block), block + 16):
            part = clip.samples[start : start + len(window)]
            if len(part) == len(window) and np.allclose(part, exact, rtol=0, atol=1e-2):
                return clip, start
    return None


def sequences(fresh, crossfade):
    return PLAIN.model_copy(update={"fresh": fresh, "crossfade": crossfade})


def check_tags(batch, music):
    """Tags, where known, are those of the middle of a window that is of one piece throughout."""
    known = 0
    for lane, t in np.ndindex(batch.fresh.shape):
        here = found_in(batch.windows[lane, t], music)
        if not batch.soft_targets.tags_known[lane, t]:
            assert here is None  # nothing that could be learnt is left out
            assert not batch.soft_targets.tags[lane, t].any()
            continue
        known += 1
        assert here is not None
        clip, start = here
        row = clip.soft_targets.row((start + WINDOW / 2) / SECOND)
        assert np.array_equal(
            batch.soft_targets.tags[lane, t], clip.soft_targets.tags[row].astype(np.float32)
        )
        assert batch.music[lane, t] == clip.soft_targets.music[row]
        # No stream began inside it.
        assert not batch.fresh[lane, max(0, t - WINDOW // (SECOND // 2) + 2) : t + 1].any()
    return known


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 99), fresh=st.floats(0, 1))
def test_tags_are_known_where_the_window_has_one_clip(seed, fresh):
    check_tags(lanes(seed, config=sequences(fresh, 0.0)).read(12), WITH_TARGETS)


def test_some_windows_have_tags_and_some_have_none():
    batch = lanes(config=sequences(0.3, 0.0)).read(40)
    assert 20 < check_tags(batch, WITH_TARGETS) < batch.fresh.size - 20


def test_tags_are_not_known_inside_a_crossfade():
    check_tags(lanes(config=sequences(0.0, 1.0)).read(60), WITH_TARGETS)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 99), fresh=st.floats(0, 0.5), crossfade=st.floats(0, 0.5))
def test_genres_are_known_for_every_step_of_a_clip_with_soft_targets(seed, fresh, crossfade):
    music = [WITH_TARGETS[0], replace(WITH_TARGETS[1], soft_targets=None), WITH_TARGETS[2]]
    batch = lanes(seed, config=sequences(fresh, crossfade), music=music).read(12)
    # The one without a lesson alone has this label.
    assert np.array_equal(batch.soft_targets.genres_known, batch.labels != 1)
    for clip, label in ((music[0], 0), (music[2], NO_GENRE)):
        theirs = batch.labels[..., 0] == label
        assert (batch.soft_targets.genres[theirs] == clip.soft_targets.genres).all()
    assert not batch.soft_targets.genres[~batch.soft_targets.genres_known.any(-1)].any()
    assert not batch.soft_targets.tags_known[~batch.soft_targets.genres_known.any(-1)].any()


def test_non_music_has_no_soft_targets():
    batch = lanes(config=PLAIN.model_copy(update={"other": 0.999})).read(10)
    silence = batch.labels[..., 0] == NO_GENRE
    silence &= batch.music == 0
    assert silence.mean() > 0.9 and not batch.soft_targets.genres_known[silence].any()


def test_without_soft_targets_a_batch_has_none():
    music = [replace(clip, soft_targets=None) for clip in WITH_TARGETS[:2]]
    assert lanes(music=music).read(3).soft_targets is None


def test_soft_targets_do_not_change_the_audio():
    bare = [
        replace(WITH_TARGETS[0], soft_targets=None),
        replace(WITH_TARGETS[1], soft_targets=None),
    ]
    without, with_them = lanes(music=bare).read(10), lanes(music=WITH_TARGETS[:2]).read(10)
    for name in ("windows", "labels", "fresh"):
        assert np.array_equal(getattr(without, name), getattr(with_them, name))


def test_clips_get_their_labels_and_soft_targets():
    audio = {key: np.zeros(4, np.int16) for key in "abc"}
    found = music_clips("abc", audio, {"a": 1, "b": 0}, {"b": targets(1), "c": targets(2)})
    assert [clip.label for clip in found] == [1, 0, NO_GENRE]
    assert [clip.soft_targets is None for clip in found] == [True, False, False]


def test_a_track_without_a_genre_counts_as_its_most_probable_one():
    """Nine tracks of one genre, one unlabelled of the other: evenly drawn, it is half of it all."""
    sure = replace(targets(0), genres=np.float32([0.1, 0.9]))
    music = [numbered(0, 0, None)] * 9 + [numbered(1, NO_GENRE, sure)]
    config = PLAIN.model_copy(update={"lanes": 20, "class_power": 0.0})
    known = lanes(config=config, music=music).read(60).soft_targets.genres_known
    assert 0.4 < known.mean() < 0.6
    labelled = [*music[:9], replace(music[9], label=1)]
    same = lanes(config=config, music=labelled).read(60).soft_targets.genres_known
    assert np.array_equal(known, same)


# The loss


def batch_of(labels, soft_targets):
    lanes_, steps = labels.shape[:2]
    return Batch(
        np.zeros((lanes_, steps, 1), np.float32),
        labels,
        np.full_like(labels, NO_GENRE),
        np.ones((lanes_, steps), np.float32),
        np.zeros((lanes_, steps), bool),
        soft_targets,
    )


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 999),
    share=st.floats(0, 1),
    smoothing=st.floats(0, 0.5),
    ticks=st.integers(1, 3),
)
def test_labels_and_teachers_are_mixed(seed, share, smoothing, ticks):
    rng = np.random.default_rng(seed)
    lanes_, steps, classes = 3, 4, 3
    # A step is of one piece here: all its ticks, or none, have a label.
    of_step = rng.choice([NO_GENRE, 0, 1, 2], (lanes_, steps, 1))
    labels = np.repeat(of_step, ticks, 2).astype(np.int64)
    known = rng.random((lanes_, steps)) < 0.5
    soft = distributions(rng, lanes_, steps, classes) * known[..., None]
    zeros = np.zeros((lanes_, steps, 1), np.float32)
    soft_targets = StepTargets(
        soft, np.repeat(known[..., None], ticks, 2), zeros, np.zeros_like(known)
    )
    logits = rng.standard_normal((lanes_, steps, ticks, classes)).astype(np.float32)
    chosen = Optimiser(teachers=share, label_smoothing=smoothing)
    learner = Learner(Says(torch.from_numpy(logits)), chosen, frozen=False)
    inputs = Inputs(batch_of(labels, soft_targets), torch.zeros(lanes_, 2))
    target, counted = learner._target(inputs, classes)

    said = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    losses = []
    for lane, t, k in np.ndindex(labels.shape):
        label = labels[lane, t, k]
        smooth = np.eye(classes)[max(label, 0)] * (1 - smoothing) + smoothing / classes
        if label == NO_GENRE and not known[lane, t]:
            assert not counted[lane, t, k]
            continue
        if label == NO_GENRE:
            expected = soft[lane, t]
        elif known[lane, t]:
            expected = (1 - share) * smooth + share * soft[lane, t]
        else:
            expected = smooth
        assert counted[lane, t, k]
        np.testing.assert_allclose(target[lane, t, k].numpy(), expected, atol=1e-6)
        losses.append(-(expected * said[lane, t, k]).sum())
    loss, _ = learner(inputs, lambda count: count.float())
    assert float(loss) == pytest.approx(np.mean(losses) if losses else 0.0, abs=1e-5)


def test_without_soft_targets_labels_are_used_alone():
    labels = np.array([[[0], [NO_GENRE]]])
    learner = Learner(Says(torch.zeros(1, 2, 1, 4)), Optimiser(label_smoothing=0.2), frozen=False)
    target, counted = learner._target(Inputs(batch_of(labels, None), torch.zeros(1, 2)), 4)
    assert counted.flatten().tolist() == [True, False]
    assert target[0, 0, 0].tolist() == pytest.approx([0.85, 0.05, 0.05, 0.05])


def test_a_tick_of_noise_beside_music_is_not_counted():
    config = PLAIN.model_copy(update={"other": 0.5, "lanes": 8})
    music = WITH_TARGETS[:2]  # all labelled: what has no label is noise
    batch = lanes(config=config, music=music, tick=SECOND // 10).read(30)
    learner = Learner(Says(torch.zeros(1)), Optimiser(), frozen=False)
    _, counted = learner._target(Inputs(batch, torch.zeros(8, 2)), 2)
    assert not (counted.numpy() & (batch.labels == NO_GENRE)).any()


# Soft genres


def clusters(rng, labels, width=4, apart=4.0):
    """Features that say the label plainly."""
    return rng.standard_normal((len(labels), width)) + apart * np.eye(width)[labels]


@pytest.mark.parametrize("views", [1, 2])
def test_clusters_override_wrong_labels(views):
    rng = np.random.default_rng(0)
    true = np.arange(90) % 3
    said = true.copy()
    said[:3] = (true[:3] + 1) % 3
    heard = [clusters(rng, true) for _ in range(views)]
    soft = genres.soft_genres(heard, said, [str(i) for i in range(90)], 3)
    assert soft.sum(1) == pytest.approx(1) and (soft >= 0).all()
    assert (soft.argmax(1) == true).mean() > 0.97
    assert (soft.argmax(1)[:3] == true[:3]).all()


def test_labels_are_not_memorised():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 200)
    heard = [rng.standard_normal((200, 50))]  # wide enough to learn every track by heart
    soft = genres.soft_genres(heard, labels, [str(i) for i in range(200)], 2)
    assert 0.35 < (soft.argmax(1) == labels).mean() < 0.65


def test_tracks_of_a_group_are_in_one_fold():
    """Features that name the artist, whose label is chance: of use only inside a group."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(40), 5)
    labels = rng.integers(0, 2, 40)[group]
    heard = [rng.standard_normal((40, 60))[group] + 0.01 * rng.standard_normal((200, 60))]
    right = {}
    for name, groups in (("kept", group), ("apart", np.arange(200))):
        soft = genres.soft_genres(heard, labels, [str(g) for g in groups], 2)
        right[name] = (soft.argmax(1) == labels).mean()
    assert right["apart"] > 0.85 and right["kept"] < 0.7


def test_a_track_without_a_genre_is_predicted_by_all():
    rng = np.random.default_rng(0)
    true = np.arange(60) % 2
    said = np.where(np.arange(60) < 50, true, -1)
    soft = genres.soft_genres([clusters(rng, true)], said, [str(i) for i in range(60)], 2)
    assert (soft.argmax(1)[50:] == true[50:]).all() and soft.sum(1) == pytest.approx(1)


def test_the_mean_of_a_track_converts_probabilities_to_logits():
    rows = np.float32([[1.0, 0.5, 3.0], [2.0, 0.0, 5.0]])
    before = rows.copy()
    found = genres.mean_of_track(rows, 1)
    assert found == pytest.approx([np.log(1e-4 / (1 - 1e-4)) / 2, 4.0])
    assert np.array_equal(rows, before)
    assert genres.mean_of_track(rows) == pytest.approx([0.25, 4.0])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), power=st.floats(0, 1))
def test_soft_genres_are_reweighted_to_the_frequencies_in_training(seed, power):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 200, 4)
    soft = distributions(rng, 5, 4).astype(np.float64) + 1e-9
    found = genres.reweighted(soft, counts, power)
    assert found.sum(1) == pytest.approx(1) and (found >= 0).all()
    # A genre's odds against another change as the chance of being drawn does.
    present = np.maximum(counts, 1)
    drawn = present.astype(float) ** power / present
    odds = (found / soft) / (found / soft)[:, :1]
    np.testing.assert_allclose(odds, np.tile(drawn / drawn[0], (5, 1)), rtol=1e-6)
    np.testing.assert_allclose(genres.reweighted(soft, counts, 1.0), genres.normalised(soft))


def test_tags_of_the_source_reduce_other_genres():
    labels = ["ambient", "electronic", "jazz", "rock"]
    even = np.full(4, 0.25)
    found = genres.restricted_by_tags(even, ["Electronic "], labels)
    assert found.sum() == pytest.approx(1) and (found > 0).all()
    assert found[0] == found[1] > 5 * found[2] and found[2] == found[3]
    both = genres.restricted_by_tags(even, ["jazz", "pop/rock"], labels)
    assert both[2] == both[3] > both[0] == both[1]
    for nothing in ([], ["live"], ["reggae"]):  # no word, no known word, none of these labels
        assert np.array_equal(genres.restricted_by_tags(even, nothing, labels), even)
    assert {name for names in genres.GENRES_OF_TAG.values() for name in names} >= {*labels}


# Tags

AUDIOSET = ["Speech", "Choir", "Dog", "Music", "Guitar"]
AUDIOSET += [name for name in tags.STYLES if name != "Choir"]
AUDIOSET += ["Scary music", "Car", "Silence"]


def test_music_classes_are_selected():
    found = [AUDIOSET[i] for i in tags.music_classes(AUDIOSET)]
    assert found[0] == "Music" and {"Guitar", "Techno", "Scary music", "Speech", "Choir"} <= {
        *found
    }
    assert not {"Dog", "Car"} & {*found} and len({*found}) == len(found)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), mean=st.floats(-12, 3))
def test_a_style_is_strong_on_a_tenth_of_its_genre(seed, mean):
    logits = (mean + np.random.default_rng(seed).standard_normal(1_000)).astype(np.float32)
    parent = np.arange(1_000) < 500
    shifted = logits[parent] + tags.logit_shift(logits, parent)
    assert (shifted > 0).mean() == pytest.approx(0.1, abs=0.01)
    assert tags.logit_shift(logits, np.zeros(1_000, bool)) == 0.0


def test_the_music_probability_is_one_half_between_music_and_the_rest():
    logit = np.log(np.float32([0.1, 0.3]) / (1 - np.float32([0.1, 0.3])))
    low, high = tags.music_probability(logit)
    assert low < 0.5 < high and tags.music_probability(logit).dtype == np.float32


# Hearing


class Peer:
    """A tagger that tells the level of its window; an embedding where it was asked for."""

    labels = ("mean", "most")

    def __init__(self, sr=SECOND, seconds=3, embeds=False):
        self.sr, self.n, self._embeds = sr, sr * seconds, embeds

    def run(self, windows):
        assert windows.shape == (1, self.n)
        if self._embeds:
            self.emb = torch.tensor([[7.0, 8.0, 9.0]])
        return np.stack([windows.mean(1), windows.max(1)], 1)


@pytest.mark.parametrize("sr", [8_000, SECOND, 22_050])
def test_a_tagger_runs_on_a_long_track_every_few_seconds(sr):
    track = np.repeat(np.float32([0.1, 0.5]), 10 * SECOND)  # louder from 10 s on
    rows = tagger_outputs(Peer(sr), track)
    assert rows.dtype == np.float32 and rows.shape == (4, 3)
    assert rows[:, 0] == pytest.approx(1.5 + EVERY * np.arange(4), abs=1e-3)
    assert rows[:, 1] == pytest.approx([0.1, 0.1, 0.5, 0.5], abs=0.01)


@pytest.mark.parametrize("length", [100, SECOND, 3 * SECOND - 1, 3 * SECOND])
def test_a_short_track_is_repeated(length):
    track = np.linspace(0.1, 0.5, length, dtype=np.float32)
    rows = tagger_outputs(Peer(), track)
    assert rows.shape == (1, 3) and rows[0, 0] == pytest.approx(1.5)
    # All of it full of the track: no silence behind it.
    assert rows[0, 1] == pytest.approx(np.resize(track, 3 * SECOND).mean(), abs=1e-4)
    assert rows[0, 2] == pytest.approx(0.5)


def test_an_embedding_follows_the_probabilities():
    rows = tagger_outputs(Peer(embeds=True), np.zeros(8 * SECOND, np.float32))
    assert rows.shape == (2, 6) and (rows[:, 3:] == [7, 8, 9]).all()


def published(path, classes):
    """Random weights at a path, under the names of EfficientAT's checkpoints."""
    torch.manual_seed(0)
    network, found = TrunkTFCRNN(1, feedback="none"), {}

    def conv(layer, name):
        channels = len(layer.weight)
        found[f"{name}.0.weight"] = layer.weight
        found[f"{name}.1.weight"] = torch.rand(channels) + 0.5
        found[f"{name}.1.running_var"] = torch.rand(channels) + 0.5
        for part in ("bias", "running_mean"):
            found[f"{name}.1.{part}"] = torch.randn(channels) * 0.1

    conv(network.stem, "features.0")
    conv(network.top, "features.16")
    for number, block in enumerate(network.blocks, 1):
        parts = (block.expand, block.depthwise, block.gate, block.project)
        for i, part in enumerate(part for part in parts if part is not None):
            name = f"features.{number}.block.{i}"
            if part is block.gate:
                for layer, fc in ((part.squeeze, "fc1"), (part.excite, "fc2")):
                    found[f"{name}.conc_se_layers.0.{fc}.weight"] = layer.weight
                    found[f"{name}.conc_se_layers.0.{fc}.bias"] = layer.bias
            else:
                conv(part, name)
    top = len(network.top.weight)
    for i, (inputs, outputs) in {2: (top, 32), 5: (32, classes)}.items():
        found[f"classifier.{i}.weight"] = torch.randn(outputs, inputs) * 0.1
        found[f"classifier.{i}.bias"] = torch.randn(outputs)
    torch.save(found, path)
    return path


def test_the_trunk_outputs_features_and_tags_for_every_row(tmp_path):
    path = published(tmp_path / "mn04.pt", classes=7)
    own = Trunk(path)
    samples = (0.1 * np.random.default_rng(0).standard_normal(6 * SECOND)).astype(np.float32)
    rows = own.outputs(samples)
    assert rows.shape == (3, 1 + own.features + 7) and rows.dtype == np.float32
    assert rows[:, 0].tolist() == [FIRST + STEP * i for i in range(3)]
    assert np.isfinite(rows).all() and np.ptp(rows[:, 1:], axis=0).max() > 0
    # A row is of its own two and a half seconds.
    second = own.outputs(samples[round(STEP * SECOND) :][: round(2 * FIRST * SECOND)])
    np.testing.assert_allclose(rows[1, 1:], second[0, 1:], rtol=1e-3, atol=1e-4)
    network = TrunkTFCRNN(1, feedback="none").eval()
    network.start_from(path)
    heard = network(torch.from_numpy(samples[None, :40_000]), torch.zeros(1, 256)).embedding
    np.testing.assert_allclose(rows[0, 1 : 1 + own.features], heard[0].detach(), atol=1e-4)
    short = own.outputs(samples[:SECOND])
    assert short.shape == (1, rows.shape[1]) and short[0, 0] == FIRST


def sounds(*keys):
    return {key: np.full(10, i * 4096, np.int16) for i, key in enumerate(keys)}


class Listener:
    """Remembers the levels that it was asked about; breaks off at one of them."""

    def __init__(self, breaks_at=math.inf):
        self.asked, self._breaks_at = [], breaks_at

    def __call__(self, samples):
        assert samples.dtype == np.float32
        level = float(samples[0] * 8)
        if level >= self._breaks_at:
            raise KeyboardInterrupt
        self.asked.append(level)
        return np.float32([[1.25, level]])


def test_only_missing_outputs_are_computed(tmp_path):
    path, audio = tmp_path / "new/teacher.npz", sounds("x/0", "x/1", "x/2", "x/3")
    first, then, never = Listener(), Listener(), Listener()
    told = []
    cached_outputs(path, audio, ["x/1", "x/3"], first, silent)
    found = cached_outputs(path, audio, list(audio), then, lambda *args: told.append(args))
    assert first.asked == [1, 3] and then.asked == [0, 2]
    assert told == [("teacher", 1, 2), ("teacher", 2, 2)]
    assert list(found) == list(audio)
    assert [rows[0, 1] for rows in found.values()] == [0, 1, 2, 3]
    again = cached_outputs(path, audio, ["x/2"], never, silent)
    assert not never.asked and list(again) == ["x/2"] and again["x/2"].dtype == np.float32
    assert len(cached_outputs(path, audio, list(audio), never, silent)) == 4  # nothing was lost


def test_an_interrupted_run_resumes_from_the_cache(tmp_path, monkeypatch):
    clock = iter(range(0, 10_000, 200))  # every track takes minutes
    monkeypatch.setattr(
        "training.distillation.outputs.time", SimpleNamespace(monotonic=lambda: next(clock))
    )
    path, audio = tmp_path / "teacher.npz", sounds(*"abcd")
    with pytest.raises(KeyboardInterrupt):
        cached_outputs(path, audio, list(audio), Listener(breaks_at=2), silent)
    then = Listener()
    found = cached_outputs(path, audio, list(audio), then, silent)
    assert then.asked == [2, 3] and [rows[0, 1] for rows in found.values()] == [0, 1, 2, 3]


def test_cached_outputs_equal_computed_ones(tmp_path):
    def third(samples):
        return np.float32([[1.25, 1 / 3]])

    once, again = (
        cached_outputs(tmp_path / "t.npz", sounds("a"), ["a"], third, silent) for _ in range(2)
    )
    assert np.array_equal(once["a"], again["a"])


def test_a_folder_without_teachers_is_rejected_in_one_line(tmp_path):
    with pytest.raises(DataError, match=r"has no peers\.py; give the folder of the teachers"):
        open_peers(tmp_path)
    (tmp_path / "peers.py").write_text("import no_such_library_as_this")
    with pytest.raises(DataError, match=r"no_such_library_as_this.*install the dependencies"):
        open_peers(tmp_path)
    (tmp_path / "peers.py").write_text("def load(name):\n    return name.upper()\n")
    assert open_peers(tmp_path).load("one") == "ONE"


# From what was heard to a trained network

KINDS = ["rock", "electronic"] * 6 + [""]
FEATURES, WORDS, WIDE = 4, ("loud", "fast"), 3
TINY = [
    "network.size=8", "network.width=0.1", "network.window=8000", "start=",
    "sequences.lanes=2", "sequences.steps=[2, 2]", "sequences.hops=[0.5]",
    "sequences.stretch=[2.0, 4.0]", "run.frozen_updates=2", "run.updates=4", "run.check_every=2",
]  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Twelve tracks of six seconds in two genres, two of them to validate on, one unlabelled."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    rows = [("key", "set", "genre", "group", "split", "path", "tags")]
    for i, genre in enumerate([*KINDS, "rock", "electronic"]):
        soundfile.write(folder / f"{i}.flac", 0.1 * rng.standard_normal(6 * SECOND), SECOND)
        split = "train" if i < len(KINDS) else "valid"
        rows.append((f"t{i}", "made", genre, f"artist {i}", split, f"{i}.flac", "Pop/Rock"))
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return open_dataset(folder)


@pytest.fixture(scope="module")
def audio(data):
    return AudioCache.build(data.tracks, data.root / "cache")


def training_tracks(data):
    return [t for t in data.tracks if t.split == "train"]


def outputs_for(track, seed):
    """What the trunk and a teacher heard: plain features, house a little likelier in one track."""
    rng = np.random.default_rng((seed, int(track.key[1:])))
    rows = 4
    plain = {"rock": 3.0, "electronic": -3.0}.get(track.genre, 3.0)
    features = rng.standard_normal((rows, FEATURES)) + plain
    logits = rng.standard_normal((rows, len(AUDIOSET))) - 4
    logits[:, AUDIOSET.index("Music")] = 3.0
    middle = FIRST + STEP * np.arange(rows)[:, None]
    trunk = np.concatenate([middle, features, logits], 1).astype(np.float32)
    said = rng.random((2, len(WORDS)))
    embedding = rng.standard_normal((2, WIDE)) * 100
    return trunk, np.concatenate([[[1.5], [4.5]], said, embedding], 1).astype(np.float32)


def made(data, seed=0, teachers=("one",), power=0.4):
    tracks = training_tracks(data)
    heard = {t.key: outputs_for(t, seed) for t in tracks}
    return make_soft_targets(
        tracks,
        data.labels,
        {key: trunk for key, (trunk, _) in heard.items()},
        AUDIOSET,
        {name: {key: said for key, (_, said) in heard.items()} for name in teachers},
        dict.fromkeys(teachers, WORDS),
        power,
    )


@pytest.fixture(scope="module")
def soft_targets(data, tmp_path_factory):
    """As `train` reads them."""
    path = tmp_path_factory.mktemp("lessons") / "lessons.safetensors"
    write_soft_targets(path, made(data))
    return read_soft_targets(path, data.labels)


def test_every_track_has_soft_targets_with_or_without_a_genre(data, soft_targets):
    assert soft_targets.labels == tuple(LABELS) and soft_targets.about["teachers"] == ["one"]
    assert set(soft_targets.by_key) == {t.key for t in training_tracks(data)}
    for said in soft_targets.by_key.values():
        assert said.genres.sum() == pytest.approx(1, abs=1e-5) and (said.genres >= 0).all()
        assert said.tags.shape == (4, len(soft_targets.tags)) and said.music.shape == (4,)
        assert ((said.tags >= 0) & (said.tags <= 1)).all() and (said.music > 0.9).all()
    rock, unlabelled = soft_targets.by_key["t0"].genres, soft_targets.by_key["t12"].genres
    assert rock.argmax() == unlabelled.argmax() == 1  # it sounds like rock


def test_tags_have_the_names_of_the_outputs(data, soft_targets):
    """Each column is what its name says: of the trunk's classes, and of the teacher's words."""
    number = {name: i for i, name in enumerate(soft_targets.tags)}
    assert len(number) == len(soft_targets.tags)
    for track in training_tracks(data)[:2]:
        trunk, said = outputs_for(track, 0)
        found = soft_targets.by_key[track.key].tags.astype(np.float64)
        music = trunk[:, 1 + FEATURES + AUDIOSET.index("Guitar")]
        expected = 1 / (1 + np.exp(-music))
        np.testing.assert_allclose(found[:, number["audioset Guitar"]], expected, atol=1e-3)
        # Rows at 1.25, 2.5 s are nearer to 1.5 s than to 4.5 s.
        nearest = said[[0, 0, 1, 1]]
        for i, word in enumerate(WORDS):
            np.testing.assert_allclose(
                found[:, number[f"one {word}"]], nearest[:, 1 + i], atol=1e-3
            )
        assert {f"one embedding {i}" for i in range(WIDE)} <= set(number)


def test_styles_have_a_parent_in_the_data_set(data, soft_targets):
    assert {style.parent for style in soft_targets.styles} == set(LABELS)
    assert len(soft_targets.styles) == sum(parent in LABELS for _, parent in tags.STYLES.values())
    for style in soft_targets.styles:
        audioset = soft_targets.tags[style.tag].removeprefix("style ")
        assert tags.STYLES[audioset] == (style.name, style.parent)
        assert style.display.lower() == style.name.lower() and style.display[0].isupper()
        below = [t.key for t in training_tracks(data) if t.genre == style.parent]
        logit_shift = np.concatenate([soft_targets.by_key[key].tags[:, style.tag] for key in below])
        assert 0 < (logit_shift > 0.5).mean() <= 0.15


def test_the_trunk_can_be_the_only_teacher(data, tmp_path):
    alone = made(data, teachers=())
    write_soft_targets(tmp_path / "x", alone)
    found = read_soft_targets(tmp_path / "x", data.labels)
    assert np.array_equal(found.by_key["t0"].tags, alone.by_key["t0"].tags)


def test_too_few_tracks_are_rejected_in_one_line(data):
    tracks = training_tracks(data)[:6]
    heard = {t.key: outputs_for(t, 0)[0] for t in tracks}
    try:
        few = make_soft_targets(tracks, data.labels, heard, AUDIOSET, {}, {}, 0.4)
    except DataError:
        return
    assert set(few.by_key) == {t.key for t in tracks}


def trainer(run, data, audio, soft_targets, *changes):
    config = read_config("trunk", [*TINY, *changes])
    return Trainer(run, config, data.tracks, data.labels, audio, (), soft_targets)


@pytest.fixture(scope="module")
def finished(data, audio, soft_targets, tmp_path_factory):
    """A run with lessons, uninterrupted."""
    return trainer(tmp_path_factory.mktemp("run"), data, audio, soft_targets).run()


def test_a_distilled_network_names_its_styles(finished, soft_targets):
    network, about = checkpoint.load_network(finished)
    assert about.soft_targets == soft_targets.sha256
    assert about.styles == soft_targets.card_styles
    step = network(torch.zeros(1, 8_000), network.initial_state(1, 0.5))
    assert step.styles.shape == (1, len(about.styles))
    assert [s.name for s in load_model(finished).card.styles] == [
        s.name for s in soft_targets.styles
    ]
    # What the tags were learnt through is left behind.
    assert not [name for name in load_file(finished) if name.startswith("tags")]
    assert all(w.isfinite().all() for w in load_file(finished).values())


def test_the_styles_of_a_finished_run_are_refitted(finished, data, audio, soft_targets, tmp_path):
    path = tmp_path / finished.name
    path.write_bytes(finished.read_bytes())
    before, after = finish_styles(path, data, audio, soft_targets)
    assert after < before
    ours, theirs = load_file(path), load_file(finished)
    changed = {name for name in ours if not torch.equal(ours[name], theirs[name])}
    assert changed == {"styles.weight", "styles.bias"}
    assert [s.name for s in load_model(path).card.styles] == [s.name for s in soft_targets.styles]
    with pytest.raises(DataError, match="differ from those of the soft targets"):
        finish_styles(path, data, audio, replace(soft_targets, styles=soft_targets.styles[1:]))


def test_tracks_without_a_genre_are_used_if_they_have_soft_targets(
    data, audio, soft_targets, tmp_path
):
    with_it = trainer(tmp_path, data, audio, soft_targets).feed.music
    assert len(with_it) == 13 and sum(clip.label == NO_GENRE for clip in with_it) == 1
    few = {key: said for key, said in soft_targets.by_key.items() if key != "t12"}
    without = trainer(tmp_path, data, audio, replace(soft_targets, by_key=few)).feed.music
    assert len(without) == len(trainer(tmp_path, data, audio, None).feed.music) == 12
    assert all(clip.label != NO_GENRE for clip in without)


def test_soft_targets_change_the_weights(finished, data, audio, soft_targets, tmp_path):
    again = load_file(trainer(tmp_path / "a", data, audio, soft_targets).run())
    without = load_file(
        trainer(tmp_path / "b", data, audio, soft_targets, "optimiser.tags_weight=0").run()
    )
    first = load_file(finished)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["styles.weight"], without["styles.weight"])
    assert not torch.equal(first["top.weight"], without["top.weight"])


class BrokenOffError(Exception):
    """Stands for a kill."""


@pytest.mark.parametrize("checks", [1, 2])
def test_an_interrupted_distillation_resumes_exactly(
    checks, finished, data, audio, soft_targets, tmp_path, monkeypatch
):
    """After the first check the stage changes; after the second it goes on inside one."""
    left = iter(range(checks))
    save = Trainer._save

    def break_off(self, optimizer):
        save(self, optimizer)
        if next(left) == checks - 1:
            raise BrokenOffError

    with monkeypatch.context() as patch, pytest.raises(BrokenOffError):
        patch.setattr(Trainer, "_save", break_off)
        trainer(tmp_path, data, audio, soft_targets).run()
    _, about = checkpoint.read(tmp_path / "last.safetensors")
    assert about.progress.update == 2 * checks
    resumed = trainer(tmp_path, data, audio, soft_targets).run()
    assert rows_of(resumed) == rows_of(finished) and len(rows_of(resumed)) == 3
    expected, found = load_file(finished), load_file(resumed)
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_a_run_with_other_soft_targets_is_not_resumed(
    finished, data, audio, soft_targets, tmp_path
):
    write_soft_targets(tmp_path / "x", made(data, seed=1))
    other = read_soft_targets(tmp_path / "x", data.labels)
    assert other.styles == soft_targets.styles and other.sha256 != soft_targets.sha256
    with pytest.raises(DataError, match="holds a run with other soft targets; train into another"):
        trainer(finished.parent, data, audio, other).run()
    with pytest.raises(DataError, match="holds a run with other"):
        trainer(finished.parent, data, audio, None).run()
    assert trainer(finished.parent, data, audio, soft_targets).finished() is None  # not calibrated
