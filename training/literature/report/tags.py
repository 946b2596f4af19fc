"""Tags by group, in relation to their frequency, and individually.

The fifty tags are the most frequent Last.fm tags of the Million Song Dataset, as used by Choi et
al. (2016). Their groups (genre, mood, instrument, era) are those of the same paper; voices are
instruments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import bootstrap, spearmanr  # type: ignore[import-untyped]

from ...evaluation.metrics import DRAWS, Estimate, TagMetrics
from ...evaluation.presentation import number, p_value, table
from ..questions import LEVEL, areas, sign
from ..systems import System

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
"""Group -> its tags in lower case. All other tags are genres."""
_ORDER = ("genre", *GROUPS)
_VERDICTS = {1: "better", -1: "worse", 0: "no difference shown"}
_NOTE = (
    "ROC-AUC of each tag, mean over the systems that predicted it, and then over a group's tags; "
    "differences with their 95 % bootstrap interval over tags."
)
_GROUPS_NOTE = (
    "ROC-AUC, mean over a group's tags. Commonness: Spearman's correlation of a tag's ROC-AUC with "
    "the number of test tracks that have it."
)


def group_of(tag: str) -> str:
    """Group of a tag: genre, mood, instrument or era."""
    return next((name for name, tags in GROUPS.items() if tag.lower() in tags), "genre")


@dataclass(frozen=True)
class TagGroup:
    """Means over the tags of a group."""

    tags: int
    roc_auc: float
    pr_auc: float
    positives: float


def by_group(tags: Mapping[str, TagMetrics]) -> dict[str, TagGroup]:
    """Group -> means over its tags that have a ROC-AUC."""
    groups = {}
    for group in _ORDER:
        own = [t for name, t in tags.items() if group_of(name) == group and t.roc_auc is not None]
        if own:
            means = ((t.roc_auc or 0.0, t.pr_auc or 0.0, t.positives) for t in own)
            columns = (round(float(np.mean(column)), 4) for column in zip(*means, strict=True))
            groups[group] = TagGroup(len(own), *columns)
    return groups


def against_commonness(tags: Iterable[TagMetrics]) -> tuple[float, float]:
    """Spearman's correlation of ROC-AUC with the number of positive tracks, and its p-value."""
    known = [t for t in tags if t.roc_auc is not None]
    rank = spearmanr([t.roc_auc for t in known], [t.positives for t in known])
    return float(rank.statistic), float(rank.pvalue)


def tag_tables(systems: Sequence[System]) -> list[str]:
    """Paragraphs with both tables; empty without tags."""
    tagged = [system for system in systems if any(e.tags for e in system.entries)]
    if not tagged:
        return []
    header = ["system", *_ORDER, "commonness"]
    groups = table(header, map(_groups, tagged))
    header = ["tag", "tracks with it", "of", "ROC-AUC, mean over runs", "lowest", "highest"]
    each = table(header, _each(tagged))
    return ["### Groups of tags", groups, _GROUPS_NOTE, "### Tag by tag", each]


def _groups(system: System) -> tuple[str, ...]:
    seeds = [entry.tags for entry in system.entries if entry.tags]
    groups = [by_group(tags) for tags in seeds]
    means = (_mean(g[name].roc_auc for g in groups if name in g) for name in _ORDER)
    common = _mean(against_commonness(tags.values())[0] for tags in seeds)
    return (f"`{system.name}`", *map(number, means), number(common, 2))


def _each(systems: Sequence[System]) -> list[tuple[Any, ...]]:
    """Rows of the table of tags: frequency, and ROC-AUC over all systems."""
    of_tag: dict[str, list[tuple[TagMetrics, int | None]]] = {}
    for system in systems:
        for entry in system.entries:
            for tag, metrics in (entry.tags or {}).items():
                of_tag.setdefault(tag, []).append((metrics, entry.tracks))
    rows = []
    for tag, every in of_tag.items():
        areas = [m.roc_auc for m, _ in every if m.roc_auc is not None]
        spread = (_mean(areas), min(areas, default=None), max(areas, default=None))
        first, tracks = every[0]
        rows.append((tag, first.positives, tracks, *map(number, spread)))
    return rows


def _mean(values: Iterable[float]) -> float | None:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else None


def tag_answers(systems: Sequence[System]) -> list[str]:
    """Paragraphs with the comparison of groups; empty without two groups of two tags."""
    of = [found for system in systems if (found := areas(system))]
    tags = sorted(set.intersection(*map(set, of))) if of else []
    mean = {tag: float(np.mean([found[tag] for found in of])) for tag in tags}
    groups = {group: [a for tag, a in mean.items() if group_of(tag) == group] for group in _ORDER}
    several = [(group, own) for group, own in groups.items() if len(own) > 1]
    first, *others = several or [("", [])]
    if not others:
        return []
    rows = [(first[0], len(first[1]), number(float(np.mean(first[1]))), "–")]
    words = []
    for group, own in others:
        apart = _apart(own, first[1])
        rows.append((group, len(own), number(float(np.mean(own))), apart.signed()))
        words.append(f"{group} {_VERDICTS[sign(apart)]}")
    header = ["group", "tags", "ROC-AUC", f"against {first[0]}"]
    return [
        "## Which tags are predicted best?",
        f"Of Choi et al. 2016. {_NOTE}",
        table(header, rows),
        f"Against tags of {first[0]}: {'; '.join(words)}. {_commonness(systems, mean)}",
    ]


def _apart(one: Sequence[float], other: Sequence[float]) -> Estimate:
    """Difference of the means; both groups are resampled independently."""
    ends = bootstrap(
        (one, other), lambda a, b, axis: np.mean(a, axis) - np.mean(b, axis), n_resamples=DRAWS,
        method="percentile", rng=0,
    ).confidence_interval  # fmt: skip
    difference = float(np.mean(one) - np.mean(other))
    return Estimate(difference, float(ends.low), float(ends.high))


def _commonness(systems: Sequence[System], mean: dict[str, float]) -> str:
    known = next(e.tags for s in systems for e in s.entries if e.tags)
    means = (known[tag].model_copy(update={"roc_auc": area}) for tag, area in mean.items())
    rho, p = against_commonness(means)
    verdict = "no connection shown"
    if p < LEVEL:
        verdict = "common tags are predicted " + ("better" if rho > 0 else "worse")
    return f"How common a tag is: {verdict} (Spearman's correlation {rho:+.2f}, p {p_value(p)})."
