"""SubRip captions (.srt): one caption per segment."""

from __future__ import annotations

from typing import TextIO

from ...audio.address import Recording
from ...model.timeline import Timeline
from .captions import captions, timestamp


def write(file: TextIO, recording: Recording, timeline: Timeline) -> None:
    """Write numbered captions, separated by blank lines."""
    for number, caption in enumerate(captions(timeline), 1):
        start, end = timestamp(caption.start, ","), timestamp(caption.end, ",")
        file.write(f"{number}\n{start} --> {end}\n{caption.text}\n\n")
