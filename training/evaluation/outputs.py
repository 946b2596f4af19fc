"""The files that an evaluation leaves in a folder: figures, report, pictures, predictions."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from ..data.record import DataError
from .predictions import write_predictions
from .report import report
from .suite import Evaluation
from .verdicts import verdicts


def make_folder(folder: Path) -> None:
    """Make a folder for results before minutes of work; DataError where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unwritable(folder, error) from None


def write_evaluation(evaluation: Evaluation, folder: Path) -> list[Path]:
    """SPLIT.json, SPLIT.md, SPLIT-verdicts.md, SPLIT-*.png, SPLIT-HOP.csv; gives their paths."""
    make_folder(folder)
    try:
        return _write(evaluation, folder)
    except OSError as error:
        raise _unwritable(folder, error) from None


def _write(evaluation: Evaluation, folder: Path) -> list[Path]:
    from .plots import write_plots  # matplotlib takes half a second to import

    found, split = evaluation.found, evaluation.found["split"]
    figures, text = folder / f"{split}.json", folder / f"{split}.md"
    # The pictures last: what took minutes to measure is safe should drawing fail.
    figures.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    written = []
    for hop, mean in evaluation.means.items():
        written.append(folder / f"{split}-{hop}.csv")
        write_predictions(written[-1], evaluation.scored.tracks, evaluation.labels, mean)
    text.write_text(report(found), encoding="utf-8")
    hop, mean = next(iter(evaluation.means.items()))
    told = folder / f"{split}-verdicts.md"
    told.write_text(
        verdicts(evaluation.scored.tracks, evaluation.labels, mean, hop), encoding="utf-8"
    )
    pictures = write_plots(found, evaluation.labels, folder, split, evaluation.gates)
    text.write_text(report(found, pictures), encoding="utf-8")
    return [figures, text, told, *(folder / name for name in pictures), *written]


def _unwritable(folder: Path, error: OSError) -> DataError:
    where = error.filename if isinstance(error.filename, str) else folder
    return DataError(f"{where}: cannot be written: {error.strerror or error}; give another folder")
