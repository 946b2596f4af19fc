"""The sources of a sound server: PulseAudio, or PipeWire in its place. Linux.

Which of them ALSA's `pulse` device opens is told by the environment variable PULSE_SOURCE at that
moment. Listing them is libpulse's work, through pulsectl: PortAudio cannot.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

_VARIABLE = "PULSE_SOURCE"


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
    try:
        with pulsectl.Pulse("streamgenre") as pulse:
            return question(pulse)
    except pulsectl.PulseError:
        return otherwise


def sources() -> list[Source]:
    """All of them, none where there is no server."""
    return _asked(
        lambda pulse: [
            Source(
                source.name,
                source.description or source.name,
                source.channel_count,
                source.sample_spec.rate,
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
def recording_from(source: str) -> Iterator[None]:
    """Streams opened meanwhile record from that source, the server's default if empty."""
    before = os.environ.get(_VARIABLE)
    if source:
        os.environ[_VARIABLE] = source
    try:
        yield
    finally:
        if source:
            if before is None:
                del os.environ[_VARIABLE]
            else:
                os.environ[_VARIABLE] = before
