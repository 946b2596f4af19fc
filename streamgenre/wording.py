"""Counts and statuses as words, the same in all commands and pages."""

from __future__ import annotations

STATUS_WORDS = {"unsure": "unsure", "no-music": "no music", "gap": "no signal", "error": "error"}
"""Statuses without a genre -> words for them."""


def counted(number: int, thing: str) -> str:
    """A number of things, with the plural in -s.

    >>> counted(1, "file"), counted(1200, "file")
    ('1 file', '1,200 files')
    """
    return f"{number:,} {thing}{'s' * (number != 1)}"


def capitalised(text: str) -> str:
    """The text with a capital first letter; the others are unchanged.

    >>> capitalised("no music"), capitalised("R&B")
    ('No music', 'R&B')
    """
    return text[:1].upper() + text[1:]
