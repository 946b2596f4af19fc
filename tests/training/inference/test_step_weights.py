"""A padded last step weighs as much as the new audio that it brings, in every mean over steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="evaluation needs the train extra")
pytest.importorskip("mir_eval", reason="evaluation needs the train extra")
pytest.importorskip("matplotlib", reason="evaluation needs the train extra")

from support.tones import CARD, LIVE, SECOND, Tones, tone, track

from streamgenre.model.model import Model
from training.adapt import validate
from training.adapt.head import Example, fit_head, log_loss
from training.calibration.fit import fit
from training.evaluation import scored_tracks
from training.evaluation.probes import calibration as calibration_probe
from training.evaluation.probes import carry_over, curve, non_music
from training.evaluation.probes.replay import replay_all
from training.inference import stream_tracks
from training.inference.decisions import decide, fit_temperature

LITTLE = 8  # samples beyond the last whole step: 0.1 % of a step
GENRES = ("middle", "high")  # not "low", which is what a step of zeros looks like


class Loud(Tones):
    """Takes steps that are mostly zeros for "low" and for no music."""

    def step(self, samples, state):
        step = super().step(samples, state)
        padded = (samples[:, -LIVE.samples :] == 0).mean(1) > 0.5
        return step._replace(music=np.where(padded, 0.0, 1.0).astype(np.float32))


@pytest.fixture(scope="module")
def whole():
    return {f"{genre}{i}": tone(genre, 12 + i, i) for genre in GENRES for i in range(4)}


@pytest.fixture(scope="module")
def padded(whole):
    return {key: np.append(samples, samples[:LITTLE]) for key, samples in whole.items()}


def scored(audio):
    return scored_tracks([track(k, k[:-1]) for k in audio], "test", CARD.label_names, audio)


def logits_of(label: int, steps: int = 4) -> np.ndarray:
    """Whole steps of which three quarters are right, and a padded one that is surely wrong."""
    rows = np.full((steps + 1, 3), 0.0, np.float32)
    rows[:-1, label] = 2
    rows[0] = np.roll(rows[0], 1)
    rows[-1, (label + 1) % 3] = 20
    return rows


def test_the_padded_step_exists_and_is_wrong(whole, padded):
    runs = stream_tracks(Loud(), padded, list(padded), LIVE)
    for key, samples in whole.items():
        run = runs[key]
        assert len(run.probabilities) == len(samples) // LIVE.samples + 1 == run.whole + 1
        assert run.last == pytest.approx(0.001)
        assert run.probabilities[-1].argmax() == 0 and run.music[-1] == 0


def test_the_temperature():
    runs = [logits_of(label) for label in (0, 1, 2)]
    expected = fit_temperature([run[:-1] for run in runs], [0, 1, 2], [1.0] * 3)
    assert fit_temperature(runs, [0, 1, 2], [1e-4] * 3) == pytest.approx(expected, abs=0.03)
    assert fit_temperature(runs, [0, 1, 2], [1.0] * 3) > expected + 0.5


def test_the_smoothing_of_a_decision():
    rows = np.array([[0.9, 0.1], [0.9, 0.1], [0.0, 1.0]])
    limits = replace(CARD.thresholds, smoothing=1.0)
    after = decide(rows, limits, 0.5, last=0.01).smoothed[-1]
    assert after == pytest.approx([0.9, 0.1], abs=0.02)
    assert decide(rows, limits, 0.5).smoothed[-1][1] > 0.3


def test_calibration_of_a_network(whole, padded):
    silence = {"silence": np.zeros(4 * SECOND, np.int16)}
    expected, found = (
        fit(Model(Loud()), audio, [track(k, k[:-1]) for k in audio], silence)
        for audio in (whole, padded)
    )
    assert found.temperature == pytest.approx(expected.temperature, abs=0.05)
    for name in ("unsure", "music", "smoothing", "margin", "hold"):
        limit = getattr(expected.thresholds, name)
        assert getattr(found.thresholds, name) == pytest.approx(limit, abs=0.005)
    assert found.figures["music_missed"] < 0.001


def test_the_head_of_other_genres():
    rng = np.random.default_rng(0)
    centres = 2 * rng.standard_normal((3, 8))
    wrong = -20 * centres

    def examples(last: float | None) -> list[Example]:
        rng = np.random.default_rng(1)
        made = []
        for label in (0, 1, 2):
            for number in range(6):
                run = centres[label] + rng.standard_normal((5, 8))
                if last is not None:
                    run = np.vstack([run, wrong[label]])
                values = run.astype(np.float32)
                made.append(Example((values,), (last or 1.0,), label, f"{label} {number}"))
        return made

    plain, little = examples(None), examples(1e-6)
    head, other = (fit_head(made, ("embedding",), 0.1) for made in (plain, little))
    np.testing.assert_allclose(other.weight, head.weight, atol=0.02)
    assert log_loss(head, little[0]) == pytest.approx(log_loss(head, plain[0]), abs=0.01)
    assert log_loss(head, replace(little[0], lasts=(1.0,))) > log_loss(head, plain[0]) + 0.1


def test_adapting_measures_and_fits_thresholds():
    def left_out(last: float) -> validate.LeftOut:
        runs = tuple((logits_of(label)[1:],) for label in (0, 1, 2))
        return validate.LeftOut(runs, ((last,),) * 3, np.arange(3), 3)

    little, full = left_out(1e-4), left_out(1.0)
    labels = ("a", "b", "c")
    assert validate.measure(little, 0, 1.0, labels).tracks.accuracy.value == 1
    few = [logits_of(label)[3:] for label in (0, 1, 2)]  # a right step and a padded one
    pairs = replace(little, logits=tuple((run,) for run in few))
    assert validate.measure(pairs, 0, 1.0, labels).tracks.accuracy.value == 1
    best = [mean.max() for mean in little.means(0, 1.0)]
    unsure = validate.unsure(little, 0, 1.0, CARD.thresholds).unsure
    assert unsure == pytest.approx(min(0.6, best[0]), abs=1e-3)
    assert full.means(0, 1.0)[0][1] > little.means(0, 1.0)[0][1] + 0.1
    music = np.float32([0.9, 0.9, 0.0])
    run = np.zeros((3, 2), np.float32)
    limits = replace(CARD.thresholds, music=0.5)
    heard = Example((run,), (1e-4,), 0, "a", (music,))
    assert validate.music([heard], limits) == 0.5
    assert validate.music([replace(heard, lasts=(1.0,))], limits) < 0.1


def test_shares_of_correct_steps(whole, padded):
    for audio in (whole, padded):
        runs = stream_tracks(Loud(), audio, list(audio), LIVE)
        assert curve.windows(runs, scored(audio)) == pytest.approx(1, abs=1e-3)
        error = calibration_probe.measure(runs, scored(audio), CARD, 0.5)
        assert error.steps == sum(len(samples) // LIVE.samples for samples in whole.values())
        assert all(bin.accuracy == 1 for bin in error.reliability)


def test_shares_of_non_music(padded):
    runs = stream_tracks(Loud(), padded, list(padded), LIVE)
    timelines = replay_all(runs, padded, LIVE, CARD)
    shares = non_music.shares(list(timelines.values()))
    assert shares.no_music < 0.001 and shares.mean_music > 0.999
    assert shares.steps == sum(len(run.probabilities) for run in runs.values())


@pytest.mark.parametrize("fade", carry_over.JOINTS.values())
def test_joined_streams_are_scored_by_whole_steps(padded, fade):
    stream = carry_over.join(scored(padded), padded, fade)
    for hop in CARD.hops:
        last = stream.own_steps(len(stream.keys) - 1, hop)
        assert last.stop * hop.samples <= len(stream.samples) < (last.stop + 1) * hop.samples
        for key, samples in carry_over._parts(stream, hop).items():
            assert len(samples) % hop.samples == 0, key
