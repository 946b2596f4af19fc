"""A finished network from one or more runs: mean of the weights, last layers, and calibration."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from ..calibration.calibrate import calibrate, calibrate_as
from ..checkpoint import read
from ..data import AudioCache, DataSet
from ..distillation.soft_targets import SoftTargets
from ..trainer.weight_averaging import average
from .speech import finish_speech
from .styles import finish_styles


def mean_of_runs(
    target: Path,
    runs: Sequence[Path],
    dataset: DataSet,
    audio: AudioCache,
    *,
    start_share: float = 0.0,
    soft_targets: SoftTargets | None = None,
    speech: Path | None = None,
    held_speech: Path | None = None,
    calibrated_as: Path | None = None,
    report: Callable[[str], object] = print,
) -> Path:
    """Write the mean of finished runs with the same initial weights, and calibrate it.

    A single run without `start_share` keeps its weights and its calibration.

    Args:
        target: the checkpoint to write, which appears when it is complete.
        runs: checkpoints of the runs.
        start_share: share of the initial weights in the mean.
        soft_targets: refit the style layer to them.
        speech: folder of recorded speech; add or refit the speech layer.
        held_speech: folder of other speech, for the threshold of `music`.
        calibrated_as: copy the calibration of this checkpoint.
        report: called with a line about each layer.
    """
    # Renamed when it is complete, because other commands take it for finished.
    path = target.with_name(f"unfinished-{target.name}")
    alone = len(runs) == 1 and not start_share
    if alone:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(runs[0], path)
    else:
        average(runs, path, start_share)
    if soft_targets is not None:
        before, after = finish_styles(path, dataset, audio, soft_targets)
        report(f"styles: cross-entropy {before:.4f} before, {after:.4f} after")
    if speech is not None:
        before, after = finish_speech(path, dataset, audio, speech)
        report(f"speech: cross-entropy {before:.4f} before, {after:.4f} after")
    if calibrated_as is not None:
        calibrate_as(path, calibrated_as, dataset, audio)
    elif not alone or read(path)[1].calibration is None:
        calibrate(path, dataset, audio, held_speech)
    return path.replace(target)
