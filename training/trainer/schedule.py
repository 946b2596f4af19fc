"""How a run goes by its measure on `valid`: learning rate, best weights, and when a stage ends."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from ..config import Schedule, Stop


class Verdict(Enum):
    """What follows from a check."""

    BEST = "best"  # keep these weights
    GO_ON = "go on"
    DROP = "drop"  # lower the rate and go on from the best weights
    END = "end"  # of the stage


@dataclass
class Progress:
    """Where a run stands; in every checkpoint."""

    update: int = 0
    stage: int = -1  # number of the stage that the rest speaks of
    best: float | None = None  # of the measure
    waiting: int = 0  # checks since the best one
    fallen: int = 0  # checks since the best one or the last drop
    drops: int = 0  # of the learning rate, on a plateau
    done: bool = False  # with the stage
    seconds: float = 0.0  # of processor time
    trained: int = 0  # updates that were done; `update` also passes over those left out

    def enter(self, stage: int) -> None:
        """A stage begins, or goes on after a break."""
        if stage != self.stage:
            self.stage, self.done = stage, False
            self.waiting = self.fallen = self.drops = 0

    def judge(self, value: float, stop: Stop, schedule: Schedule) -> Verdict:
        """Take in a check's measure."""
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
        """The rate's factor now, in a stage of `count` updates that began at `first`."""
        done = self.update - first
        rise = min(1.0, (done + 1) / schedule.warm_up) if schedule.warm_up else 1.0
        if schedule.kind == "plateau":
            return rise * float(schedule.factor**self.drops)
        return rise * 0.5 * (1 + math.cos(math.pi * done / count))
