"""The rows of the table: a system, how it is trained here, and what was published of it.

A file of `rows/` has `section`, `source`, an optional `[base]` config, and `[[row]]` entries whose
config is laid over it. A row without a `kind` is a network, whose task may be tags; `baseline` and
`stacking` rows are not trained by updates, `committed` (our own networks) and `released` ones not
here.
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
    """One line of the table."""

    section: int
    system: str  # unique; names folders and files
    title: str
    source: str  # authors, year
    published: str  # figure with its data set
    why: str  # why ours differs from it
    kind: str = "network"  # network | baseline | stacking | committed | released
    seeds: tuple[int, ...] = (1,)
    narrowed: str = ""  # what was made smaller here than published
    changes: tuple[str, ...] = ()  # config entries set otherwise than the table has them
    entries: Mapping[str, Any] = field(default_factory=dict)
    """Config entries of a network; of others what their module (`KIND_row.py`) reads."""

    @property
    def words(self) -> dict[str, str]:
        """What results repeat of the row."""
        return {w: getattr(self, w) for w in ("title", "source", "published", "why", "narrowed")}

    @property
    def task(self) -> str:
        """genre or tags."""
        return str(self.entries.get("task", "genre"))

    def config(self, seed: int) -> Config:
        """The config of a network row; hops and stretches are its segment where it has one."""
        entries = completed(self.entries)
        entries.setdefault("run", {})["seed"] = seed
        return validated(entries)


def completed(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Config entries with hop and stretch of the network's segment, where they are not given.

    Raises DataError where the network cannot be.
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

    `changes` are as in `read_config`. Raises DataError naming what is wrong and what there is.
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
        raise ValueError(f"a system stands twice in {ROWS}")
    return tuple(rows)


def chosen_rows(patterns: Sequence[str]) -> tuple[Row, ...]:
    """Rows by name or pattern ("choi-*") or section ("9"); all without any.

    Raises DataError where a pattern meets no row.
    """
    rows = all_rows()
    if not patterns:
        return rows
    found: dict[str, Row] = {}
    for pattern in patterns:
        met = [r for r in rows if pattern == str(r.section) or fnmatch.fnmatch(r.system, pattern)]
        if not met:
            raise DataError(f"{pattern}: no such system or section; --list shows them")
        found |= {row.system: row for row in met}
    return tuple(found.values())


def changed_rows(rows: Sequence[Row], changes: Sequence[str]) -> tuple[Row, ...]:
    """The networks among rows with config entries changed, as `read_config` takes them.

    Raises DataError where a change is none.
    """
    found = []
    for row in rows:
        if row.kind == "network":
            entries = _with(row.entries, changes)
            narrowed = f"otherwise than in the table: {', '.join(changes)}"
            found.append(replace(row, entries=entries, narrowed=narrowed, changes=tuple(changes)))
    return tuple(found)


def _with(entries: Mapping[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """A copy of config entries, with changes."""
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
