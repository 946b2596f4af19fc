"""Checkpoints: safetensors, never pickle; what they were made from is inside.

The metadata holds the network's description, labels, config, data (SHA-256) and the commit of this
code, each as text; a run's checkpoint also its progress.
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

from streamgenre.errors import ModelFileError
from streamgenre.networks import build
from streamgenre.networks.step import StepNetwork

About = dict[str, str]


def write(path: Path, tensors: Mapping[str, Tensor], about: About) -> None:
    """Replace a checkpoint at once: a broken-off write leaves the one before."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, partial, about)
        partial.chmod(0o644)  # safetensors writes for its owner alone
        partial.replace(path)
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise ModelFileError(f"{path}: cannot be written: {error}") from None


def read(path: Path) -> tuple[dict[str, Tensor], About]:
    """Tensors and metadata; raises ModelFileError where it is no checkpoint of ours."""
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
        raise ModelFileError(f"{path}: is no checkpoint of this trainer; give one of its") from None
    return tensors, about


def load_network(path: Path) -> tuple[StepNetwork, About]:
    """The network of a finished checkpoint, in evaluation mode, and what the file says of it."""
    tensors, about = read(path)
    try:
        network = build(json.loads(about["network"]))
        network.load_state_dict(tensors)
    except (RuntimeError, TypeError, ValueError, ZeroDivisionError):
        raise ModelFileError(
            f"{path}: does not hold the weights of its network; give a finished run's "
            "model.safetensors"
        ) from None
    return network.eval(), about


def moments(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What an optimiser remembers, as named tensors."""
    state = optimizer.state_dict()["state"]
    return {
        f"moment.{i}.{name}": torch.as_tensor(value)
        for i, values in state.items()
        for name, value in values.items()
        if value is not None
    }


def restore_moments(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimiser back what `moments` took."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("moment."):
            _, index, name = key.split(".")
            state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})


def commit() -> str:
    """The commit of this code, "-dirty" behind it where it was changed; empty without a repository.

    Results do not count: a queue writes them as it goes.
    """
    here = Path(__file__).parent
    if shutil.which("git") is None or not (here.parent / ".git").exists():
        return ""
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True)
    changed = ["git", "diff", "--quiet", "HEAD", "--", ".", "../streamgenre", ":!results"]
    dirty = subprocess.run(changed, cwd=here, capture_output=True).returncode
    return done.stdout.strip() + ("-dirty" if dirty == 1 else "")
