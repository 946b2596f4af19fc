"""Groups of names that belong together through pairs, such as the copies of a recording."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class DisjointSets:
    """Disjoint groups of names; a name that was never merged is alone.

    A group is named after its first member by `order`, so that the result does not depend on the
    order of the merges.

    >>> sets = DisjointSets()
    >>> sets.merge("b", "c")
    >>> sets.merge("c", "a")
    >>> sets.root("b"), sets.root("d")
    ('a', 'd')
    """

    def __init__(self, order: Callable[[str], Any] = str) -> None:
        self._parent: dict[str, str] = {}
        self._order = order

    def root(self, name: str) -> str:
        """The name of the group that a name is in."""
        while name in self._parent:
            name = self._parent[name]
        return name

    def merge(self, one: str, other: str) -> None:
        """Put the groups of two names together."""
        first, last = sorted((self.root(one), self.root(other)), key=self._order)
        if first != last:
            self._parent[last] = first
