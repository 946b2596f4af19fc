"""Tables of the systems that learn tags: groups of tags, how common they are, and each alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..evaluation.markdown import number, table
from .systems import System
from .tag_groups import GROUPS, against_commonness, by_group

_GROUPS = ("genre", *GROUPS)
_GROUPS_NOTE = (
    "ROC-AUC, mean over a group's tags. Commonness: Spearman's correlation of a tag's ROC-AUC with "
    "the number of test tracks that have it."
)


def tag_tables(systems: Sequence[System]) -> list[str]:
    """Parts of the document; none where no entry has its tags."""
    tagged = [system for system in systems if any(e.get("tags") for e in system.entries)]
    if not tagged:
        return []
    header = ["system", *_GROUPS, "commonness"]
    groups = table(header, map(_groups, tagged))
    header = ["tag", "tracks with it", "of", "ROC-AUC, mean over runs", "lowest", "highest"]
    each = table(header, _each(tagged))
    return ["### Groups of tags", groups, _GROUPS_NOTE, "### Tag by tag", each]


def _groups(system: System) -> tuple[str, ...]:
    seeds = [entry["tags"] for entry in system.entries if entry.get("tags")]
    found = [by_group(tags) for tags in seeds]
    means = (_mean(f[group]["roc_auc"] for f in found if group in f) for group in _GROUPS)
    common = _mean(against_commonness(tags)[0] for tags in seeds)
    return (f"`{system.name}`", *map(number, means), number(common, 2))


def _each(systems: Sequence[System]) -> list[tuple[Any, ...]]:
    """Each tag: how often it is true, and how well all systems tell it."""
    found: dict[str, list[dict[str, Any]]] = {}
    for system in systems:
        for entry in system.entries:
            for tag, figures in (entry.get("tags") or {}).items():
                found.setdefault(tag, []).append(figures | {"tracks": entry.get("tracks")})
    rows = []
    for tag, every in found.items():
        areas = [f["roc_auc"] for f in every if f.get("roc_auc") is not None]
        spread = (_mean(areas), min(areas, default=None), max(areas, default=None))
        rows.append((tag, every[0]["positives"], every[0]["tracks"], *map(number, spread)))
    return rows


def _mean(values: Iterable[float]) -> float | None:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else None
