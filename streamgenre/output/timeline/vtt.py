"""WebVTT captions (W3C): one cue per segment, for the `track` element of a web page."""

from __future__ import annotations

from html import escape
from typing import TextIO

from ...audio.address import Recording
from ...model.timeline import Timeline
from .captions import captions, timestamp


def write(file: TextIO, recording: Recording, timeline: Timeline) -> None:
    """Write the header and the cues, separated by blank lines."""
    file.write("WEBVTT\n")
    for caption in captions(timeline):
        start, end = timestamp(caption.start, "."), timestamp(caption.end, ".")
        file.write(f"\n{start} --> {end}\n{escape(caption.text, quote=False)}\n")
