"""Parse JSON from files of unknown origin, with limits on its length and nesting."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

LONGEST = 1 << 28
"""Default limit of characters (or bytes)."""
DEEPEST = 64
"""Lists and objects inside each other, for files that are read once, such as cards."""

_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*+"?+', re.S)
_BRACKETS = re.compile(r"[\[\]{}]")


def parse_json(text: str | bytes, longest: int = LONGEST, deepest: int | None = None) -> Any:
    """The value of a JSON text; ValueError for any text that is not JSON.

    The standard library also accepts NaN and Infinity, which JSON does not have, and raises
    RecursionError for text that is nested too deeply.

    `deepest`: limit of the nesting; None leaves it to Python, whose versions differ.

    >>> parse_json('{"genre": "jazz"}')
    {'genre': 'jazz'}
    >>> parse_json("[" * 100_000)
    Traceback (most recent call last):
    ValueError: the JSON text is nested too deeply
    >>> parse_json("NaN")
    Traceback (most recent call last):
    ValueError: NaN is not a number in JSON
    """
    if len(text) > longest:
        raise ValueError(f"longer than {longest} characters")
    if deepest is not None:
        text = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        _check_depth(text, deepest)
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("the JSON text is nested too deeply") from None


def _check_depth(text: str, deepest: int) -> None:
    depth = 0
    for bracket in _BRACKETS.finditer(_STRINGS.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > deepest:
            raise ValueError(f"nested more than {deepest} deep")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number in JSON")
