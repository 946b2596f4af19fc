"""The results as a Markdown document: metrics, costs, and published figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from ...evaluation.presentation import number, table
from ..results import Entry
from ..systems import Figure, System, labels_of
from .tags import tag_tables

DASH = "–"
_ASIDE = "points stand a little aside of each other"
_CAPTIONS = {
    "accuracy": "Accuracy of every system, by section.",
    "parameters": "Accuracy against parameters; named are systems two points better than every "
    "smaller one.",
    "cost": "Accuracy against multiply-adds; named are systems two points better than every "
    "cheaper one.",
    "genres": "Recall of every genre by every system.",
    "confusion": "What each section's most accurate system on test takes the genres for; the "
    "shade goes with the square root of the share.",
    "choi-parameters": f"The four networks of Choi et al. at equal parameters, genres; {_ASIDE}.",
    "choi-tags-parameters": f"The same networks at equal parameters, tags; {_ASIDE}.",
    "choi-time": f"The same networks by the time that a pass of training takes; {_ASIDE}.",
}
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
    "mean over tracks; the same as the accuracy where a track is one segment."
)
_COST_NOTE = (
    "Multiply-adds: of convolutions, linear and recurrent layers, for a second of audio; without "
    "the spectra and resampling before them. CPU: time of one core for a second of audio, all "
    "included (of classical models all features are measured, a part of which costs as much); it "
    "and the training time are of the machine that `results.json` names for each run. "
    "Passes: how often the training music was heard, in length."
)


def document(systems: Sequence[System], charts: Sequence[str], questions: str | None) -> str:
    """The whole document; `charts` and `questions`: names of files beside it."""
    parts = [_head(systems)]
    if questions:
        parts.append(f"Questions of the papers, answered pair by pair: [{questions}]({questions}).")
    for task, heading in _TASKS.items():
        of_task = [system for system in systems if system.task == task]
        if of_task:
            parts += _task(task, heading, of_task)
    parts += _published(systems)
    if charts:
        parts.append("## Charts")
        for name in charts:
            caption = _CAPTIONS[name.removesuffix(".png")]
            parts += [caption, f"![{caption.rstrip('.')}]({name})"]
    return "\n\n".join(parts) + "\n"


def shown(figure: Figure | None, digits: int = 3) -> str:
    """Format a figure for a table cell.

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


def training_hours(results: Iterable[Entry]) -> float:
    """Processor time of all training; stacked systems are left out, as their parts are counted."""
    counted = (e for e in results if not e.networks)
    return sum((e.train_seconds or 0) for e in counted) / 3600


def _head(systems: Sequence[System]) -> str:
    entries = [entry for system in systems for entry in system.entries]
    first = entries[0]
    rows = [
        ("data set", first.dataset or DASH),
        ("data set, SHA-256", first.data or DASH),
        ("test tracks", _test_tracks(systems)),
        ("genres", ", ".join(labels_of(systems)) or DASH),
        ("systems", len(systems)),
        ("runs (systems and seeds)", len(entries)),
        ("CPU hours of training, together", f"{training_hours(entries):.1f}"),
        ("machines", _machines(entries)),
    ]
    return "\n\n".join(
        [
            "# Systems of the literature under one protocol",
            table(["what", "which"], rows),
            "Every system trained here learns from the same training tracks, 16 kHz mono (the SVM "
            "over several networks from what they say of the validation tracks), and says of a "
            "track the mean of what it says of the segments that it reads. The test tracks were "
            "opened once for each system and seed, after its training, and again where one was "
            "mended (training/README.md); nothing was chosen on them. "
            "This project's own networks (section 0) were pretrained on other music, and of some "
            "of them the test figures had been seen when one was bundled.",
            "In brackets the 95 % bootstrap interval over tracks, 2,000 draws: with several seeds "
            "of their mean, after ± their standard deviation. The interval says nothing of what "
            "another seed would give; only ± does (0.000: the model does not depend on the seed).",
        ]
    )


def _machines(entries: Iterable[Entry]) -> str:
    """Processors with their numbers of runs; old entries do not contain the processor."""
    counts = Counter((e.machine or "not noted").split(",")[0] for e in entries)
    return "; ".join(f"{name}: {runs} runs" for name, runs in counts.most_common())


def _test_tracks(systems: Sequence[System]) -> str:
    counts = {(s.task, e.tracks) for s in systems for e in s.entries if e.tracks}
    return ", ".join(f"{tracks} ({task})" for task, tracks in sorted(counts)) or DASH


def _task(task: str, heading: str, systems: Sequence[System]) -> list[str]:
    measures = _TAG_FIGURES if task == "tags" else _FIGURES
    rows = [
        (*_who(system), len(system.entries), *(_cell(system, m) for m in measures))
        for system in systems
    ]
    header = ["section", "system", "source", "seeds", *measures.values()]
    parts = [f"## {heading}", "### Figures", _table(header, rows)]
    parts += [_NOTE] if task == "genre" else tag_tables(systems)
    parts += _carried([system for system in systems if system.each("accuracy_carried")])
    parts += ["### Cost", _table(_COSTS, map(_cost, systems), left=2), _COST_NOTE]
    return parts + _elsewhere(systems)


def _elsewhere(systems: Sequence[System]) -> list[str]:
    """A sentence about the systems that were not trained here."""
    listed = [
        f"`{system.name}` {system.text('budget')}"
        for system in systems
        if system.text("budget") and system.value("train_seconds") is None
    ]
    return [f"Not trained here: {'; '.join(listed)}."] if listed else []


def _who(system: System) -> tuple[str, str, str]:
    return str(system.section), _name(system), system.text("source") or DASH


def _name(system: System) -> str:
    title = system.text("title")
    return f"`{system.name}`: {title}" if title else f"`{system.name}`"


def _cell(system: System, measure: str) -> str:
    figure = system.figure(measure)
    if figure and measure not in ("accuracy", "roc_auc", "pr_auc"):
        figure = Figure(figure.value, figure.deviation)  # without interval, to save space
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


def _published(systems: Sequence[System]) -> list[str]:
    rows = []
    for system in systems:
        if not any(letter.isdigit() for letter in system.text("published")):
            continue  # a text without a figure
        measure = "roc_auc" if system.task == "tags" else "accuracy"
        ours = shown(system.figure(measure))
        if system.task == "tags" and ours != DASH:
            ours = f"ROC-AUC {ours}"
        who = f"`{system.name}` ({system.text('source') or DASH})"
        rows.append((who, system.text("published"), ours, system.text("why") or DASH))
    if not rows:
        return []
    header = ["system", "published", "ours", "why they differ"]
    note = "Accuracy where nothing else is said. Other data, other genres: not a ranking."
    return ["## Published beside ours", _table(header, rows, left=4), note]


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]], left: int = 3) -> str:
    """A table whose first `left` columns are aligned to the left."""
    head, _, *body = table(header, rows).split("\n")
    return "\n".join([head, "|" + "---|" * left + "---:|" * (len(header) - left), *body])
