"""Styles are shown only with their genre, and a timeline keeps their means."""

from __future__ import annotations

import dataclasses
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from rich.console import Console

import streamgenre
from streamgenre.errors import ModelFileError
from streamgenre.model.card import METADATA_KEY, Style, Thresholds, card_to_json
from streamgenre.model.engine import Engine, Step
from streamgenre.model.model import Model
from streamgenre.model.timeline import Timeline
from streamgenre.output.timeline.text import print_timeline
from streamgenre.update import Update

STYLES = (
    Style("house", "House", "electronic"),
    Style("techno", "Techno", "electronic"),
    Style("punk", "Punk", "rock"),
    Style("live", "Live", None),
)
LABELS = ["electronic", "rock", "jazz"]


@pytest.fixture(scope="module")
def styled(model):
    """The bundled card with styles added."""
    return dataclasses.replace(model.card, styles=STYLES)


class Fixed(Engine):
    """An engine that returns each genre for two steps, with constant styles."""

    def __init__(self, card, genres, styles):
        self.card, self._genres, self._styles, self._steps = card, genres, styles, 0

    def step(self, samples, state):
        genre = self._genres[min(self._steps // 2, len(self._genres) - 1)]
        self._steps += 1
        probabilities = np.full((1, len(self.card.labels)), 0.01, np.float32)
        probabilities[0, self.card.label_names.index(genre)] = 1 - 0.01 * (
            len(self.card.labels) - 1
        )
        styles = None if self._styles is None else np.float32([self._styles])
        return Step(probabilities, np.ones(1, np.float32), state, styles=styles)


def timeline_of(card, parts):
    """A timeline of (status, top, styles), a step each."""
    timeline = Timeline(card, 2.5)
    for i, (status, top, styles) in enumerate(parts, 1):
        probabilities = dict.fromkeys(card.label_names, 0.2 / (len(card.labels) - 1)) | {top: 0.8}
        genre = top if status == "genre" else None
        timeline.append(Update(2.5 * i, status, genre, top, 0.8, 0.9, probabilities, -20.0, styles))
    return timeline


def test_an_update_lists_the_styles_of_its_top_label_and_of_no_label(styled, music):
    samples, rate = music
    stream = Model(Fixed(styled, ["electronic", "rock"], [0.2, 0.7, 0.9, 0.4])).stream(2.5)
    updates = stream.feed(samples, rate)
    for update in updates:
        names = {"electronic": ["techno", "live", "house"], "rock": ["punk", "live"]}[update.top]
        assert list(update.styles) == names  # the most probable first
        assert update.styles["live"] == pytest.approx(0.4)
    assert {update.top for update in updates} == {"electronic", "rock"}


def test_a_model_without_styles_reports_none(styled, music):
    engine = Fixed(styled, ["rock"], None)
    timeline = Model(engine).classify(music)
    assert timeline.styles == {} and timeline.to_dict()["styles"] == {}
    assert all(update.styles == {} for update in Model(engine).stream().feed(*music))


def test_non_finite_styles_are_not_reported(styled, music):
    stream = Model(Fixed(styled, ["rock"], [0.1, 0.1, np.nan, 0.1])).stream(2.5)
    assert all(update.styles == {} for update in stream.feed(*music))
    assert stream.state_resets > 0


def test_a_timeline_averages_the_styles_of_its_genre(styled):
    electronic = [{"house": 0.8, "techno": 0.4, "live": 0.0}, {"house": 0.4, "techno": 0.4}]
    parts = [("genre", "electronic", styles) for styles in electronic]
    parts += [("genre", "rock", {"punk": 0.9}), ("no-music", "electronic", {"house": 0.0})]
    timeline = timeline_of(styled, [*parts, *parts[:2]])
    assert timeline.genre == "electronic"
    assert timeline.styles == pytest.approx({"house": 0.6, "techno": 0.4})  # live: too unlikely
    assert list(timeline.styles) == ["house", "techno"]
    assert timeline.to_dict()["styles"] == {"house": 0.6, "techno": 0.4}
    silent = timeline_of(styled, [("no-music", "electronic", {"house": 0.9})] * 3)
    assert silent.styles == {}


def test_the_updates_of_a_timeline_have_no_styles(styled):
    timeline = timeline_of(styled, [("genre", "rock", {"punk": 0.9})] * 3)
    assert [update.styles for update in timeline.updates] == [{}] * 3
    assert timeline.to_dict()["updates"][0]["styles"] == {}


def test_an_update_as_json_has_styles(styled):
    update = Update(2.5, "genre", "rock", "rock", 0.8, 0.9, {"rock": 1.0}, -20.0, {"punk": 0.51239})
    assert update.to_dict()["styles"] == {"punk": 0.5124}
    assert dataclasses.replace(update, styles={}).to_dict()["styles"] == {}


def printed(timeline, width=40):
    file = io.StringIO()
    print_timeline(Console(file=file, width=width, highlight=False), "song.mp3", timeline, 321.0)
    return file.getvalue().splitlines()


def test_the_text_report_has_one_line_of_styles(styled, model):
    part = ("genre", "electronic", {"house": 0.8, "techno": 0.4})
    with_hints, without = printed(timeline_of(styled, [part])), printed(
        timeline_of(model.card, [(*part[:2], {})])
    )  # fmt: skip
    assert "Possible styles: House, Techno" in with_hints
    assert [line for line in with_hints if not line.startswith("Possible styles")] == without
    assert max(map(len, printed(timeline_of(styled, [part]), width=12))) <= 12


def exported(folder, styles):
    """A model file with this number of styles: always electronic, house 0.9, techno 0.5."""
    torch = pytest.importorskip("torch", reason="export needs the train extra")
    pytest.importorskip("onnx", reason="export needs the train extra")
    from streamgenre.networks import build
    from training.card import Calibration, make_card
    from training.export.onnx import export

    description = {"kind": "trunk", "classes": 3, "size": 16, "window": 16_000, "styles": styles}
    torch.manual_seed(0)
    network = build(description).eval()
    fixed = [(network.classifier, [3.0, 0.0, 0.0]), (network.music, [9.0])]
    if styles:
        fixed.append((network.styles, [np.log(9), 0.0, 0.0, -9.0]))
    with torch.no_grad():
        for layer, biases in fixed:
            layer.weight.normal_(0, 1e-4)
            layer.bias.copy_(torch.tensor(biases))
    calibration = Calibration(1.0, Thresholds(0.3, 0.3, -70.0, 0.1, 2.0))
    card = make_card(network, description, LABELS, [0.5], calibration, STYLES[:styles])
    card = dataclasses.replace(card, name="styled")
    path = folder / "styled.onnx"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.export.onnx.PARITY_STEPS", 5)
        export(network, calibration, card, path)
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return exported(tmp_path_factory.mktemp("styled"), 4)


def test_a_model_file_stores_its_styles(file, music):
    from streamgenre.model.torch import TorchEngine

    model = streamgenre.load(file)
    assert model.card.styles == STYLES
    (first, *_) = model.stream().feed(*music)
    assert first.top == "electronic" and list(first.styles) == ["house", "techno", "live"]
    assert list(first.styles.values()) == pytest.approx([0.9, 0.5, 0.0], abs=0.01)
    assert list(model.classify(music).styles) == ["house", "techno"]
    samples = (np.random.default_rng(0).standard_normal((3, 16_000)) * 0.1).astype(np.float32)
    state = np.zeros((3, 16), np.float32)
    on_torch = TorchEngine(file.read_bytes(), model.card, "cpu").step(samples, state).styles
    assert on_torch.shape == (3, 4)
    np.testing.assert_allclose(model.engine.step(samples, state).styles, on_torch, atol=1e-4)


def test_updates_have_the_gates_that_the_card_names(file, music):
    model = streamgenre.load(file)
    assert model.card.gates[0] == "block 4"  # the first gated block of MobileNetV3-Large
    updates = model.stream().feed(*music)
    for update in updates:
        assert len(update.gates) == len(model.card.gates)
        assert all(0 <= gate <= 1 for gate in update.gates)
    assert len({update.gates for update in updates}) > 1
    assert model.stream().gap(1.0)[0].gates == ()


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "streamgenre", *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        timeout=600,
    )


def test_the_commands_show_styles(file, clip):
    assert "Possible styles: House, Techno" in command("--model", file, clip).stdout
    whole = json.loads(command("--model", file, "--format", "json", clip).stdout)
    assert list(whole["styles"]) == ["house", "techno"]
    line = command("--model", file, "--format", "jsonl", clip).stdout.splitlines()[0]
    assert list(json.loads(line)["styles"]) == ["house", "techno", "live"]
    info = " ".join(command("info", "--model", file).stdout.split())  # at any width
    assert "not calibrated" in info and "under electronic: House, Techno" in info


def changed(file, target, change):
    """The model file with a changed card; the hash remains valid, since it excludes the card."""
    import onnx

    model = onnx.load(file)
    card = json.loads(next(p.value for p in model.metadata_props if p.key == METADATA_KEY))
    del card["format"]
    digest = card.pop("sha256")
    change(card)
    onnx.helper.set_model_props(model, {METADATA_KEY: card_to_json(card, digest)})
    target.write_bytes(model.SerializeToString())
    return target


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card: card["styles"].pop(), "outputs 4 styles, the card lists 3"),
        (lambda card: card.pop("styles"), "outputs 4 styles, the card lists 0"),
        (lambda card: card["gates"].pop(), "gates, the card lists"),
        (lambda card: card["styles"][0].update(name="punk"), "duplicate styles"),
    ],
)
def test_a_card_that_does_not_match_its_graph_is_rejected(file, tmp_path, change, message):
    path = changed(file, tmp_path / "m.onnx", change)
    with pytest.raises(ModelFileError, match=message) as error:
        streamgenre.load(path)
    assert "\n" not in str(error.value)


def test_a_card_must_not_list_styles_that_the_network_lacks(tmp_path, music):
    plain = exported(tmp_path, 0)
    assert streamgenre.load(plain).classify(music).styles == {}
    style = {"name": "house", "display": "House", "parent": "electronic"}
    path = changed(plain, tmp_path / "m.onnx", lambda card: card.update(styles=[style]))
    with pytest.raises(ModelFileError, match="outputs 0 styles, the card lists 1"):
        streamgenre.load(path)


def test_a_checkpoint_stores_its_styles(tmp_path):
    torch = pytest.importorskip("torch", reason="checkpoints need the train extra")
    pytest.importorskip("onnx", reason="export needs the train extra")
    from streamgenre.networks import build
    from training import checkpoint
    from training.card import Calibration
    from training.config import Config
    from training.export.onnx import export_checkpoint
    from training.model import load_model

    network = {"kind": "trunk", "classes": 3, "size": 16, "window": 16_000, "styles": 4}
    torch.manual_seed(0)
    config = Config.model_validate({"network": network, "sequences": {"hops": [0.5]}})
    about = checkpoint.Checkpoint(
        network=network,
        labels=LABELS,
        config=config,
        styles=STYLES,
        calibration=Calibration(),
        data="0" * 64,
    )
    path = tmp_path / "model.safetensors"
    checkpoint.write(path, build(network).state_dict(), about)
    assert load_model(path).card.styles == STYLES
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.export.onnx.PARITY_STEPS", 5)
        export_checkpoint(path, tmp_path / "m.onnx")
    assert streamgenre.load(tmp_path / "m.onnx").card.styles == STYLES
