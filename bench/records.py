"""Conversion between dataclasses of results and JSON.

The keys are the names of the fields, or `key` in the metadata of a field. Fields that are None by
default are left out when they are None. Only the standard library is used, because most
measurements need no optional package.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping, Sequence
from typing import Any, Union, get_args, get_origin, get_type_hints


def _key(field: dataclasses.Field[Any]) -> str:
    return str(field.metadata.get("key", field.name))


def to_json(value: object) -> object:
    """Convert dataclasses, mappings and sequences of them to what `json.dumps` accepts."""
    if dataclasses.is_dataclass(value):
        entries = ((field, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {
            _key(field): to_json(entry)
            for field, entry in entries
            if entry is not None or field.default is not None
        }
    if isinstance(value, Mapping):
        return {str(key): to_json(entry) for key, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [to_json(entry) for entry in value]
    return value


def from_json(kind: Any, value: Any) -> Any:
    """Convert the output of `to_json` to a type: a dataclass, dict, list, tuple, union or scalar.

    Raises TypeError or KeyError if the value does not match.
    """
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        fields = {_key(field): field.name for field in dataclasses.fields(kind)}
        entries = {fields[key]: from_json(hints[fields[key]], item) for key, item in value.items()}
        return kind(**entries)  # type: ignore[operator]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        (kind,) = (argument for argument in arguments if argument is not types.NoneType)
        return from_json(kind, value)
    if origin is dict:
        return {key: from_json(arguments[1], item) for key, item in value.items()}
    if origin is list:
        return [from_json(arguments[0], item) for item in value]
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return tuple(from_json(arguments[0], item) for item in value)
        return tuple(from_json(part, item) for part, item in zip(arguments, value, strict=True))
    return value
