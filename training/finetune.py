"""Own genres with torch at hand: the gates and the trunk learn, too, not only a new head.

A short run that starts from a finished checkpoint's weights; the classifier starts anew. What a
user of `adapt --checkpoint` gets.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from . import checkpoint
from .calibrate import calibrate
from .config import Config
from .data import AudioCache, DataSet
from .export import export_checkpoint
from .train import Trainer


def finetune(
    source: Path, data: DataSet, audio: AudioCache, output: Path, *, updates: int = 150
) -> None:
    """Train `updates` on the frozen trunk and half as many of everything; write a whole model."""
    _, about = checkpoint.read(source)
    before = Config.model_validate_json(about["config"])
    length = {"frozen_updates": updates, "updates": updates // 2, "check_every": updates // 3}
    config = before.model_copy(
        update={
            "start": str(source),
            "run": before.run.model_copy(update=length | {"average": 0.98}),
            "sequences": before.sequences.model_copy(update={"lanes": 8}),
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        run = Trainer(Path(folder), config, data.tracks, data.labels, audio)
        path = run.run()
        calibrate(path, data, audio, None)
        export_checkpoint(path, output, {"name": output.stem}, {})
