"""Sound and gaps of a microphone add up to the elapsed time.

The capture has a real ring, but a simulated clock and device instead of PortAudio, which
test_live.py covers.
"""

from __future__ import annotations

import time

import numpy as np
import pytest
from support.waiting import wait_for

import streamgenre.audio.live.microphone as microphone
from streamgenre.audio.live import portaudio, watchdog
from streamgenre.audio.live.devices import Device
from streamgenre.audio.live.input import Gap, Sound
from streamgenre.audio.live.ring import LiveRing
from streamgenre.errors import DeviceError

RATE = 1_000.0


class Capture:
    """Returns the samples that `play` adds."""

    latency = 0.0
    channels = 1

    def __init__(self, device, rate=RATE, seconds=10.0):
        self.device, self.sample_rate = device, rate
        self.ring = LiveRing(int(seconds * rate))
        self.active, self.closed, self.overflows = True, False, 0

    def play(self, seconds):
        self.ring.write(np.ones(round(seconds * self.sample_rate), np.float32))

    @property
    def frames(self):
        return self.ring.written

    @property
    def waiting(self):
        return len(self.ring) / self.sample_rate

    def read(self):
        lost, samples = self.ring.read(round(self.sample_rate))
        return lost, samples[:, None]

    def close(self):
        self.closed = True


def device(name, sleeps=False):
    return Device(0, name + " [Loopback]" * sleeps, "test", 1, RATE, True, False, 0)


class Machine:
    """The devices of a computer; those in `there` can be opened."""

    def __init__(self):
        self.now = 100.0
        self.there = {"mic": RATE, "line": 2 * RATE}
        self.opened = []

    def choose(self, wanted):
        name = wanted or "mic"
        if name not in self.there:
            raise DeviceError(f"no input matches {name!r}")
        return device(name)

    def capture(self, wanted, channels, block, ring_seconds):
        if wanted.name not in self.there:
            raise DeviceError(f"input {wanted.name!r} is gone")
        self.opened.append(Capture(wanted, self.there[wanted.name], ring_seconds))
        return self.opened[-1]

    def inputs(self):
        return [device(name) for name in self.there]


@pytest.fixture
def machine(monkeypatch):
    made = Machine()
    for module in (microphone, watchdog):
        monkeypatch.setattr(module, "choose", made.choose)
    monkeypatch.setattr(microphone, "Capture", made.capture)
    monkeypatch.setattr(watchdog, "inputs", made.inputs)
    monkeypatch.setattr(portaudio, "refresh", lambda: None)
    monkeypatch.setattr(watchdog, "_POLL", 0.005)
    for name in ("TIMEOUT", "_STARTING"):  # never reached, even on a slow machine
        monkeypatch.setattr(watchdog, name, 600.0)
    monkeypatch.setattr(watchdog, "_FIRST_PAUSE", 0.01)

    class Clock:
        """The clock of the reader, set by the test; the watchdog uses the real one."""

        @staticmethod
        def monotonic():
            return made.now

    monkeypatch.setattr(microphone, "time", Clock)
    monkeypatch.setattr(microphone, "elapsed", Clock.monotonic)
    return made


def reported(parts):
    """Kind and seconds of each part, with consecutive sounds joined."""
    joined = []
    for part in parts:
        gap = isinstance(part, Gap)
        seconds = part.seconds if gap else len(part.samples) / part.sample_rate
        if joined and not gap and joined[-1][0] == "sound":
            joined[-1] = ("sound", joined[-1][1] + seconds)
        else:
            joined.append(("gap" if gap else "sound", seconds))
    return [(kind, pytest.approx(seconds)) for kind, seconds in joined]


def play(machine, seconds):
    machine.now += seconds
    machine.opened[-1].play(seconds)


def test_the_absence_of_a_device_is_a_gap_of_the_same_length(machine):
    with microphone.Microphone() as one:
        play(machine, 1.5)
        assert reported(one.read()) == [("sound", 1.5)]
        play(machine, 0.25)  # still unread when it goes
        del machine.there["mic"]
        machine.opened[-1].active = False
        wait_for(lambda: one.lost)
        machine.now += 2.0
        assert reported(one.read()) == [("sound", 0.25), ("gap", 2.0)]
        wait_for(lambda: "is gone; is it connected?" in one.note)
        machine.now += 4.0
        assert one.read() == []
        machine.now += 1.5  # a gap is reported every five seconds
        assert reported(one.read()) == [("gap", 5.5)]
        machine.there["mic"] = 2 * RATE  # another device with the same name
        wait_for(lambda: len(machine.opened) == 2 and not one.lost)
        machine.now += 1.0
        play(machine, 0.5)
        assert reported(one.read()) == [("gap", 1.0), ("sound", 0.5)]
        wait_for(lambda: one.note == "")
        assert one.sample_rate == 2 * RATE
        assert machine.opened[0].closed
    assert machine.opened[1].closed


def test_each_gap_corrects_the_drift_of_the_sound_card(machine):
    with microphone.Microphone() as one:
        play(machine, 1.0)
        one.read()
        machine.now += 10.0
        machine.opened[0].play(9.0)  # a slow clock, or samples that the system lost silently
        one.read()
        one.pause(True)
        play(machine, 3.0)
        assert one.read() == []
        one.pause(False)
        play(machine, 1.0)
        assert reported(one.read()) == [("gap", 4.0), ("sound", 1.0)]


def test_samples_lost_while_the_process_was_stopped_are_a_gap(machine):
    with microphone.Microphone() as one:
        play(machine, 1.0)
        one.read()
        machine.now += 20.0  # the system kept the first five seconds
        machine.opened[0].play(2.0)
        assert reported(one.read()) == [("sound", 2.0)]
        machine.opened[0].play(3.0)
        assert reported(one.read()) == [("sound", 3.0)]
        parts = []
        for _ in range(12):
            play(machine, 0.1)
            parts += one.read()
        (gap,) = [part.seconds for part in parts if isinstance(part, Gap)]
        assert gap == pytest.approx(15.0, abs=0.1)
        play(machine, 1.0)
        assert reported(one.read()) == [("sound", 1.0)]


def test_dropped_samples_are_a_gap_at_their_position(machine):
    with microphone.Microphone(ring_seconds=2.0) as one:
        play(machine, 0.5)
        one.read()
        play(machine, 5.0)
        assert reported(one.read()) == [("gap", 3.0), ("sound", 2.0)]
        assert one.dropped == 3_000
        play(machine, 0.1)
        assert reported(one.read()) == [("sound", 0.1)]


def test_nothing_is_reported_while_paused(machine):
    with microphone.Microphone() as one:
        play(machine, 1.0)
        one.read()
        one.pause(True)
        machine.opened[0].active = False  # lost and back without a report
        wait_for(lambda: len(machine.opened) == 2)
        for _ in range(5):
            play(machine, 10.0)
            assert one.read() == []
        one.pause(False)
        play(machine, 1.0)
        assert reported(one.read()) == [("gap", 50.0), ("sound", 1.0)]


def test_switching_changes_the_device_and_a_wrong_name_keeps_it(machine):
    with microphone.Microphone() as one:
        play(machine, 1.0)
        one.read()
        one.switch("line")
        wait_for(lambda: len(machine.opened) == 2 and not one.lost)
        play(machine, 1.0)
        parts = one.read()
        assert one.name == "line"
        assert isinstance(parts[0], Gap)
        assert isinstance(parts[-1], Sound) and parts[-1].sample_rate == 2 * RATE
        one.switch("lien")
        wait_for(lambda: len(machine.opened) == 3 and not one.lost)
        assert one.note == "no input matches 'lien'"
        play(machine, 1.0)
        one.read()
        assert one.name == "line"
        assert [capture.closed for capture in machine.opened] == [True, True, False]


def test_a_permanently_lost_device_is_an_error(machine):
    with microphone.Microphone(patience=0.05) as one:
        play(machine, 1.0)
        machine.there.clear()
        machine.opened[0].active = False

        def failed():
            try:
                one.read()
            except DeviceError as error:
                assert "is gone" in str(error) and "gave up" in str(error)
                return True
            return False

        wait_for(failed)


def test_a_failure_of_the_watchdog_is_reported(machine, monkeypatch):
    def broken():
        raise RuntimeError("out of luck")

    with microphone.Microphone() as one:
        monkeypatch.setattr(watchdog, "inputs", broken)
        machine.opened[0].active = False
        wait_for(lambda: one._watchdog.failure is not None)
        with pytest.raises(DeviceError, match="RuntimeError: out of luck"):
            one.read()


def test_an_idle_loopback_device_is_not_lost(machine, monkeypatch):
    monkeypatch.setattr(watchdog, "TIMEOUT", 0.02)
    monkeypatch.setattr(watchdog, "_STARTING", 0.02)
    monkeypatch.setattr(microphone, "choose", lambda wanted: device("mic", sleeps=True))
    machine.there["mic [Loopback]"] = RATE
    with microphone.Microphone() as one:
        play(machine, 1.0)
        assert reported(one.read()) == [("sound", 1.0)]
        time.sleep(0.2)
        assert not one.lost
        machine.now += 30.0
        play(machine, 1.0)
        assert reported(one.read()) == [("gap", 30.0), ("sound", 1.0)]
    assert len(machine.opened) == 1
