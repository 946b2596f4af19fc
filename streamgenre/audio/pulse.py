"""The sources of a sound server: PulseAudio, or PipeWire in its place. Linux.

Which of them ALSA's `pulse` device opens is told by the environment variable PULSE_SOURCE at that
moment. Listing them is libpulse's work, through pulsectl: PortAudio cannot.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple

_VARIABLE = "PULSE_SOURCE"


class Source(NamedTuple):
    """What the server can record from."""

    name: str
    description: str
    channels: int
    sample_rate: int
    monitor: bool


@contextmanager
def _server() -> Iterator[Any]:
    """A connection, None where there is no server (or no libpulse)."""
    with contextlib.ExitStack() as stack:
        pulse = None
        if sys.platform == "linux":
            with contextlib.suppress(ImportError, OSError):
                pulsectl: Any = import_module("pulsectl")
                with contextlib.suppress(pulsectl.PulseError):
                    pulse = stack.enter_context(pulsectl.Pulse("streamgenre"))
        yield pulse


def sources() -> list[Source]:
    """All of them, none where there is no server."""
    with _server() as pulse:
        if pulse is None:
            return []
        return [
            Source(
                source.name,
                source.description or source.name,
                source.channel_count,
                source.sample_spec.rate,
                source.monitor_of_sink_name is not None,
            )
            for source in pulse.source_list()
        ]


def default_monitor() -> str:
    """Name of the source that hears the default output; empty where there is none."""
    with _server() as pulse:
        if pulse is None:
            return ""
        sink = pulse.server_info().default_sink_name
        return next((s.monitor_source_name for s in pulse.sink_list() if s.name == sink), "")


def moved_away(source: str) -> bool:
    """Whether this process records, but no longer from that source.

    The server moves streams elsewhere when their source is unplugged, without a word.
    """
    with _server() as pulse:
        if pulse is None:
            return False
        ours = [
            stream.source
            for stream in pulse.source_output_list()
            if stream.proplist.get("application.process.id") == str(os.getpid())
        ]
        names = {found.index: found.name for found in pulse.source_list()}
        return bool(ours) and source not in (names.get(index) for index in ours)


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
