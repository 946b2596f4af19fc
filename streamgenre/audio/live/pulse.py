"""The sources of a sound server, PulseAudio or PipeWire, on Linux.

Environment variables, read when a stream is opened, select the source that ALSA's `pulse` or
`pipewire` device records from. PortAudio cannot list the sources; libpulse can, through pulsectl.
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
    """A source that the server can record from."""

    name: str
    description: str
    channels: int
    sample_rate: int
    monitor: bool


def _ask(question: Callable[[Any], T], otherwise: T) -> T:
    """Run `question` on a connection to the server; returns `otherwise` if there is no server."""
    if sys.platform != "linux":
        return otherwise
    try:
        pulsectl: Any = import_module("pulsectl")
    except (ImportError, OSError):  # no libpulse
        return otherwise
    # libpulse frees its structs when its callback returns; this hook runs inside it.
    pulsectl.PulseSourceInfo._init_from_struct = _keep_rate
    try:
        with pulsectl.Pulse("streamgenre") as pulse:
            return question(pulse)
    except pulsectl.PulseError:
        return otherwise


def _keep_rate(info: Any, struct: Any) -> None:
    info.sample_rate = int(struct.sample_spec.rate)


def sources() -> list[Source]:
    """All sources; none if there is no server."""
    return _ask(
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
    """Name of the monitor of the default output; empty if there is none."""

    def question(pulse: Any) -> str:
        sink = pulse.server_info().default_sink_name
        return next((s.monitor_source_name for s in pulse.sink_list() if s.name == sink), "")

    return _ask(question, "")


def moved_away(source: str) -> bool:
    """Whether the server has moved the recording of this process from `source` to another source.

    The server does that silently if a source is unplugged.
    """

    def question(pulse: Any) -> bool:
        ours = [
            stream.source
            for stream in pulse.source_output_list()
            if stream.proplist.get("application.process.id") == str(os.getpid())
        ]
        names = {info.index: info.name for info in pulse.source_list()}
        return bool(ours) and source not in (names.get(index) for index in ours)

    return _ask(question, False)


@contextmanager
def recording_from(source: str, monitor: bool) -> Iterator[None]:
    """Context in which opened streams record from a source; empty selects the server's default.

    ALSA's `pulse` device reads PULSE_SOURCE; its `pipewire` device reads PIPEWIRE_ALSA, which
    identifies a monitor by its sink. Without `node.dont-reconnect` the stream would move to another
    source if this one is gone.
    """
    variables = {}
    if source:
        pipewire = {
            "target.object": source.removesuffix(".monitor") if monitor else source,
            "stream.capture.sink": monitor,
            "node.dont-reconnect": True,
            "application.process.id": str(os.getpid()),  # for `moved_away`
        }
        variables = {"PULSE_SOURCE": source, "PIPEWIRE_ALSA": json.dumps(pipewire, allow_nan=False)}
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
