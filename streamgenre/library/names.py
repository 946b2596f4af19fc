"""Compare names of artists, albums and genres, ignoring differences in spelling."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache

_MAX_LENGTH_DIFFERENCE = 2  # characters, of a mistyped name


@lru_cache(4_096)  # the tracks of an album follow each other
def folded(name: str) -> str:
    """Normalise case, white space and Unicode form.

    >>> folded(" Kind  of BLUE ") == folded("Kind of Blue")
    True
    """
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def spelling_key(genre: str) -> str:
    """Reduce a genre to its letters and digits, in lower case.

    >>> spelling_key("Hip-Hop") == spelling_key("hiphop")
    True
    """
    return re.sub(r"[\W_]+", "", folded(genre))


def artists_in(text: str) -> list[str]:
    """Split an artist tag into its artists.

    >>> artists_in("Miles Davis; John Coltrane")
    ['Miles Davis', 'John Coltrane']
    """
    return [name for part in text.split(";") if (name := part.strip())]


def closest_name(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that a possibly mistyped name resembles, or None.

    >>> closest_name("clasical", ["classical", "jazz"])
    'classical'
    >>> closest_name("nu metal", ["metal"]) is None
    True
    """
    by_fold = {folded(one): one for one in known}
    written = folded(name)
    near = [one for one in by_fold if abs(len(one) - len(written)) <= _MAX_LENGTH_DIFFERENCE]
    close = get_close_matches(written, near, n=1, cutoff=0.75)
    return by_fold[close[0]] if close else None
