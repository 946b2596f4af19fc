"""A table of tags for a data set that has none: what a pretrained tagger hears in its tracks.

A tagger's probabilities of rare tags stay low where the tag is plain to hear, so one threshold for
all would leave most tags without tracks. Here a tag is as common as the tagger expects: of the
tracks to be trained on, as many bear it as its mean probabilities over them add up to, the highest.
The last of these is the threshold for all other tracks.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..data import DataError, Track
from ..data.tags import KEY
from ..writing import replace_file
from .hear import Rows

SPLITS = ("train", "valid", "test")


def mean_probabilities(
    said: Mapping[str, Rows], keys: Sequence[str], count: int
) -> NDArray[np.float64]:
    """Of each of `count` tags over every track (N, count), from a teacher's rows."""
    return np.stack([said[key][:, 1 : 1 + count].astype(np.float64).mean(0) for key in keys])


def borne_tags(means: NDArray[np.float64], train: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which tracks bear which tags (N, D), from mean probabilities (N, D) and who is in `train`.

    Where tracks say the same of a tag to the last digit, more of them bear it than expected.
    """
    taught = -np.sort(-means[train], axis=0)
    expected = taught.sum(0).round().astype(int).clip(0, len(taught))
    borne = np.zeros(means.shape, bool)
    for tag, number in enumerate(expected):
        if number:
            borne[:, tag] = means[:, tag] >= taught[number - 1, tag]
    return borne


def write_tags(
    path: Path, tracks: Sequence[Track], words: Sequence[str], said: Mapping[str, Rows]
) -> NDArray[np.bool_]:
    """The table that `train --tags` reads, of all tracks; gives which bear which tags (N, D)."""
    train = np.array([t.split == "train" for t in tracks])
    if not train.any():
        raise DataError("no track is in train: how common a tag is cannot be told")
    borne = borne_tags(mean_probabilities(said, [t.key for t in tracks], len(words)), train)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([KEY, *words])
    writer.writerows([t.key, *row.astype(int)] for t, row in zip(tracks, borne, strict=True))
    replace_file(path, text.getvalue().encode())
    return borne
