"""The report's first lines: what was found in plain words, at the model's first measured hop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Found = Mapping[str, Any]


def in_words(found: Found) -> list[str]:
    """A sentence or two for each question; none for what was not measured."""
    if not found["hops"]:
        return []
    hop, f = next(iter(found["hops"].items()))
    value, low, high = f["track_mean"]["accuracy"]
    lines = [
        f"The genre of a track is right in {_percent(value)} of {found['tracks']} tracks (95 % "
        f"interval {_percent(low)} to {_percent(high)}), by the mean over its steps of {hop} s."
    ]
    return [*lines, *_genres(f), *_change(found), *_trust(f)]


def _genres(f: Found) -> list[str]:
    recalls = {
        label: (c["recall"], c["tracks"])
        for label, c in f.get("classes", {}).items()
        if c["recall"] is not None
    }
    if len(recalls) < 2:
        return []
    best, worst = (pick(recalls, key=lambda label: recalls[label][0]) for pick in (max, min))
    of = {name: f"{_percent(recalls[name][0])} of {recalls[name][1]}" for name in (best, worst)}
    if recalls[best][0] == recalls[worst][0]:
        return [f"All genres are found alike: {_percent(recalls[best][0])} of their tracks."]
    return [f"Found best: {best} ({of[best]} tracks); worst: {worst} ({of[worst]})."]


def _change(found: Found) -> list[str]:
    mixes = found.get("mixes")
    if not mixes or mixes["never_reached"] is None:
        return []
    missed = f"after {_percent(mixes['never_reached'])} of the changes it never is."
    if mixes["median_delay"] is None:
        return [f"When the genre changes in a mix, the new one is decided too late: {missed}"]
    return [
        f"When the genre changes in a mix, the new one is decided after {mixes['median_delay']:.1f}"
        f" s (median); {missed}"
    ]


def _trust(f: Found) -> list[str]:
    c = f.get("calibration")
    if not c:
        return []
    risk = c["risk_coverage"]
    lines = [
        "A probability is off from the share that is right by "
        f"{c['expected_calibration_error']:.3f} on average; it would be {c['by_chance']:.3f} if "
        "perfectly calibrated."
    ]
    if risk["risk_at_threshold"] is not None:
        lines.append(
            f"{_percent(risk['coverage_at_threshold'])} of the music's steps get a genre rather "
            f'than "unsure"; {_percent(risk["risk_at_threshold"])} of those are wrong.'
        )
    return lines


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
