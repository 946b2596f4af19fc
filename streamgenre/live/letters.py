"""Large letters, from FIGlet fonts.

"future" is three rows high, "ansi_regular" five. Names in letters that a font lacks have no large
form; the caller prints them as they are.
"""

from __future__ import annotations

from functools import lru_cache

_FONTS = {5: "ansi_regular", 3: "future"}
_WIDEST = 1000  # never breaks a name into two lines


def large(text: str, width: int, height: int) -> tuple[str, ...]:
    """The rows of the largest form that fits; empty where none does."""
    for rows in _FONTS:
        if rows <= height:
            drawn = _drawn(text, rows)
            if drawn and len(drawn[0]) <= width:
                return drawn
    return ()


@lru_cache(maxsize=256)
def _drawn(text: str, rows: int) -> tuple[str, ...]:
    """Rows of equal length; empty where the font lacks a letter."""
    # Both fonts have all of ASCII; beyond it they spell, leave out, or put something else.
    if not text.strip() or not text.isascii() or not text.isprintable():
        return ()
    from pyfiglet import Figlet, FontNotFound

    try:
        drawn = Figlet(_FONTS[rows], width=_WIDEST).renderText(text).splitlines()
    except FontNotFound:  # some systems package pyfiglet without the contributed fonts
        return ()
    lines = [line.rstrip() for line in drawn[:rows]]
    if len(lines) < rows or any(line.strip() for line in drawn[rows:]):
        return ()
    longest = max(map(len, lines))
    return tuple(line.ljust(longest) for line in lines)
