"""Checkpoints: safetensors files, never pickle, with a description of their origin.

The metadata of a file are those of a `Checkpoint`, each as text. The checkpoint of a run also
contains its progress.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from streamgenre.errors import ModelFileError, OutputError
from streamgenre.files import replacement
from streamgenre.model.card import Style
from streamgenre.networks import build, check_description
from streamgenre.networks.step import StepNetwork
from streamgenre.parse import parse_json

from .card import Calibration
from .config import Config
from .schedule import Progress


@dataclass(frozen=True)
class TrainingData:
    """Name of the data set, and number of its tracks that were used for training."""

    name: str
    tracks: int


class Checkpoint(BaseModel):
    """What the tensors of a file belong to, and how they were made."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    network: dict[str, Any]
    """Kind and constructor arguments (streamgenre/networks/)."""
    labels: tuple[str, ...]
    config: Config
    data: str = ""
    """SHA-256 of the audio and its tracks."""
    tracks: str = ""
    """SHA-256 of the tracks with their splits."""
    non_music: str = Field("", alias="not_music")
    """Checksum of the recorded speech."""
    soft_targets: str = Field("", alias="lessons")
    """SHA-256 of the soft targets, or empty."""
    styles: tuple[Style, ...] = ()
    commit: str = ""
    dataset: TrainingData | None = None
    calibration: Calibration | None = None
    before_speech: str | None = None
    """SHA-256 of the file before a speech layer was added, if its measurements remain valid."""
    averaged: int | None = None
    """Number of runs in a mean of weights."""
    start_share: float | None = None
    """Share of the initial weights in that mean."""
    progress: Progress | None = None

    @field_validator(
        "network", "labels", "config", "styles", "dataset", "calibration", "averaged",
        "start_share", "progress", mode="before",
    )  # fmt: skip
    @classmethod
    def _decoded(cls, value: object) -> object:
        """Metadata are text, in which these entries are JSON."""
        return parse_json(value) if isinstance(value, str) else value

    @field_validator("progress", mode="wrap")
    @classmethod
    def _or_none(cls, value: object, validate: ValidatorFunctionWrapHandler) -> object:
        """A damaged progress is None: only its own run needs it."""
        try:
            return validate(value)
        except ValidationError:
            return None

    def metadata(self) -> dict[str, str]:
        """The entries as text; entries that are None are left out."""
        entries = self.model_dump(mode="json", by_alias=True) | {"config": self.config.to_json()}
        return {
            key: value if isinstance(value, str) else json.dumps(value, allow_nan=False)
            for key, value in entries.items()
            if value is not None
        }


_DIGEST = "tensors_sha256"  # entry of the metadata


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of names, types, shapes and values."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def write(path: Path, tensors: Mapping[str, Tensor], about: Checkpoint) -> None:
    """Replace a checkpoint atomically. Raises OutputError if it cannot be written."""
    held = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        with replacement(path) as partial:
            save_file(held, partial, about.metadata() | {_DIGEST: _digest(held)})
            partial.chmod(0o644)  # safetensors sets 0600
    except SafetensorError as error:
        raise OutputError(f"{path}: cannot be written: {error}") from None


def read(path: Path) -> tuple[dict[str, Tensor], Checkpoint]:
    """Return tensors and metadata. Raises ModelFileError for any other file."""
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ModelFileError(f"{path}: the checkpoint cannot be read: {error}") from None
    # Files of earlier versions have no hash.
    if metadata.pop(_DIGEST, None) not in (None, _digest(tensors)):
        raise ModelFileError(
            f"{path}: is damaged (its hash differs); copy it again, or remove it to start again"
        )
    try:
        return tensors, Checkpoint.model_validate(metadata)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        raise ModelFileError(
            f"{path}: is not a checkpoint of this trainer ({place}); give one of its"
        ) from None


def load_network(path: Path) -> tuple[StepNetwork, Checkpoint]:
    """Return the network of a finished checkpoint, in evaluation mode, and the metadata."""
    tensors, about = read(path)
    try:
        check_description(about.network)
        network = build(about.network)
        network.load_state_dict(tensors)
    except (RuntimeError, TypeError, ValueError, ZeroDivisionError):
        raise ModelFileError(
            f"{path}: does not contain the weights of its network; give a finished run's "
            "model.safetensors"
        ) from None
    return network.eval(), about


def moments(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """State of an optimiser as named tensors."""
    state = optimizer.state_dict()["state"]
    return {
        f"moment.{i}.{name}": torch.as_tensor(value)
        for i, values in state.items()
        for name, value in values.items()
        if value is not None
    }


def restore_moments(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Restore the state of an optimiser from `moments`."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("moment."):
            _, index, name = key.split(".")
            state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})


def commit() -> str:
    """Return the commit of this code, with "-dirty" if it was modified; empty without a repository.

    Changed results are ignored, because the experiments queue writes them.
    """
    here = Path(__file__).parent
    if shutil.which("git") is None or not (here.parent / ".git").exists():
        return ""
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True)
    changed = ["git", "diff", "--quiet", "HEAD", "--", ".", "../streamgenre", ":!results"]
    dirty = subprocess.run(changed, cwd=here, capture_output=True).returncode
    return done.stdout.strip() + ("-dirty" if dirty == 1 else "")
