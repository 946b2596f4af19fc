"""Checkpoints: safetensors files, never pickle, with a description of their origin.

The metadata contain the description of the network, labels, config, hash of the data (SHA-256) and
the commit of the code, each as text. The checkpoint of a run also contains its progress.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from streamgenre.errors import ModelFileError, OutputError
from streamgenre.files import replacement
from streamgenre.networks import build
from streamgenre.networks.step import StepNetwork

About = dict[str, str]


def write(path: Path, tensors: Mapping[str, Tensor], about: About) -> None:
    """Replace a checkpoint atomically. Raises OutputError if it cannot be written."""
    held = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        with replacement(path) as partial:
            save_file(held, partial, about)
            partial.chmod(0o644)  # safetensors sets 0600
    except SafetensorError as error:
        raise OutputError(f"{path}: cannot be written: {error}") from None


def read(path: Path) -> tuple[dict[str, Tensor], About]:
    """Return tensors and metadata. Raises ModelFileError for any other file."""
    try:
        with safe_open(path, "pt") as file:
            about = dict(file.metadata() or {})
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ModelFileError(f"{path}: the checkpoint cannot be read: {error}") from None
    try:
        for key in ("network", "labels", "config"):
            json.loads(about[key])
    except (KeyError, ValueError):
        raise ModelFileError(
            f"{path}: is not a checkpoint of this trainer; give one of its"
        ) from None
    return tensors, about


def load_network(path: Path) -> tuple[StepNetwork, About]:
    """Return the network of a finished checkpoint, in evaluation mode, and the metadata."""
    tensors, about = read(path)
    try:
        network = build(json.loads(about["network"]))
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
