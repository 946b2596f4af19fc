"""The sections of a report on what a user meets: one long stream, steadiness, speech, silence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .markdown import number, signed, table, value

Found = Mapping[str, Any]
_JOINTS = {"cuts": "hard cuts", "crossfades": "crossfades"}


def joined_section(found: Found) -> list[str]:
    """All tracks as one stream."""
    j = found.get("joined")
    if not j:
        return []
    rows = [
        (
            f"{_JOINTS[joint]}, steps of {hop} s",
            f["tracks"],
            value(f["one_stream"]["accuracy"]),
            value(f["fresh"]["accuracy"]),
            signed(f["difference"]["accuracy"]),
            signed(f["difference"]["macro_recall"]),
        )
        for hop, joints in j["hops"].items()
        for joint, f in joints.items()
        if f
    ]
    header = ["joined by", "tracks", "one stream", "state fresh for each track"]
    header += ["difference, paired", "the same, macro recall"]
    delays = [
        (
            f"{_JOINTS[joint]}, {words}",
            c["changes"],
            c["fresh_right"],
            _or_dash(c[key]["median_delay"], 1),
            value(c[key]["never_reached"]),
        )
        for joint in _JOINTS
        for key, words in (("one_stream", "one stream"), ("fresh", "fresh"))
        for c in [j["changes"][joint]]
        if c[key]
    ]
    later = [
        f"{_JOINTS[joint]}: {_or_dash(j['changes'][joint]['extra_delay']['median'], 1)} s"
        for joint in _JOINTS
    ]
    return [
        "## All tracks as one stream",
        f"{j['tracks']} tracks, 10 to 30 s of each at one level in random order, "
        f"{j['minutes']} minutes, the state never emptied; crossfades of {j['fade']:g} s. Accuracy "
        "of the mean over the steps that hear nothing but the track, beside a stream that begins "
        "with the track, on the same samples.",
        table(header, rows),
        f"Seconds until the right genre is decided after a change of genre, steps of "
        f"{j['changes']['hop']} s, over the tracks that the fresh state gets right; never reached: "
        "not before the track's part ends; the median is over the others. The one stream is later "
        f"than the fresh one by (median): {'; '.join(later)}.",
        table(
            ["joined by", "changes of genre", "fresh is right", "median delay, s", "never reached"],
            delays,
        ),
    ]


def switches_section(found: Found) -> list[str]:
    """Steadiness within a track."""
    s = found.get("switches")
    if not s:
        return []
    rows = [
        ("between genres", s["changes_between_genres"], value(s["between_genres_a_minute"])),
        (
            'with "unsure" and "no music"',
            s["changes_with_unsure"],
            value(s["with_unsure_a_minute"]),
        ),
    ]
    return [
        "## Steadiness within a track",
        f"{s['tracks']} tracks of 10 s and more, each by itself, {s['minutes']} minutes, steps of "
        f"{s['hop']} s, as decided: changes after the first decided genre. "
        f"{value(s['tracks_without_change'])} of the tracks keep one genre throughout.",
        table(["changes", "number", "a minute of music"], rows),
    ]


def spoken_section(found: Found) -> list[str]:
    """Genre or "unsure", per track."""
    hops = {hop: f["spoken"] for hop, f in found["hops"].items() if "spoken" in f}
    if not hops:
        return []
    rows = [
        (
            f"{hop} s",
            s["tracks"],
            value(s["said"]),
            value(s["right_where_said"]) if s["right_where_said"] else "–",
            value(s["said_and_right"]),
            s["unsure"],
            s["no_music"],
        )
        for hop, s in hops.items()
    ]
    header = ["steps of", "tracks", "gets a genre", "right where it does", "gets the right one"]
    covered = [
        (
            f"{row['coverage']:.0%} of the tracks".replace("%", " %"),
            *(
                f"{value(s['risk_coverage'][i]['right'])}, {s['risk_coverage'][i]['tracks']} "
                f"tracks from {s['risk_coverage'][i]['threshold']:.2f} on"
                for s in hops.values()
            ),
        )
        for i, row in enumerate(next(iter(hops.values()))["risk_coverage"])
    ]
    return [
        "## What is said of a track",
        'The verdict on the whole track, as a file\'s: a genre, "unsure" or "no music".',
        table([*header, "unsure", "no music"], rows),
        "The share right when only the most confident tracks get their genre; the confidence from "
        "which on they do stands with it.",
        table(["answered", *(f"right, steps of {hop} s" for hop in hops)], covered),
    ]


def no_music_section(found: Found) -> list[str]:
    """Sounds that are no music, speech over music, and music."""
    n = found.get("no_music")
    if not n:
        return []
    music = n["music"]
    header = ["what", "streams", "steps", "no music", "unsure", "a genre", "probability of music"]
    parts = [
        "## What is no music",
        f"Shares of all steps of {n['hop']} s by what is decided, from the first step on.",
        table(*_with_speech(header, n["sounds"])),
        "Of the split's tracks, which are all music:",
        table(header, _rows({"all genres": music["all"], **music["genres"]})),
    ]
    if over := n.get("speech_over_music"):
        named = {name: row for name, row in over.items() if name != "speech"}
        parts += [
            "Speech over music, its level against the music's; no answer is the right one here:",
            table(header, _rows(named)),
        ]
    if n["skipped"]:
        left = "; ".join(f"{what}: {why}" for what, why in n["skipped"].items())
        parts.append(f"Left out: {left}.")
    return parts


def _with_speech(header: list[str], shares: Found) -> tuple[list[str], list[Sequence[Any]]]:
    """Header and rows, with a column for what is called speech where the model says so."""
    rows = _rows(shares)
    if not any("speech" in s for s in shares.values()):
        return header, rows
    called = [number(s["speech"]) if "speech" in s else "–" for s in shares.values()]
    return [*header, "called speech"], [(*row, c) for row, c in zip(rows, called, strict=True)]


def _rows(shares: Found) -> list[Sequence[Any]]:
    return [
        (
            name,
            s["streams"],
            s["steps"],
            value([s["no_music"], *s["no_music_interval"]])
            if "no_music_interval" in s
            else number(s["no_music"]),
            number(s["unsure"]),
            number(s["genre"]),
            number(s["mean_music"]),
        )
        for name, s in shares.items()
    ]


def protocols_section(found: Found) -> list[str]:
    """Macro recall over named groups of genres."""
    rows = [
        (
            f"{name}, steps of {hop} s",
            p["tracks"],
            p["genres"],
            value(p["macro_recall"]),
            value(p["accuracy"]),
        )
        for hop, f in found["hops"].items()
        for name, p in f.get("protocols", {}).items()
    ]
    if not rows:
        return []
    return [
        "## Groups of genres",
        "Macro recall over the genres of a group, mean over a track's steps; what is predicted may "
        "be any genre of the model.",
        table(["group", "tracks", "genres", "macro recall", "accuracy"], rows),
    ]


def gates_section(found: Found) -> list[str]:
    """What the feedback does in the gates."""
    g = found.get("gates")
    if not g:
        return []
    rows = [
        (
            block["block"],
            *(number(block[k]) for k in ("mean", "spread_over_time")),
            number(block["difference_to_zero_state"], 4),
        )
        for block in g["blocks"]
    ]
    genres = ", ".join(part["genre"] for part in g["parts"])
    return [
        "## The gates over time",
        f"One track each of {genres}, joined by hard cuts, {g['seconds']:g} s, steps of {g['hop']} "
        "s. A gate is the mean over its block's channels. The last column is how far the carried "
        "state moves it from where an empty state would leave it, on the same window: that is what "
        "the feedback does.",
        "[picture: gates]",
        table(["block", "mean", "spread over time", "carried against empty state"], rows),
    ]


def _or_dash(figure: Sequence[float] | None, digits: int) -> str:
    if figure is None:
        return "–"
    middle, low, high = (f"{v:.{digits}f}" for v in figure)
    return f"{middle} ({low} to {high})"
