"""The speech layer, from its fit to the output for a user."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("pydantic", reason="needs the train extra")
pytest.importorskip("sklearn", reason="needs the adapt extra")

import soundfile  # noqa: E402
from click.testing import CliRunner  # noqa: E402

import streamgenre  # noqa: E402
from streamgenre.errors import ModelFileError  # noqa: E402
from streamgenre.model.card import METADATA_KEY, card_to_json  # noqa: E402
from streamgenre.model.engine import Engine, initial_state  # noqa: E402
from streamgenre.model.onnx import OnnxEngine  # noqa: E402
from streamgenre.model.onnxfile import read_onnx  # noqa: E402
from streamgenre.model.stream import Stream  # noqa: E402
from streamgenre.model.timeline import Timeline  # noqa: E402
from streamgenre.model.torch import TorchEngine  # noqa: E402
from streamgenre.networks import build  # noqa: E402
from streamgenre.networks.calibrated import Calibrated  # noqa: E402
from training import checkpoint  # noqa: E402
from training.card import UNFITTED, Calibration, make_card  # noqa: E402
from training.cli import command  # noqa: E402
from training.config import Config  # noqa: E402
from training.data import DataError  # noqa: E402
from training.evaluation.probes.sounds import synthesised  # noqa: E402
from training.export.onnx import export, parity  # noqa: E402
from training.heads.speech import features_of, finish_speech, fit_speech  # noqa: E402
from training.model import load_model  # noqa: E402
from training.streams.non_music import NOISES, noises  # noqa: E402
from training.trainer.start import start_from  # noqa: E402

RATE, WINDOW = 16_000, 8_000
MUTE = {"kind": "trunk", "classes": 2, "size": 8, "width": 0.1, "window": WINDOW}
SPEECH = {"speech": True}
TELLING = MUTE | SPEECH


def voice(rng, seconds=6.0):
    """Tones that glide in syllables, as far as such a small network needs speech to be like it."""
    t = np.arange(int(seconds * RATE)) / RATE
    pitch = np.cumsum(rng.uniform(110, 220) * (1 + 0.2 * np.sin(2 * np.pi * 3 * t))) / RATE
    tones = sum(np.sin(2 * np.pi * pitch * k) / k for k in range(1, 20))
    return (4000 * tones * (np.sin(2 * np.pi * 4 * t) > -0.3)).astype(np.int16)


def tune(rng, seconds=6.0):
    """Chords that stand."""
    t = np.arange(int(seconds * RATE)) / RATE
    chord = rng.uniform(200, 300) * np.array([1, 1.25, 1.5, 4, 6])[:, None]
    return (2000 * np.sin(2 * np.pi * chord * t).sum(0)).astype(np.int16)


def hiss(rng, seconds=6.0):
    return (rng.uniform(50, 3000) * rng.standard_normal(int(seconds * RATE))).astype(np.int16)


def several(make, count, seed):
    rng = np.random.default_rng(seed)
    return [make(rng) for _ in range(count)]


@pytest.fixture(scope="module")
def network():
    """Features of mean 0 and deviation 1, as those of a network that was trained."""
    torch.manual_seed(0)
    found = build(TELLING).eval()
    sounds = several(voice, 10, 5) + several(hiss, 10, 5) + several(tune, 10, 5)
    windows = np.stack([sound[RATE : RATE + WINDOW] for sound in sounds]) / np.float32(32768)
    found.prepare(torch.from_numpy(windows))
    return found


def fit(network):
    return fit_speech(network, *(several(make, 12, 0) for make in (voice, hiss, tune)))


def called(network, sounds, **how):
    """Share of the windows of sounds that the network calls speech."""
    parts = [sound[: 5 * RATE] for sound in sounds]
    with torch.no_grad():
        features = features_of(network, parts, np.random.default_rng(1), **how)
        return float((network.speech(features) > 0).float().mean())


def test_speech_is_distinguished_from_unseen_noise_and_music(model):
    network = build({k: v for k, v in model.card.network.items() if k != "speech"} | SPEECH)
    assert start_from(network, "bundled")
    before, after = fit(network)
    assert before == pytest.approx(np.log(2), abs=1e-3) and after < 0.2
    assert called(network, several(voice, 4, 1)) > 0.9
    assert called(network, several(hiss, 4, 1), pauses=True) < 0.1
    assert called(network, several(tune, 4, 1)) < 0.1


def test_music_is_fitted_on_request_and_distinguished_from_the_others(network):
    untouched = network.music.weight.clone()
    fit(network)
    torch.testing.assert_close(network.music.weight, untouched)
    sounds = [several(make, 12, 0) for make in (voice, hiss, tune)]
    fit_speech(network, *sounds, fit_music=True)
    shares = []
    for make in (voice, hiss, tune):
        with torch.no_grad():
            features = features_of(
                network, [s[: 5 * RATE] for s in several(make, 4, 1)], np.random.default_rng(1)
            )
            shares.append(float((network.music(features) > 0).float().mean()))
    assert max(shares[:2]) < 0.2
    assert shares[2] > 0.8


def test_fitting_again_changes_nothing(network):
    assert fit(network) == pytest.approx(fit(network), abs=1e-4)


def test_pauses_of_a_talker_are_no_speech(network):
    part = several(voice, 1, 2)[0][: 5 * RATE]
    part[2 * RATE :] = 0
    rng = np.random.default_rng(0)
    kept = features_of(network, [part], rng)
    assert 0 < len(kept) < len(features_of(network, [part], rng, pauses=True)) == 4


@pytest.mark.parametrize("kind", NOISES)
def test_noises_are_loud_and_finite(kind):
    made = NOISES[kind](np.random.default_rng(0), 3 * RATE)
    assert made.shape == (3 * RATE,) and np.isfinite(made).all() and np.abs(made).max() > 1e-6


def test_noises_differ_and_are_reproducible():
    first = noises(40, RATE, 0)
    assert all(sound.dtype == np.int16 and len(sound) == RATE for sound in first)
    assert all(map(np.array_equal, first, noises(40, RATE, 0)))
    assert not all(map(np.array_equal, first, noises(40, RATE, 1)))
    assert np.abs(np.stack(first)).max() < 32767


def test_a_network_without_the_layer_has_no_such_output(network):
    samples, state = torch.zeros(3, WINDOW), torch.zeros(3, 8)
    assert build(MUTE).eval()(samples, state).speech is None
    assert Calibrated(build(MUTE)).eval()(samples, state).speech is None
    assert network(samples, state).speech.shape == (3,)
    said = Calibrated(network).eval()(samples, state).speech
    assert said.shape == (3,) and ((said > 0) & (said < 1)).all()


# A finished run gets the layer


@pytest.fixture
def folders(tmp_path):
    """Music to train on, and speech."""
    rng = np.random.default_rng(0)
    for genre in ("a", "b"):
        (tmp_path / "music" / genre).mkdir(parents=True)
        for i in range(8):
            soundfile.write(tmp_path / "music" / genre / f"{i}.flac", tune(rng), RATE)
    (tmp_path / "speech").mkdir()
    soundfile.write(tmp_path / "speech" / "one.wav", voice(rng, 40), RATE)
    return tmp_path


@pytest.fixture
def finished(tmp_path, network):
    """A finished run of a network that says nothing of speech."""
    weights = {k: v for k, v in network.state_dict().items() if not k.startswith("speech.")}
    about = checkpoint.Checkpoint(
        network=MUTE,
        labels=("a", "b"),
        config=Config(network={"kind": "trunk"}, sequences={"hops": [0.5]}),
        data="none",
        calibration=Calibration(temperature=0.7),
    )
    (tmp_path / "run").mkdir()
    checkpoint.write(tmp_path / "run" / "model.safetensors", weights, about)
    return tmp_path / "run" / "model.safetensors"


@pytest.fixture
def few_noises(monkeypatch):
    monkeypatch.setattr("training.heads.speech._NOISES", 24)


def call(name, *arguments):
    done = CliRunner().invoke(command(name), [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_averaging_adds_the_layer_and_changes_nothing_else(folders, finished, few_noises):
    where = [folders / "music", "--cache", folders / "cache"]
    made = folders / "telling" / "model.safetensors"
    printed = call(
        "average", *where, "--run", finished.parent, "--speech", folders / "speech",
        "--folder", made.parent,
    )  # fmt: skip
    assert "speech: cross-entropy 0.69" in printed
    before, about = checkpoint.read(finished)
    after, now = checkpoint.read(made)
    assert after.keys() - before.keys() == {"speech.weight", "speech.bias"}
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert now.network == TELLING
    unchanged = {"network": about.network, "before_speech": None}
    assert now.model_copy(update=unchanged) == about
    model = load_model(made)
    update = model.stream(0.5).feed(np.zeros(RATE, np.float32), RATE)[0]
    assert update.speech is not None
    assert load_model(finished).stream(0.5).feed(np.zeros(RATE, np.float32), RATE)[0].speech is None


def test_a_refitted_music_layer_is_calibrated_again(folders, finished, few_noises):
    """With running statistics, --speech also refits the layer that the threshold belongs to."""
    torch.manual_seed(0)
    pooled = build(MUTE | {"memory": "statistics"}).eval()
    sounds = several(voice, 10, 5) + several(hiss, 10, 5) + several(tune, 10, 5)
    windows = np.stack([sound[RATE : RATE + WINDOW] for sound in sounds]) / np.float32(32768)
    pooled.prepare(torch.from_numpy(windows))
    _, about = checkpoint.read(finished)
    old = Calibration(temperature=0.7, thresholds=UNFITTED)
    changes = {"network": MUTE | {"memory": "statistics"}, "before_speech": "f" * 64}
    about = about.model_copy(update=changes | {"calibration": old})
    checkpoint.write(finished, pooled.state_dict(), about)
    made = folders / "telling" / "model.safetensors"
    call(
        "average", folders / "music", "--cache", folders / "cache", "--run", finished.parent,
        "--speech", folders / "speech", "--folder", made.parent,
    )  # fmt: skip
    tensors, now = checkpoint.read(made)
    assert not torch.equal(tensors["music.weight"], pooled.state_dict()["music.weight"])
    assert now.before_speech is None
    fitted = now.calibration
    assert fitted.figures["tracks"] > 0 and not old.figures
    # Threshold of the layer that is there: its outputs on the music pass it.
    assert fitted.figures["music_missed"] < 0.05


def test_figures_from_before_the_layer_remain_valid(folders, finished, few_noises, monkeypatch):
    """A card may state what was measured of the network before it got the layer."""
    import hashlib

    from training.data import AudioCache, open_dataset

    monkeypatch.setattr("training.export.onnx.PARITY_STEPS", 5)
    measured = hashlib.sha256(finished.read_bytes()).hexdigest()
    results = folders / "test.json"
    whole = {"tracks": 4} | dict.fromkeys(("accuracy", "macro_recall", "top2"), (0.5, 0.4, 0.6))
    hops = {"0.5": {"hop": 0.5, "track_mean": whole}}
    results.write_text(json.dumps({"hops": hops, "model": {"sha256": measured}, "split": "test"}))
    data = open_dataset(folders / "music")
    audio = AudioCache.build(data.tracks, folders / "cache")
    finish_speech(finished, data, audio, folders / "speech")
    once = checkpoint.read(finished)[0]
    finish_speech(finished, data, audio, folders / "speech")
    assert checkpoint.read(finished)[1].before_speech == measured
    again = checkpoint.read(finished)[0]
    assert all(torch.equal(again[name], value) for name, value in once.items())
    call("export", finished, "--results", results, "-o", folders / "m.onnx")
    assert streamgenre.load(folders / "m.onnx").card.hop(0.5).accuracy["top2"] == 0.5
    results.write_text(results.read_text().replace(measured, "f" * 64))
    with pytest.raises(DataError, match="measured another model"):
        call("export", finished, "--results", results, "-o", folders / "m.onnx")


def test_only_networks_on_the_trunk_get_it(tmp_path):
    raw = {"kind": "tfcrnn", "classes": 2, "width": 8, "size": 8}
    about = checkpoint.Checkpoint(network=raw, labels=("a", "b"), config=Config(network=raw))
    checkpoint.write(tmp_path / "m.safetensors", build(raw).state_dict(), about)
    with pytest.raises(DataError, match="requires a network of kind trunk"):
        finish_speech(tmp_path / "m.safetensors", None, None, tmp_path)


# As a model file


@pytest.fixture(scope="module")
def file(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("file") / "telling.onnx"
    card = make_card(network, TELLING, ["a", "b"], (0.5,), Calibration())
    assert export(network, Calibration(), card, path) < 1e-4
    return path


def test_both_engines_agree(file, network):
    model = streamgenre.load(file)
    engine = TorchEngine(file.read_bytes(), model.card, device="cpu")
    assert parity(engine.network, model.engine, WINDOW, steps=20) < 1e-4
    with torch.no_grad():
        network.speech.bias += 1  # parity looks at it
        try:
            assert parity(Calibrated(network).eval(), model.engine, WINDOW, steps=3) > 1e-3
        finally:
            network.speech.bias -= 1


def test_an_output_of_another_shape_is_refused(file, network):
    import onnx

    model = onnx.load(file)
    card = json.loads(model.metadata_props[0].value)
    for node in model.graph.node:
        node.output[:] = ["flat" if name == "speech" else name for name in node.output]
    axes = onnx.helper.make_tensor("axes", onnx.TensorProto.INT64, [1], [1])
    model.graph.initializer.append(axes)
    model.graph.node.append(onnx.helper.make_node("Unsqueeze", ["flat", "axes"], ["speech"]))
    for output in model.graph.output:
        if output.name == "speech":
            output.type.tensor_type.ClearField("shape")
    del model.metadata_props[:]
    digest = read_onnx(model.SerializeToString()).sha256
    entries = {k: v for k, v in card.items() if k not in ("format", "sha256")}
    onnx.helper.set_model_props(model, {METADATA_KEY: card_to_json(entries, digest)})
    file = file.with_name("flat.onnx")
    file.write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError, match="output `speech` has shape"):
        streamgenre.load(file)


def test_the_bundled_models_output_it_for_every_step(model):
    half = streamgenre.load("tfcrnn-half")
    rng = np.random.default_rng(0)
    sound = (0.1 * rng.standard_normal(3 * RATE)).astype(np.float32)
    for each in (model, half):
        assert isinstance(each.engine, OnnxEngine) and each.card.network["speech"] is True
        updates = each.stream().feed(sound, RATE)
        assert all(0 <= update.speech < 0.5 for update in updates)


def test_streams_and_json_carry_it(model):
    stream = model.stream()
    (update,) = stream.feed(np.full(RATE // 2, 0.01, np.float32), RATE)
    row = update.to_dict()
    assert row["speech"] == round(update.speech, 4)
    assert dataclasses.replace(update, speech=None).to_dict()["speech"] is None
    assert stream.gap(1.0)[-1].speech is None
    timeline = Timeline(model.card, 0.5)
    timeline.append(update)
    assert timeline.updates[0].speech is None  # for who follows along: rows do not keep it
    assert timeline.to_dict()["updates"][0]["speech"] is None


def test_a_non_finite_output_resets_the_state(model):
    class Broken(Engine):
        card = model.card

        def step(self, samples, state):
            step = model.engine.step(samples, state)
            carried = not np.array_equal(state, initial_state(model.card, hop=hop))
            return step._replace(speech=np.float32([np.nan]) if carried else step.speech)

    hop = model.card.hop(0.5)
    stream = Stream(Broken(), hop)
    updates = stream.feed(np.full(RATE, 0.01, np.float32), RATE)
    assert stream.state_resets == 1 and all(np.isfinite(u.speech) for u in updates)


def test_the_bundled_model_classifies_voices_as_speech_and_music_as_none(model, music):
    samples, rate = music
    stream = model.stream()
    assert all(u.speech < 0.5 for u in stream.feed(samples, rate) + stream.flush())
    voices = synthesised()
    if isinstance(voices, str):
        pytest.skip(f"no voice to listen to: {voices}")
    for name, spoken in voices.items():
        said = [u.speech for sound in spoken for u in model.stream().feed(sound, RATE)]
        assert np.mean(np.array(said) >= 0.5) > 0.9, name


def test_the_engine_outputs_speech_of_each_stream(model):
    samples = (0.1 * np.random.default_rng(2).standard_normal((3, 40_000))).astype(np.float32)
    step = model.engine.step(samples, initial_state(model.card, 3))
    assert step.speech.shape == (3,)


def test_an_averaged_model_has_no_figures_of_its_runs(folders, finished):
    tensors, about = checkpoint.read(finished)
    checkpoint.write(finished, tensors, about.model_copy(update={"before_speech": "of one run"}))
    where = [folders / "music", "--cache", folders / "cache", "--folder", folders / "mean"]
    call("average", *where, "--run", finished.parent, "--run", finished.parent)
    assert checkpoint.read(folders / "mean" / "model.safetensors")[1].before_speech is None
