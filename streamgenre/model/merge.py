"""Merge short decisions into their neighbours, incrementally.

A decision is kept if it leads for at least S seconds, that is, if it has more time than any other
decision since its first step. Other steps are merged into the decision before them, or at the start
into the one after them. A decision that lasts S seconds therefore keeps its boundaries, and a
decision with repeated brief interruptions remains a single one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from ..update import Status

Decision = tuple[Status, str | None]

_TOLERANCE = 1e-6  # s; times are sums of hops


@dataclass(slots=True)
class _Run:
    """Consecutive steps of one decision that is not final yet."""

    decision: Decision
    seconds: float
    steps: int


class Merger:
    """Takes the decision of each step and returns the merged decisions, in order and delayed.

    `shortest`: minimum duration of a merged decision in seconds, unless it is the only one. With
    0, decisions pass unchanged and without delay.
    """

    def __init__(self, shortest: float) -> None:
        self._shortest = shortest - _TOLERANCE
        self._current: Decision | None = None
        self._open: list[_Run] = []

    def add(self, decision: Decision, seconds: float) -> list[Decision]:
        """Add a step of `seconds`; returns the merged decisions of the steps that are now final."""
        if self._shortest <= 0 or (decision == self._current and not self._open):
            self._current = decision
            return [decision]
        if self._open and self._open[-1].decision == decision:
            self._open[-1].seconds += seconds
            self._open[-1].steps += 1
        else:
            self._open.append(_Run(decision, seconds, 1))
        for first, run in enumerate(self._open):
            if run.decision == decision and self._leads(decision, self._open[first:]):
                before = sum(run.steps for run in self._open[:first])
                since = sum(run.steps for run in self._open[first:])
                merged = [self._current or decision] * before + [decision] * since
                self._current, self._open = decision, []
                return merged
        return []

    def _leads(self, decision: Decision, runs: list[_Run]) -> bool:
        """Whether the runs last long enough and `decision` has the largest share of them."""
        seconds = _seconds(runs)
        own = seconds.pop(decision)
        if own + sum(seconds.values()) < self._shortest:
            return False
        current = seconds.pop(self._current, 0.0) if self._current else 0.0
        return own > current and own >= max(seconds.values(), default=0.0)

    def finish(self) -> list[Decision]:
        """The merged decisions of the remaining steps."""
        if not self._open:
            return []
        seconds = _seconds(self._open)
        last = self._current or max(seconds, key=lambda decision: seconds[decision])
        merged = [last] * sum(run.steps for run in self._open)
        self._open = []
        return merged


def _seconds(runs: list[_Run]) -> dict[Decision, float]:
    """Total duration of each decision."""
    total: dict[Decision, float] = defaultdict(float)
    for run in runs:
        total[run.decision] += run.seconds
    return total
