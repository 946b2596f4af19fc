"""What one frame of the live display shows: plain values, gathered by the listener."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ...model.card import ModelCard
from ...update import Segment, Update

Activity = Literal["starting", "listening", "paused", "lost", "ended"]
"""What the input is doing; "lost" while it is away and looked for."""


@dataclass(frozen=True, slots=True)
class Level:
    """The meter: how loud the input is, over all of its channels."""

    now: float
    """RMS of the last tenth of a second or so, in dBFS; -inf for digital silence."""
    peak: float
    """Largest magnitude of the last second or two, in dBFS."""
    clipped: bool
    """Whether samples stood at full scale within the last seconds."""


@dataclass(frozen=True, slots=True)
class Health:
    """How well listening goes. Durations in seconds."""

    device: str
    sample_rate: float
    channels: int
    uptime: float
    capture: float
    """From a sound's arrival at the device to its being read."""
    window: float
    """The hop: how long a sound may wait until the step that hears it."""
    compute: float
    """Of one step, median of the last ones."""
    smoothing: float
    """Time constant of the decision's smoothing."""
    real_time: float
    """Seconds of audio that a second of computing is worth; 0 before the first step."""
    dropped: int
    """Frames that nobody read in time, since the start."""
    overflows: int
    """Times that PortAudio itself reported late or lost samples, since the start."""
    gaps: int
    """Gaps in what was heard, for whatever cause, since the start."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An input that can be switched to."""

    index: int
    name: str
    current: bool


@dataclass(frozen=True, slots=True)
class View:
    """Everything that a frame shows."""

    card: ModelCard
    activity: Activity
    note: str
    """What there is to say now ("input lost, next try in 4 s", "saved to ..."); often empty."""
    update: Update | None
    """The latest, None before the first."""
    probabilities: Mapping[str, float]
    """Label -> smoothed probability: the bars."""
    segments: Sequence[Segment]
    """The last minutes, without gaps between them, on the stream's clock; may be empty."""
    gates: Sequence[Sequence[float]]
    """Mean of each feedback gate (0..1, card.gates names them) in the last updates, oldest
    first."""
    level: Level
    health: Health
    sinks: Sequence[tuple[str, str]] = ()
    """Name of each output beside the display, and what is wrong with it ("" where nothing is)."""
    choices: Sequence[Choice] = ()
    """The inputs, while one is being chosen."""
