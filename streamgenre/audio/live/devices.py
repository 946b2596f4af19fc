"""The available inputs: those of PortAudio, and monitors, which record what the computer plays.

On macOS, and in most cases on Windows, a monitor needs a loopback driver, which is then an ordinary
input. PortAudio newer than 19.7 also lists the loopback devices of WASAPI. On Linux, a sound server
(PulseAudio or PipeWire) has a monitor for each output. PortAudio sees the server as one device
only, so that monitors are listed by the server and opened through that device.
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
_LONGEST_INDEX = 9  # digits; a longer number is a name
_CUT_OFF = 31  # characters of a name that MME keeps
_LOOPBACK = "[Loopback]"  # suffix of WASAPI loopback devices in PortAudio
_SERVER_DEVICES = ("pulse", "pipewire")  # names of the sound server as an ALSA device
_MIXED = (*_SERVER_DEVICES, "default")
_LOOPBACK_DRIVERS = ("blackhole", "loopback audio", "soundflower", "vb-cable", "stereo mix")
NO_INPUT = "no input device found: connect a microphone or start the sound server, and try again"
_NO_MONITOR = {
    "linux": "this needs a running sound server and its ALSA plugin: "
    "apt install libasound2-plugins (with PipeWire: pipewire-pulse and pipewire-alsa)",
    "darwin": "macOS needs a loopback driver: brew install blackhole-2ch, then select it as "
    "output, alone or in a multi-output device",
    "win32": "enable `Stereo Mix` in the sound settings, or install VB-CABLE (the PortAudio of "
    "sounddevice does not support WASAPI loopback)",
}


@dataclass(frozen=True)
class Device:
    """An input, or the monitor of an output."""

    index: int
    """PortAudio's index; the sources of a sound server follow."""
    name: str
    host: str
    """The audio system: ALSA, Core Audio, WASAPI, PulseAudio."""
    channels: int
    sample_rate: float
    default: bool
    monitor: bool
    portaudio: int
    """PortAudio's index of the device to open."""
    source: str = ""
    """The sound server's name of the source, if it is one."""

    @property
    def mixed(self) -> bool:
        """Whether a sound server mixes the channels of this input."""
        return bool(self.source) or self.name in _MIXED

    @property
    def separate_channels(self) -> int:
        """Number of channels that can be read separately."""
        if self.name in _MIXED:
            return min(2, self.channels)
        return 1 if self.source and self.channels > 2 else self.channels

    @property
    def sleeps(self) -> bool:
        """Whether it delivers no samples while nothing plays, as WASAPI loopback devices do."""
        return self.name.endswith(_LOOPBACK)


def inputs() -> list[Device]:
    """All inputs; raises DeviceError if PortAudio is missing or fails."""
    module = portaudio.sounddevice()
    try:
        with portaudio.listing():
            hosts, entries = module.query_hostapis(), module.query_devices()
    except module.PortAudioError as error:
        raise DeviceError(
            f"the input devices cannot be listed: {portaudio.explain(error)}"
        ) from None
    default = _default("input")
    devices = [_device(entry, hosts, default) for entry in entries]
    listed = [device for device in devices if device.channels > 0]
    through = next((d for name in _SERVER_DEVICES for d in listed if d.name == name), None)
    if through is None:
        return listed
    return listed + [
        _from_server(len(devices) + i, source, through) for i, source in enumerate(sources())
    ]


def _default(kind: str) -> dict[str, Any]:
    """PortAudio's default "input" or "output"; empty if there is none."""
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
    """Find an input.

    `wanted`: an index, a name or part of one, "monitor", or None for the default. Raises
    DeviceError, which lists similar names, if no input or several inputs match.
    """
    devices = inputs()
    if not isinstance(wanted, (int, str, NoneType)):
        raise DeviceError(f"input must be an index or part of a name, not {wanted!r}")
    if isinstance(wanted, str) and wanted.strip().isdecimal() and len(wanted) < _LONGEST_INDEX:
        wanted = int(wanted)
    if isinstance(wanted, int):
        for device in devices:
            if device.index == wanted:
                return device
        raise DeviceError(f"no input has the index {wanted}{_available(devices)}")
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
    """The monitor of the default output, or else the first monitor."""
    monitors = [device for device in devices if device.monitor]
    if not monitors:
        remedy = _NO_MONITOR.get(sys.platform, _NO_MONITOR["linux"])
        raise DeviceError(f"no monitor of an output found; {remedy}")
    source, output = default_monitor(), str(_default("output").get("name", ""))

    def records_default(device: Device) -> bool:
        if device.source:
            return device.source == source
        return bool(output) and device.name.startswith(output)

    return next(filter(records_default, monitors), monitors[0])


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
            raise DeviceError(f"input {wanted!r} matches several: {names}; use more of the name")
    similar = _similar(text, devices)
    if similar:
        names = ", ".join(f"{d.index} {d.name!r}" for d in similar)
        raise DeviceError(f"no input matches {wanted!r}; did you mean {names}?")
    raise DeviceError(f"no input matches {wanted!r}{_available(devices)}")


def _same_device(first: Device, other: Device) -> bool:
    """Whether Windows lists one device twice, through two systems, of which one truncates names."""
    if first.host == other.host or first.source or other.source:
        return False
    cut_off = len(first.name) >= _CUT_OFF and other.name.startswith(first.name)
    return first.name == other.name or cut_off


def _similar(text: str, devices: Sequence[Device]) -> list[Device]:
    """Devices whose name, or a word or two of it, is similar to the text."""

    def similarity(device: Device) -> float:
        words = device.name.lower().split()
        parts = [device.name.lower(), device.source.lower(), *words]
        parts += [" ".join(pair) for pair in pairwise(words)]
        return max(difflib.SequenceMatcher(None, text, part).ratio() for part in parts)

    scored = [(similarity(device), device) for device in devices]
    return [d for score, d in sorted(scored, key=lambda pair: -pair[0])[:3] if score >= 0.6]


def _available(devices: Sequence[Device]) -> str:
    if not devices:
        return f": {NO_INPUT}"
    return "; available (see `streamgenre devices`): " + ", ".join(
        f"{device.index} {device.name!r}" for device in devices
    )
