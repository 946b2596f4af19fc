"""Engines with gates, a speech output, or no music; and tracks of given sets."""

from __future__ import annotations

import dataclasses

import numpy as np
from support.tones import LIVE, Tones, track

from streamgenre.model.engine import Step
from training.evaluation.inputs import Scored
from training.evaluation.probes.genres import ELEVEN
from training.evaluation.probes.replay import replay_all
from training.inference import stream_tracks


class Gated(Tones):
    """Two gates: the first is constant, the second follows the state."""

    def step(self, samples, state):
        step = super().step(samples, state)
        gates = np.stack([np.full(len(state), 0.5), state[:, 0]], 1).astype(np.float32)
        return step._replace(gates=gates)


class Deep(Tones):
    """Classifies low tones as speech."""

    def step(self, samples, state):
        step = super().step(samples, state)
        return step._replace(speech=step.probabilities[:, 0])


class NoMusic(Tones):
    """Classifies everything as non-music."""

    def step(self, samples, state):
        step = super().step(samples, state)
        return Step(step.probabilities, np.zeros(len(samples), np.float32), step.next_state)


def timelines_of(engine, scored, audio):
    runs = stream_tracks(engine, audio, scored.keys, LIVE)
    return replay_all(runs, audio, LIVE, engine.card)


def of_sets(rows):
    labels = (*sorted(ELEVEN), "folk", "soul", "ambient")
    tracks = tuple(
        dataclasses.replace(track(f"t{i}", genre), set=name) for i, (name, genre) in enumerate(rows)
    )
    true = np.array([labels.index(t.genre) for t in tracks])
    return Scored(tracks, true, np.full_like(true, -1), 0, 0, {}), labels
