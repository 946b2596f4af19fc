"""A PulseAudio server with a null sink, whose output PortAudio records."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

_NEEDED = ("pulseaudio", "pactl", "paplay")
_PLUGIN = "alsa-lib/libasound_module_pcm_pulse.so"


class NoRoomError(Exception):
    """No sound server can run here; the text states the cause."""


class Room:
    """A PulseAudio daemon with one sink, whose monitor is the default input.

    Processes need `environment` to use it. Raises NoRoomError.
    """

    def __init__(self, folder: Path) -> None:
        if any(shutil.which(tool) is None for tool in _NEEDED):
            raise NoRoomError("needs pulseaudio and pulseaudio-utils")
        if not any(Path("/usr/lib").glob(f"*/{_PLUGIN}")):
            raise NoRoomError("needs libasound2-plugins")
        try:
            import sounddevice  # noqa: F401
        except OSError:
            raise NoRoomError("needs PortAudio (libportaudio2)") from None
        self._socket = folder / "native"
        alsa = folder / "alsa.conf"
        alsa.write_text("</usr/share/alsa/alsa.conf>\npcm.!default { type pulse }\n")
        self.environment = {
            **os.environ,
            "ALSA_CONFIG_PATH": str(alsa),
            "PULSE_SERVER": f"unix:{self._socket}",
            "PULSE_RUNTIME_PATH": str(folder),
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
        }
        self._daemon: subprocess.Popen[bytes] | None = None
        self._players: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start the daemon."""
        self._socket.unlink(missing_ok=True)
        environment = {k: v for k, v in self.environment.items() if k != "PULSE_SERVER"}
        self._daemon = subprocess.Popen(
            ["pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1",
             "-L", f"module-native-protocol-unix socket={self._socket} auth-anonymous=1"],
            env=environment, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for _ in range(100):
            if self._socket.exists() and self.control("info", check=False):
                break
            time.sleep(0.1)
        else:
            self.stop()
            raise NoRoomError("pulseaudio does not start here")
        self.plug()

    def plug(self, name: str = "room") -> None:
        """Add a sink and make its monitor the default input."""
        self.control("load-module", "module-null-sink", f"sink_name={name}",
                     f"sink_properties=device.description={name.capitalize()}")  # fmt: skip
        self.control("set-default-source", f"{name}.monitor")

    def unplug(self) -> None:
        """Remove all sinks with their monitors."""
        self.control("unload-module", "module-null-sink")

    def control(self, *arguments: str, check: bool = True) -> bool:
        """Send a command to the daemon. Returns whether it succeeded."""
        done = subprocess.run(
            ["pactl", *arguments], env=self.environment, check=check, capture_output=True
        )
        return done.returncode == 0

    def signal(self, number: int) -> None:
        """Send a signal to the daemon."""
        assert self._daemon is not None
        self._daemon.send_signal(number)

    def kill(self) -> None:
        """Kill the daemon."""
        assert self._daemon is not None
        self._daemon.kill()
        self._daemon.wait(10)

    def play(self, path: Path) -> None:
        """Start playing a wav file into the default sink."""
        self._players.append(subprocess.Popen(["paplay", str(path)], env=self.environment))

    def stop(self) -> None:
        """Stop players and daemon."""
        for player in self._players:
            player.terminate()
            player.wait(10)
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait(10)
