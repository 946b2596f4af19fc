"""Calibration of a finished checkpoint: fits temperature and thresholds on `valid`."""

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
    """Fit the calibration and write it to the checkpoint; `speech` is held out from training."""
    tensors, about = checkpoint.read(path)
    if json.loads(about["config"]).get("task") == "tags":
        raise DataError(f"{path}: is a tagger; temperature and thresholds are for genres")
    about.pop("calibration", None)
    about["dataset"] = _dataset(about, data, audio)
    checkpoint.write(path, tensors, about)
    labels = json.loads(about["labels"])
    tracks = [t for t in data.tracks if t.split == "valid" and t.genre in labels and t.key in audio]
    calibration = fit(load_model(path), audio, tracks, held_out(speech))
    checkpoint.write(path, tensors, about | {"calibration": calibration.to_json()})
    return calibration


def calibrate_as(path: Path, other: Path, data: DataSet, audio: AudioCache) -> None:
    """Copy the calibration of another checkpoint of the same recipe.

    Used for a network that was also trained on `valid`, where its outputs are overconfident. The
    other network was trained without `valid` and calibrated on it. Raises DataError if the other
    checkpoint has no calibration.
    """
    tensors, about = checkpoint.read(path)
    theirs = checkpoint.read(other)[1]
    if "calibration" not in theirs or theirs["labels"] != about["labels"]:
        raise DataError(f"{other}: has no calibration for these genres; calibrate it first")
    about |= {"calibration": theirs["calibration"], "dataset": _dataset(about, data, audio)}
    checkpoint.write(path, tensors, about)


def _dataset(about: Mapping[str, str], data: DataSet, audio: AudioCache) -> str:
    """Name of the data set and number of training tracks, as JSON."""
    splits = Config.model_validate_json(about["config"]).run.splits
    tracks = sum(t.split in splits and bool(t.genre) and t.key in audio for t in data.tracks)
    return json.dumps({"name": data.name, "tracks": tracks})
