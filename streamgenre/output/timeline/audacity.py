"""Audacity label track: start, end and label of a segment, separated by tabs, on each line.

The format is described in the Audacity manual, "Importing and Exporting Labels".
"""

from __future__ import annotations

from typing import TextIO

from ...audio.address import Recording
from ...model.timeline import Timeline
from ..ribbon import segment_text


def write(file: TextIO, recording: Recording, timeline: Timeline) -> None:
    """Write the segments as labels; times in seconds with six decimals, as Audacity exports."""
    for segment in timeline.segments:
        label = segment_text(timeline.card, segment)
        file.write(f"{segment.start:.6f}\t{segment.end:.6f}\t{label}\n")
