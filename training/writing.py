"""A model file is written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from streamgenre.errors import StreamgenreError


class WriteError(StreamgenreError):
    """The file cannot be written; what was there before still is."""


def replace_file(target: Path, data: bytes) -> None:
    """Put the bytes in the file's place at once; raises WriteError."""
    partial = target.with_name(f"{target.name}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise WriteError(f"{target}: cannot be written: {error.strerror or error}") from None
