"""How well a tagger ranks the tracks of a tag.

The area under the ROC curve of a tag is the chance that a track which bears it is placed before one
that does not; that under the precision-recall curve (average precision, by steps) starts from the
tag's share of the tracks. Macro: the mean over the tags that some tracks bear and some do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

Floats = NDArray[np.floating[Any]]


def tag_figures(scores: Floats, truth: NDArray[np.bool_], names: Sequence[str]) -> dict[str, Any]:
    """Macro `roc_auc` and `pr_auc`, `tracks`, and by tag the same with the `positives`.

    Args: scores and truth (N, D), `names` of the D tags. None where a figure has no meaning: all
    tracks bear the tag, or none. ValueError where the shapes do not fit.
    """
    if scores.shape != truth.shape or scores.shape[1:] != (len(names),):
        raise ValueError(f"scores {scores.shape}, truth {truth.shape}, {len(names)} names")
    tags: dict[str, dict[str, Any]] = {}
    for name, said, borne in zip(names, scores.T, truth.T, strict=True):
        positives = int(borne.sum())
        told = 0 < positives < len(borne)
        tags[name] = {
            "roc_auc": float(roc_auc_score(borne, said)) if told else None,
            "pr_auc": float(average_precision_score(borne, said)) if told else None,
            "positives": positives,
        }
    macro = {}
    for measure in ("roc_auc", "pr_auc"):
        known = [tag[measure] for tag in tags.values() if tag[measure] is not None]
        macro[measure] = float(np.mean(known)) if known else None
    return {**macro, "tracks": len(truth), "tags": tags}
