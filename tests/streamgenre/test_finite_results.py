"""Results hold no infinity or NaN for any input: JSON has neither."""

from __future__ import annotations

import ast
import json
import math
from dataclasses import asdict
from datetime import UTC, datetime

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.library import RATE
from support.paths import ROOT

import streamgenre
from streamgenre.model.timeline import Timeline
from streamgenre.output.sinks.log import live_line
from streamgenre.output.timeline.json import dumps
from streamgenre.update import DIGITAL_SILENCE

KINDS = ("silence", "one step of 16 bits", "denormal", "NaN", "infinite", "full scale", "noise")


def sound(kind: str, count: int) -> np.ndarray:
    made = {
        "silence": 0.0,
        "one step of 16 bits": 2.0**-15,
        "denormal": 1e-42,
        "NaN": math.nan,
        "infinite": math.inf,
        "full scale": 1.0,
    }
    if kind in made:
        return np.full(count, made[kind], np.float32)
    return np.random.default_rng(count).uniform(-1, 1, count).astype(np.float32)


chunks = st.tuples(st.sampled_from(KINDS), st.integers(0, 2 * RATE))
gaps = st.tuples(st.just("gap"), st.floats(1e-3, 1e4))
recordings = st.lists(st.one_of(chunks, gaps), min_size=1, max_size=5)


def updates_of(model, recording) -> list[streamgenre.Update]:
    stream = model.stream()
    updates = []
    for kind, length in recording:
        if kind == "gap":
            updates += stream.gap(length)
        else:
            updates += stream.feed(sound(kind, length), RATE)
    return updates + stream.flush()


def strict(text: str) -> object:
    """Parsed JSON; NaN and infinity are rejected."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not valid JSON")

    return json.loads(text, parse_constant=refuse)


@given(recordings)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_updates_and_their_timeline(model, recording):
    updates = updates_of(model, recording)
    timeline = Timeline(model.card, model.card.live_hop)
    for update in updates:
        assert math.isfinite(update.level) and update.level >= DIGITAL_SILENCE
        for entries in (asdict(update), update.to_dict()):
            assert strict(json.dumps(entries)) == strict(json.dumps(entries, allow_nan=False))
        strict(live_line(update, datetime.now(UTC), "microphone"))
        timeline.append(update)
    strict(json.dumps(timeline.to_dict()))
    strict(json.dumps([asdict(update) for update in timeline.updates]))
    strict(json.dumps([asdict(segment) for segment in timeline.segments]))


@given(recordings)
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_messages_to_other_programs(model, recording):
    osc = pytest.importorskip("pythonosc.osc_bundle", reason="needs the osc extra")
    from streamgenre.output.sinks.osc import Osc

    sent = []
    sink = Osc("127.0.0.1:9", model.card)
    sink._socket.close()
    sink._socket = type("Socket", (), {"sendto": lambda self, data, to: sent.append(data)})()
    updates = updates_of(model, recording)
    for update in updates:
        sink(update, datetime.now(UTC), "microphone")
    assert len(sent) == len(updates)
    for data in sent:
        for message in osc.OscBundle(data):
            assert all(math.isfinite(v) for v in message.params if isinstance(v, float))


def test_rows_of_a_library(model, tmp_path):
    for kind in KINDS:
        path = tmp_path / f"{kind}.wav"
        soundfile.write(path, sound(kind, 3 * RATE), RATE, subtype="FLOAT")
    table = tmp_path / "table.jsonl"
    rows = list(streamgenre.scan(tmp_path, output=table, jobs=1))
    assert len(rows) == len(KINDS) and all(row.error is None for row in rows)
    for line in table.read_text(encoding="utf-8").splitlines():
        strict(line)


@pytest.mark.parametrize("kind", KINDS)
def test_files(model, kind, tmp_path):
    path = tmp_path / "sound.wav"
    soundfile.write(path, sound(kind, 3 * RATE), RATE, subtype="FLOAT")
    timeline = model.classify(path)
    for name in ("json", "csv", "audacity", "srt", "vtt", "html", "svg"):
        target = tmp_path / f"result.{name}"
        streamgenre.save(timeline, target, path, format=name)
        words = target.read_text(encoding="utf-8").replace(",", " ").lower().split()
        assert not {"nan", "inf", "-inf", "infinity", "-infinity"} & set(words), name
    strict((tmp_path / "result.json").read_text(encoding="utf-8"))


WRITERS = [
    path
    for package in ("streamgenre", "training", "bench", "beetsplug")
    for path in sorted((ROOT / package).rglob("*.py"))
    if "json.dump" in path.read_text("utf-8")
]


@pytest.mark.parametrize("path", WRITERS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_writer_of_json_accepts_what_is_not_finite(path):
    """By default, the standard library writes NaN and Infinity, which JSON does not have."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("json.dump", "json.dumps"):
            options = {each.arg: ast.unparse(each.value) for each in node.keywords}
            assert options.get("allow_nan") == "False", f"line {node.lineno}"


def test_what_is_not_finite_is_refused_rather_than_written():
    with pytest.raises(ValueError, match="JSON"):
        dumps({"level": -math.inf})
