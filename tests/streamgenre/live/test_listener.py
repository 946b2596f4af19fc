"""From a live input to updates, levels and segments."""

from __future__ import annotations

import itertools
import math
import time
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

import streamgenre
from streamgenre.audio.live.input import Gap, Sound
from streamgenre.audio.live.playback import Playback
from streamgenre.errors import DeviceError
from streamgenre.live import levels as levels_module
from streamgenre.live.display.band import Recent
from streamgenre.live.levels import Levels
from streamgenre.live.listener import Listener, Tally
from streamgenre.update import DIGITAL_SILENCE, Update


class Input:
    """Returns its parts, one per read."""

    name, note, warnings = "test", "", ()
    sample_rate, channels, latency = 44_100.0, 2, 0.01
    lost, dropped, overflows = False, 0, 0

    def __init__(self, *parts):
        self.parts, self.calls = list(parts), []

    @property
    def ended(self):
        return not self.parts

    def read(self):
        part = self.parts.pop(0)
        if isinstance(part, Exception):
            raise part
        return part

    def pause(self, paused):
        self.calls.append(("pause", paused))

    def close(self):
        self.calls.append("close")
        return True


class Sink:
    name = "sink"

    def __init__(self):
        self.got, self.closed = [], False

    def __call__(self, update, at, source):
        self.got.append((update.time, source, at.utcoffset() is not None))

    def close(self):
        self.closed = True


def test_one_outage_is_counted_once(model, music):
    """A device that returns may fail again within a moment; a later loss is another one."""
    samples, rate = music
    blip, sound = Sound(samples[: rate // 10], rate), Sound(samples[: 3 * rate], rate)
    outage = [Gap(0.2), blip, Gap(4.0), blip, Gap(0.5)]
    listener = Listener(Input([sound], outage, [sound], [Gap(1.0)], [sound], outage), model)
    assert list(listener) and listener.health.gaps == 3


def test_sound_and_gaps_become_updates_for_the_caller_and_for_sinks(model, music):
    samples, rate = music
    source = Input(
        [Sound(samples[:rate], rate)],
        [],
        [
            Sound(samples[rate : rate + 1000], rate),
            Gap(2.0),
            Sound(samples[: rate // 2, :1], 22_050),
        ],
    )
    sink = Sink()
    listener = Listener(source, model, sinks=[sink])
    updates = list(listener)
    assert [u.status == "gap" for u in updates] == [False, False, False, True, False, False]
    gap = 1 + 1000 / rate + 2.0
    assert [u.time for u in updates] == pytest.approx(
        [0.5, 1.0, gap - 2.0, gap, gap + 0.5, gap + 1.0], abs=1e-3
    )
    assert [time for time, _, _ in sink.got] == [u.time for u in updates]
    assert {(source, zoned) for _, source, zoned in sink.got} == {("test", True)}
    assert sink.closed and source.calls == ["close"]
    health = listener.health
    assert health.gaps == 1 and health.window == 0.5 and health.compute > 0
    assert health.capture == pytest.approx(0.01) and health.real_time > 1
    assert listener.ended and listener.poll() == [] and listener.activity == "ended"
    assert listener.close() is True and source.calls == ["close"]


def test_the_end_of_the_iteration_closes_the_listener(model, music):
    samples, rate = music
    source = Input(*([Sound(samples[:rate], rate)] for _ in range(9)))
    for _ in Listener(source, model):
        break
    assert source.calls == ["close"]
    lost = Input([Sound(samples[:rate], rate)], DeviceError("gone for good"))
    with pytest.raises(DeviceError, match="gone for good"):
        list(Listener(lost, model))
    assert lost.calls == ["close"]


def test_levels_match_the_sound(monkeypatch):
    monkeypatch.setattr(levels_module, "time", SimpleNamespace(monotonic=lambda: 0.0))
    levels, rate = Levels(), 48_000
    t = np.arange(rate) / rate
    tone = (0.5 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32)
    levels.add(np.stack([tone, tone], 1), rate)
    level = levels.read()
    assert level.now == pytest.approx(20 * math.log10(0.5 / math.sqrt(2)), abs=0.1)
    assert level.peak == pytest.approx(20 * math.log10(0.5), abs=0.01)
    assert not level.clipped
    spike = np.zeros((100, 2), np.float32)
    spike[50] = 1.0
    levels.add(spike, rate)
    assert not levels.read().clipped  # loud masters reach full scale
    spike[50:53, 1] = -1.0
    levels.add(spike, rate)
    assert levels.read().clipped
    levels.add(np.full((10, 1), np.nan, np.float32), rate)
    assert math.isfinite(levels.read().now)
    levels.silence()
    assert levels.read().now == DIGITAL_SILENCE


def decided(time, status, genre, probability=0.5):
    return Update(
        time, status, genre, "jazz", probability, 0.9, {"jazz": probability, "rock": 0.1}, -20, {}
    )


def test_recent_segments_follow_each_other_and_are_bounded():
    recent = Recent(60.0)
    for i in range(1, 2001):
        genre = "jazz" if i // 40 % 2 else None
        recent.append(decided(i / 2, "genre" if genre else "unsure", genre, 0.25 + 0.5 * (i % 2)))
    segments = recent.segments()
    assert all(a.end == b.start for a, b in itertools.pairwise(segments))
    assert segments[-1].end == 1000 and 60 <= 1000 - segments[0].start <= 100
    assert all(segment.confidence == pytest.approx(0.5, abs=0.02) for segment in segments[1:-1])


def test_the_summary_lists_the_share_of_each_decision(model):
    tally = Tally(model.card)
    assert str(tally) == "no audio received"
    for time_, status, genre in ((6, "genre", "jazz"), (9, "no-music", None), (12, "gap", None)):
        tally.add(decided(time_, status, genre))
    assert str(tally) == "listened for 0:12: Jazz 50%, no music 25%, no signal 25%"


def test_a_paused_file_continues_to_its_end(clip, tmp_path):
    samples, rate = soundfile.read(clip, frames=44_100)
    soundfile.write(tmp_path / "short.wav", samples, rate)
    playback = Playback(str(tmp_path / "short.wav"))
    frames, paused_at, ends = 0, None, time.monotonic() + 100
    while not playback.ended:
        assert time.monotonic() < ends
        frames += sum(len(sound.samples) for sound in playback.read())
        if frames > rate // 3 and paused_at is None:
            paused_at = frames
            playback.pause(True)
            playback.pause(True)
            time.sleep(0.5)
            assert playback.read() == []
            playback.pause(False)
            playback.pause(False)
        time.sleep(0.02)
    assert frames == len(samples)
    assert playback.close()


def test_listen_names_a_missing_file(tmp_path):
    with pytest.raises(streamgenre.InputError, match="no such file"):
        streamgenre.listen(play=tmp_path / "none.wav")
