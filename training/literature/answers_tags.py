"""Which tags are told best: by what they speak of, and by how common they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import bootstrap  # type: ignore[import-untyped]

from ..evaluation.bootstrap import DRAWS
from ..evaluation.markdown import number, p_value, signed, table
from .questions import LEVEL, areas, sign
from .systems import System
from .tag_groups import GROUPS, against_commonness, group_of

_ORDER = ("genre", *GROUPS)
_VERDICTS = {1: "better", -1: "worse", 0: "no difference shown"}
_NOTE = (
    "ROC-AUC of each tag, mean over the systems that told it, and then over a group's tags; "
    "differences with their 95 % bootstrap interval over tags."
)


def tag_answers(systems: Sequence[System]) -> list[str]:
    """Parts of the document; none where no system has told two tags of two groups."""
    told = [found for system in systems if (found := areas(system))]
    tags = sorted(set.intersection(*map(set, told))) if told else []
    mean = {tag: float(np.mean([found[tag] for found in told])) for tag in tags}
    groups = {group: [a for tag, a in mean.items() if group_of(tag) == group] for group in _ORDER}
    first, *others = [(group, of) for group, of in groups.items() if len(of) > 1] or [("", [])]
    if not others:
        return []
    rows = [(first[0], len(first[1]), number(float(np.mean(first[1]))), "–")]
    words = []
    for group, of in others:
        apart = _apart(of, first[1])
        rows.append((group, len(of), number(float(np.mean(of))), signed(apart)))
        words.append(f"{group} {_VERDICTS[sign(apart)]}")
    header = ["group", "tags", "ROC-AUC", f"against {first[0]}"]
    return [
        "## Which tags are told best?",
        f"Of Choi et al. 2016. {_NOTE}",
        table(header, rows),
        f"Against tags of {first[0]}: {'; '.join(words)}. {_commonness(systems, mean)}",
    ]


def _apart(one: Sequence[float], other: Sequence[float]) -> list[float]:
    """[difference of the means, low, high]; the two groups are drawn apart."""
    found = bootstrap(
        (one, other), lambda a, b, axis: np.mean(a, axis) - np.mean(b, axis), n_resamples=DRAWS,
        method="percentile", rng=0,
    ).confidence_interval  # fmt: skip
    return [float(np.mean(one) - np.mean(other)), float(found.low), float(found.high)]


def _commonness(systems: Sequence[System], mean: dict[str, float]) -> str:
    entry = next(e for s in systems for e in s.entries if e.get("tags"))
    tags = {t: {"roc_auc": a, "positives": entry["tags"][t]["positives"]} for t, a in mean.items()}
    rho, p = against_commonness(tags)
    verdict = "no connection shown"
    if p < LEVEL:
        verdict = "common tags are told " + ("better" if rho > 0 else "worse")
    return f"How common a tag is: {verdict} (Spearman's correlation {rho:+.2f}, p {p_value(p)})."
