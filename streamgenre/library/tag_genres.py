"""Map genre tags to the labels of a model.

Genre tags are free text: "Hip-Hop/Rap", "Alternative Rock", "Jazz; Vocal". The lookup tries the
whole text first, then its parts, then their words. A tag can match several labels: "Blues Rock"
matches blues and rock. A tag without a known word, such as "Soundtrack", matches none.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from itertools import pairwise

from .names import folded, spelling_key

_SYNONYMS = """
ambient: newage drone darkambient chillout
blues: deltablues chicagoblues bluesy
classical: classic opera operatic baroque orchestral orchestra symphony symphonic chamber
    chambermusic choral choir concerto sonata renaissance klassik classique
country: bluegrass americana honkytonk altcountry
disco: nudisco eurodisco italodisco
electronic: electronica electro dance edm house techno trance dubstep drumandbass drumbass drumnbass
    dnb jungle idm breakbeat breaks hardstyle garage synthwave downtempo triphop chillout club
    glitch hardcore eurodance
folk: celtic traditional acoustic singersongwriter flamenco fado klezmer americana volksmusik
hiphop: rap hiphoprap trap grime gangsta drill triphop
jazz: bebop bop swing bigband fusion dixieland cooljazz acidjazz smoothjazz ragtime
metal: heavymetal thrash deathmetal blackmetal doom grindcore metalcore numetal djent
pop: synthpop electropop britpop jpop kpop dancepop poprock singersongwriter chanson schlager
    newwave vocalpop
reggae: ska dub dancehall rocksteady ragga roots
rock: punk punkrock grunge indie alternative altrock rocknroll rockandroll hardrock progressive
    psychedelic shoegaze postrock rockabilly newwave britpop poprock emo garage hardcore krautrock
soul: rnb rb randb rhythmandblues funk motown neosoul gospel
"""


def _parse(text: str) -> dict[str, frozenset[str]]:
    """Word -> labels."""
    labels_of: dict[str, set[str]] = {}
    for label, words in re.findall(r"^(\w+): ((?:.|\n +)*)", text, re.M):
        for word in (label, *words.split()):
            labels_of.setdefault(word, set()).add(label)
    return {word: frozenset(labels) for word, labels in labels_of.items()}


_LABELS = _parse(_SYNONYMS)


def labels_of_tag(tag: str, labels: Collection[str]) -> frozenset[str]:
    """The labels that a genre tag can refer to. Empty if it has no known word.

    >>> sorted(labels_of_tag("Pop/Rock", ["jazz", "pop", "rock"]))
    ['pop', 'rock']
    >>> sorted(labels_of_tag("Hip-Hop", ["hiphop"])), sorted(labels_of_tag("Other", ["hiphop"]))
    (['hiphop'], [])
    """
    return _lookup(folded(tag), tuple(labels))


@lru_cache(10_000)  # a library has few genres
def _lookup(tag: str, labels: tuple[str, ...]) -> frozenset[str]:
    own = {spelling_key(label): frozenset([label]) for label in labels}

    def known(text: str) -> frozenset[str]:
        name = spelling_key(text)
        return own.get(name) or _LABELS.get(name, frozenset()) & {*labels}

    if whole := known(tag):
        return whole
    found: set[str] = set()
    for part in re.split(r"[;,/|+\\]", tag):
        if matches := known(part):
            found |= matches
            continue
        words = re.findall(r"\w+", part)
        texts = [*words, *(a + b for a, b in pairwise(words))]
        found |= frozenset[str]().union(*map(known, texts))
    return frozenset(found)
