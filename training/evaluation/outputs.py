"""The files that an evaluation leaves in a folder: figures, report, pictures, predictions."""

from __future__ import annotations

import json
from pathlib import Path

from .predictions import write_predictions
from .report import report
from .suite import Evaluation


def write_evaluation(evaluation: Evaluation, folder: Path) -> list[Path]:
    """SPLIT.json, SPLIT.md, SPLIT-*.png and SPLIT-HOP.csv; gives their paths."""
    from .plots import write_plots  # matplotlib takes half a second to import

    folder.mkdir(parents=True, exist_ok=True)
    found, split = evaluation.found, evaluation.found["split"]
    written = []
    for hop, mean in evaluation.means.items():
        written.append(folder / f"{split}-{hop}.csv")
        write_predictions(written[-1], evaluation.scored.tracks, evaluation.labels, mean)
    pictures = write_plots(found, evaluation.labels, folder, split)
    figures, text = folder / f"{split}.json", folder / f"{split}.md"
    figures.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    text.write_text(report(found, pictures), encoding="utf-8")
    return [figures, text, *(folder / name for name in pictures), *written]
