"""Listening through PortAudio, to a sound server of the test's own that plays a clip."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

import streamgenre

_NEEDED = ("pulseaudio", "pactl", "paplay")
_PLUGIN = "alsa-lib/libasound_module_pcm_pulse.so"

_LISTEN = """
import itertools, json, streamgenre
for update in itertools.islice(streamgenre.listen(), 12):
    print(json.dumps([update.time, update.genre, update.level]), flush=True)
"""


@pytest.fixture
def room(tmp_path):
    """Environment in which the default input hears what is played to the default output."""
    if any(shutil.which(tool) is None for tool in _NEEDED):
        pytest.skip("needs pulseaudio and pulseaudio-utils")
    if not any(Path("/usr/lib").glob(f"*/{_PLUGIN}")):
        pytest.skip("needs libasound2-plugins")
    try:
        import sounddevice  # noqa: F401
    except OSError:
        pytest.skip("needs PortAudio (libportaudio2)")
    alsa = tmp_path / "alsa.conf"
    alsa.write_text("</usr/share/alsa/alsa.conf>\npcm.!default { type pulse }\n")
    socket = tmp_path / "native"
    environment = {
        **os.environ,
        "ALSA_CONFIG_PATH": str(alsa),
        "PULSE_SERVER": f"unix:{socket}",
        "PULSE_RUNTIME_PATH": str(tmp_path),
        "HOME": str(tmp_path),
    }
    server = subprocess.Popen(
        ["pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1",
         "-L", f"module-native-protocol-unix socket={socket} auth-anonymous=1",
         "-L", "module-null-sink sink_name=room"],
        env={k: v for k, v in environment.items() if k != "PULSE_SERVER"},
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(50):
            if socket.exists():
                break
            time.sleep(0.1)
        else:
            pytest.skip("pulseaudio does not start here")
        subprocess.run(["pactl", "set-default-source", "room.monitor"], env=environment, check=True)
        yield environment
    finally:
        server.terminate()
        server.wait(10)


def test_listen_hears_what_is_played(room, clip, tmp_path):
    samples, rate = soundfile.read(clip)
    soundfile.write(tmp_path / "clip.wav", samples, rate)
    with subprocess.Popen(["paplay", str(tmp_path / "clip.wav")], env=room) as player:
        done = subprocess.run(
            [sys.executable, "-c", _LISTEN], env=room, capture_output=True, timeout=60
        )
        player.terminate()
    updates = [json.loads(line) for line in done.stdout.splitlines()]
    assert [time for time, _, _ in updates] == [0.5 * i for i in range(1, 13)], done.stderr
    assert all(level > -60 for _, _, level in updates[2:])
    assert updates[-1][1] == "classical"


def test_a_device_that_is_not_there_is_named():
    try:
        import sounddevice  # noqa: F401
    except OSError:
        with pytest.raises(streamgenre.DeviceError, match="PortAudio is not installed"):
            next(streamgenre.listen("no such input"))
    else:
        with pytest.raises(streamgenre.DeviceError, match="no such input"):
            next(streamgenre.listen("no such input"))
