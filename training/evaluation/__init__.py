"""Measuring a model: accuracy over time, timelines of mixes, calibration, and comparison.

Everything runs on a `streamgenre.model.model.Model`, so that what is measured is what users run;
no torch is needed.
"""

from .compare import compare_systems
from .inputs import cautions, scored_tracks
from .predictions import read_predictions, recompute, write_predictions
from .probes.gates import gates_over
from .report import make_folder, redraw, write_evaluation
from .suite import Evaluation, EvaluationMetrics, Plan, evaluate

__all__ = [
    "Evaluation",
    "EvaluationMetrics",
    "Plan",
    "cautions",
    "compare_systems",
    "evaluate",
    "gates_over",
    "make_folder",
    "read_predictions",
    "recompute",
    "redraw",
    "scored_tracks",
    "write_evaluation",
    "write_predictions",
]
