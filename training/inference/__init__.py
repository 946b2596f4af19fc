"""Prediction for whole tracks: as a live stream, or in segments as in the literature.

Used by validation, calibration, adaptation, evaluation and the literature. Streaming runs on any
engine. `segments` and `tags` need torch and have to be imported explicitly.
"""

from .progress import Progress, no_progress
from .streaming import (
    Audio,
    Run,
    batches_of,
    last_share,
    step_weights,
    steps_of,
    stream_tracks,
    weighted_mean,
    window_at,
    windows_of,
)

__all__ = [
    "Audio",
    "Progress",
    "Run",
    "batches_of",
    "last_share",
    "no_progress",
    "step_weights",
    "steps_of",
    "stream_tracks",
    "weighted_mean",
    "window_at",
    "windows_of",
]
