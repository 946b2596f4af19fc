"""Endless streams: training windows are those of a live stream."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pydantic", reason="training needs the train extra")

from training.config import Sequences
from training.streams.sequences import (
    NO_GENRE,
    Clip,
    Excerpt,
    Lane,
    Lanes,
    Noise,
    class_weights,
    noise,
)

SECOND = 16_000
WINDOW = 2 * SECOND


def tone(level, label, seconds=3):
    return Clip(np.full(seconds * SECOND, level, np.int16), label, True)


TONES = [tone(1000 * (i + 1), i) for i in range(3)]
PLAIN = Sequences(
    lanes=3, hops=(0.5,), stretch=(1.5, 3.0), fade=(0.1, 2.0), gain=(0.0, 0.0), other=0.0
)


def lanes(seed=0, hop=SECOND // 2, tick=None, config=PLAIN, music=TONES, part=(0, 1)):
    return Lanes(
        music, [], config, seed=(seed,), hop=hop, window=WINDOW, tick=tick or hop, part=part
    )


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 99),
    hop=st.sampled_from([SECOND // 2, SECOND, WINDOW]),
    fresh=st.floats(0, 0.5),
    crossfade=st.floats(0, 0.5),
)
def test_windows_overlap_as_in_a_stream(seed, hop, fresh, crossfade):
    config = PLAIN.model_copy(update={"fresh": fresh, "crossfade": crossfade})
    batch = lanes(seed, hop, config=config).read(12)
    kept = WINDOW - hop
    for t in range(1, 12):
        carried = ~batch.fresh[:, t]
        # What was heard before is heard still, unless the listener only now switched on.
        assert np.array_equal(
            batch.windows[carried, t, :kept], batch.windows[carried, t - 1, WINDOW - kept :]
        )
        assert (batch.windows[~carried, t, :kept] == 0).all()
    assert np.abs(batch.windows).max() <= 1
    assert (batch.fresh[:, 0]).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), before=st.integers(0, 20))
def test_a_resumed_stream_continues_exactly(seed, before):
    whole, again = lanes(seed), lanes(seed)
    whole.read(before)
    again.skip(before)
    expected, found = whole.read(5), again.read(5)
    for name in ("windows", "labels", "music", "fresh"):
        assert np.array_equal(getattr(found, name), getattr(expected, name))


def test_each_process_reads_its_own_part_of_the_same_batch():
    whole = lanes().read(4).windows
    parts = [lanes(part=(number, 3)).read(4).windows for number in range(3)]
    assert all(np.array_equal(whole[n::3], parts[n]) for n in range(3))
    assert not np.array_equal(lanes(1).read(4).windows, whole)


def test_labels_belong_to_the_louder_clip():
    batch = lanes(tick=1600).read(40)
    assert batch.labels.shape == (3, 40, 5)
    new = batch.windows[:, :, -SECOND // 2 :].reshape(3, 40, 5, 1600)
    steady = new.max(-1) - new.min(-1) < 1e-6  # no change inside
    named = (batch.labels + 1) * 1000 / 32768
    single = np.isclose(new.mean(-1)[..., None], [1000 / 32768, 2000 / 32768, 3000 / 32768]).any(-1)
    assert (steady & single).sum() > 300
    assert np.allclose(new.mean(-1)[steady & single], named[steady & single])


def test_a_crossfade_keeps_the_power_and_changes_its_label_in_the_middle():
    first, second = (
        Excerpt(tone(8192, label, 6), at, at + 4 * SECOND, 0, 1.0, fade, False)
        for label, at, fade in ((0, 0, 0), (1, 3 * SECOND, SECOND))
    )
    assert second.owns_from == 3 * SECOND + SECOND // 2
    lane = Lane(np.random.default_rng(0), lambda _: tone(8192, 0), PLAIN, SECOND, 7 * SECOND)
    lane._excerpts = deque([first, second])
    lane.position = 7 * SECOND
    sound = lane.sound()
    # Both are 0.25 throughout; shares of equal power add up to at most the square root of 2.
    inside = sound[3 * SECOND : 4 * SECOND]
    assert (inside >= 0.2499).all() and inside.max() == pytest.approx(0.25 * 2**0.5, abs=1e-4)
    assert np.allclose(sound[: 3 * SECOND], 0.25) and np.allclose(sound[4 * SECOND :], 0.25)
    assert lane.owner(second.owns_from - 1).label == 0 and lane.owner(second.owns_from).label == 1


def test_changes_occur_at_any_time_and_are_of_every_kind():
    batch = lanes(config=PLAIN.model_copy(update={"lanes": 20})).read(60)
    new = batch.windows[:, :, -SECOND // 2 :].reshape(20, -1)
    jumps = [np.flatnonzero(np.abs(np.diff(row)) > 500 / 32768) for row in new]
    phases = np.concatenate(jumps) % (SECOND // 2)
    assert len(np.unique(phases // 800)) > 5  # no fixed length to learn
    between = ~np.isclose(new * 32768 / 1000, np.rint(new * 32768 / 1000), atol=1e-3)
    assert 0.02 < between.mean() < 0.5  # crossfades
    assert 0.02 < batch.fresh[:, 1:].mean() < 0.3


def test_a_clip_shorter_than_a_step_is_padded():
    config = PLAIN.model_copy(update={"fresh": 1.0, "crossfade": 0.0})
    short = [replace(clip, samples=clip.samples[: SECOND // 4]) for clip in TONES]
    batch = lanes(hop=SECOND, config=config, music=short).read(5)
    assert batch.fresh.all()
    assert (batch.windows[:, :, -SECOND // 2 :] == 0).all() and (batch.windows != 0).any(
        (1, 2)
    ).all()


def test_non_music_has_no_genre():
    batch = lanes(config=PLAIN.model_copy(update={"other": 0.999})).read(10)
    assert (batch.labels == NO_GENRE).mean() > 0.9 and (batch.music == 0).mean() > 0.9
    assert all(np.isfinite(noise(np.random.default_rng(i), 8_000)).all() for i in range(50))
    assert np.array_equal(Noise(3).samples, Noise(3).samples)


def test_class_weights_lie_between_frequency_and_balance():
    labels = [0] * 90 + [1] * 10
    share = class_weights(labels, 1.0)[labels.index(1) :].sum()
    even = class_weights(labels, 0.0)[labels.index(1) :].sum()
    between = class_weights(labels, 0.5)[labels.index(1) :].sum()
    assert share == pytest.approx(0.1) and even == pytest.approx(0.5) and 0.1 < between < 0.5
