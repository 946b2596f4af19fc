"""Visualisation: the canvas, its sound, and the class that the model assigns to it."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.paths import ROOT

torch = pytest.importorskip("torch", reason="listening needs the train extra")
pytest.importorskip("librosa", reason="listening needs the train extra")

from click.testing import CliRunner  # noqa: E402

from streamgenre.errors import ConfigError  # noqa: E402
from streamgenre.model.engine import Engine, Step  # noqa: E402
from streamgenre.model.model import Model  # noqa: E402
from streamgenre.networks import KINDS, build  # noqa: E402
from training import checkpoint  # noqa: E402
from training.card import Calibration  # noqa: E402
from training.cli import main  # noqa: E402
from training.config import read_config  # noqa: E402
from training.data import Track  # noqa: E402
from training.model import network_model  # noqa: E402
from training.visualisation import by_audio, open_subject, visualise  # noqa: E402
from training.visualisation.ascent import Target, ascend, response, show_weights  # noqa: E402
from training.visualisation.bands import HIGH, LOW, SOUNDING, ShapedNoise, mean_bands  # noqa: E402
from training.visualisation.canvas import Canvas  # noqa: E402
from training.visualisation.invert import sound_of  # noqa: E402
from training.visualisation.neurons import by_weights  # noqa: E402
from training.visualisation.result import log_mel_of  # noqa: E402
from training.visualisation.subject import Subject  # noqa: E402

torch.set_num_threads(1)
SECOND = 16_000


@pytest.fixture(scope="module")
def bundled():
    return open_subject(None)


@pytest.fixture(scope="module")
def clip16(music):
    """Five seconds of the clip at 16 kHz, int16."""
    import librosa

    samples, rate = music
    mono = librosa.resample(samples.mean(1), orig_sr=rate, target_sr=SECOND)[: 5 * SECOND]
    return np.round(mono * 32767).astype(np.int16)


def raw_subject(description, hop, gain):
    torch.manual_seed(0)
    network = build(description).eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            # As they start, a sound hardly reaches the end, where every genre is as likely.
            if "weight" in name and "norm" not in name:
                parameter.mul_(gain)
    network.requires_grad_(False)
    labels = [f"genre {i}" for i in range(description["classes"])]
    return Subject(network, 1.0, network_model(network, description, labels, [hop], "cpu"), False)


def test_band_powers_give_the_same_outputs_as_the_sound(bundled, clip16):
    canvas = Canvas(bundled, 5.0, 0)
    with torch.no_grad():
        steps = bundled.unroll(canvas.given(torch.from_numpy(log_mel_of(clip16))))
    updates = bundled.model.classify((clip16, SECOND)).updates
    labels = bundled.model.card.label_names
    expected = np.array([[u.probabilities[label] for label in labels] for u in updates])
    assert np.abs(steps.logits.exp().numpy() - expected).max() < 0.02
    assert np.abs(steps.music.exp().numpy() - [u.music for u in updates]).max() < 0.02


def test_the_inverted_sound_has_the_bands_asked_for(clip16):
    asked = torch.from_numpy(log_mel_of(clip16))
    sound = sound_of(asked, len(clip16), seed=0)
    assert sound.shape == clip16.shape and np.isfinite(sound).all()
    got = log_mel_of(np.round(sound * 32767).astype(np.int16))
    assert np.abs(got - asked.numpy()).mean() < 0.08  # 2 dB: not all log-mels are of a sound
    assert np.corrcoef(got.ravel(), asked.numpy().ravel())[0, 1] > 0.98


def test_the_canvas_is_bounded_and_of_one_level(bundled):
    canvas = Canvas(bundled, 2.5, 0)
    with torch.no_grad():
        canvas.spread(1.5)
        logmel = canvas.logmel()
    assert logmel.shape == (len(SOUNDING), 251)
    assert logmel.min() >= LOW - 1e-6 and logmel.max() <= HIGH
    power = float(torch.exp(5 * logmel - 4.5).sum(0).mean())
    assert power == pytest.approx(float(torch.exp(5 * mean_bands() - 4.5).sum()), rel=0.05)


def test_a_short_ascent_makes_the_genre_likely(bundled):
    canvas = Canvas(bundled, 5.0, 0)
    target = Target(genre=bundled.model.card.label_names.index("jazz"))
    before = response(canvas, target).probability
    ascend(canvas, target, 40)
    after = response(canvas, target).probability
    assert before.max() < 0.1 and after.min() > 0.5


def test_the_sound_is_classified_as_the_genre(bundled, tmp_path):
    found = visualise(bundled, tmp_path, "classical", seconds=5, updates=50)
    wav, png, figures = found.write()
    assert [path.name for path in (wav, png, figures)] == [
        "classical.wav", "classical.png", "classical.json",
    ]  # fmt: skip
    about = soundfile.info(wav)
    assert (about.samplerate, about.channels, about.subtype) == (SECOND, 1, "PCM_16")
    samples, _ = soundfile.read(wav)
    assert len(samples) == 5 * SECOND
    assert -25 < 10 * np.log10(np.mean(samples**2)) < -15
    assert png.read_bytes().startswith(b"\x89PNG") and png.stat().st_size > 10_000
    entries = json.loads(figures.read_text())
    assert entries["asked"] == {
        "method": "genre", "genre": "classical", "neuron": None, "seconds": 5, "updates": 50,
        "seed": 0,
    }  # fmt: skip
    again = bundled.model.classify(wav)
    probabilities = [u.probabilities["classical"] for u in again.updates]
    told = entries["after_inversion"]
    assert told["probability"]["steps"] == pytest.approx(probabilities, abs=1e-4)
    assert told["genre"] == again.genre == "classical"
    assert entries["before_inversion"]["probability"]["mean"] > 0.5
    assert entries["at_start"]["probability"]["mean"] < 0.2


def test_the_seed_decides(bundled, tmp_path):
    def made(seed):
        return visualise(bundled, tmp_path, "metal", seconds=2.5, updates=2, seed=seed)

    first, same, other = made(1), made(1), made(2)
    assert np.array_equal(first.samples, same.samples)
    assert first.entries() == same.entries()
    assert not np.array_equal(first.samples, other.samples)


def test_a_neuron_is_activated_by_the_ascent_and_by_its_weights(bundled):
    neuron = 400
    target = Target(neuron=neuron)
    canvas = Canvas(bundled, 2.5, 0)
    start = response(canvas, target).activation.mean()
    ascend(canvas, target, 15)
    assert response(canvas, target).activation.mean() > start + 1
    show_weights(canvas, neuron)
    weights = response(canvas, target).activation.mean()
    canvas.clear()
    assert weights > response(canvas, target).activation.mean() + 0.5


def test_the_neuron_by_weights_raises_its_genre_most(bundled):
    canvas = Canvas(bundled, 2.5, 0)
    genre = bundled.model.card.label_names.index("blues")
    choice = by_weights(canvas, genre)
    assert choice.by == "weights"
    base = bundled.network
    with torch.no_grad():
        (samples,) = canvas.given(canvas.logmel())
        state = base.initial_state(1, bundled.hop.seconds)

        def log_probability(neuron, step):
            def moved(layer, inputs):
                (mean,) = inputs
                return mean + step * torch.eye(mean.shape[1])[neuron]

            handle = base.inner.register_forward_pre_hook(moved)  # what reads the embedding
            logits = base(samples[None], state).logits
            handle.remove()
            return float(torch.log_softmax(logits / bundled.temperature, 1)[0, genre])

        def logit_gain(neuron):
            return log_probability(neuron, 0.01) - log_probability(neuron, 0.0)

        gains = [logit_gain(n) for n in range(0, base.embedding_size, 9)]
        best = logit_gain(choice.neuron)
    assert best == pytest.approx(0.01 * choice.figures["nats_a_unit"], rel=0.05)
    assert best >= max(gains) - 1e-5


class _Engine(Engine):
    """Neuron 2 says whether a step is loud, neuron 1 is large always."""

    def __init__(self, card):
        self.card = card

    def step(self, samples, state):
        loud = np.abs(samples).max(1) > 0.5
        embedding = np.zeros((len(samples), 4))
        embedding[:, 1] = 100
        embedding[:, 2] = loud
        one = np.ones((len(samples), 1), np.float32)
        return Step(one, one[:, 0], state, None, embedding.astype(np.float32))


def test_the_neuron_by_audio_is_the_one_most_often_most_active(bundled):
    subject = dataclasses.replace(bundled, model=Model(_Engine(bundled.model.card)))
    tracks, audio = [], {}
    for i in range(8):
        genre, split = ("jazz", "rock")[i % 2], "test" if i == 7 else "train"
        tracks.append(Track(f"t{i}", "made", genre, f"g{i}", split, Path(f"{i}.wav")))
        loud = genre == "jazz" or split == "test"
        audio[f"t{i}"] = np.full(10 * SECOND, 30_000 if loud else 100, np.int16)
    choice = by_audio(subject, "jazz", tracks, audio)
    assert (choice.neuron, choice.by) == (2, "audio")
    assert choice.figures == {"share": 1.0, "share_elsewhere": 0.0}
    with pytest.raises(ConfigError, match="no track of blues"):
        by_audio(subject, "blues", tracks, audio)


def test_noise_through_the_bands_has_those_bands(clip16):
    asked = torch.from_numpy(log_mel_of(clip16))
    noise = ShapedNoise(len(clip16), torch.Generator().manual_seed(0))
    sound = noise(asked).numpy()
    assert sound.shape == clip16.shape
    got = log_mel_of(np.round(sound * 32767).astype(np.int16))
    assert np.corrcoef(got.ravel(), asked.numpy().ravel())[0, 1] > 0.9


@pytest.mark.parametrize(
    ("description", "hop", "gain"),
    [
        ({"kind": "tfcrnn", "classes": 3, "width": 8, "size": 16, "hop": 3_200}, 0.2, 5),
        ({"kind": "irvin", "classes": 3}, 2.5, 3),
    ],
)
def test_networks_that_read_samples_are_visualised_with_sound(description, hop, gain, tmp_path):
    subject = raw_subject(description, hop, gain)
    found = visualise(subject, tmp_path, "genre 1", seconds=2 * hop, updates=15)
    assert found.before.probability.mean() > found.start.probability.mean() + 0.1
    # Nothing is inverted: but for sixteen bits and the level, the network heard this very sound.
    assert found.entries()["inverted"] is False
    assert len(found.samples) == round(2 * hop * SECOND)
    assert np.abs(found.samples).max() > 1000


@pytest.mark.parametrize("kind", sorted({*KINDS} - {"adapted", "trunk"}))
def test_gradients_reach_the_samples_behind_silence(kind):
    """A square root's is infinite at zero, and 0 times that is no number."""
    torch.manual_seed(0)
    network = build({"kind": kind, "classes": 3}).eval()
    samples = 0.1 * torch.randn(1, network.window_for(3_200))
    samples[:, : samples.shape[1] // 2] = 0.0
    samples.requires_grad_(True)
    logits = network(samples, torch.zeros(1, network.state_size)).logits
    (gradient,) = torch.autograd.grad(logits[0, 1], samples)
    assert gradient.isfinite().all() and gradient.abs().max() > 0


def test_a_finished_run_is_visualised(tmp_path):
    torch.manual_seed(0)
    description = {"kind": "trunk", "classes": 2, "size": 8, "levelled": True}
    network = build(description).eval()
    config = read_config("trunk", ["sequences.hops=[1.0]"])
    about = checkpoint.Checkpoint(
        network=description, labels=("a", "b"), config=config, calibration=Calibration(2.0)
    )
    checkpoint.write(tmp_path / "model.safetensors", network.state_dict(), about)
    output = tmp_path / "out"
    done = CliRunner().invoke(
        main,
        ["listen", "--model", str(tmp_path), "--genre", "b", "--method", "weights", "--seconds",
         "2", "-o", str(output)],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    (figures,) = output.glob("*.json")
    entries = json.loads(figures.read_text())
    assert entries["neuron"]["by"] == "weights" and entries["hop"] == 1.0
    assert len(entries["after_inversion"]["activation"]["steps"]) == 2
    assert f"neuron {entries['neuron']['neuron']}" in done.output


def test_a_wrong_genre_is_a_line_with_near_names_and_exit_code_2(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "training", "listen", "--genre", "Jaz", "-o", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "did you mean jazz?" in done.stderr
    assert not list(tmp_path.iterdir())


def test_invalid_requests_are_rejected(bundled, tmp_path):
    with pytest.raises(ConfigError, match="a genre of ambient"):
        visualise(bundled, tmp_path)
    with pytest.raises(ConfigError, match=f"0 to {bundled.network.embedding_size - 1}"):
        visualise(bundled, tmp_path, neuron=100_000, method="neuron")
    where = ["-o", str(tmp_path)]
    for arguments in (["--method", "genre", "--neuron", "1"], [str(tmp_path), "--genre", "jazz"]):
        done = CliRunner().invoke(main, ["listen", *arguments, *where])
        assert done.exit_code == 2 and "neuron" in done.output
    for arguments in (["--seconds", "nan"], ["--seed", "-1"]):
        done = CliRunner().invoke(main, ["listen", "--genre", "jazz", *arguments, *where])
        assert done.exit_code == 2 and f"Invalid value for '{arguments[0]}'" in done.output
