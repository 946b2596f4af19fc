"""Merge short decisions into their neighbours, as they arrive.

A decision holds once it has led for S seconds or more, that is, had more time than any other since
its first step. What did not lead that long belongs to the decision before it, or at the start to
the one after it. So decisions that last S seconds are kept with their limits, and one that is
interrupted briefly, again and again, stays one.
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
    """Takes the decision of each step and gives the merged ones, in order, with a delay.

    `shortest`: s that a merged decision lasts at least, unless it is the only one; 0 changes
    nothing and delays nothing.
    """

    def __init__(self, shortest: float) -> None:
        self._shortest = shortest - _TOLERANCE
        self._current: Decision | None = None
        self._open: list[_Run] = []

    def add(self, decision: Decision, seconds: float) -> list[Decision]:
        """The merged decisions, one a step, that are final after this step of `seconds`."""
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
        """Whether these runs last long enough, most of the time with this decision."""
        seconds = _seconds(runs)
        own = seconds.pop(decision)
        if own + sum(seconds.values()) < self._shortest:
            return False
        current = seconds.pop(self._current, 0.0) if self._current else 0.0
        return own > current and own >= max(seconds.values(), default=0.0)

    def finish(self) -> list[Decision]:
        """The merged decisions of the steps that are left at the end."""
        if not self._open:
            return []
        seconds = _seconds(self._open)
        last = self._current or max(seconds, key=lambda decision: seconds[decision])
        merged = [last] * sum(run.steps for run in self._open)
        self._open = []
        return merged


def _seconds(runs: list[_Run]) -> dict[Decision, float]:
    """The time of each decision."""
    total: dict[Decision, float] = defaultdict(float)
    for run in runs:
        total[run.decision] += run.seconds
    return total
