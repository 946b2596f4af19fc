"""The product's decisions and timeline for music whose steps were already computed.

`streamgenre.model.stream.Stream` decides step by step as it receives audio. Here the steps
of whole tracks are available, computed in batches, so only decision and timeline are repeated; the
result is that of `Model.classify` on the same samples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from streamgenre.audio.framing import decibels
from streamgenre.model.card import Hop, ModelCard
from streamgenre.model.decide import Decider
from streamgenre.model.timeline import Timeline
from streamgenre.update import Update

from ...inference import Audio, Run

Timelines = Mapping[str, Timeline]
"""Key of a track -> its timeline."""


def replay(run: Run, samples: NDArray[np.int16], hop: Hop, card: ModelCard) -> Timeline:
    """The timeline of a track from its steps.

    Args:
        run: probabilities (steps, C) and music (steps,), the last step padded.
        samples: int16 (n,) at the card's rate; steps == ceil(n / hop.samples).
    """
    timeline, decider = Timeline(card, hop.seconds), Decider(card.thresholds, len(card.labels))
    labels = card.label_names
    for t, level in enumerate(levels(samples, hop)):
        new = min(hop.samples, len(samples) - t * hop.samples)
        probabilities, music = run.probabilities[t], float(run.music[t])
        status, genre = decider.decide(probabilities, music, level, new / card.sample_rate)
        top = int(decider.smoothed.argmax())
        whole = new == hop.samples
        timeline.append(
            Update(
                time=(t + 1) * hop.seconds if whole else len(samples) / card.sample_rate,
                status=status,
                genre=None if genre is None else labels[genre],
                top=labels[top],
                confidence=float(decider.smoothed[top]),
                music=music,
                probabilities=dict(zip(labels, probabilities.tolist(), strict=True)),
                level=level,
                styles={},
            )
        )
    return timeline


def replay_all(runs: Mapping[str, Run], audio: Audio, hop: Hop, card: ModelCard) -> Timelines:
    """`replay` for every track of `runs`."""
    return {key: replay(run, audio[key], hop, card) for key, run in runs.items()}


def levels(samples: NDArray[np.int16], hop: Hop) -> list[float]:
    """Level of each step's new samples in dBFS, the last ones padded."""
    dbfs = []
    for first in range(0, len(samples), hop.samples):
        new = samples[first : first + hop.samples].astype(np.float64) / 32768
        power = float(new @ new) / hop.samples
        dbfs.append(decibels(math.sqrt(power)))
    return dbfs
