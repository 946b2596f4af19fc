"""Read published weights.

A published file is identified by its name, and must have the hash of the release: its formats, a
pickle of torch.save and HDF5, have no checksums. Files of other names are accepted, for weights of
one's own in the same layout. The pickle is restricted to tensors (`weights_only`).
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import ModelFileError, first_line, one_line

PUBLISHED = {
    "mn04_as_mAP_432.pt": "899a8c6217063f6941793102a2780b3dd788ab11fce468d9cf5f0577c453321c",
    "music_tagger_crnn_weights_theano.h5": (
        "783d8198417fd5d6ceee551dea5ec3e7f0210ec743af4819172b5c943044081c"
    ),
}
"""File name -> SHA-256 of weights that others have published."""
LARGEST_WEIGHTS = 512 * 2**20
"""Bytes of a file, and of its arrays together."""


def read_published(path: str | Path) -> io.BytesIO:
    """The content of a file of weights.

    Raises ModelFileError if it is damaged or too large, and OSError if it cannot be read.
    """
    with Path(path).open("rb") as file:
        data = file.read(LARGEST_WEIGHTS + 1)
    if len(data) > LARGEST_WEIGHTS:
        raise ModelFileError(f"{path}: exceeds {LARGEST_WEIGHTS >> 20} MB; give a file of weights")
    digest = PUBLISHED.get(Path(path).name)
    if digest is not None and hashlib.sha256(data).hexdigest() != digest:
        raise ModelFileError(
            f"{path}: is damaged, or another file of this name (its hash differs from the "
            "published one); download it again, or rename it if the weights are your own"
        )
    return io.BytesIO(data)


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a file of `torch.save`. Raises ModelFileError for any other content."""
    try:
        data = read_published(path)
        # Without this, an archive of a few kilobytes could be unpacked to gigabytes.
        with zipfile.ZipFile(data) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > LARGEST_WEIGHTS:
                raise ValueError("too large when unpacked")
        data.seek(0)
        loaded: Any = torch.load(data, map_location="cpu", weights_only=True)
        if not isinstance(loaded, dict):
            raise ValueError("no dictionary of tensors")
    except ModelFileError:
        raise
    except Exception as error:  # a damaged pickle can raise anything
        raise ModelFileError(
            f"{path}: is not a file of weights ({one_line(first_line(error))[:200]}); give a state "
            "dict written by torch.save"
        ) from None
    return {str(key): value for key, value in loaded.items() if isinstance(value, Tensor)}
