"""After training: temperature and thresholds, fitted on `valid`, into the checkpoint itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from .. import checkpoint
from ..card import Calibration
from ..config import Config
from ..data import AudioCache, DataError, DataSet
from ..model import load_model
from ..streams.non_music import held_out
from .fit import fit


def calibrate(path: Path, data: DataSet, audio: AudioCache, speech: Path | None) -> Calibration:
    """Fit and write; `speech` holds recordings that were not trained on."""
    tensors, about = checkpoint.read(path)
    if json.loads(about["config"]).get("task") == "tags":
        raise DataError(f"{path}: is a tagger; temperature and thresholds are of genres")
    about.pop("calibration", None)
    about["dataset"] = _dataset(about, data, audio)
    checkpoint.write(path, tensors, about)
    labels = json.loads(about["labels"])
    tracks = [t for t in data.tracks if t.split == "valid" and t.genre in labels and t.key in audio]
    found = fit(load_model(path), audio, tracks, held_out(speech))
    checkpoint.write(path, tensors, about | {"calibration": found.to_json()})
    return found


def calibrate_as(path: Path, other: Path, data: DataSet, audio: AudioCache) -> None:
    """Take the temperature and the thresholds of another checkpoint of the same recipe.

    For a network that learned from `valid` as well: its own outputs there are too confident. The
    other one, trained without `valid`, is calibrated on it. Raises DataError where it has none.
    """
    tensors, about = checkpoint.read(path)
    theirs = checkpoint.read(other)[1]
    if "calibration" not in theirs or theirs["labels"] != about["labels"]:
        raise DataError(f"{other}: has no calibration for these genres; calibrate it first")
    about |= {"calibration": theirs["calibration"], "dataset": _dataset(about, data, audio)}
    checkpoint.write(path, tensors, about)


def _dataset(about: Mapping[str, str], data: DataSet, audio: AudioCache) -> str:
    """Name of the data set and number of tracks that a checkpoint learned from, as JSON."""
    splits = Config.model_validate_json(about["config"]).run.splits
    tracks = sum(t.split in splits and bool(t.genre) and t.key in audio for t in data.tracks)
    return json.dumps({"name": data.name, "tracks": tracks})
