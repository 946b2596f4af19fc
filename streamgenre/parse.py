"""Parse JSON from files of unknown origin."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text; ValueError for any text that is not JSON.

    The standard library also accepts NaN and Infinity, which JSON does not have, and raises
    RecursionError for text that is nested too deeply.

    >>> parse_json('{"genre": "jazz"}')
    {'genre': 'jazz'}
    >>> parse_json("[" * 100_000)
    Traceback (most recent call last):
    ValueError: the JSON text is nested too deeply
    >>> parse_json("NaN")
    Traceback (most recent call last):
    ValueError: NaN is not a number in JSON
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("the JSON text is nested too deeply") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number in JSON")
