"""Tags by what they speak of, and how well each is told against how common it is.

The fifty tags are the most common ones of the Million Song Dataset's Last.fm annotations, as used
by Choi et al. (2016); their groups (genre, mood, instrument, era) are those of the same paper, the
voice among the instruments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import spearmanr  # type: ignore[import-untyped]

GROUPS = {
    "mood": (
        "beautiful", "catchy", "chill", "chillout", "easy listening", "happy", "mellow", "party",
        "sad", "sexy",
    ),
    "instrument": (
        "acoustic", "female vocalist", "female vocalists", "guitar", "instrumental",
        "male vocalists",
    ),
    "era": ("60s", "70s", "80s", "90s", "00s", "oldies"),
}  # fmt: skip
"""Group -> its tags in lower case; every other tag is a genre."""


def group_of(tag: str) -> str:
    """genre, mood, instrument or era."""
    return next((name for name, tags in GROUPS.items() if tag.lower() in tags), "genre")


def by_group(tags: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Number of tags of each group and their mean ROC-AUC and PR-AUC; tags without one left out."""
    found: dict[str, dict[str, Any]] = {}
    for group in ("genre", *GROUPS):
        members = (t for name, t in tags.items() if group_of(name) == group)
        own = [tag for tag in members if tag["roc_auc"] is not None]
        if own:
            found[group] = {
                "tags": len(own),
                "roc_auc": _mean(own, "roc_auc"),
                "pr_auc": _mean(own, "pr_auc"),
                "positives": _mean(own, "positives"),
            }
    return found


def against_commonness(tags: Mapping[str, Mapping[str, Any]]) -> tuple[float, float]:
    """Spearman's correlation of ROC-AUC with the number of positive tracks, and its p-value."""
    known = [t for t in tags.values() if t["roc_auc"] is not None]
    found = spearmanr([t["roc_auc"] for t in known], [t["positives"] for t in known])
    return float(found.statistic), float(found.pvalue)


def _mean(tags: Sequence[Mapping[str, Any]], measure: str) -> float:
    return round(float(np.mean([tag[measure] for tag in tags])), 4)
