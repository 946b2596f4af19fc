"""Measuring a model: accuracy over time, timelines of mixes, calibration, and comparison.

Everything runs on a `streamgenre.model.model.Model`, so that what is measured is what users run;
no torch is needed.
"""

from .cautions import cautions
from .compare import compare_systems
from .gates import gates_over
from .measures import for_card
from .outputs import make_folder, write_evaluation
from .predictions import read_predictions, recompute, write_predictions
from .scored import scored_tracks
from .suite import Evaluation, Plan, evaluate

__all__ = [
    "Evaluation",
    "Plan",
    "cautions",
    "compare_systems",
    "evaluate",
    "for_card",
    "gates_over",
    "make_folder",
    "read_predictions",
    "recompute",
    "scored_tracks",
    "write_evaluation",
    "write_predictions",
]
