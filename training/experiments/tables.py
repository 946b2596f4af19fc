"""The results as one Markdown document: figures, costs, and what was published beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..evaluation.markdown import number, table
from .results import Result
from .systems import Figure, System

DASH = "–"
_TASKS = {"genre": "Genres", "tags": "Tags"}
_FIGURES = {
    "accuracy": "accuracy",
    "window_accuracy": "of segments",
    "macro_recall": "macro recall",
    "precision": "precision",
    "f1": "F1",
    "roc_auc": "ROC-AUC",
}
_TAG_FIGURES = {"roc_auc": "ROC-AUC", "pr_auc": "PR-AUC"}
_COSTS = (
    "section", "system", "parameters", "million multiply-adds a second", "CPU ms a second",
    "training, CPU minutes", "passes", "narrowed",
)  # fmt: skip
_CARRIED = {
    "accuracy": "segments, nothing carried",
    "accuracy_carried": "carried, mean over steps",
    "accuracy_last_step": "carried, last step",
}
_NOTE = (
    "Precision, F1 and ROC-AUC are means over the genres, each counting the same; recall taken so "
    "is the macro recall. Of segments: the share of a track's segments that are right, alone, "
    "mean over tracks."
)
_COST_NOTE = (
    "Multiply-adds: of convolutions, linear and recurrent layers, for a second of audio; without "
    "the spectra and resampling before them. CPU: time of one core for a second of audio, all "
    "included. Passes: how often the training music was heard, in length."
)


def document(
    systems: Sequence[System], left_out: int, charts: Sequence[str], questions: str | None
) -> str:
    """The whole document; `charts` and `questions` are names of files beside it."""
    parts = [_head(systems, left_out)]
    if questions:
        parts.append(f"Questions of the papers, answered pair by pair: [{questions}]({questions}).")
    for task, heading in _TASKS.items():
        of_task = [system for system in systems if system.task == task]
        if of_task:
            parts += _task(task, heading, of_task)
    parts += _published([system for system in systems if system.text("published")])
    if charts:
        pictures = "\n\n".join(f"![{name.removesuffix('.png')}]({name})" for name in charts)
        parts += ["## Charts", pictures]
    return "\n\n".join(parts) + "\n"


def shown(figure: Figure | None, digits: int = 3) -> str:
    """A figure as a cell has it.

    >>> shown(Figure(0.5, 0.01, (0.4, 0.6)))
    '0.500 ± 0.010 (0.400 to 0.600)'
    """
    if figure is None:
        return DASH
    text = number(figure.value, digits)
    if figure.deviation is not None:
        text += f" ± {number(figure.deviation, digits)}"
    if figure.interval is not None:
        low, high = figure.interval
        text += f" ({number(low, digits)} to {number(high, digits)})"
    return text


def training_hours(results: Iterable[Result]) -> float:
    """Of processor time; a stacked system has no parameters, and its networks count already."""
    seconds = (e.get("train_seconds") for e in results if e.get("parameters") is not None)
    return sum(s for s in seconds if s) / 3600


def _head(systems: Sequence[System], left_out: int) -> str:
    entries = [entry for system in systems for entry in system.entries]
    first = entries[0]
    labels = next((entry["labels"] for entry in entries if entry.get("labels")), ())
    rows = [
        ("data set", first.get("dataset") or DASH),
        ("data set, SHA-256", first.get("data") or DASH),
        ("test tracks", _test_tracks(systems)),
        ("genres", ", ".join(labels) or DASH),
        ("systems", len(systems)),
        ("runs (systems and seeds)", len(entries)),
        ("CPU hours of training, together", f"{training_hours(entries):.1f}"),
    ]
    if left_out:
        rows.append(("results of other data, left out here", left_out))
    return "\n\n".join(
        [
            "# Systems of the literature under one protocol",
            table(["what", "which"], rows),
            "Every system learns from the same training tracks, 16 kHz mono, and says its "
            "probabilities for a track as the mean over the segments that it reads. The test "
            "tracks were opened once for each system and seed, when it was trained; nothing was "
            "chosen on them.",
            "In brackets the 95 % bootstrap interval over tracks, 2,000 draws: with several seeds "
            "of their mean, after ± their standard deviation. The interval says nothing of what "
            "another seed would give; only ± does.",
        ]
    )


def _test_tracks(systems: Sequence[System]) -> str:
    counts = {(s.task, int(e["tracks"])) for s in systems for e in s.entries if e.get("tracks")}
    return ", ".join(f"{tracks} ({task})" for task, tracks in sorted(counts)) or DASH


def _task(task: str, heading: str, systems: Sequence[System]) -> list[str]:
    measures = _TAG_FIGURES if task == "tags" else _FIGURES
    rows = [
        (*_who(system), len(system.entries), *(_cell(system, m) for m in measures))
        for system in systems
    ]
    header = ["section", "system", "source", "seeds", *measures.values()]
    parts = [f"## {heading}", "### Figures", _table(header, rows)]
    parts += [_NOTE] if task == "genre" else _tags(systems)
    parts += _carried([system for system in systems if system.each("accuracy_carried")])
    return [*parts, "### Cost", _table(_COSTS, map(_cost, systems), left=2), _COST_NOTE]


def _who(system: System) -> tuple[str, str, str]:
    return str(system.section), _name(system), system.text("source") or DASH


def _name(system: System) -> str:
    title = system.text("title")
    return f"`{system.name}`: {title}" if title else f"`{system.name}`"


def _cell(system: System, measure: str) -> str:
    figure = system.figure(measure)
    if figure and measure not in ("accuracy", "roc_auc", "pr_auc"):
        figure = Figure(figure.value, figure.deviation)  # an interval a cell would fill the page
    return shown(figure)


def _cost(system: System) -> tuple[str, ...]:
    parameters = system.value("parameters")
    return (
        str(system.section),
        f"`{system.name}`",
        DASH if parameters is None else f"{parameters:,.0f}",
        _scaled(system, "macs_per_second", 1e6, 1),
        _scaled(system, "cpu_seconds_per_second", 1e-3, 2),
        _scaled(system, "train_seconds", 60, 1),
        _scaled(system, "passes", 1, 1),
        system.text("narrowed") or DASH,
    )


def _scaled(system: System, measure: str, unit: float, digits: int) -> str:
    value = system.value(measure)
    return number(None if value is None else value / unit, digits)


def _carried(systems: Sequence[System]) -> list[str]:
    if not systems:
        return []
    rows = [(_name(s), *(shown(s.figure(m)) for m in _CARRIED)) for s in systems]
    return ["### State carried through the track", table(["accuracy", *_CARRIED.values()], rows)]


def _tags(systems: Sequence[System]) -> list[str]:
    """Each tag: how often it is true, and how well the systems find it."""
    found: dict[str, list[dict[str, Any]]] = {}
    for system in systems:
        for entry in system.entries:
            for tag, figures in (entry.get("tags") or {}).items():
                found.setdefault(tag, []).append(figures)
    rows = []
    for tag, every in found.items():
        areas = [f["roc_auc"] for f in every if f.get("roc_auc") is not None]
        some = every[0]
        spread = (sum(areas) / len(areas), min(areas), max(areas)) if areas else (None,) * 3
        counts = (some.get("positives", DASH), some.get("tracks", DASH))
        rows.append((tag, *counts, *(number(area) for area in spread)))
    if not rows:
        return []
    header = ["tag", "tracks with it", "of", "ROC-AUC, mean over runs", "lowest", "highest"]
    return ["### Tag by tag", table(header, rows)]


def _published(systems: Sequence[System]) -> list[str]:
    if not systems:
        return []
    rows = []
    for system in systems:
        measure = "roc_auc" if system.task == "tags" else "accuracy"
        ours = shown(system.figure(measure))
        if system.task == "tags" and ours != DASH:
            ours = f"ROC-AUC {ours}"
        who = f"`{system.name}` ({system.text('source') or DASH})"
        rows.append((who, system.text("published"), ours, system.text("why") or DASH))
    header = ["system", "published", "ours", "why they differ"]
    note = "Accuracy where nothing else is said. Other data, other genres: not a ranking."
    return ["## Published beside ours", _table(header, rows, left=4), note]


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]], left: int = 3) -> str:
    """A table whose first columns are words."""
    head, _, *body = table(header, rows).split("\n")
    return "\n".join([head, "|" + "---|" * left + "---:|" * (len(header) - left), *body])
