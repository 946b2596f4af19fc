"""Outputs of pretrained taggers for the tracks of a data set, cached in one file per teacher.

The taggers come from a module `peers.py` in a folder with their weights. Its function `load(name)`
returns a model with `sr` (sample rate), `n` (samples per window), `labels`,
`run(windows (B, n)) -> (B, labels)` and optionally `emb`, the last embedding.
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

from streamgenre.files import replace_bytes
from streamgenre.networks.trunk import WINDOW, TrunkTFCRNN
from streamgenre.networks.weights import read_state_dict

from ..data import SAMPLE_RATE, AudioCache, DataError
from ..data.arrays import read_npz
from ..inference import Progress
from .soft_targets import FIRST, STEP

EVERY = 5.0  # s between the windows of a teacher, whose outputs change slowly
_BATCH = 8
Rows = NDArray[np.floating[Any]]
"""(windows, 1 + values): the centre of each window in s, then the outputs."""


def open_peers(folder: Path) -> Any:
    """Import `peers.py` of a folder. Raises DataError if it cannot be used."""
    path = folder / "peers.py"
    spec = importlib.util.spec_from_file_location("peers", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise DataError(f"{folder}: has no peers.py; give the folder of the teachers")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ImportError as error:
        raise DataError(f"{path}: {error}; install the dependencies of the teachers") from None
    except Exception as error:  # the module can raise anything
        raise DataError(f"{path}: cannot be used: {error}") from None
    return module


def windows(samples: Rows, size: int, every: int) -> tuple[Rows, NDArray[np.float64]]:
    """Cut windows (N, size) and return them with their first samples (N,); repeat short tracks."""
    if len(samples) < size:
        samples = np.tile(samples, -(-size // max(1, len(samples))))[:size]
    starts = np.arange(0, len(samples) - size + 1, every)
    return np.stack([samples[s : s + size] for s in starts]), starts.astype(np.float64)


def tagger_outputs(peer: Any, samples: Rows) -> Rows:
    """Probabilities of a tagger for 16 kHz samples, followed by its embedding if it has one."""
    if peer.sr != SAMPLE_RATE:
        samples = soxr.resample(samples, SAMPLE_RATE, peer.sr)
    cut, starts = windows(samples, peer.n, round(EVERY * peer.sr))
    rows = []
    with torch.inference_mode():
        for window in cut:
            values = peer.run(window[None])
            emb = getattr(peer, "emb", None)
            rows.append(values[0] if emb is None else np.concatenate([values[0], emb[0].numpy()]))
    middle = (starts + peer.n / 2) / peer.sr
    return np.concatenate([middle[:, None], np.stack(rows)], 1).astype(np.float32)


class Trunk:
    """The pretrained backbone as released: its features (E) and AudioSet logits (527)."""

    def __init__(self, checkpoint: Path) -> None:
        self._network = TrunkTFCRNN(1, feedback="none").eval()
        self._network.start_from(checkpoint)
        weights = read_state_dict(checkpoint)
        self._head = [weights[f"classifier.{i}.{k}"] for i in (2, 5) for k in ("weight", "bias")]
        self.features = self._network.features_size

    @torch.inference_mode()
    def outputs(self, samples: Rows) -> Rows:
        """Features and logits of a window of the network's length every STEP seconds."""
        if len(samples) < WINDOW:
            samples = np.pad(samples, (0, WINDOW - len(samples)))
        cut, _ = windows(samples, WINDOW, round(STEP * SAMPLE_RATE))
        state = torch.zeros(len(cut), self._network.state_size)
        features = self._network.features(torch.from_numpy(cut), state)
        inner, bias, outer, offset = self._head
        top = features[:, : inner.shape[1]]
        tags = F.linear(F.hardswish(F.linear(top, inner, bias)), outer, offset)
        middle = FIRST + STEP * torch.arange(len(cut))[:, None]
        return np.asarray(torch.cat([middle, features, tags], 1).numpy(), np.float32)


def cached_outputs(
    path: Path,
    audio: AudioCache,
    keys: Sequence[str],
    compute: Callable[[Rows], Rows],
    progress: Progress,
) -> dict[str, Rows]:
    """Compute the outputs for all tracks. They are cached in a file (.npz), also if interrupted."""
    outputs: dict[str, Rows] = {}
    if path.is_file():
        try:
            outputs = {key: rows.astype(np.float32) for key, rows in read_npz(path).items()}
        except (OSError, ValueError) as error:
            raise DataError(
                f"{path}: cannot be read: {error}; remove it to compute it again"
            ) from None
    missing = [key for key in keys if key not in outputs]
    saved = time.monotonic()
    for number, key in enumerate(missing, 1):
        # Round to the precision of the file, so that cached outputs are identical.
        rows = compute(audio[key].astype(np.float32) / 32768)
        outputs[key] = rows.astype(np.float16).astype(np.float32)
        progress(path.stem, number, len(missing))
        if number == len(missing) or time.monotonic() - saved > 120:
            _save(path, outputs)
            saved = time.monotonic()
    return {key: outputs[key] for key in keys}


def _save(path: Path, outputs: dict[str, Rows]) -> None:
    buffer = io.BytesIO()
    # Like numpy.savez, whose keyword arguments would exclude some keys.
    with zipfile.ZipFile(buffer, "w") as file:
        for key, rows in outputs.items():
            member = io.BytesIO()
            np.save(member, rows.astype(np.float16))
            file.writestr(f"{key}.npy", member.getvalue())
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_bytes(path, buffer.getvalue())
