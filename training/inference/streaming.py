"""Streams whole tracks through an engine like live audio, many tracks in a batch.

With `carry=False` every step starts from the initial state: the baseline for the carried state.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamgenre.model.card import Hop
from streamgenre.model.engine import Engine, initial_state

from .progress import Progress, no_progress

Audio = Mapping[str, NDArray[np.int16]]
"""Key of a track -> its samples at the model's rate."""


@dataclass(frozen=True)
class Run:
    """The outputs for one track, step by step."""

    probabilities: NDArray[np.float32]  # (steps, C)
    music: NDArray[np.float32]  # (steps,)
    state_norm: NDArray[np.float32]  # (steps,), Euclidean norm of the state after the step
    last: float = 1.0  # share of the last step that is audio and not padding

    @property
    def weights(self) -> NDArray[np.float64]:
        """Share of each step that is new audio (steps,)."""
        return step_weights(len(self.probabilities), self.last)

    @property
    def whole(self) -> int:
        """Number of steps without padding; 1 if the only step is padded."""
        steps = len(self.probabilities)
        return steps if self.last == 1 else max(1, steps - 1)

    def mean(self) -> NDArray[np.float64]:
        """Mean probabilities (C,); each step is weighted by its amount of new audio."""
        return weighted_mean(self.probabilities, self.last)


def stream_tracks(
    engine: Engine,
    audio: Audio,
    keys: Sequence[str],
    hop: Hop,
    *,
    carry: bool = True,
    reset_before: int | None = None,
    batch: int = 32,
    progress: Progress = no_progress,
    doing: str = "listening",
) -> dict[str, Run]:
    """Process every track from start to end. The window of the last step is zero-padded at its end.

    Args:
        carry: if False, every step starts from the initial state.
        reset_before: reset the state once before this step, as at a change of track.
        progress: called with `doing` and the number of steps done, over all batches.
    """
    runs: dict[str, Run] = {}
    batches = batches_of(audio, keys, batch)
    total = sum(steps_of(len(audio[group[0]]), hop) for group in batches)
    count = itertools.count(1)
    for group in batches:
        runs.update(
            _stream_batch(
                engine, audio, group, hop, carry, reset_before,
                lambda: progress(doing, next(count), total),
            )
        )  # fmt: skip
    return runs


def _stream_batch(
    engine: Engine,
    audio: Audio,
    group: Sequence[str],
    hop: Hop,
    carry: bool,
    reset_before: int | None,
    stepped: Callable[[], None],
) -> dict[str, Run]:
    counts = [steps_of(len(audio[key]), hop) for key in group]
    shape = (len(group), max(counts))
    probabilities = np.zeros((*shape, len(engine.card.labels)), np.float32)
    music, norm = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    state = initial_state(engine.card, len(group), hop)
    for t, windows in enumerate(windows_of(audio, group, hop)):
        active = len(windows)
        if not carry or t == reset_before:
            state = initial_state(engine.card, active, hop)
        step = engine.step(windows, state[:active])
        state = step.next_state
        probabilities[:active, t], music[:active, t] = step.probabilities, step.music
        norm[:active, t] = np.linalg.norm(state, axis=1)
        stepped()
    return {
        key: Run(
            probabilities[i, :count],
            music[i, :count],
            norm[i, :count],
            last_share(len(audio[key]), hop),
        )
        for i, (key, count) in enumerate(zip(group, counts, strict=True))
    }


def batches_of(audio: Audio, keys: Sequence[str], size: int) -> list[list[str]]:
    """Divide tracks into batches of similar length, longest first."""
    order = sorted(keys, key=lambda key: len(audio[key]), reverse=True)
    return [order[first : first + size] for first in range(0, len(order), size)]


def windows_of(audio: Audio, batch: Sequence[str], hop: Hop) -> Iterator[NDArray[np.float32]]:
    """Yield the windows (active tracks, window) of each step of a batch.

    The tracks are ordered by length, longest first. So the active ones are the first of the batch.
    """
    counts = [steps_of(len(audio[key]), hop) for key in batch]
    for t in range(max(counts)):
        active = sum(count > t for count in counts)
        yield np.stack([window_at(audio[key], t, hop) for key in batch[:active]])


def steps_of(samples: int, hop: Hop) -> int:
    """Number of steps for a track of `samples` samples, including the zero-padded last one."""
    return -(-samples // hop.samples)


def last_share(samples: int, hop: Hop) -> float:
    """Share of the last step of a track that is audio and not padding."""
    return ((samples - 1) % hop.samples + 1) / hop.samples


def step_weights(steps: int, last: float) -> NDArray[np.float64]:
    """Share of each step that is new audio (steps,): `last` of the last one, all of the others."""
    weights = np.ones(steps)
    weights[-1] = last
    return weights


def weighted_mean(rows: NDArray[np.generic], last: float) -> NDArray[np.float64]:
    """Mean (...) over steps (steps, ...); `last` is the share of new audio in the last step."""
    weights = step_weights(len(rows), last)
    return np.asarray(np.average(rows.astype(np.float64), axis=0, weights=weights))


def window_at(samples: NDArray[np.int16], step: int, hop: Hop) -> NDArray[np.float32]:
    """The input of a step (window,): ends with the new samples, zero-padded outside the track."""
    end = (step + 1) * hop.samples
    begin = end - hop.window
    window = np.zeros(hop.window, np.float32)
    inside = samples[max(0, begin) : end]
    window[max(0, -begin) : max(0, -begin) + len(inside)] = inside
    window /= np.float32(32768)
    return window
