"""Cross-validation over `train` and `valid`, grouped by artist.

The network of a fold never sees the held-out tracks. Its validation split, for early stopping, is a
part of its training folds. `test` is not used.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from streamgenre.files import replace_bytes

from ..config import Config
from ..data import AudioCache, DataError, DataSet, Track, folds
from ..data.split import folds_of
from ..evaluation.metrics import TrackMetrics, plain_metrics
from ..evaluation.predictions import write_predictions
from ..inference import stream_tracks
from ..model import load_model
from ..streams.sequences import Clip
from .devices import is_first_process
from .train import Trainer

_INNER = 10  # a tenth of the training groups of a fold is its validation split


def crossvalidate(
    folder: Path,
    config: Config,
    data: DataSet,
    audio: AudioCache,
    other: Sequence[Clip],
    count: int,
) -> TrackMetrics | None:
    """Train all folds; write `folder/predictions.csv` and `.json`, and return the metrics."""
    labels = data.labels
    known = [t for t in data.tracks if t.genre and t.key in audio and t.split in ("train", "valid")]
    if len({t.group for t in known}) < count:
        raise DataError(f"{data.root}: fewer groups in train and valid than {count} folds")
    held: list[Track] = []
    guesses: list[np.ndarray] = []
    for number, (train, out) in enumerate(folds(known, count, config.run.seed), 1):
        parts = folds_of([t.genre for t in train], [t.group for t in train], _INNER)
        if not parts:
            raise DataError("a genre has too few artists or tracks for a validation split per fold")
        valid = {int(i) for i in parts[0]}
        tracks = [replace(t, split="valid" if i in valid else "train") for i, t in enumerate(train)]
        run = Trainer(folder / f"fold-{number}", config, tracks, labels, audio, other)
        path = run.run()
        if not is_first_process():
            continue
        model = load_model(path)
        hop = model.card.hop(model.card.file_hop)
        runs = stream_tracks(model.engine, audio, [t.key for t in out], hop)
        held += out
        guesses += [runs[t.key].mean().round(5) for t in out]  # the precision of the file
    if not is_first_process():
        return None
    true = np.array([labels.index(t.genre) for t in held])
    metrics = plain_metrics(np.stack(guesses), true)
    write_predictions(folder / "predictions.csv", held, labels, np.stack(guesses))
    text = json.dumps(metrics.to_json(), indent=1, allow_nan=False) + "\n"
    replace_bytes(folder / "predictions.json", text.encode())
    return metrics
