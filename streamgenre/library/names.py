"""Names of artists, albums and genres as people write them: which are the same, which are close."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache

_TYPING_ERROR = 2  # characters by which a mistyped name is longer or shorter


@lru_cache(4_096)  # the tracks of an album follow each other
def folded(name: str) -> str:
    """A name without differences of case, white space and Unicode form.

    >>> folded(" Kind  of BLUE ") == folded("Kind of Blue")
    True
    """
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def spelled(genre: str) -> str:
    """A genre without differences of spelling: letters and digits alone.

    >>> spelled("Hip-Hop") == spelled("hiphop")
    True
    """
    return re.sub(r"[\W_]+", "", folded(genre))


def artists_in(text: str) -> list[str]:
    """The artists that a tag names.

    >>> artists_in("Miles Davis; John Coltrane")
    ['Miles Davis', 'John Coltrane']
    """
    return [name for part in text.split(";") if (name := part.strip())]


def meant(name: str, known: Iterable[str]) -> str | None:
    """The known name that a mistyped one may stand for.

    >>> meant("clasical", ["classical", "jazz"]), meant("nu metal", ["metal"])
    ('classical', None)
    """
    by_fold = {folded(one): one for one in known}
    written = folded(name)
    near = [one for one in by_fold if abs(len(one) - len(written)) <= _TYPING_ERROR]
    close = get_close_matches(written, near, n=1, cutoff=0.75)
    return by_fold[close[0]] if close else None
