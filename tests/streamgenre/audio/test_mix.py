"""Mixing to mono preserves music; samples that are not audio give an error or a warning."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from support.paths import EXAMPLES

from streamgenre import InputError, SignalError
from streamgenre.audio.files import decode_mono
from streamgenre.audio.mix import BLOCK, Mixer

RATE = 44_100


@pytest.fixture(scope="module")
def song():
    samples, rate = soundfile.read(
        EXAMPLES / "metal-farewell.ogg", frames=10 * RATE, dtype="float32", always_2d=True
    )
    assert rate == RATE
    return samples


def channels(*columns):
    return np.stack(columns, axis=1).astype(np.float32)


CANCELLING = {
    "inverted": lambda x: channels(x[:, 0], -x[:, 0]),
    "balanced": lambda x: channels(x[:, 0], -0.99 * x[:, 0]),
    "stereo, one inverted": lambda x: x * np.float32([1, -1]),
    "surround, one inverted": lambda x: channels(x[:, 0], -x[:, 0], *4 * [0 * x[:, 0]]),
    "quieter": lambda x: channels(0.5 * x[:, 0], -0.5 * x[:, 0]),
}


@pytest.mark.parametrize("kind", CANCELLING)
def test_channels_that_cancel_give_the_genre_of_either(model, song, kind):
    timeline = model.classify((CANCELLING[kind](song), RATE))
    assert (timeline.status, timeline.genre) == ("genre", "metal")
    assert len([w for w in timeline.warnings if "cancel" in w]) == 1


def test_int16_channels_that_cancel(model, song):
    samples = (CANCELLING["inverted"](song) * 32767).astype(np.int16)
    assert model.classify((samples, RATE)).genre == "metal"


def ordinary(song):
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, song.shape)
    middle, side = song.mean(1), (song[:, 0] - song[:, 1]) / 2
    yield song
    yield channels(middle + 2 * side, middle - 2 * side)
    yield noise.astype(np.float32)
    yield channels(song[:, 0], 0 * song[:, 0])
    yield channels(song[:, 0], np.roll(song[:, 0], 700))  # a delay, as artificial width has it
    yield np.repeat(noise[:, :1], 8, 1).astype(np.float32)


def test_ordinary_stereo_does_not_change(song):
    for samples in ordinary(song):
        mixer = Mixer()
        mono = mixer.mix(samples)[0]
        np.testing.assert_allclose(mono, samples.mean(1), atol=1e-5)
        assert mixer.cancelled == 0


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.ogg")), ids=lambda path: path.stem)
def test_the_example_clips_do_not_change(path):
    samples = soundfile.read(path, dtype="float32", always_2d=True)[0]
    mixer = Mixer()
    np.testing.assert_allclose(mixer.mix(samples)[0], samples.mean(1), atol=1e-5)
    assert mixer.cancelled == 0


@pytest.mark.parametrize("size", [1, 37, BLOCK, BLOCK + 1, 100_000])
def test_the_mix_does_not_depend_on_how_it_is_divided(song, size):
    """Ordinary music, then inverted, then ordinary again."""
    part = song[: 2 * RATE]
    samples = np.concatenate([part, CANCELLING["inverted"](part), part, part])
    samples = samples if size > 1 else samples[:30_000]
    whole, divided = Mixer(), Mixer()
    mono = whole.mix(samples)[0]
    parts = [divided.mix(samples[at : at + size])[0] for at in range(0, len(samples), size)]
    assert np.array_equal(np.concatenate(parts), mono)
    assert divided.cancelled == whole.cancelled


def test_the_signs_are_restored_when_channels_no_longer_cancel(song):
    part = song[: 4 * RATE]
    mono = Mixer().mix(np.concatenate([CANCELLING["inverted"](part), part, part]))[0]
    np.testing.assert_allclose(mono[-RATE:], part[-RATE:].mean(1), atol=1e-5)


def test_a_pool_follows_the_same_rule(model, song):
    pool = model.pool()
    stream = pool.stream()
    stream.feed(CANCELLING["inverted"](song), RATE)
    updates = [update for _, update in pool.collect(everything=True)]
    assert updates[-1].genre == "metal"


def test_training_data_follows_the_same_rule(song, tmp_path):
    soundfile.write(tmp_path / "x.wav", CANCELLING["inverted"](song), RATE)
    assert np.abs(decode_mono(tmp_path / "x.wav", 16_000)[16_000:]).max() > 0.1


@pytest.mark.parametrize("scale", [32_768, 2**31, 128], ids=["16 bits", "32 bits", "8 bits"])
@pytest.mark.parametrize("seconds", [0.05, 4])
def test_integers_as_float_are_refused_with_a_remedy(model, song, tmp_path, scale, seconds):
    samples = (song[-RATE * 5 :][: int(seconds * RATE)] * scale).astype(np.float32)
    with pytest.raises(SignalError, match="divide them"):
        model.classify((samples, RATE))
    soundfile.write(tmp_path / "x.wav", samples, RATE, subtype="FLOAT")
    with pytest.raises(InputError, match=r"x\.wav.*full scale"):
        model.classify(tmp_path / "x.wav")


def test_loud_float_samples_are_accepted(model, song):
    """Six decibels over full scale, and a burst of damage in the middle."""
    samples = 2 * song
    samples[4 * RATE : 4 * RATE + 2 * BLOCK] = 1e5
    assert model.classify((samples, RATE)).updates


def test_samples_that_are_not_finite_are_named_as_the_reason(model):
    timeline = model.classify((np.full((3 * RATE, 2), np.nan, np.float32), RATE))
    assert timeline.status == "no-music"
    assert "all samples are not finite" in timeline.warnings[0]
    assert "silence" in timeline.warnings[0]
