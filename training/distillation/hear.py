"""Runs pretrained taggers over tracks and keeps what they say, a file a teacher.

The taggers come from a `peers.py` of the user's, in a folder with their weights: a module whose
`load(name)` gives a model with `sr`, `n` (samples of a window), `labels` and
`run(windows (B, n)) -> (B, labels)`, and perhaps `emb`, its last embedding.
"""

from __future__ import annotations

import importlib.util
import io
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from streamgenre.networks.trunk import WINDOW, TrunkTFCRNN

from ..data import SAMPLE_RATE, AudioCache, DataError
from ..inference import Progress
from ..writing import replace_file
from .soft_targets import FIRST, STEP

EVERY = 5.0  # s between the windows of a teacher: what it hears changes slowly
_BATCH = 8
Rows = NDArray[np.floating[Any]]
"""(windows, 1 + values): the middle of each window in s, then what is said of it."""


def open_peers(folder: Path) -> Any:
    """The module peers.py of a folder; DataError where it cannot be used."""
    path = folder / "peers.py"
    spec = importlib.util.spec_from_file_location("peers", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise DataError(f"{folder}: has no peers.py; give the folder of the teachers")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ImportError as error:
        raise DataError(f"{path}: {error}; install what the teachers need") from None
    except Exception as error:  # whatever a module of the user's can raise
        raise DataError(f"{path}: cannot be used: {error}") from None
    return module


def windows(samples: Rows, size: int, every: int) -> tuple[Rows, NDArray[np.float64]]:
    """Windows (N, size) of samples, a short track repeated, and their first samples (N,)."""
    if len(samples) < size:
        samples = np.tile(samples, -(-size // max(1, len(samples))))[:size]
    starts = np.arange(0, len(samples) - size + 1, every)
    return np.stack([samples[s : s + size] for s in starts]), starts.astype(np.float64)


def say(peer: Any, samples: Rows) -> Rows:
    """What a tagger says of 16 kHz samples: probabilities, then its embedding if it has one."""
    if peer.sr != SAMPLE_RATE:
        samples = soxr.resample(samples, SAMPLE_RATE, peer.sr)
    cut, starts = windows(samples, peer.n, round(EVERY * peer.sr))
    said = []
    with torch.inference_mode():
        for window in cut:
            values = peer.run(window[None])
            emb = getattr(peer, "emb", None)
            said.append(values[0] if emb is None else np.concatenate([values[0], emb[0].numpy()]))
    middle = (starts + peer.n / 2) / peer.sr
    return np.concatenate([middle[:, None], np.stack(said)], 1).astype(np.float32)


class Trunk:
    """The trunk to be taught, as it is published: its features (E) and AudioSet logits (527)."""

    def __init__(self, checkpoint: Path) -> None:
        self._network = TrunkTFCRNN(1, feedback="none").eval()
        self._network.start_from(checkpoint)
        weights = torch.load(checkpoint, map_location="cpu", weights_only=True)
        self._head = [weights[f"classifier.{i}.{k}"] for i in (2, 5) for k in ("weight", "bias")]
        self.features = self._network.features_size

    @torch.inference_mode()
    def say(self, samples: Rows) -> Rows:
        """Every STEP seconds, of a window of the network's own length."""
        if len(samples) < WINDOW:
            samples = np.pad(samples, (0, WINDOW - len(samples)))
        cut, _ = windows(samples, WINDOW, round(STEP * SAMPLE_RATE))
        state = torch.zeros(len(cut), self._network.state_size)
        heard = self._network.features(torch.from_numpy(cut), state)
        inner, bias, outer, offset = self._head
        top = heard[:, : inner.shape[1]]
        tags = F.linear(F.hardswish(F.linear(top, inner, bias)), outer, offset)
        middle = FIRST + STEP * torch.arange(len(cut))[:, None]
        return np.asarray(torch.cat([middle, heard, tags], 1).numpy(), np.float32)


def hear(
    path: Path,
    audio: AudioCache,
    keys: Sequence[str],
    say: Callable[[Rows], Rows],
    progress: Progress,
) -> dict[str, Rows]:
    """What is said of every track, kept in a file (.npz) that a broken-off run goes on from."""
    found: dict[str, Rows] = {}
    if path.is_file():
        try:
            with np.load(path) as file:
                found = {key: file[key].astype(np.float32) for key in file.files}
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise DataError(f"{path}: cannot be read: {error}; remove it to hear anew") from None
    missing = [key for key in keys if key not in found]
    saved = time.monotonic()
    for number, key in enumerate(missing, 1):
        # As it will be read again.
        said = say(audio[key].astype(np.float32) / 32768)
        found[key] = said.astype(np.float16).astype(np.float32)
        progress(path.stem, number, len(missing))
        if number == len(missing) or time.monotonic() - saved > 120:
            _keep(path, found)
            saved = time.monotonic()
    return {key: found[key] for key in keys}


def _keep(path: Path, found: dict[str, Rows]) -> None:
    buffer = io.BytesIO()
    # As numpy.savez does; its keyword arguments would forbid some keys.
    with zipfile.ZipFile(buffer, "w") as file:
        for key, rows in found.items():
            member = io.BytesIO()
            np.save(member, rows.astype(np.float16))
            file.writestr(f"{key}.npy", member.getvalue())
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, buffer.getvalue())
