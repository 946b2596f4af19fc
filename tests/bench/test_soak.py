"""The soak test: a stream and live listening over hours, shortened."""

from __future__ import annotations

import importlib.util
import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("resource", reason="the benchmarks need a Unix system")

from bench import soak, suite
from bench.records import to_json
from bench.soak import listening, stream
from bench.soak.programme import RATE, REFERENCES, SECONDS, SETTLING, programme
from bench.soak.watch import Answer, Listening, Sample, Watch
from streamgenre.signals import syllables

proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc, as on Linux")


def sample(hours, **more):
    values = {
        "rss_mb": 200.0, "threads": 3, "descriptors": 8, "state_mean": 1.0, "state_largest": 2.0,
        "step_p50": 0.4, "step_p99": 0.5, "behind_s": 2.5, "answers": (),
    }  # fmt: skip
    return Sample(hours=hours, **(values | more))


COUNTS = Listening({"late": 2}, 1, 0, 0, 0.1)


def test_the_programme_repeats_its_references_every_hour():
    per_hour = round(3600 / SECONDS)
    pieces = list(itertools.islice(programme(), per_hour + 1))
    assert all(piece.samples.shape == (SECONDS * RATE, 2) for piece in pieces)
    settled = [piece.reference for piece in pieces if piece.genre]
    assert settled == [*REFERENCES]
    assert [piece.reference for piece in pieces[:SETTLING]] == [REFERENCES[0]] * SETTLING
    assert pieces[per_hour].reference == REFERENCES[0]
    others = [piece for piece in pieces[:per_hour] if not piece.reference]
    assert len({(id(piece.samples), piece.gain) for piece in others}) > 100
    assert any(not piece.samples.any() for piece in others)


def test_syllables_are_pulses_and_pauses():
    sound = syllables(10.0, 16_000)
    assert sound.dtype == np.float32 and len(sound) == 160_000
    assert 0.4 < abs(sound).max() <= 0.5
    levels = np.sqrt(np.mean(sound.reshape(-1, 800) ** 2, 1))  # of 50 ms
    assert 0.02 < np.mean(levels < 1e-3) < 0.6
    assert np.array_equal(sound, syllables(10.0, 16_000))


@proc
def test_a_state_that_is_not_finite_stops_the_run():
    with pytest.raises(ValueError, match="not finite"):
        Watch().step(np.array([[1.0, np.nan]], np.float32), 0.001)


def test_the_summary_shows_growth_and_changed_answers():
    def answer(top, difference):
        return Answer("clip", "jazz", top, 0.8, difference)

    steady = tuple(sample(i, answers=(answer("jazz", 0.0),)) for i in range(1, 21))
    one = soak.summary(steady)
    assert (one.hours, one.growth_mb, one.changed, one.answers) == (20, 0.0, 0, 20)
    leaking = tuple(replace(s, rss_mb=200.0 + s.hours, threads=2 + s.hours) for s in steady)
    one = soak.summary(leaking)
    assert one.growth_mb == 17.0 and one.threads == (3, 22)
    changed = (*steady, replace(sample(21), answers=(answer("rock", 0.4),)))
    assert soak.summary(changed).changed == 1 and soak.summary(changed).difference == 0.4
    lines = soak.report(soak.Soak({"a": steady}, COUNTS))
    assert "| a | 20 | +0.0 | 3 | 8 | 2 | 0 of 20 |" in lines[0]


def test_lines_of_the_processes_become_a_chart(tmp_path):
    pytest.importorskip("matplotlib", reason="needs the `plot` extra")
    lines = [to_json(sample(hours)) for hours in (1, 2)]
    result = soak.collected({"a": lines, "b": lines[:1]}, to_json(COUNTS))
    entry = suite.Entry("m", (1.0, 1.0), "2026-01-01", "c", True, result)
    suite.keep(tmp_path, "soak", entry)
    assert suite.read(tmp_path / "results.json")["soak"].result == result
    assert (tmp_path / soak.CHART).read_bytes().startswith(b"\x89PNG")
    assert f"]({soak.CHART})" in (tmp_path / "RESULTS.md").read_text()


def checked(samples, hours, difference):
    """Nothing leaks, and the answers stay the same."""
    one = soak.summary(tuple(samples))
    assert one.hours == pytest.approx(hours, abs=0.1)
    assert one.growth_mb < 30  # the allocator settles
    assert one.threads[0] == one.threads[1] and one.descriptors[0] == one.descriptors[1]
    assert one.answers >= 3 and one.changed == 0 and one.difference < difference
    assert 0 < one.state_largest < 1e6
    return one


@proc
@pytest.mark.slow
def test_four_hours_through_one_stream(model):
    samples = stream.run(model, 4.0, 2.5)
    one = checked(samples, 4.0, difference=2e-3)
    assert one.behind == (2.5, 2.5)
    genres = {answer.clip: answer for answer in samples[0].answers}
    assert genres["classical-brandenburg-2"].top == "classical"
    assert genres["metal-farewell"].top == "metal"


@proc
@pytest.mark.slow
def test_two_hours_of_live_listening(model):
    """The time of the stream follows the clock through losses, stalls and reopened devices."""
    samples, counts = listening.run(model, 2.0)
    one = checked(samples[1:], 2.0, difference=0.1)
    assert one.behind[0] > -1.0 and one.behind[1] < 5.0
    assert counts.faults["late"] > 5 and sum(counts.faults.values()) > counts.faults["late"]
    assert counts.log_mb < 3.0
    if counts.faults["reader stalled"]:
        assert counts.dropped > 0


def test_the_soak_is_a_measurement():
    assert "soak" in suite.NAMES and "soak" in suite.LONG
    assert importlib.util.find_spec("bench.soak") is not None
