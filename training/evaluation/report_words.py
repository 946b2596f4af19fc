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
    return [
        *lines, *_genres(f), *_spoken(f), *_one_stream(found, hop), *_steadiness(found),
        *_change(found), *_trust(f),
    ]  # fmt: skip


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


def _spoken(f: Found) -> list[str]:
    s = f.get("spoken")
    if not s or s["right_where_said"] is None:
        return []
    return [
        f"A genre is said of {_percent(s['said'][0])} of the tracks, and is right in "
        f"{_percent(s['right_where_said'][0])} of those."
    ]


def _one_stream(found: Found, hop: str) -> list[str]:
    cuts = ((found.get("joined") or {}).get("hops", {}).get(hop) or {}).get("cuts")
    if not cuts:
        return []
    difference, low, high = (100 * v for v in cuts["difference"]["accuracy"])
    return [
        f"With {cuts['tracks']} tracks as one stream, its state never emptied, "
        f"{_percent(cuts['one_stream']['accuracy'][0])} are right; afresh for each, "
        f"{_percent(cuts['fresh']['accuracy'][0])} (difference {difference:+.1f} points, "
        f"{low:+.1f} to {high:+.1f})."
    ]


def _steadiness(found: Found) -> list[str]:
    s = found.get("switches")
    if not s:
        return []
    return [
        f"Within a track the decided genre changes {s['between_genres_a_minute'][0]:.2f} times a "
        "minute."
    ]


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
