"""Whole tracks through a model: as a live stream, or segment by segment as the papers do.

Used by everything that needs predictions: validation, calibration, adaptation, evaluation, the
literature. Streaming runs on any engine; `segments` and `tags` need torch and are imported by name.
"""

from .progress import Progress, no_progress
from .streaming import Audio, Run, steps_of, stream_tracks, window_at

__all__ = [
    "Audio",
    "Progress",
    "Run",
    "no_progress",
    "steps_of",
    "stream_tracks",
    "window_at",
]
