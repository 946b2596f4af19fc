"""The questions with their answers as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from streamgenre.files import replace_bytes

from ...evaluation.presentation import number, p_value, table
from ..questions import LEVEL, MEASURES, SEEDS, Compared, Question, answered, seeds_apart, sign
from ..systems import System, each_seed
from .tags import tag_answers

_WORDS = {"accuracy": "accuracy", "roc_auc": "ROC-AUC"}


def write_questions(systems: Sequence[System], folder: Path) -> Path | None:
    """Write questions.md for all pairs with results; None if there are none."""
    found = answered(systems)
    if not found:
        return None
    path = folder / "questions.md"
    apart = seeds_apart(each_seed(system, folder) for system in systems)
    parts = [document(found, *apart), *tag_answers(systems)]
    replace_bytes(path, ("\n\n".join(parts) + "\n").encode())
    return path


def document(found: Mapping[Question, Sequence[Compared]], shown: int, pairs: int) -> str:
    """All questions with tables and answers; `shown` and `pairs`: see `seeds_apart`."""
    parts = [
        "# Questions of the papers",
        "Genres: differences in accuracy and macro recall on the same test tracks, paired, with "
        "their 95 % bootstrap interval over tracks; passes: how often each heard the training "
        "music, which a difference may come from, too. Tags: differences in ROC-AUC, paired tag by "
        "tag, with the interval over tags. p is of Welch's t-test over seeds, where both sides "
        f"have {SEEDS} and more. An interval holds for the networks that were trained: it says "
        "nothing of what other seeds would give. Two seeds of one system, compared in the same "
        f"way, are shown as different in {shown} of {pairs} pairs: so often a difference "
        "without a p may be one of seeds alone.",
    ]
    for question, compared in found.items():
        parts += [f"## {question.ask}", _sources(question)]
        for task in MEASURES:
            if of_task := [c for c in compared if c.system.task == task]:
                parts += [_table(of_task, task), answer(question, of_task)]
    return "\n\n".join(part for part in parts if part)


def answer(question: Question, compared: Sequence[Compared]) -> str:
    """One sentence with the differences that the intervals show."""
    words = {1: question.better, -1: question.worse, 0: "no difference shown"}
    parts = []
    for direction, verdict in words.items():
        named = len(compared) > 1 or question.better == Question.better
        found = [_figure(c, named) for c in compared if c.direction == direction]
        if found:
            parts.append(f"{verdict}: {', '.join(found)}")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _figure(compared: Compared, named: bool) -> str:
    figure = compared.difference.signed()
    # Tests over tracks and over seeds, or the two metrics, may disagree. Then both are given.
    doubts = []
    if compared.direction:
        if compared.p is None:
            doubts.append("not tested over seeds")
        elif compared.p >= LEVEL:
            doubts.append(f"no more than seeds differ, p {compared.p:.2f}")
    if compared.macro_recall and sign(compared.macro_recall) != compared.direction:
        middle, low, high = compared.macro_recall
        doubts.append(f"macro recall {middle:+.3f}, {low:+.3f} to {high:+.3f}")
    text = "; ".join([figure.removesuffix(")"), *doubts]) + ")"
    if named:
        text = f"`{compared.system.name}` against `{compared.against.name}` {text}"
    return text


def _sources(question: Question) -> str:
    sources = {"Of": question.source, "Published:": question.published}
    return " ".join(f"{words} {text}." for words, text in sources.items() if text)


def _table(compared: Sequence[Compared], task: str) -> str:
    measure = MEASURES[task]
    rows = [
        (
            f"`{c.system.name}` against `{c.against.name}`",
            f"{len(c.system.entries)}, {len(c.against.entries)}",
            f"{number(c.system.value('passes'), 1)}, {number(c.against.value('passes'), 1)}",
            f"{number(c.system.value(measure))}, {number(c.against.value(measure))}",
            c.difference.signed(),
            *([c.macro_recall.signed()] if c.macro_recall else []),
            p_value(c.p),
        )
        for c in compared
    ]
    header = ["systems", "seeds", "passes", _WORDS[measure], f"difference in {_WORDS[measure]}"]
    header += ["in macro recall", "p"] if task == "genre" else ["p"]
    return table(header, rows)
