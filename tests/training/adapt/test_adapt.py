"""Own genres on a model that runs already: fitted, measured, written, and the base as it was."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

pytest.importorskip("sklearn", reason="adapting needs the adapt extra")
onnx = pytest.importorskip("onnx", reason="adapting needs the adapt extra")

import streamgenre  # noqa: E402
from streamgenre.errors import ModelFileError, StreamgenreError  # noqa: E402
from streamgenre.model.card import METADATA_KEY, card_to_json, read_card  # noqa: E402
from streamgenre.model.model import read_model  # noqa: E402
from streamgenre.model.onnxfile import read_onnx  # noqa: E402
from training.adapt import Base, adapt, cautions, graph, usable  # noqa: E402
from training.adapt.head import Example, Head, choose_strength, fit_head  # noqa: E402
from training.card import label_entry, store_card  # noqa: E402
from training.cli.adapt import command, how_to_run  # noqa: E402
from training.data import AudioCache, DataError, open_dataset  # noqa: E402
from training.data.split import folds_of  # noqa: E402
from training.inference.decisions import softmax  # noqa: E402

RATE = 16_000
GENRES = ["bursts", "chords", "tones"]


def piece(genre: str, number: int) -> np.ndarray:
    """Six seconds of a made-up genre."""
    rng = np.random.default_rng(number)
    t = np.arange(6 * RATE) / RATE
    if genre == "tones":
        sound = np.sin(2 * np.pi * rng.uniform(200, 900) * t + 3 * np.sin(2 * np.pi * 0.3 * t))
    elif genre == "bursts":
        sound = rng.standard_normal(len(t)) * (t * rng.uniform(1, 3) % 1 < 0.2)
    else:
        root = rng.uniform(110, 220)
        chord = sum(np.sign(np.sin(2 * np.pi * root * ratio * t)) for ratio in (1, 1.25, 1.5))
        sound = chord * np.exp(-8 * (t * rng.uniform(2, 4) % 1)) / 3
    return 0.3 * sound + 0.003 * rng.standard_normal(len(t))


def write_music(root: Path, genres=GENRES, each=6) -> Path:
    for genre in genres:
        for number in range(each):
            # The first three tracks are of one artist, who is to stay on one side.
            folder = root / genre / ("someone" if number < 3 else f"artist{number}")
            folder.mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / f"{number}.flac", piece(genre, number), RATE)
    return root


def run(*arguments) -> object:
    return CliRunner().invoke(command, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("own")


@pytest.fixture(scope="module")
def music_folder(folder) -> Path:
    return write_music(folder / "music")


@pytest.fixture(scope="module")
def written(folder, music_folder) -> tuple[Path, str]:
    """A model made by the command on the bundled one, and what the command printed."""
    path = folder / "mine.onnx"
    result = run(music_folder, "-o", path, "--cache", folder / "cache")
    assert result.exit_code == 0, result.output or result.exception
    return path, result.stdout


@pytest.fixture(scope="module")
def tracks_and_audio(folder, music_folder, written):
    dataset = open_dataset(music_folder)
    return dataset.tracks, AudioCache.build(dataset.tracks, folder / "cache")


@pytest.fixture(scope="module")
def bundled() -> Base:
    name, data = read_model(None)
    return Base.read(data, name)


@pytest.fixture
def torch():
    """PyTorch on one core: its threads wait long for each other beside other tests."""
    module = pytest.importorskip("torch", reason="needs the train extra")
    threads = module.get_num_threads()
    module.set_num_threads(1)
    yield module
    module.set_num_threads(threads)


@pytest.fixture
def quick(monkeypatch) -> None:
    monkeypatch.setattr(graph, "PARITY_STEPS", 10)


def test_new_genres_are_classified_far_above_chance(written, music_folder):
    path, printed = written
    model = streamgenre.load(path)
    assert list(model.card.label_names) == GENRES
    for hop in model.card.hops:
        assert hop.accuracy["accuracy"] > 0.8
        assert hop.accuracy["chance"] == pytest.approx(1 / 3, 0.01)
        assert hop.accuracy["tracks"] == 18
    for genre in GENRES:
        second = model.classify((piece(genre, 100), RATE)).updates[1].probabilities
        assert max(second, key=second.__getitem__) == genre
    assert "chords" in printed and "by chance" in printed
    assert f"streamgenre --model {path}" in printed
    assert "mostly as unsure" in printed
    assert how_to_run(Path("a b.onnx")).endswith("--model 'a b.onnx' FILE")


def test_the_card_states_base_and_data(written, bundled):
    card = streamgenre.load(written[0]).card
    assert (card.name, card.version) == ("mine", "1")
    assert card.about["adapted_from"]["sha256"] == bundled.card.sha256
    assert card.about["data"]["tracks"] == 18 and len(card.about["data"]["fingerprint"]) == 64
    assert card.network["base"] == bundled.card.network
    assert card.thresholds.music < bundled.card.thresholds.music  # tones, which it took for none
    assert 1 / 3 < card.thresholds.unsure < 1


def test_the_graph_is_the_base_but_for_the_head(written, bundled):
    model = onnx.load(written[0])
    assert [o.name for o in model.graph.output] == [o.name for o in bundled.model.graph.output]
    weights = {tensor.name for tensor in model.graph.initializer}
    assert "network.head.weight" in weights and not any(".classifier." in name for name in weights)
    engine = streamgenre.load(written[0]).engine
    samples = (np.random.default_rng(0).standard_normal((3, 40_000)) * 0.1).astype(np.float32)
    state = np.zeros((3, bundled.card.state_size), np.float32)
    ours, theirs = engine.step(samples, state), bundled.engine.step(samples, state)
    assert ours.probabilities.shape == (3, 3)
    for name in ("music", "next_state", "gates", "embedding", "styles", "speech"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-5)


def test_torch_runs_it_too(written, torch):
    from streamgenre.model.torch import TorchEngine
    from training.export.onnx import parity

    data = written[0].read_bytes()
    model = streamgenre.load(written[0])
    engine = TorchEngine(data, model.card, device="cpu")
    assert parity(engine.network, model.engine, 40_000, steps=20) < 1e-4


def test_raw_networks_have_a_head_on_all_outputs(tmp_path, quick, monkeypatch, tracks_and_audio):
    torch = pytest.importorskip("torch", reason="needs the train extra")
    from streamgenre.model.torch import TorchEngine
    from streamgenre.networks import build
    from training.export.onnx import Calibrated, parity, to_onnx

    torch.manual_seed(0)
    network = {"kind": "tfcrnn", "classes": 5, "width": 8, "size": 16, "hop": 8_000}
    step = Calibrated(build(network).eval())
    graph_of = to_onnx(step, 9_600)
    card = dataclasses.asdict(streamgenre.load().card) | {
        "labels": [{"name": n, "display": n, "colour": "#000000"} for n in "abcde"],
        "hops": [{"seconds": 0.5, "samples": 8_000, "window": 9_600}],
        "file_hop": 0.5,
        "state_size": 16,
        "hop_entry": None,
        "network": network,
        "styles": [],
        "gates": [],
    }  # fmt: skip
    base = Base.read(signed(graph_of, card), "raw")
    monkeypatch.setattr("training.adapt.outputs_read", lambda card: ("embedding", "next_state"))
    adapt(*tracks_and_audio, base, tmp_path / "m.onnx")
    model = streamgenre.load(tmp_path / "m.onnx")
    engine = TorchEngine((tmp_path / "m.onnx").read_bytes(), model.card, device="cpu")
    assert parity(engine.network, model.engine, 9_600, steps=20) < 1e-4


def signed(model, card) -> bytes:
    """A model's bytes with a card, `sha256` made anew."""
    card = {key: value for key, value in card.items() if key != "sha256"}
    del model.metadata_props[:]
    digest = read_onnx(model.SerializeToString()).sha256
    onnx.helper.set_model_props(model, {METADATA_KEY: card_to_json(card, digest)})
    return model.SerializeToString()


def test_an_adapted_model_is_a_base_again(written, tmp_path, quick, tracks_and_audio, bundled):
    tracks, audio = tracks_and_audio
    base = Base.read(written[0].read_bytes(), "mine")
    two = [t for t in tracks if t.genre != "tones"]
    adaptation = adapt(two, audio, base, tmp_path / "again.onnx", "second")
    card = streamgenre.load(tmp_path / "again.onnx").card
    assert card.name == "second" and list(card.label_names) == ["bursts", "chords"]
    assert card.network["base"] == bundled.card.network
    assert card.about["adapted_from"]["name"] == "mine"
    assert adaptation.metrics[0.5].tracks.accuracy.value > 0.8
    weights = {t.name for t in onnx.load(tmp_path / "again.onnx").graph.initializer}
    assert weights == {t.name for t in onnx.load(written[0]).graph.initializer}


def test_torch_is_not_needed(written, music_folder, folder, tmp_path):
    code = f"""
import sys
import training.adapt.graph
training.adapt.graph.PARITY_STEPS = 3
from training.cli.adapt import command
command(["{music_folder}", "-o", "{tmp_path / "m.onnx"}", "--cache", "{folder / "cache"}"],
        standalone_mode=False)
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # Progress is for terminals; the warning names each genre, six tracks of which are few.
    assert done.stderr.startswith("warning: little to learn from: bursts (6), chords (6)")
    assert done.stderr.count("\n") == 1


def test_a_graph_that_differs_from_base_and_head_is_not_written(
    tmp_path, monkeypatch, quick, tracks_and_audio, bundled
):
    true_graph = graph.with_head

    def with_another_head(base, adapted, head):
        other = dataclasses.replace(head, bias=head.bias + np.float32(1) * np.arange(3))
        return true_graph(base, adapted, other)

    monkeypatch.setattr(graph, "with_head", with_another_head)
    with pytest.raises(graph.AdaptError, match="nothing was written"):
        adapt(*tracks_and_audio, bundled, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_base_without_embedding_is_refused(bundled, tmp_path, music_folder):
    model = onnx.ModelProto.FromString(bundled.model.SerializeToString())
    kept = [o for o in model.graph.output if o.name != "embedding"]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    (tmp_path / "base.onnx").write_bytes(signed(model, dataclasses.asdict(bundled.card)))
    streamgenre.load(tmp_path / "base.onnx")
    result = run(music_folder, "-o", tmp_path / "m.onnx", "--model", tmp_path / "base.onnx")
    assert isinstance(result.exception, ModelFileError)
    assert "no output `embedding`" in str(result.exception)


@pytest.mark.parametrize(
    ("genres", "each", "says"),
    [(["a"], 3, "two genres"), (["a", "b"], 1, "one track"), (["a", "b"], 3, "two are needed")],
)
def test_too_little_music_is_refused(tmp_path, quick, genres, each, says):
    # Of three tracks each, all are of one artist.
    data = write_music(tmp_path / "music", genres, each)
    result = run(data, "-o", tmp_path / "m.onnx", "--cache", tmp_path / "cache")
    assert isinstance(result.exception, DataError), result.output
    assert says in str(result.exception) and "\n" not in str(result.exception)
    assert not (tmp_path / "m.onnx").exists()


def test_invalid_output_paths_are_refused_before_the_work(tmp_path, written, monkeypatch):
    monkeypatch.setattr("training.data.open_dataset", lambda *_, **__: pytest.fail("work began"))
    data, model = tmp_path, written[0]
    for arguments, says in [
        (["-o", tmp_path / "absent" / "m.onnx"], "no folder"),
        (["-o", model, "--model", model], "is an input"),
        (["-o", tmp_path / "m.txt"], "ends in .onnx"),
        (["-o", tmp_path / "m.onnx", "--model", tmp_path / "none.onnx"], "cannot be read"),
        (["-o", tmp_path / "m.onnx", "--checkpoint", tmp_path / "none"], "no such checkpoint"),
    ]:
        result = run(data, *arguments)
        assert isinstance(result.exception, StreamgenreError) and says in str(result.exception)
    assert run(data, "-o", data / "m.onnx", "--checkpoint", model, "--name", "x").exit_code == 2


def test_tags_are_not_genres(tmp_path, monkeypatch):
    from training.data import DataSet

    tagged = DataSet("magnatagatune", tmp_path, (), (), "tags", ("guitar", "slow"))
    monkeypatch.setattr("training.data.open_dataset", lambda *_, **__: tagged)
    result = run(tmp_path, "-o", tmp_path / "m.onnx")
    assert isinstance(result.exception, DataError) and "contains tags" in str(result.exception)


def test_unreadable_tracks_leave_too_few_genres(tracks_and_audio):
    tracks, audio = tracks_and_audio
    only = {t.key: audio[t.key] for t in tracks if t.genre == "tones"}
    with pytest.raises(DataError, match="not tones"):
        usable(tracks, only, RATE)


def test_short_tracks_are_named_and_no_genre_goes_unnoticed(tracks_and_audio):
    tracks, audio = tracks_and_audio
    short = {t.key: audio[t.key] for t in tracks}
    tones = [t.key for t in tracks if t.genre == "tones"]
    short[tones[0]] = short[tones[0]][: RATE // 2]
    left_out, few = cautions(tracks, short, RATE)
    assert left_out == f"left out 1 track under a second: {tones[0]}"
    assert "tones (5)" in few
    short |= {key: audio[key][: RATE // 2] for key in tones}
    with pytest.raises(DataError, match="tones: no track with a second"):
        usable(tracks, short, RATE)


def test_a_head_of_many_genres_passes_the_check(bundled, quick):
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((60, bundled.card.state_size)).astype(np.float32) * 8
    head = Head(weight, np.zeros(60, np.float32), ("next_state",))
    model = graph.with_head(bundled.model, False, head)
    labels = [f"genre {i:02}" for i in range(60)]
    card = dataclasses.replace(
        bundled.card,
        labels=tuple(label_entry(label, i) for i, label in enumerate(labels)),
        network=graph.description(bundled.card.network, 60, head.reads),
    )
    data = store_card(model, card)
    graph.verify(bundled.engine, data, head, "many.onnx")


def examples(per_group: int, groups: int, classes: int = 3) -> list[Example]:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((classes, 8)) * 2
    return [
        Example(
            ((centres[c] + rng.standard_normal((5, 8))).astype(np.float32),),
            (1.0,),
            c,
            f"{c} {group}",
        )
        for c in range(classes)
        for group in range(groups)
        for _ in range(per_group)
    ]


def test_folds_keep_groups_whole_and_leave_every_genre():
    data = examples(2, 4)
    folds = folds_of([e.label for e in data], [e.group for e in data], 5)
    assert len(folds) == 4 and sorted(np.concatenate(folds)) == list(range(len(data)))
    for held in folds:
        rest = set(range(len(data))) - set(held.tolist())
        assert {data[i].group for i in held}.isdisjoint(data[i].group for i in rest)
        assert {data[i].label for i in rest} == {0, 1, 2}


@pytest.mark.parametrize("classes", [2, 3])
def test_the_head_is_the_regression_with_its_standardisation(classes):
    from sklearn.linear_model import LogisticRegression

    data = examples(1, 6, classes)
    rows = np.concatenate([e.runs[0] for e in data])
    labels = np.repeat([e.label for e in data], 5)
    head = fit_head(data, ("embedding",), 0.1)
    standard = (rows - rows.mean(0)) / rows.std(0)
    theirs = LogisticRegression(C=0.1).fit(standard, labels, sample_weight=np.full(len(rows), 0.2))
    expected = theirs.predict_proba(standard)
    np.testing.assert_allclose(softmax(head.logits(rows)), expected, atol=2e-3)
    assert choose_strength(data, ("embedding",)) > 0


def test_the_card_of_the_written_file_is_plain_json(written):
    card = read_card(written[0].read_bytes(), "mine")
    assert json.dumps(card.about) and all(
        isinstance(h.accuracy["accuracy"], float) for h in card.hops
    )


@pytest.mark.slow
def test_styles_of_genres_that_the_new_model_lacks_are_not_shown(tmp_path):
    from streamgenre.model.styles import styles_of

    output = tmp_path / "mine.onnx"
    result = run(write_music(tmp_path / "music"), "-o", output, "--cache", tmp_path / "cache")
    assert result.exit_code == 0, result.output
    card = streamgenre.load(output).card
    assert card.styles
    assert styles_of(card, "tones", np.ones(len(card.styles))) == {}
