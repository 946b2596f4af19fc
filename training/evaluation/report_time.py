"""The sections of a report on what happens over time: changes of music, minutes, the road in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .markdown import number, table, value

Found = Mapping[str, Any]


def mixes_section(found: Found) -> list[str]:
    """Timelines of mixes, by kind of transition."""
    mixes = found.get("mixes")
    if not mixes:
        return []
    rows = [
        (
            name,
            m["mixes"],
            value(m["accuracy"]),
            number(m["coverage"]),
            number(m["accuracy_where_decided"]),
            number(m["boundary_f"]),
            number(m["false_switches_a_minute"], 2),
            number(m["median_delay"], 1),
            number(m["never_reached"], 2),
        )
        for name, m in {"all": mixes, **mixes["transitions"]}.items()
    ]
    header = ["transition", "mixes", "time right", "decided", "right where decided"]
    header += ["boundary F, 3 s", "false switches a minute", "median delay, s", "never reached"]
    return [
        "## Changes of genre: timelines of mixes",
        f"{mixes['minutes']} minutes made from the split's tracks, steps of {mixes['hop']} s, with "
        "smoothing and decision as in the product; definitions in `evaluation/timeline.py`. The "
        "interval is over mixes.",
        table(header, rows),
        "Boundary F: how well the moments at which the decided genre switches match the true "
        "changes, within 3 s; 1 is all of them and no others. Never reached: the share of changes "
        "after which the new genre is not decided before its part ends; the median delay is over "
        "the other changes.",
    ]


def recovery_section(found: Found) -> list[str]:
    """Accuracy since a change of track."""
    r = found.get("recovery")
    if not r:
        return []
    at = {s: i for i, s in enumerate(r["seconds"])}
    rows = [
        (f"{s:g} s", *(number(r[k][at[s]]) for k in ("carried", "reset", "old_genre_carried")))
        for s in (0.5, 1.0, 2.5, 5.0, 10.0, 15.0)
        if s in at
    ]
    return [
        "## After a change of track",
        f"{r['pairs']} pairs, 10 s of one track and then another of another genre; single steps "
        f"of {r['hop']} s, whose window holds the old track until it has passed. Accuracy before "
        f"the change: {r['accuracy_before']:.3f}.",
        "[picture: recovery]",
        table(["since the change", "state carried", "state reset", "still the old genre"], rows),
    ]


def minutes_section(found: Found) -> list[str]:
    """Long streams."""
    m = found.get("minutes")
    if not m:
        return []
    rows = [
        (
            row["minute"],
            row["streams"],
            value(row["accuracy"]),
            value(row["accuracy_without_state"]),
            number(row["state_norm"], 2),
            number(row["state_norm_largest"], 2),
        )
        for row in m["minutes"]
    ]
    header = ["minute", "streams", "state carried", "state reset", "norm of state", "largest"]
    return [
        "## Minute by minute",
        f"{m['streams']} streams of {m['made_of']}, steps of {m['hop']} s.",
        "[picture: minutes]",
        table(header, rows),
    ]


def road_section(found: Found) -> list[str]:
    """Codings of full-quality originals."""
    road = found.get("road")
    if not road:
        return []
    rows = [
        (name, f["steps"], value(f["agreement"]), value(f["mean_absolute_difference"]))
        for name, f in road["forms"].items()
    ]
    return [
        "## The road in",
        f"{road['files']} originals, steps of {road['hop']} s, against {road['reference']}. The "
        "intervals are over files.",
        table(["form", "steps", "same top genre", "mean difference of probabilities"], rows),
    ]
