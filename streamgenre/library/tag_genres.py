"""Which labels of a model the genre in the tags of a file can mean.

Tags hold anything: "Hip-Hop/Rap", "Alternative Rock", "Jazz; Vocal". The whole text is looked up
first, then its parts, then their words, so that "Blues Rock" means either. A text without a known
word, such as "Soundtrack", means nothing, and then no claim is made about it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from itertools import pairwise

from .names import folded, spelled

_MEANINGS = """
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


def _read(text: str) -> dict[str, frozenset[str]]:
    meanings: dict[str, set[str]] = {}
    for label, words in re.findall(r"^(\w+): ((?:.|\n +)*)", text, re.M):
        for word in (label, *words.split()):
            meanings.setdefault(word, set()).add(label)
    return {word: frozenset(labels) for word, labels in meanings.items()}


_LABELS = _read(_MEANINGS)


def labels_meant(tag: str, labels: Collection[str]) -> frozenset[str]:
    """The labels that a tag can mean, of those that there are; empty if none is known.

    >>> sorted(labels_meant("Pop/Rock", ["jazz", "pop", "rock"]))
    ['pop', 'rock']
    >>> sorted(labels_meant("Hip-Hop", ["hiphop"])), sorted(labels_meant("Other", ["hiphop"]))
    (['hiphop'], [])
    """
    return _meant(folded(tag), tuple(labels))


@lru_cache(10_000)  # a library has few genres
def _meant(tag: str, labels: tuple[str, ...]) -> frozenset[str]:
    own = {spelled(label): frozenset([label]) for label in labels}

    def known(text: str) -> frozenset[str]:
        name = spelled(text)
        return own.get(name) or _LABELS.get(name, frozenset()) & {*labels}

    if whole := known(tag):
        return whole
    found: set[str] = set()
    for part in re.split(r"[;,/|+\\]", tag):
        if meant := known(part):
            found |= meant
            continue
        words = re.findall(r"\w+", part)
        texts = [*words, *(a + b for a, b in pairwise(words))]
        found |= frozenset[str]().union(*map(known, texts))
    return frozenset(found)
