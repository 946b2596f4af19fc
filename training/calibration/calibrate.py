"""Calibration of a finished checkpoint: fits temperature and thresholds on `valid`."""

from __future__ import annotations

from pathlib import Path

from .. import checkpoint
from ..card import Calibration
from ..data import AudioCache, DataError, DataSet
from ..model import load_model
from ..streams.non_music import held_out
from .fit import fit


def calibrate(path: Path, data: DataSet, audio: AudioCache, speech: Path | None) -> Calibration:
    """Fit the calibration and write it to the checkpoint; `speech` is held out from training."""
    tensors, about = checkpoint.read(path)
    if about.config.task == "tags":
        raise DataError(f"{path}: is a tagger; temperature and thresholds are for genres")
    dataset = _dataset(about, data, audio)
    about = about.model_copy(update={"calibration": None, "dataset": dataset})
    checkpoint.write(path, tensors, about)
    tracks = [
        t for t in data.tracks if t.split == "valid" and t.genre in about.labels and t.key in audio
    ]
    calibration = fit(load_model(path), audio, tracks, held_out(speech))
    checkpoint.write(path, tensors, about.model_copy(update={"calibration": calibration}))
    return calibration


def calibrate_as(path: Path, other: Path, data: DataSet, audio: AudioCache) -> None:
    """Copy the calibration of another checkpoint of the same recipe.

    Used for a network that was also trained on `valid`, where its outputs are overconfident. The
    other network was trained without `valid` and calibrated on it. Raises DataError if the other
    checkpoint has no calibration.
    """
    tensors, about = checkpoint.read(path)
    theirs = checkpoint.read(other)[1]
    if theirs.calibration is None or theirs.labels != about.labels:
        raise DataError(f"{other}: has no calibration for these genres; calibrate it first")
    dataset = _dataset(about, data, audio)
    changes = {"calibration": theirs.calibration, "dataset": dataset}
    checkpoint.write(path, tensors, about.model_copy(update=changes))


def _dataset(
    about: checkpoint.Checkpoint, data: DataSet, audio: AudioCache
) -> checkpoint.TrainingData:
    splits = about.config.run.splits
    tracks = sum(t.split in splits and bool(t.genre) and t.key in audio for t in data.tracks)
    return checkpoint.TrainingData(data.name, tracks)
