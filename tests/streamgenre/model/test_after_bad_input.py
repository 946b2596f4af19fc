"""Non-music input has no lasting effect on the state of the bundled model."""

import numpy as np
import pytest
import soundfile
import soxr
from support.paths import EXAMPLES

import streamgenre

RATE = 16_000
BACK = 10.0  # s


def example(name):
    samples, rate = soundfile.read(EXAMPLES / name, dtype="float32", always_2d=True)
    return soxr.resample(samples.mean(1), rate, RATE)[: 15 * RATE]


MUSIC = {"classical": "classical-brandenburg-2.ogg", "metal": "metal-farewell.ogg"}


def sound(kind, seconds):
    count = seconds * RATE
    if kind == "silence":
        return np.zeros(count, np.float32)
    if kind == "DC":
        return np.full(count, 0.9, np.float32)
    if kind == "full-scale square":
        return np.sign(np.sin(2 * np.pi * 200 * np.arange(count) / RATE)).astype(np.float32)
    if kind == "NaN":
        return np.full(count, np.nan, np.float32)
    return 0.3 * np.random.default_rng(0).standard_normal(count).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    return streamgenre.load()


def assert_recovers(model, before, genre):
    stream = model.stream()
    during = stream.feed(before, RATE)
    assert {update.status for update in during[-5:]} == {"no-music"}
    start = len(before) / RATE
    after = stream.feed(example(MUSIC[genre]), RATE)
    back = [u.time - start for u in after if u.status == "genre" and u.genre == genre]
    assert back, f"{genre} was not reported again"
    assert back[0] <= BACK
    assert after[-1].genre == genre
    assert np.isfinite([*after[-1].probabilities.values()]).all()


@pytest.mark.parametrize("genre", MUSIC)
@pytest.mark.parametrize("kind", ["silence", "DC", "full-scale square", "NaN", "white noise"])
def test_genre_returns_within_ten_seconds_after_bad_input(model, kind, genre):
    assert_recovers(model, sound(kind, 20), genre)


@pytest.mark.slow
def test_genre_returns_after_an_hour_of_noise(model):
    assert_recovers(model, sound("white noise", 3600), "classical")
