"""A table of tags for a data set without tags, from the outputs of a pretrained tagger.

A tagger gives low probabilities to rare tags even where they clearly apply, so a single threshold
would leave most tags without tracks. Here the number of training tracks with a tag is the sum of
the mean probabilities of the tag over the training tracks. The tag is assigned to the tracks with
the highest probabilities. The lowest of these is the threshold for the other tracks.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamgenre.files import replace_bytes

from ..data import DataError, Track
from ..data.tags import KEY
from .outputs import Rows

SPLITS = ("train", "valid", "test")


def mean_probabilities(
    outputs: Mapping[str, Rows], keys: Sequence[str], count: int
) -> NDArray[np.float64]:
    """Mean probability of each of `count` tags over every track (N, count), from rows."""
    return np.stack([outputs[key][:, 1 : 1 + count].astype(np.float64).mean(0) for key in keys])


def assigned_tags(means: NDArray[np.float64], train: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Assign tags to tracks: mean probabilities (N, D), mask of the training tracks (N,) -> (N, D).

    If several tracks have exactly the threshold, the tag is assigned to all of them.
    """
    descending = -np.sort(-means[train], axis=0)
    expected = descending.sum(0).round().astype(int).clip(0, len(descending))
    assigned = np.zeros(means.shape, bool)
    for tag, number in enumerate(expected):
        if number:
            assigned[:, tag] = means[:, tag] >= descending[number - 1, tag]
    return assigned


def write_tags(
    path: Path, tracks: Sequence[Track], words: Sequence[str], outputs: Mapping[str, Rows]
) -> NDArray[np.bool_]:
    """Write the table for `train --tags`, with all tracks; return the assignment (N, D)."""
    train = np.array([t.split == "train" for t in tracks])
    if not train.any():
        raise DataError("no track is in train: the frequency of the tags cannot be estimated")
    assigned = assigned_tags(
        mean_probabilities(outputs, [t.key for t in tracks], len(words)), train
    )
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([KEY, *words])
    writer.writerows([t.key, *row.astype(int)] for t, row in zip(tracks, assigned, strict=True))
    replace_bytes(path, text.getvalue().encode())
    return assigned
