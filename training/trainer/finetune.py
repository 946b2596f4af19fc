"""Own genres with torch at hand: the gates and the trunk learn, too, not only a new head.

A short run that starts from a finished checkpoint's weights; the classifier starts anew. What a
user of `adapt --checkpoint` gets.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from .. import checkpoint
from ..calibration.calibrate import calibrate
from ..config import Config
from ..data import AudioCache, DataError, DataSet
from ..evaluation import Plan, evaluate
from ..export.onnx import CardChanges, export_checkpoint
from ..model import load_model
from .train import Trainer


def finetune(
    source: Path, data: DataSet, audio: AudioCache, output: Path, *, updates: int = 150
) -> dict[str, Any]:
    """Train `updates` on the frozen trunk and half as many of everything; write a whole model.

    Gives the figures on the data's `valid` split, which are on the card, too.
    """
    _, about = checkpoint.read(source)
    try:
        before = Config.model_validate_json(about["config"])
    except ValueError:
        raise DataError(f"{source}: its config is not of this trainer") from None
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
        changes: CardChanges = {
            "name": output.stem,
            "about": {"measured": "on its valid split"},
        }
        export_checkpoint(path, output, changes, accuracy)
    return accuracy[max(accuracy)]
