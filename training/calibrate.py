"""After training: temperature and thresholds, fitted on `valid`, into the checkpoint itself."""

from __future__ import annotations

import json
from pathlib import Path

from . import checkpoint
from .data import AudioCache, DataError, DataSet
from .fit import fit
from .model import Calibration, load_model
from .not_music import held_out


def calibrate(path: Path, data: DataSet, audio: AudioCache, speech: Path | None) -> Calibration:
    """Fit and write; `speech` holds recordings that were not trained on."""
    tensors, about = checkpoint.read(path)
    if json.loads(about["config"]).get("task") == "tags":
        raise DataError(f"{path}: is a tagger; temperature and thresholds are of genres")
    about.pop("calibration", None)
    trained = sum(t.split == "train" and bool(t.genre) and t.key in audio for t in data.tracks)
    about["dataset"] = json.dumps({"name": data.name, "tracks": trained})
    checkpoint.write(path, tensors, about)
    labels = json.loads(about["labels"])
    tracks = [t for t in data.tracks if t.split == "valid" and t.genre in labels and t.key in audio]
    found = fit(load_model(path), audio, tracks, held_out(speech))
    checkpoint.write(path, tensors, about | {"calibration": found.to_json()})
    return found
