"""The output of a stream: updates, and the segments that they form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Status = Literal["genre", "unsure", "no-music", "gap"]
STATUSES: tuple[Status, ...] = ("genre", "unsure", "no-music", "gap")
DIGITAL_SILENCE = -200.0
"""Level of digital silence in dBFS, and the lowest level there is.

Finite, so that levels can be averaged, plotted and written as JSON, which has no infinity.
"""


@dataclass(frozen=True, slots=True)
class Update:
    """The result of one step. It covers the interval since the previous update."""

    time: float
    """Seconds from the start of the stream to the end of the samples that were read."""
    status: Status
    genre: str | None
    """The decided label, after smoothing and hysteresis; None unless status is "genre"."""
    top: str
    """The most probable label after smoothing."""
    confidence: float
    """Smoothed, calibrated probability of `top`."""
    music: float
    """Probability that this is music at all, of this step alone."""
    probabilities: Mapping[str, float]
    """Label -> calibrated probability of this step alone, not smoothed."""
    level: float
    """Level of the new samples in dBFS, DIGITAL_SILENCE for zeros (None in `to_dict`)."""
    styles: Mapping[str, float]
    """Style hints (house, punk, opera) -> probability of this step alone, not calibrated.

    Holds the styles of `top` and those of no genre, the most probable first. Empty if the model
    has no styles, and in the updates of a timeline, which keeps their means (Timeline.styles).
    """
    gates: tuple[float, ...] = ()
    """Mean of each feedback gate in this step, 0..1: how much of each block's features passes.

    In the order of the card's `gates`, which names them. Empty if the model has no gates, in a
    gap, and in the updates of a timeline.
    """
    speech: float | None = None
    """Probability that this is speech, of this step alone; None if the model has no such output.

    It distinguishes speech from other non-music; over music it is not informative. Also None in a
    gap and in the updates of a timeline.
    """
    embedding: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    """Input of the network's classifier, float32 (E,); None unless the stream was opened with it.

    Also None in a gap and in the updates of a timeline.
    """

    def to_dict(self) -> dict[str, Any]:
        """The update as JSON has it: numbers rounded, `level` None for digital silence.

        Every key is always present; `gates` and `embedding` are left out.
        """
        return {
            "time": round(self.time, 3),
            "status": self.status,
            "genre": self.genre,
            "top": self.top,
            "confidence": round(self.confidence, 4),
            "music": round(self.music, 4),
            "level": round(self.level, 1) if self.level > DIGITAL_SILENCE else None,
            "probabilities": {k: round(v, 4) for k, v in self.probabilities.items()},
            "styles": {k: round(v, 4) for k, v in self.styles.items()},
            "speech": None if self.speech is None else round(self.speech, 4),
        }


@dataclass(frozen=True, slots=True)
class Segment:
    """An interval with a single decision. Segments tile a timeline without gaps."""

    start: float
    end: float
    status: Status
    genre: str | None
    confidence: float
    """Mean probability of the label (no-music: of 1 - music).

    Unsure: of the label that is most probable over the segment (Timeline.most_probable).
    """
