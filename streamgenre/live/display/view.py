"""The content of one frame of the live display: plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...model.card import ModelCard
from ...update import Segment, Update
from ..levels import Level
from ..listener import Activity, Health


@dataclass(frozen=True, slots=True)
class Choice:
    """An input in the list of inputs."""

    index: int
    name: str
    current: bool


@dataclass(frozen=True, slots=True)
class View:
    """The values that a frame shows."""

    card: ModelCard
    activity: Activity
    note: str
    """The current message ("input lost, next attempt in 4 s", "saved: ..."), often empty."""
    update: Update | None
    """The latest update, None before the first."""
    probabilities: Mapping[str, float]
    """Label -> smoothed probability, for the bars."""
    segments: Sequence[Segment]
    """The latest minutes on the stream's clock, without gaps between them; may be empty."""
    gates: Sequence[Sequence[float]]
    """Mean of each feedback gate (0..1, see card.gates) in the latest updates, oldest first."""
    level: Level
    health: Health
    history: NDArray[np.float64]
    """(n, 1 + C): time of the latest updates, and their probabilities (0: no music)."""
    sinks: Sequence[tuple[str, str]] = ()
    """Name of each output and its problem, empty if there is none."""
    choices: Sequence[Choice] = ()
    """The inputs, while the user selects one."""
