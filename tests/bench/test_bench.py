"""The measurements: results are correct, stored and rendered, whatever the speed of the machine."""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="the benchmarks need a Unix system")

from bench import delay, file, recordings, step, suite, training
from bench.common import (
    Options,
    Percentiles,
    Skipped,
    Spread,
    children_seconds,
    in_turn,
    music,
    processor_seconds,
    ratios,
    table,
)
from bench.file import alone
from bench.records import from_json, to_json
from bench.stages import Stages, pipeline
from bench.step.busy import busy

BENCH = Path(suite.__file__).parent
THERE = [name for name in suite.NAMES if importlib.util.find_spec(f"bench.{name}")]


def test_the_report_is_that_of_the_stored_results():
    entries = suite.read(BENCH / "results.json")
    assert set(entries) <= set(suite.NAMES)
    assert (BENCH / "RESULTS.md").read_text() == suite.render(entries)


def test_stored_results_are_typed_without_loss():
    path = BENCH / "results.json"
    assert to_json(suite.read(path)) == json.loads(path.read_text())


def test_an_entry_of_another_form_is_an_error():
    entry = to_json(Spread.of([1.0]))
    assert from_json(Spread, entry) == Spread.of([1.0])
    with pytest.raises(KeyError, match="extra"):
        from_json(Spread, entry | {"extra": 1})
    with pytest.raises(TypeError, match="worst"):
        from_json(Spread, {"best": 1.0, "median": 1.0, "count": 1})


@pytest.mark.parametrize("name", THERE)
def test_a_measurement_has_a_title_a_measure_and_a_report(name):
    one = suite.measurement(name)
    assert one.TITLE and not one.TITLE.endswith(".")
    assert callable(one.measure) and callable(one.report)


def test_a_repeated_measurement_replaces_its_entry(tmp_path):
    memory_entry = suite.read(BENCH / "results.json")["memory"]
    suite.keep(tmp_path, "memory", memory_entry)
    suite.keep(tmp_path, "memory", replace(memory_entry, machine="another machine"))
    assert suite.read(tmp_path / "results.json")["memory"].machine == "another machine"
    text = (tmp_path / "RESULTS.md").read_text()
    assert text.count("## memory") == 1 and "another machine" in text


class Clock:
    """A clock that is advanced by hand."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def passes(self, seconds):
        self.now += seconds


def test_cases_alternate_and_warm_up_rounds_are_excluded():
    clock, order = Clock(), []

    def case(name, seconds):
        def work():
            order.append(name)
            clock.passes(seconds * len(order))

        return work

    seconds = in_turn({"a": case("a", 1), "b": case("b", 2)}, rounds=2, clock=clock, warm=1)
    assert order == ["a", "b"] * 3
    assert seconds == {"a": [3, 5], "b": [8, 12]}
    ratio = ratios(seconds, "b", "a")
    assert (ratio.best, ratio.worst, ratio.count) == (12 / 5, 8 / 3, 2)


def test_spreads_and_percentiles_keep_their_order():
    spread = Spread.of([3.0, 1.0, 2.0])
    assert to_json(spread) == {"best": 1.0, "median": 2.0, "worst": 3.0, "count": 3}
    assert spread.format(1) == "2.0 (1.0 to 3.0)"
    assert Spread.of([0.5]).format(2) == "0.50"
    times = Percentiles.of([i / 1e3 for i in range(1, 1001)])
    assert times.p50 == pytest.approx(500.5) and times.worst == 1000
    assert times.p50 < times.p95 < times.p99 < times.p999 < times.worst
    assert from_json(Percentiles, to_json(times)) == times
    assert "p99.9" in to_json(times)
    assert table(["a", "b"], [[1, 2]]) == "| a | b |\n|---|---|\n| 1 | 2 |"


def test_music_repeats_the_clips_and_cannot_be_written():
    samples = music(21.0)
    assert samples.shape == (336_000,) and abs(samples).max() > 0.1
    with pytest.raises(ValueError, match="read-only"):
        samples[0] = 1


def test_a_failing_command_is_an_error():
    assert processor_seconds([sys.executable, "-c", "sum(range(10**5))"]) > 0
    with pytest.raises(Exception, match="exit status 3"):
        processor_seconds([sys.executable, "-c", "raise SystemExit(3)"])


class Work:
    """`outer` calls `inner`; `steps` is a generator."""

    def __init__(self, clock):
        self.clock = clock

    def outer(self):
        self.clock.passes(1)
        self.inner()
        return sum(self.steps())

    def inner(self):
        self.clock.passes(10)

    def steps(self):
        for i in range(2):
            self.clock.passes(100)
            yield i


def test_times_of_stages_add_up():
    clock = Clock()
    original = Work.outer
    targets = {"out": [(Work, "outer")], "in": [(Work, "inner")], "steps": [(Work, "steps")]}
    with Stages(targets, clock) as stages:
        assert Work(clock).outer() == 1
    assert Work.outer is original
    assert stages.seconds == {"out": 1, "in": 10, "steps": 200}
    assert sum(stages.seconds.values()) == clock.now


def test_a_missing_stage_is_an_error():
    with pytest.raises(AttributeError, match="absent"), Stages({"x": [(Work, "absent")]}):
        pass


def test_stages_of_a_file_add_up_to_it(tmp_path):
    one = file.stages(tmp_path, ("wav",), 5.0, 2)["wav"]
    assert [*one.stages] == [*pipeline(), "rest"]
    assert all(value > 0 for value in one.stages.values())
    assert sum(one.stages.values()) == pytest.approx(one.clocked.best, rel=0.02)
    assert one.needed.best > 1
    assert all(ratio.best > 1 for ratio in one.ratio.values())
    assert any("| wav |" in line for line in file._report_stages({"wav": one}))


@pytest.mark.parametrize("form", recordings.FORMATS)
def test_both_stages_alone_process_a_whole_recording(tmp_path, form):
    path = recordings.write(tmp_path / f"music.{form}", 1.0)
    assert recordings.seconds_of(path) == pytest.approx(1.0, abs=0.1)
    counts = {side: run(path) for side, run in alone.SIDES.items()}
    assert all(abs(count - 16_000) < 1_600 for count in counts.values()), counts


def test_a_longer_mp3_is_complete(tmp_path, model):
    source = recordings.write(tmp_path / "short.mp3", 1.0)
    path = recordings.longer(tmp_path / "long.mp3", source, 5.0)
    assert recordings.seconds_of(path) == pytest.approx(5.0, abs=0.1)
    timeline = model.classify(path)
    assert timeline.duration == pytest.approx(5.0, abs=0.1) and not timeline.warnings


def test_delays_count_from_the_change(model):
    clips = {clip.name: clip for clip in delay._clips()}
    assert {clip.genre for clip in clips.values()} <= set(model.card.label_names)
    first, second = clips["metal-farewell"], clips["classical-brandenburg-2"]
    change = delay.change(model, 2.5, first, second, 1)
    assert not change.already and 0 < change.delay_s < delay._AFTER
    start = delay.start(model, 2.5, second)
    assert start.delay_s % 2.5 == 0
    changes = (change, replace(change, delay_s=None), replace(change, already=True))
    hops = {"2.5": delay.HopDelays(changes, (start,))}
    lines = "\n".join(delay.report(delay.Delays(20, 30, hops)))
    assert "| 2.5 s | a change of music | 2 |" in lines and "| 50% |" in lines
    assert "in 1 of 3 pairs" in lines


def test_a_step_contains_its_network():
    rows = step.back_to_back(2, 4)
    assert len({(row.model, row.hop) for row in rows}) == len(rows) == 2 * 3
    for row in rows:
        assert len(row.runs) == 2
        for run in row.runs:
            assert run.step.count == run.network.count == 4
            assert 0 < run.network.p50 < run.step.worst
    assert step._report_back_to_back(rows)[1].count("\n") == 1 + len(rows)


def test_busy_processes_work_and_end():
    before = children_seconds()
    with busy(1):
        assert children_seconds() == before
        time.sleep(0.1)
    assert children_seconds() > before  # counted once it has ended


def test_a_skipped_measurement_states_the_reason(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Skipped, match="PyTorch"):
        training.measure(Options(quick=True))
