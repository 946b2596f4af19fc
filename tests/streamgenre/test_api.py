"""The Python API: wrong arguments, pickling, representations and embeddings."""

from __future__ import annotations

import copy
import io
import json
import multiprocessing
import pickle
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from support.paths import ROOT

import streamgenre
from streamgenre import ConfigError, ModelFileError, SignalError
from streamgenre.model import notebook
from streamgenre.model.model import Model
from streamgenre.model.timeline import Timeline

SILENCE = np.zeros(16_000, np.float32)


@pytest.fixture(scope="module")
def timeline(model, clip) -> Timeline:
    return model.classify(clip)


# Wrong arguments


@pytest.mark.parametrize(
    ("recording", "remedy"),
    [
        (SILENCE, "needs its sample rate; pass (samples, sample_rate)"),
        (b"RIFF", "io.BytesIO"),
        (bytearray(4), "io.BytesIO"),
        (None, "pass a path"),
        (["a.mp3", "b.mp3"], "call classify for each"),
        ([0.0] * 100, "numpy.array"),
        (7, "int is not a recording"),
        ((SILENCE,), "(samples, sample_rate)"),
        ((SILENCE, 16_000, 1), "(samples, sample_rate)"),
        ((16_000, SILENCE), "the sample rate comes second"),
        ((None, 16_000), "None is not an array of samples"),
        ((b"\0\0", 16_000), "numpy.frombuffer"),
        (([[0.0], [0.0, 0.1]], 16_000), "shape (n,) or (n, channels)"),
        ((SILENCE, None), "sample rate must be"),
        ((SILENCE, "16000"), "sample rate must be"),
        ((SILENCE, 0), "sample rate must be"),
        ((SILENCE.astype(complex), 16_000), "float32 or int16"),
        (io.StringIO("text"), "binary mode"),
    ],
)
def test_classify_names_the_remedy(model, recording, remedy):
    with pytest.raises(SignalError, match=re.escape(remedy)) as error:
        model.classify(recording)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("samples", [None, b"\0\0", "x", [[0.0], [0.0, 1.0]], {}, [None]])
def test_feed_names_the_remedy(model, samples):
    with pytest.raises(SignalError, match="samples"):
        model.stream().feed(samples, 16_000)


def test_a_list_of_numbers_is_samples(model):
    assert model.stream().feed([0.0] * 8_000, 16_000)[0].status == "no-music"


@pytest.mark.parametrize("path", [7, b"x.onnx", ["x.onnx"], SILENCE])
def test_load_names_the_remedy(path):
    with pytest.raises(ConfigError, match="pass a path"):
        streamgenre.load(path)


def test_a_hop_is_a_number(model):
    for hop in ("0.5", b"1", [0.5]):
        with pytest.raises(ConfigError, match="the hop must be a number of seconds"):
            model.stream(hop)


# Pickling


def _genre(model: Model, path: str) -> str | None:
    return model.classify(path).genre


def test_a_model_works_in_another_process(model, clip):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_genre, (model, str(clip))) == model.classify(clip).genre


def test_a_model_is_pickled_as_its_path_and_hash(tmp_path, monkeypatch, model):
    shutil.copy(ROOT / "streamgenre/models/tfcrnn-half.onnx", tmp_path / "mine.onnx")
    monkeypatch.chdir(tmp_path)
    data = pickle.dumps(streamgenre.load("mine.onnx"))
    assert len(data) < 1_000
    monkeypatch.chdir(ROOT)
    assert pickle.loads(data).card.sha256 == streamgenre.load("tfcrnn-half").card.sha256
    shutil.copy(ROOT / "streamgenre/models/tfcrnn.onnx", tmp_path / "mine.onnx")
    with pytest.raises(ModelFileError, match="differs from the pickled model"):
        pickle.loads(data)
    assert copy.deepcopy(model).card == model.card


def test_pickling_errors_name_the_reason(model):
    pool = model.pool()
    for thing in (model.stream(), pool, pool.stream()):
        for work in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match=r"cannot be pickled or copied.*model\."):
                work(thing)
    with pytest.raises(TypeError, match="was not loaded from a file"):
        pickle.dumps(Model(model.engine))


# Representations


def test_reprs(model, timeline):
    assert repr(model) == (
        f"<Model {model.card.name} {model.card.version}: 14 genres, hops of 2.5, 1.25, 0.5 s, "
        "16000 Hz>"
    )
    stream = model.stream()
    assert repr(stream).endswith("hop 0.5 s, 0.0 s fed>")
    stream.feed(SILENCE, 16_000)
    assert repr(stream).endswith("hop 0.5 s, 1.0 s fed at 16000 Hz>")
    assert re.fullmatch(
        r"<Timeline 0:20: Classical \d+ %, \d segments?, 8 updates>", repr(timeline)
    )
    assert repr(model.classify((SILENCE, 16_000))) == (
        "<Timeline 0:01: no music, 1 segment, 1 update>"
    )
    assert repr(Timeline(model.card, 0.5)).startswith("<Timeline 0:00: no music, 0 segments")


def test_html_shows_the_segments(timeline):
    html = timeline._repr_html_()
    assert "Classical" in html and "#c9a227" in html and "<script" not in html
    widths = [float(width) for width in re.findall(r"width:([\d.]+)%;background", html)]
    assert len(widths) == len(timeline.segments) and sum(widths) == pytest.approx(100, abs=0.01)


def test_html_escapes_names(model):
    first = model.card.labels[0]
    labels = (replace(first, display="<b>&"), *model.card.labels[1:])
    timeline = Timeline(replace(model.card, labels=labels), 0.5)
    update = model.stream().feed(SILENCE, 16_000)[0]
    timeline.append(replace(update, status="genre", genre=first.name, top=first.name))
    assert "<b>&<" not in timeline._repr_html_() and "&lt;b&gt;&amp;" in timeline._repr_html_()


def test_a_plot_has_an_area_for_each_genre(timeline):
    pytest.importorskip("matplotlib").use("Agg")
    axes = timeline.plot()
    assert len(axes.collections) == 14 and axes.get_xlim() == (0, timeline.duration)
    assert timeline.plot(axes) is axes
    axes.figure.savefig(io.BytesIO())
    empty = Timeline(timeline.card, 0.5).plot()
    empty.figure.savefig(io.BytesIO())


def test_a_table_has_a_row_for_each_update(timeline):
    pytest.importorskip("pandas")
    table = timeline.to_pandas()
    assert list(table.columns)[:6] == ["status", "genre", "top", "confidence", "music", "level"]
    assert list(table.columns)[6:] == list(timeline.card.label_names)
    assert list(table.index) == [round(update.time, 3) for update in timeline.updates]
    assert table[list(timeline.card.label_names)].sum(axis=1).round(2).eq(1).all()
    assert Timeline(timeline.card, 0.5).to_pandas().empty


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setattr(notebook, "import_module", _missing)
    with pytest.raises(ConfigError, match="pip install pandas"):
        Timeline(streamgenre.load().card, 0.5).to_pandas()
    with pytest.raises(ConfigError, match="pip install matplotlib"):
        Timeline(streamgenre.load().card, 0.5).plot()


def _missing(name):
    raise ImportError(name)


def test_an_update_is_json(model):
    for update in (*model.stream().feed(SILENCE, 16_000), *model.stream().gap(3)):
        entries = json.loads(json.dumps(update.to_dict(), allow_nan=False))
        assert entries["level"] is None and entries["status"] in ("no-music", "gap")


# Embeddings


def test_embeddings_come_on_request(model, music):
    plain = model.stream().feed(*music)
    stream = model.stream(embedding=True)
    updates = stream.feed(*music)
    assert all(update.embedding is None for update in plain)
    assert plain == updates  # nothing else differs
    sizes = {update.embedding.shape for update in updates}
    assert len(sizes) == 1 and updates[0].embedding.dtype == np.float32
    assert not np.array_equal(updates[0].embedding, updates[-1].embedding)
    assert "embedding" not in repr(updates[0]) and "embedding" not in updates[0].to_dict()
    assert stream.gap(1)[-1].embedding is None


def test_a_model_without_embeddings_is_an_error(tmp_path):
    onnx = pytest.importorskip("onnx", reason="needs the `export` extra")
    from streamgenre.model.card import METADATA_KEY, card_to_json
    from streamgenre.model.onnxfile import read_onnx

    model = onnx.load(ROOT / "streamgenre/models/tfcrnn.onnx")
    entries = json.loads(model.metadata_props[0].value)
    (output,) = (output for output in model.graph.output if output.name == "embedding")
    model.graph.output.remove(output)
    del entries["sha256"], model.metadata_props[:]
    digest = read_onnx(model.SerializeToString()).sha256
    onnx.helper.set_model_props(model, {METADATA_KEY: card_to_json(entries, digest)})
    onnx.save(model, tmp_path / "plain.onnx")
    plain = streamgenre.load(tmp_path / "plain.onnx")
    assert plain.stream().feed(SILENCE, 16_000)
    with pytest.raises(ConfigError, match="has no embedding"):
        plain.stream(embedding=True)


def test_the_state_is_a_copy(model, music):
    stream = model.stream()
    assert stream.state.shape == (1, model.card.state_size)
    stream.feed(*music)
    stream.state[:] = 0
    assert stream.state.any()
    stream.reset_state()
    assert not np.array_equal(stream.state, np.ones_like(stream.state))
