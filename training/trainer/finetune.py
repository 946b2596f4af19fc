"""Fine-tuning to other genres: trains the gates and the backbone in addition to a new classifier.

This is a short run from the weights of a finished checkpoint, with a new classifier, as used by
`adapt --checkpoint`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from .. import checkpoint
from ..calibration.calibrate import calibrate
from ..data import AudioCache, DataSet
from ..evaluation import Plan, evaluate
from ..evaluation.metrics import TrackMetrics
from ..export.entries import CardChanges
from ..export.onnx import export_checkpoint
from ..model import load_model
from .train import Trainer


def finetune(
    source: Path, data: DataSet, audio: AudioCache, output: Path, *, updates: int = 150
) -> TrackMetrics:
    """Train `updates` with a frozen backbone and half as many of all weights; export the model.

    Returns the metrics on the `valid` split at the longest hop. The card lists those of all hops.
    """
    before = checkpoint.read(source)[1].config
    length = {"frozen_updates": updates, "updates": updates // 2, "check_every": updates // 3}
    config = before.model_copy(
        update={
            "start": str(source),
            "run": before.run.model_copy(update=length | {"average": 0.98}),
            "sequences": before.sequences.model_copy(update={"lanes": 8}),
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Trainer(Path(folder), config, data.tracks, data.labels, audio).run()
        calibrate(path, data, audio, None)
        plan = Plan(split="valid", predictions_only=True)
        hops = evaluate(load_model(path), data.tracks, audio, plan).metrics.hops
        accuracy = {float(hop): metrics.for_card() for hop, metrics in hops.items()}
        changes = CardChanges(name=output.stem, about={"measured": "on its valid split"})
        export_checkpoint(path, output, changes, accuracy)
    return hops[max(hops, key=float)].track_mean
