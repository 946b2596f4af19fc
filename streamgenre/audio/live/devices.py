"""What can be listened to: PortAudio's inputs, and what the computer itself plays (monitors).

On macOS, and on Windows for most, a loopback driver is installed and is then an ordinary input; a
PortAudio newer than 19.7 lists WASAPI's own loopback devices. On Linux a sound server (PulseAudio,
or PipeWire in its place) has one for each output; PortAudio sees the server as one device only, so
they come from the server itself and are opened through that device.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import NoneType
from typing import Any

from ...errors import DeviceError, one_line
from . import portaudio
from .pulse import Source, default_monitor, sources

MONITOR = "monitor"
_LONGEST_INDEX = 9  # digits; a longer one is a name
_CUT_OFF = 31  # characters that MME leaves of a name
_LOOPBACK = "[Loopback]"  # how PortAudio marks WASAPI's
_SERVER_DEVICES = ("pulse", "pipewire")  # names under which ALSA shows the sound server
_MIXED = (*_SERVER_DEVICES, "default")
_LOOPBACK_DRIVERS = ("blackhole", "loopback audio", "soundflower", "vb-cable", "stereo mix")
NO_INPUT = "there is no input: connect a microphone, or start the sound server, and try again"
_NO_MONITOR = {
    "linux": "it needs a sound server that answers, and ALSA's way to it: "
    "apt install libasound2-plugins (with PipeWire: pipewire-pulse and pipewire-alsa)",
    "darwin": "macOS has none of its own: install one (brew install blackhole-2ch), choose it as "
    "output, or both in a multi-output device",
    "win32": "enable `Stereo Mix` in the sound settings, or install VB-CABLE (the PortAudio that "
    "comes with sounddevice has no WASAPI loopback)",
}


@dataclass(frozen=True)
class Device:
    """An input, or a monitor of an output."""

    index: int
    """PortAudio's; a sound server's sources come after them."""
    name: str
    host: str
    """Through which system it is reached: ALSA, Core Audio, WASAPI, PulseAudio."""
    channels: int
    sample_rate: float
    default: bool
    monitor: bool
    portaudio: int
    """PortAudio's index of the device to open."""
    source: str = ""
    """The sound server's own name of it, where it is one of its sources."""

    @property
    def mixed(self) -> bool:
        """Whether a sound server stands before it, which mixes several channels as it likes."""
        return bool(self.source) or self.name in _MIXED

    @property
    def separate_channels(self) -> int:
        """How many of its channels can be heard apart."""
        if self.name in _MIXED:
            return min(2, self.channels)
        return 1 if self.source and self.channels > 2 else self.channels

    @property
    def sleeps(self) -> bool:
        """Whether it gives nothing at all while nothing plays: WASAPI's loopback devices."""
        return self.name.endswith(_LOOPBACK)


def inputs() -> list[Device]:
    """All there is to listen to; raises DeviceError without PortAudio."""
    module = portaudio.sounddevice()
    try:
        with portaudio.listing():
            hosts, found = module.query_hostapis(), module.query_devices()
    except module.PortAudioError as error:
        raise DeviceError(f"the devices cannot be listed: {portaudio.because(error)}") from None
    default = _default("input")
    devices = [_device(entry, hosts, default) for entry in found]
    heard = [device for device in devices if device.channels > 0]
    through = next((d for name in _SERVER_DEVICES for d in heard if d.name == name), None)
    if through is None:
        return heard
    return heard + [
        _from_server(len(devices) + i, source, through) for i, source in enumerate(sources())
    ]


def _default(kind: str) -> dict[str, Any]:
    """PortAudio's default "input" or "output"; empty where there is none."""
    module = portaudio.sounddevice()
    try:
        with portaudio.listing():
            return dict(module.query_devices(kind=kind))
    except (module.PortAudioError, ValueError):
        return {}


def _device(
    entry: dict[str, Any], hosts: Sequence[dict[str, Any]], default: dict[str, Any]
) -> Device:
    name = one_line(entry["name"])
    monitor = name.endswith(_LOOPBACK) or name.lower().startswith(_LOOPBACK_DRIVERS)
    return Device(
        index=entry["index"],
        name=name,
        host=hosts[entry["hostapi"]]["name"],
        channels=entry["max_input_channels"],
        sample_rate=float(entry["default_samplerate"]),
        default=entry["index"] == default.get("index"),
        monitor=monitor,
        portaudio=entry["index"],
    )


def _from_server(index: int, source: Source, through: Device) -> Device:
    return Device(
        index=index,
        name=one_line(source.description),
        host="PulseAudio",
        channels=source.channels,
        sample_rate=float(source.sample_rate),
        default=False,
        monitor=source.monitor,
        portaudio=through.portaudio,
        source=source.name,
    )


def choose(wanted: int | str | None) -> Device:
    """The input of that index or name (a part of it is enough), "monitor", or None: the default.

    Raises DeviceError, naming what is near, where there is none or more than one.
    """
    devices = inputs()
    if not isinstance(wanted, (int, str, NoneType)):
        raise DeviceError(f"an input is an index or a part of a name, not {wanted!r}")
    if isinstance(wanted, str) and wanted.strip().isdecimal() and len(wanted) < _LONGEST_INDEX:
        wanted = int(wanted)
    if isinstance(wanted, int):
        for device in devices:
            if device.index == wanted:
                return device
        raise DeviceError(f"no input has the index {wanted}{_there_are(devices)}")
    if wanted is None:
        for device in devices:
            if device.default:
                return device
        if not devices:
            raise DeviceError(NO_INPUT)
        return devices[0]
    if wanted.strip().lower() == MONITOR:
        return _monitor(devices)
    return _named(wanted, devices)


def _monitor(devices: Sequence[Device]) -> Device:
    """What the default output plays, or the first monitor that there is."""
    monitors = [device for device in devices if device.monitor]
    if not monitors:
        remedy = _NO_MONITOR.get(sys.platform, _NO_MONITOR["linux"])
        raise DeviceError(f"nothing here can hear what the computer plays; {remedy}")
    source, output = default_monitor(), str(_default("output").get("name", ""))

    def hears_the_default(device: Device) -> bool:
        if device.source:
            return device.source == source
        return bool(output) and device.name.startswith(output)

    return next(filter(hears_the_default, monitors), monitors[0])


def _named(wanted: str, devices: Sequence[Device]) -> Device:
    text = wanted.strip().lower()
    for fits in (
        [d for d in devices if text in (d.name.lower(), d.source.lower())],
        [d for d in devices if text and (text in d.name.lower() or text in d.source.lower())],
    ):
        if fits and all(_same_device(fits[0], other) for other in fits[1:]):
            return fits[0]
        if fits:
            names = ", ".join(f"{d.index} {d.source or d.name!r}" for d in fits)
            raise DeviceError(f"input {wanted!r} fits several: {names}; give more of the name")
    near = _near(text, devices)
    if near:
        names = ", ".join(f"{d.index} {d.name!r}" for d in near)
        raise DeviceError(f"no input is called {wanted!r}; did you mean {names}?")
    raise DeviceError(f"no input is called {wanted!r}{_there_are(devices)}")


def _same_device(first: Device, other: Device) -> bool:
    """Whether Windows shows one device twice, through two systems, the first cutting its name."""
    if first.host == other.host or first.source or other.source:
        return False
    cut_off = len(first.name) >= _CUT_OFF and other.name.startswith(first.name)
    return first.name == other.name or cut_off


def _near(text: str, devices: Sequence[Device]) -> list[Device]:
    """Devices of which the name, or a word or two of it, is nearly that text."""

    def likeness(device: Device) -> float:
        words = device.name.lower().split()
        parts = [device.name.lower(), device.source.lower(), *words]
        parts += [" ".join(pair) for pair in pairwise(words)]
        return max(difflib.SequenceMatcher(None, text, part).ratio() for part in parts)

    scored = [(likeness(device), device) for device in devices]
    return [d for score, d in sorted(scored, key=lambda pair: -pair[0])[:3] if score >= 0.6]


def _there_are(devices: Sequence[Device]) -> str:
    if not devices:
        return f": {NO_INPUT}"
    return "; `streamgenre devices` lists them: " + ", ".join(
        f"{device.index} {device.name!r}" for device in devices
    )
