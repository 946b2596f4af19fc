"""Detect the kind of an input of `streamgenre report` by its first line."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from ...errors import InputError, reason
from ...parse import parse_json
from ..row import columns

InputKind = Literal["scan", "radio"]

_MAX_LINE = 1 << 24  # bytes; rows of long recordings have many segments


def _is_row(record: Mapping[str, object]) -> bool:
    return {"path", "status", "genre"} <= {*record} <= {*columns(())} | _labels(record)


def _labels(record: Mapping[str, object]) -> set[str]:
    return {name for name in record if name.startswith("probability_")}


def _is_radio(record: Mapping[str, object]) -> bool:
    return {"clock", "station", "url", "status"} <= {*record}


_JSON_LINES: dict[InputKind, Callable[[Mapping[str, object]], bool]] = {
    "scan": _is_row,
    "radio": _is_radio,
}
"""Kind -> function that tests the first line."""


def input_kind(path: str | os.PathLike[str]) -> InputKind:
    """Detect the kind of a file. Raises InputError if it is missing or of an unknown kind."""
    file = Path(path)
    if file.suffix.lower() != ".jsonl":
        return "scan"
    try:
        with file.open("rb") as opened:
            line = opened.readline(_MAX_LINE)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {reason(error)}") from None
    if not line.strip():
        return "scan"  # a table without rows
    try:
        record = parse_json(line)
        for kind, matches in _JSON_LINES.items():
            if isinstance(record, dict) and matches(record):
                return kind
    except ValueError:
        pass
    raise InputError(
        f"{path}: it is not the table of a scan or a log of radio stations; pass a file written by "
        "streamgenre scan or streamgenre radio"
    )
