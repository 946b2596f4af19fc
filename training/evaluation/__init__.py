"""Measuring a model: accuracy over time, timelines of mixes, calibration, and comparison.

Everything runs on a `streamgenre.model.model.Model`, so that what is measured is what users run;
no torch is needed.
"""

from .compare import compare_systems
from .measures import for_card
from .outputs import write_evaluation
from .predictions import read_predictions, recompute, write_predictions
from .streaming import Run, stream_tracks
from .suite import Evaluation, Plan, evaluate

__all__ = [
    "Evaluation",
    "Plan",
    "Run",
    "compare_systems",
    "evaluate",
    "for_card",
    "read_predictions",
    "recompute",
    "stream_tracks",
    "write_evaluation",
    "write_predictions",
]
