"""An evaluation as Markdown: one section a question, every figure with its number of tracks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import baseline
from .curve import BASELINES, KINDS
from .markdown import number, signed, table, value
from .measures import COMMON, MEASURES
from .report_product import (
    gates_section,
    joined_section,
    no_music_section,
    protocols_section,
    spoken_section,
    switches_section,
)
from .report_time import minutes_section, mixes_section, recovery_section, road_section
from .report_words import in_words

Found = Mapping[str, Any]
_CURVES = {"accuracy": "accuracy", "macro_recall": "macro recall"}
_WORDS = {
    "carried": "state carried",
    "without_state": "state reset",
    "running_mean": "reset, running mean",
}


def report(found: Found, pictures: Sequence[str] = ()) -> str:
    """The whole report; `pictures` are the names of PNG files beside it."""
    named = {name.removesuffix(".png").split("-", 1)[1]: name for name in pictures}
    parts = [
        _head(found),
        *(_tracks(found) if found["hops"] else []),
        *_streaming(found),
        *_groups(found),
        *protocols_section(found),
        *_classes(found),
        *joined_section(found),
        *switches_section(found),
        *mixes_section(found),
        *recovery_section(found),
        *minutes_section(found),
        *_calibration(found),
        *spoken_section(found),
        *no_music_section(found),
        *gates_section(found),
        *road_section(found),
    ]
    text = "\n\n".join(parts) + "\n"
    for mark, name in named.items():
        text = text.replace(f"[picture: {mark}]", f"![{mark}]({name})")
    return "\n\n".join(p for p in text.split("\n\n") if not p.startswith("[picture: "))


def _head(found: Found) -> str:
    model = found["model"]
    left = [f"{found['without_genre']} without a genre", f"{found['without_audio']} without audio"]
    left += [
        f"{n} {genre} (not a genre of the model)" for genre, n in found["other_genres"].items()
    ]
    rows = [
        ("model", f"{model['name']} {model['version']}, SHA-256 {model['sha256']}"),
        ("data set, SHA-256", found["data"] or "not known"),
        ("decoded audio, SHA-256", found["audio"] or "not known"),
        ("split", found["split"]),
        ("tracks scored", found["tracks"]),
        ("tracks not scored", ", ".join(left)),
    ]
    parts = [
        f"# {model['name']} {model['version']} on {found['split']}",
        "\n".join(f"- {line}" for line in in_words(found)),
        "\n".join(f"- Mind: {caution}." for caution in found["cautions"]),
        table(["what", "which"], rows),
        "Intervals are 95 % bootstrap intervals over artists, of mixes over mixes; 2,000 draws.",
    ]
    return "\n\n".join(part for part in parts if part)


def _tracks(found: Found) -> list[str]:
    rows = []
    for hop, f in found["hops"].items():
        kinds = (
            ("track_mean", "mean over steps"),
            ("track_last_step", "last step"),
            ("track_mean_without_state", "mean over steps, state reset"),
        )
        rows += [
            (
                f"{words}, steps of {hop} s",
                f[kind]["tracks"],
                *(value(f[kind][m]) for m in MEASURES),
            )
            for kind, words in kinds
            if kind in f
        ]
    text = table(["per track", "tracks", "accuracy", "macro recall", "top 2"], rows)
    either = [
        f"Accuracy with either acceptable genre, steps of {hop} s: "
        f"{value(f['track_mean']['either_accuracy'])}."
        for hop, f in found["hops"].items()
        if "either_accuracy" in f["track_mean"]
    ]
    common = [
        f"Macro recall of the {part['genres']} genres with {COMMON} tracks or more, steps of {hop} "
        f"s: {value(part['macro_recall'])}."
        for hop, f in found["hops"].items()
        if (part := f["track_mean"].get("common"))
    ]
    areas = [
        f"ROC-AUC (macro, one against the rest), steps of {hop} s: {number(f['roc_auc'])}."
        for hop, f in found["hops"].items()
        if "roc_auc" in f
    ]
    again = f"`compare {found['split']}-HOP.csv` computes the mean over steps from the predictions."
    return [
        "## Whole tracks",
        text,
        again,
        *either,
        *common,
        *areas,
        *baseline.section(found["hops"]),
    ]


def _streaming(found: Found) -> list[str]:
    parts = []
    for hop, f in found["hops"].items():
        if "after" not in f:
            continue
        parts += [
            f"Steps of {hop} s, the step that ends at that time. Over all steps, accuracy: "
            f"{f['windows_with_state']:.3f} with the state carried, "
            f"{f['windows_without_state']:.3f} with it reset.",
            *(_after(f["after"], measure, words) for measure, words in _CURVES.items()),
        ]
    return ["## As the stream goes on", "[picture: curve]", *parts] if parts else []


def _after(after: Found, measure: str, words: str) -> str:
    rows = [
        (
            f"{seconds} s",
            a["tracks"],
            *(value(a[kind][measure]) for kind in KINDS),
            *(signed(a["carried_less"][kind][measure]) for kind in BASELINES),
        )
        for seconds, a in after.items()
    ]
    header = [f"{words} after", "tracks", *(_WORDS[kind] for kind in KINDS)]
    return table([*header, *(f"carried less {_WORDS[kind]}" for kind in BASELINES)], rows)


def _groups(found: Found) -> list[str]:
    parts = []
    for hop, f in found["hops"].items():
        if "sets" not in f:
            continue
        rows = []
        for name, figures in f["sets"].items():
            last, after = f["sets_last_step"][name], f["sets_after"][name]
            ten = (number(after["10"][k]["accuracy"][0]) if "10" in after else "–" for k in KINDS)
            measured = (value(figures[m]) for m in MEASURES[:2])
            rows.append(
                (name, figures["tracks"], *measured, number(last["accuracy"][0]), " / ".join(ten))
            )
        header = ["group", "tracks", "accuracy", "macro recall", "last step", "after 10 s"]
        parts += [f"Steps of {hop} s:", table(header, rows)]
    note = "Accuracy after 10 s: state carried / reset / running mean."
    return ["## Sets and lengths", *parts, note] if parts else []


def _classes(found: Found) -> list[str]:
    parts = []
    for hop, f in found["hops"].items():
        if "classes" not in f:
            continue
        rows = [
            (label, c["tracks"], number(c["precision"]), number(c["recall"]), number(c["f1"]))
            for label, c in f["classes"].items()
        ]
        header = ["genre", "tracks", "precision", "recall", "F1"]
        parts += [f"Steps of {hop} s:", table(header, rows)]
    return ["## Genres", "[picture: confusion]", *parts] if parts else []


def _calibration(found: Found) -> list[str]:
    rows = []
    for hop, f in found["hops"].items():
        if "calibration" not in f:
            continue
        c, risk = f["calibration"], f["calibration"]["risk_coverage"]
        rows.append(
            (
                f"{hop} s",
                c["steps"],
                number(c["expected_calibration_error"]),
                number(c["by_chance"]),
                number(risk["area"]),
                " / ".join(number(r) for r in risk["risk_at"].values()),
                f"{number(risk['risk_at_threshold'])} of {number(risk['coverage_at_threshold'])}",
            )
        )
    if not rows:
        return []
    header = ["steps of", "steps", "calibration error", "if perfectly calibrated"]
    header += ["area under risk-coverage", "wrong at coverage 0.8 / 0.9 / 1", "at the threshold"]
    return [
        "## Calibration and doubt",
        "[picture: reliability]",
        "[picture: risk-coverage]",
        table(header, rows),
        "Calibration error: how far a probability is on average from the share that is right; "
        "beside it what a perfectly calibrated model would show on so many steps. Area under "
        "risk-coverage: the share wrong of what gets a genre, averaged over giving it to few steps "
        "(the most confident) up to all; 0 is best. At the threshold: the share wrong of the share "
        'that gets a genre rather than "unsure".',
    ]
