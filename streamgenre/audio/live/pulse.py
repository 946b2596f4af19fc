"""The sources of a sound server: PulseAudio, or PipeWire in its place. Linux.

Which of them ALSA's `pulse` or `pipewire` device opens is told by environment variables at that
moment. Listing them is libpulse's work, through pulsectl: PortAudio cannot.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class Source(NamedTuple):
    """What the server can record from."""

    name: str
    description: str
    channels: int
    sample_rate: int
    monitor: bool


def _asked(question: Callable[[Any], T], otherwise: T) -> T:
    """The server's answer; `otherwise` where there is no server, or it breaks off."""
    if sys.platform != "linux":
        return otherwise
    try:
        pulsectl: Any = import_module("pulsectl")
    except (ImportError, OSError):  # no libpulse
        return otherwise
    # The structs are libpulse's, and gone once its callback returns: this hook is called within.
    pulsectl.PulseSourceInfo._init_from_struct = _keep_rate
    try:
        with pulsectl.Pulse("streamgenre") as pulse:
            return question(pulse)
    except pulsectl.PulseError:
        return otherwise


def _keep_rate(info: Any, struct: Any) -> None:
    info.sample_rate = int(struct.sample_spec.rate)


def sources() -> list[Source]:
    """All of them, none where there is no server."""
    return _asked(
        lambda pulse: [
            Source(
                source.name,
                source.description or source.name,
                source.channel_count,
                source.sample_rate,
                source.monitor_of_sink_name is not None,
            )
            for source in pulse.source_list()
        ],
        [],
    )


def default_monitor() -> str:
    """Name of the source that hears the default output; empty where there is none."""

    def question(pulse: Any) -> str:
        sink = pulse.server_info().default_sink_name
        return next((s.monitor_source_name for s in pulse.sink_list() if s.name == sink), "")

    return _asked(question, "")


def moved_away(source: str) -> bool:
    """Whether this process records, but no longer from that source.

    The server moves streams elsewhere when their source is unplugged, without a word.
    """

    def question(pulse: Any) -> bool:
        ours = [
            stream.source
            for stream in pulse.source_output_list()
            if stream.proplist.get("application.process.id") == str(os.getpid())
        ]
        names = {found.index: found.name for found in pulse.source_list()}
        return bool(ours) and source not in (names.get(index) for index in ours)

    return _asked(question, False)


@contextmanager
def recording_from(source: str, monitor: bool) -> Iterator[None]:
    """Streams opened meanwhile record from that source, the server's default if empty.

    ALSA's `pulse` device reads PULSE_SOURCE, its `pipewire` device PIPEWIRE_ALSA, which knows a
    monitor by its sink; without `node.dont-reconnect` it would go elsewhere when that is gone.
    """
    told = {}
    if source:
        pipewire = {
            "target.object": source.removesuffix(".monitor") if monitor else source,
            "stream.capture.sink": monitor,
            "node.dont-reconnect": True,
            "application.process.id": str(os.getpid()),  # for `moved_away`
        }
        told = {"PULSE_SOURCE": source, "PIPEWIRE_ALSA": json.dumps(pipewire)}
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
