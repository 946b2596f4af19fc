"""The rows of the table: a system, its training here, and its published figures.

A file in `rows/` has `section`, `source`, an optional config `[base]`, and entries `[[row]]` whose
config overrides it. A row without `kind` is a network, for genres or tags. `baseline` and
`stacking` rows are fitted without a network of their own. `committed` rows (networks of this
project) and `released` rows are not trained here.
"""

from __future__ import annotations

import copy
import fnmatch
import functools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from streamgenre.networks import build
from streamgenre.networks.segment import SegmentNetwork

from ..config import Config, config_names, config_path, override, read_config, validated
from ..data import DataError

ROWS = Path(__file__).parent / "rows"
_COMMON = "common.toml"
_OWN = {"system", "title", "source", "published", "why", "kind", "seeds", "narrowed", "entries"}


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    section: int
    system: str  # unique; names folders and files
    title: str
    source: str  # authors, year
    published: str  # figure with its data set
    why: str  # reason for the difference from our figure
    kind: str = "network"  # network | baseline | stacking | committed | released
    seeds: tuple[int, ...] = (1,)
    narrowed: str = ""  # parts that are smaller here than published
    changes: tuple[str, ...] = ()  # overridden config entries
    entries: Mapping[str, Any] = field(default_factory=dict)
    """Config entries of a network; for other kinds, the settings that `kinds/KIND.py` reads."""

    @property
    def words(self) -> dict[str, str]:
        """Texts of the row that are repeated in its results."""
        return {w: getattr(self, w) for w in ("title", "source", "published", "why", "narrowed")}

    @property
    def task(self) -> str:
        """genre or tags."""
        return str(self.entries.get("task", "genre"))

    def config(self, seed: int) -> Config:
        """The config of a network; see `completed`."""
        entries = completed(self.entries)
        entries.setdefault("run", {})["seed"] = seed
        return validated(entries)


def completed(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Set hop and excerpt length to the length of the network's segment unless they are given.

    Raises DataError for an invalid network.
    """
    whole = copy.deepcopy(dict(entries))
    try:
        network = build(whole["network"] | {"classes": 2})
    except (TypeError, ValueError) as error:
        raise DataError(f"config entry network: {error}") from None
    if isinstance(network, SegmentNetwork):
        seconds = network.window / 16_000
        given = whole.setdefault("sequences", {})
        given |= {"hops": [seconds], "stretch": [seconds, seconds]} | given
    return whole


def find_config(name: str, changes: Sequence[str] = ()) -> Config:
    """The config of a bundled name, of a TOML file, or of a network of the table.

    `changes` are as in `read_config`. Raises DataError that names the error and the valid choices.
    """
    if config_path(name).is_file():
        return read_config(name, changes)
    row = next((r for r in all_rows() if r.system == name and r.kind == "network"), None)
    if row is None:
        raise DataError(
            f"{name}: no such config; a path to a .toml file, one of {', '.join(config_names())}, "
            "or a network of `experiments --list`"
        )
    return validated(completed(_with(row.entries, changes)))


@functools.cache
def all_rows() -> tuple[Row, ...]:
    """Every row, by section."""
    common = tomllib.loads((ROWS / _COMMON).read_text(encoding="utf-8"))
    rows = []
    for path in sorted(ROWS.glob("[0-9]*.toml")):
        file = tomllib.loads(path.read_text(encoding="utf-8"))
        base = _merged(common, file.get("base", {}))
        for entry in file["row"]:
            rows.append(_row(file, base, entry))
    names = [row.system for row in rows]
    if len(set(names)) != len(names):
        raise ValueError(f"two systems in {ROWS} have the same name")
    return tuple(rows)


def chosen_rows(patterns: Sequence[str]) -> tuple[Row, ...]:
    """Select rows by name, pattern ("choi-*") or section ("9"); by default all of them.

    Raises DataError if a pattern matches no row.
    """
    rows = all_rows()
    if not patterns:
        return rows
    chosen: dict[str, Row] = {}
    for pattern in patterns:
        own = [r for r in rows if pattern == str(r.section) or fnmatch.fnmatch(r.system, pattern)]
        if not own:
            raise DataError(f"{pattern}: no such system or section; --list shows them")
        chosen |= {row.system: row for row in own}
    return tuple(chosen.values())


def changed_rows(rows: Sequence[Row], changes: Sequence[str]) -> tuple[Row, ...]:
    """Return the networks among the rows, with overridden config entries as in `read_config`.

    Raises DataError for an invalid change.
    """
    narrowed = f"otherwise than in the table: {', '.join(changes)}"
    return tuple(
        replace(row, entries=_with(row.entries, changes), narrowed=narrowed, changes=tuple(changes))
        for row in rows
        if row.kind == "network"
    )


def _with(entries: Mapping[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """A copy of config entries with changes."""
    copied = copy.deepcopy(dict(entries))
    for change in changes:
        override(copied, change)
    return copied


def _row(file: Mapping[str, Any], base: Mapping[str, Any], entry: Mapping[str, Any]) -> Row:
    own = {key: value for key, value in entry.items() if key in _OWN}
    kind = str(own.get("kind", "network"))
    if kind == "network":
        entries = _merged(base, {k: v for k, v in entry.items() if k not in _OWN})
    else:
        entries = dict(own["entries"])
    return Row(
        section=int(file["section"]),
        system=own["system"],
        title=own["title"],
        source=str(own.get("source", file["source"])),
        published=str(own.get("published", file.get("published", ""))),
        why=str(own.get("why", file.get("why", ""))),
        kind=kind,
        seeds=tuple(own.get("seeds", file.get("seeds", (1,)))),
        narrowed=str(own.get("narrowed", file.get("narrowed", ""))),
        entries=entries,
    )


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(dict(below))
    for key, value in above.items():
        deeper = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if deeper else copy.deepcopy(value)
    return merged
