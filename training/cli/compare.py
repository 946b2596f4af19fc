"""`compare`: models side by side from their predictions; one file alone gives its figures again."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..data.record import DataError

if TYPE_CHECKING:
    from ..evaluation.compare import PairedDifference, SideBySide

_SPLITS = ("test", "valid", "train", "all")  # which a folder stands for, the first that it has


@click.command()
@click.argument("systems", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the tables as Markdown, too.",
)
@click.option(
    "--json",
    "figures",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the figures as JSON, too.",
)
def command(systems: tuple[str, ...], output: Path | None, figures: Path | None) -> None:
    """Accuracy per track of each of SYSTEMS, and differences against the first.

    A system is a file of predictions or a folder that `evaluate` wrote (its test split, longest
    hop), named NAME=PATH if you like; several seeds are NAME=PATH,PATH,... One file alone gives
    its published figures again. Only tracks that are in all files count.
    """
    from ..evaluation.compare import compare_systems

    given = parse(systems)
    outputs = [path for path in (output, figures) if path is not None]
    check_outputs(outputs, [path for paths in given.values() for path in paths])
    comparison = compare_systems(given)
    text = tables(comparison)
    click.echo(text)
    if output is not None:
        _write(output, text)
    if figures is not None:
        _write(figures, json.dumps(comparison.to_json(), indent=1))


def check_outputs(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Refuse before the work what could not or should not be written."""
    taken = {path.resolve() for path in inputs}
    for path in outputs:
        if not path.parent.is_dir():
            raise DataError(f"{path}: no folder {path.parent} to write it to; make it first")
        if path.resolve() in taken:
            raise DataError(
                f"{path}: is an input or the other output of this command; give another name"
            )
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise DataError(f"{path}: cannot be written; give another place")
        taken.add(path.resolve())


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from None


def parse(systems: Sequence[str]) -> dict[str, list[Path]]:
    """Name -> files, in order; a name that is not given is the folder's, or the path if needed."""
    given: list[tuple[str, list[Path]]] = []
    for text in systems:
        name, sign, rest = text.partition("=")
        if not sign or Path(text).exists():
            name, rest = "", text
        paths = [Path(text)] if Path(text).exists() else [Path(p) for p in rest.split(",") if p]
        given.append((name, [_predictions(path) for path in paths]))
    if any(not paths for _, paths in given):
        raise click.UsageError("a system needs a file: NAME=PATH")
    folders = Counter(name or paths[0].resolve().parent.name for name, paths in given)
    found: dict[str, list[Path]] = {}
    for name, paths in given:
        called = name or paths[0].resolve().parent.name
        if not name and folders[called] > 1:
            called = str(paths[0].with_suffix(""))
        if called in found:
            raise click.UsageError(f"two systems are called {called}; name them NAME=PATH")
        found[called] = paths
    return found


def _predictions(path: Path) -> Path:
    """The file itself, or of a folder the one at the longest hop of the first known split."""
    if not path.is_dir():
        return path
    for split in _SPLITS:
        if hops := [file for file in path.glob(f"{split}-*.csv") if _hop(file) is not None]:
            return max(hops, key=lambda file: _hop(file) or 0.0)
    raise DataError(f"{path}: no predictions there (test-2.5.csv, say); name a file")


def _hop(file: Path) -> float | None:
    try:
        return float(file.stem.partition("-")[2])
    except ValueError:
        return None


def tables(comparison: SideBySide) -> str:
    """The result as Markdown, which also reads well in a terminal."""
    from ..evaluation.metrics import MEASURES
    from ..evaluation.presentation import table

    words = ["accuracy", "macro recall", "top 2"]
    left_out = comparison.left_out or {}
    rows = [
        (name, s.seeds, left_out[name], *(s[m] for m in MEASURES))
        for name, s in comparison.systems.items()
    ]
    parts = [
        f"{comparison.tracks} tracks in common; 95 % bootstrap intervals over tracks.",
        table(["system", "seeds", "tracks left out", *words], rows),
    ]
    spread = [
        (name, *(f"{of[m].mean:.3f} ± {of[m].standard_deviation:.3f}" for m in MEASURES))
        for name, s in comparison.systems.items()
        if (of := s.over_seeds)
    ]
    if spread:
        parts += ["Mean ± standard deviation over seeds:", table(["system", *words], spread)]
    if comparison.differences:
        differences = [
            (name, *(_difference(d[m]) for m in MEASURES))
            for name, d in comparison.differences.items()
        ]
        parts += [
            f"Against {comparison.against}, paired; in brackets the share of draws above zero:",
            table(["system", *words], differences),
        ]
    if comparison.groups:
        parts += _groups(comparison)
    return "\n\n".join(parts)


def _groups(comparison: SideBySide) -> list[str]:
    """Macro recall over named groups of genres, and the paired differences."""
    from ..evaluation.presentation import table

    rows = [
        (
            f"{group}: {name}",
            g.tracks,
            g.genres,
            system.macro_recall,
            _difference(g.differences[name]["macro_recall"]) if name in g.differences else "",
        )
        for group, g in comparison.groups.items()
        for name, system in g.systems.items()
    ]
    header = ["group", "tracks", "genres", "macro recall"]
    header.append(f"against {comparison.against}, paired")
    return ["Macro recall over groups of genres:", table(header, rows)]


def _difference(paired: PairedDifference) -> str:
    from ..evaluation.presentation import number

    return f"{paired.difference.signed()} [{number(paired.above_zero)}]"
