"""What flows out of a stream: updates, and the segments that they form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Status = Literal["genre", "unsure", "no-music", "gap"]
STATUSES: tuple[Status, ...] = ("genre", "unsure", "no-music", "gap")


@dataclass(frozen=True, slots=True)
class Update:
    """What is known after one step; it speaks for the time since the previous update."""

    time: float
    """Seconds from the start of the stream to the end of what was heard."""
    status: Status
    genre: str | None
    """The decided label, smoothed and with hysteresis; None unless status is "genre"."""
    top: str
    """The most probable label after smoothing."""
    confidence: float
    """Smoothed, calibrated probability of `top`."""
    music: float
    """Probability that this is music at all, of this step alone."""
    probabilities: Mapping[str, float]
    """Label -> calibrated probability of this step alone, not smoothed."""
    level: float
    """Level of the new samples in dBFS, -inf for digital silence."""
    styles: Mapping[str, float]
    """Finer hints (house, punk, opera), not calibrated: probability of this step alone.

    Those under `top` and those under no genre, the likeliest first. Empty where the model has
    none, and in the updates that a timeline keeps: it keeps their means (Timeline.styles).
    """
    gates: tuple[float, ...] = ()
    """Mean of each feedback gate in this step, 0..1: how far the memory lets each block through.

    In the order of the card's `gates`, which names them. Empty where the model gives none, in a
    gap, and in the updates that a timeline keeps.
    """
    speech: float | None = None
    """Probability that this is speech, of this step alone; None where the model does not say.

    It tells what is no music apart; over music it says little. None, too, in a gap and in the
    updates that a timeline keeps.
    """


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one decision. Segments tile a timeline without gaps."""

    start: float
    end: float
    status: Status
    genre: str | None
    confidence: float
    """Mean probability of the label (unsure: of the best label; no-music: of 1 - music)."""
