"""What a file is that somebody wants a report of: its first line tells.

A kind of input is a function that says whether the first line is one of its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from ...errors import InputError, reason
from ..row import columns

InputKind = Literal["scan", "radio"]

_LONGEST = 1 << 24  # bytes of a first line: a row with the segments of a day


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


def kind_of(path: str | os.PathLike[str]) -> InputKind:
    """The kind of an input. Raises InputError if the file is missing or of no known kind."""
    file = Path(path)
    if file.suffix.lower() != ".jsonl":
        return "scan"
    try:
        with file.open("rb") as opened:
            line = opened.readline(_LONGEST)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {reason(error)}") from None
    if not line.strip():
        return "scan"  # without rows
    try:
        record = json.loads(line)
        for kind, is_one in _JSON_LINES.items():
            if isinstance(record, dict) and is_one(record):
                return kind
    except ValueError:
        pass
    raise InputError(
        f"{path}: it is not a result of a scan, nor a log of radio stations; give a file that "
        "streamgenre scan or streamgenre radio wrote"
    )
