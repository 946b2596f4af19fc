"""The order of the bars: by probability, yet so lazy that rows do not jump under the reader's eye.

One pass of a bubble sort for each update, and only over clear differences: a row that rises takes
one place at a time, and two rows that are about equal keep their places.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

MARGIN = 0.05  # probability by which a row must exceed the one above it to change places with it


class Order:
    """Keeps labels in an order; one for each display."""

    def __init__(self, labels: Iterable[str]) -> None:
        self._labels = list(labels)
        self._sorted = False

    @property
    def labels(self) -> tuple[str, ...]:
        """The order as it stands."""
        return tuple(self._labels)

    def update(self, probabilities: Mapping[str, float]) -> tuple[str, ...]:
        """The order after these probabilities; a label without one has 0.

        >>> order = Order(["folk", "jazz", "rock"])
        >>> order.update({"folk": 0.2, "jazz": 0.3, "rock": 0.5})
        ('rock', 'jazz', 'folk')
        >>> order.update({"folk": 0.8, "jazz": 0.1, "rock": 0.1})
        ('rock', 'folk', 'jazz')
        """
        labels = self._labels
        if not self._sorted:
            labels.sort(key=lambda label: -probabilities.get(label, 0.0))
            self._sorted = True
            return tuple(labels)
        # From the top down, so that a row rises by one place at most.
        for i in range(1, len(labels)):
            above, below = labels[i - 1], labels[i]
            if probabilities.get(below, 0.0) > probabilities.get(above, 0.0) + MARGIN:
                labels[i - 1], labels[i] = below, above
        return tuple(labels)
