"""Learning rate, best weights and early stopping, controlled by the validation measure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from .config import Schedule, Stop


class Verdict(Enum):
    """The consequence of a check."""

    BEST = "best"  # keep these weights
    GO_ON = "go on"
    DROP = "drop"  # lower the rate and continue from the best weights
    END = "end"  # end the stage


@dataclass
class Progress:
    """Progress of a run. Stored in every checkpoint."""

    update: int = 0
    stage: int = -1  # index of the current stage
    best: float | None = None  # best value of the measure
    waiting: int = 0  # checks since the best value
    fallen: int = 0  # checks since the best value or the last drop
    drops: int = 0  # number of drops of the learning rate (plateau schedule)
    done: bool = False  # whether the stage has ended
    seconds: float = 0.0  # processor time
    trained: int = 0  # updates computed; `update` also counts those skipped by early stopping

    def enter(self, stage: int) -> None:
        """Begin a stage, or resume it."""
        if stage != self.stage:
            self.stage, self.done = stage, False
            self.waiting = self.fallen = self.drops = 0

    def judge(self, value: float, stop: Stop, schedule: Schedule) -> Verdict:
        """Process the value of a check."""
        if stop.better(value, self.best):
            self.best, self.waiting, self.fallen = value, 0, 0
            return Verdict.BEST
        self.waiting += 1
        self.fallen += 1
        if stop.patience and self.waiting >= stop.patience:
            self.done = True
            return Verdict.END
        if schedule.kind == "plateau" and self.fallen > schedule.patience:
            self.fallen, self.drops = 0, self.drops + 1
            self.done = self.drops >= schedule.stages
            return Verdict.END if self.done else Verdict.DROP
        return Verdict.GO_ON

    def rate(self, first: int, count: int, schedule: Schedule) -> float:
        """Factor of the learning rate, in a stage of `count` updates that began at `first`."""
        done = self.update - first
        rise = min(1.0, (done + 1) / schedule.warm_up) if schedule.warm_up else 1.0
        if schedule.kind == "plateau":
            return rise * float(schedule.factor**self.drops)
        return rise * 0.5 * (1 + math.cos(math.pi * done / count))
