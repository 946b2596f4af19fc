"""Prediction for whole tracks: as a live stream, or in segments as in the literature.

Used by validation, calibration, adaptation, evaluation and the literature. Streaming runs on any
engine. `segments` and `tags` need torch and have to be imported explicitly.
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
