"""`compare`: compare models by their predictions, or recompute the metrics of one file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streamgenre.files import replace_bytes

from ..data.record import DataError
from .options import FILE, check_outputs

if TYPE_CHECKING:
    from ..evaluation.compare import PairedDifference, SideBySide

_SPLITS = ("test", "valid", "train", "all")  # for a folder, the first that exists


@click.command()
@click.argument("systems", nargs=-1, required=True)
@click.option("-o", "--output", type=FILE, help="Also write the tables as Markdown.")
@click.option("--json", "figures", type=FILE, help="Also write the figures as JSON.")
def command(systems: tuple[str, ...], output: Path | None, figures: Path | None) -> None:
    """Print the accuracy of each of SYSTEMS, and the differences from the first.

    A system is a file of predictions or a folder written by `evaluate` (its test split at the
    longest hop). Name it with NAME=PATH, and give several seeds as NAME=PATH,PATH,... A single file
    gives its published figures. Only tracks that are in all files are compared.
    """
    from ..evaluation.compare import compare_systems

    given = parse(systems)
    outputs = [path for path in (output, figures) if path is not None]
    check_outputs(outputs, [path for paths in given.values() for path in paths])
    comparison = compare_systems(given)
    text = tables(comparison)
    click.echo(text)
    if output is not None:
        replace_bytes(output, f"{text}\n".encode())
    if figures is not None:
        replace_bytes(
            figures, f"{json.dumps(comparison.to_json(), indent=1, allow_nan=False)}\n".encode()
        )


def parse(systems: Sequence[str]) -> dict[str, list[Path]]:
    """Map names to files. The default name is that of the folder, or the path if ambiguous."""
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
    by_name: dict[str, list[Path]] = {}
    for name, paths in given:
        called = name or paths[0].resolve().parent.name
        if not name and folders[called] > 1:
            called = str(paths[0].with_suffix(""))
        if called in by_name:
            raise click.UsageError(f"two systems have the name {called}; use NAME=PATH")
        by_name[called] = paths
    return by_name


def _predictions(path: Path) -> Path:
    """The file itself; for a folder, the longest hop of the first existing split."""
    if not path.is_dir():
        return path
    for split in _SPLITS:
        if hops := [file for file in path.glob(f"{split}-*.csv") if _hop(file) is not None]:
            return max(hops, key=lambda file: _hop(file) or 0.0)
    raise DataError(f"{path}: contains no predictions (such as test-2.5.csv); give a file")


def _hop(file: Path) -> float | None:
    try:
        return float(file.stem.partition("-")[2])
    except ValueError:
        return None


def tables(comparison: SideBySide) -> str:
    """Format the comparison as Markdown, which is also readable in a terminal."""
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
    """Macro recall over groups of genres, and the paired differences."""
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
