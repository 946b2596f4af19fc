"""Parts of training runs shared by tests. Imports torch."""

from __future__ import annotations

import csv
from pathlib import Path

import torch

from streamgenre.networks.step import SequenceLogits


class Says(torch.nn.Module):
    """A network whose logits do not depend on its input."""

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def sequence(self, windows, fresh, state, options):
        return SequenceLogits(self.logits, None, state)


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of log.csv beside a checkpoint."""
    with (path.parent / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))
