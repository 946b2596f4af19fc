"""Timelines of given decisions."""

from __future__ import annotations

from streamgenre.model.timeline import Timeline
from streamgenre.update import Update


def timeline_of(card, decisions, hop=2.5):
    """A timeline of (status, genre) decisions, each with 0.8 for its genre."""
    timeline = Timeline(card, hop)
    labels = card.label_names
    for i, (status, genre) in enumerate(decisions, 1):
        probabilities = dict.fromkeys(labels, 0.2 / (len(labels) - 1))
        probabilities[genre or labels[0]] = 0.8
        timeline.append(
            Update(
                i * hop, status, genre, genre or labels[0], 0.8,
                0.1 if status == "no-music" else 0.9, probabilities, -20.0, {},
            )
        )  # fmt: skip
    return timeline
