"""Networks: trained with the trainer of this project, measured on tracks as in their papers."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamgenre.networks.segment import SegmentNetwork
from streamgenre.networks.step import StepNetwork

from ...checkpoint import load_network
from ...data import DataError, DataSet
from ...inference import stream_tracks
from ...inference.decisions import softmax
from ...inference.segments import segment_tracks
from ...model import network_model
from ...trainer.train import Trainer
from ..cost import macs_per_second, parameters
from ..results import Measured
from ..rows import Row
from ..run import Bench, Outputs, genre_result, seconds_of


@dataclass(frozen=True)
class Trained:
    """The network of a finished run."""

    network: StepNetwork
    hop: int  # samples
    costs: Measured  # of the network and of its training


def measure(bench: Bench, row: Row, seed: int) -> Measured:
    """Train unless the run is finished, and predict `test`."""
    run = trained(bench, row, seed)
    network, hop = run.network, run.hop
    measured = genre_result(bench, row, seed, predict(bench, run, "test"))
    valid = predict(bench, run, "valid")
    right = valid.means.argmax(1) == bench.split("valid").true
    measured |= Measured(valid_accuracy=round(float(right.mean()), 5))
    if not isinstance(network, SegmentNetwork):
        carried = _streamed(bench, network, hop, "test", carry=True)
        test = bench.split("test")
        last = np.stack([rows[-1] for rows in carried.segments])
        measured |= Measured(
            accuracy_carried=round(float((carried.means.argmax(1) == test.true).mean()), 5),
            accuracy_last_step=round(float((last.argmax(1) == test.true).mean()), 5),
        )
    return measured | run.costs


def trained(bench: Bench, row: Row, seed: int, dataset: DataSet | None = None) -> Trained:
    """Train unless the run is finished, and return it.

    `dataset`: replaces that of the bench; with the same audio.
    """
    config = row.config(seed)
    folder = bench.folder(row, seed)
    dataset = dataset or bench.dataset
    trainer = Trainer(folder, config, dataset.tracks, dataset.labels, bench.audio)
    path, kept = folder / "model.safetensors", folder / "spent.json"
    if not (path.is_file() and kept.is_file()):
        path = trainer.run()
        spent = {"seconds": trainer.progress.seconds, "updates": trainer.progress.trained}
        kept.write_text(json.dumps(spent, allow_nan=False))
    network, about = load_network(path)
    if not trainer.is_of_this_run(about):
        raise DataError(
            f"{folder}: holds a run with another config or data; remove it, or give another --runs"
        )
    spent = json.loads(kept.read_text())
    hop = config.sequences.hop_samples[0]
    seconds, updates = spent["seconds"], spent["updates"]
    read = updates * config.sequences.lanes * hop
    passes = read / sum(clip.length for clip in trainer.feed.music)
    costs = Measured(
        commit=about.commit,
        parameters=parameters(network),
        macs_per_second=round(macs_per_second(network, hop)),
        train_seconds=round(seconds, 1),
        updates=updates,
        passes=round(passes, 2),
        budget=f"{seconds / 60:.1f} CPU minutes, {updates} updates of {config.sequences.lanes} "
        f"segments, {passes:.1f} passes",
    )
    return Trained(network, hop, costs)


def predict(bench: Bench, run: Trained, split: str) -> Outputs:
    """Predict the segments of the tracks of a split, without a carried state."""
    network = run.network
    if not isinstance(network, SegmentNetwork):
        return _streamed(bench, network, run.hop, split, carry=False)
    keys = bench.split(split).keys
    begun = time.process_time()
    logits = segment_tracks(network, bench.audio, keys)
    spent = time.process_time() - begun
    return Outputs([softmax(logits[key]) for key in keys], spent / seconds_of(bench, keys))


def _streamed(bench: Bench, network: StepNetwork, hop: int, split: str, carry: bool) -> Outputs:
    keys = bench.split(split).keys
    seconds = hop / 16_000
    # The same input as for segment networks: whole steps; a shorter track is repeated.
    whole = {key: _whole_steps(bench.audio[key], hop) for key in keys}
    description = {"kind": type(network).__name__}
    model = network_model(network, description, bench.dataset.labels, [seconds], "cpu")
    begun = time.process_time()
    runs = stream_tracks(model.engine, whole, keys, model.card.hop(seconds), carry=carry)
    spent = time.process_time() - begun
    return Outputs([runs[key].probabilities for key in keys], spent / seconds_of(bench, keys))


def _whole_steps(samples: NDArray[np.int16], hop: int) -> NDArray[np.int16]:
    if len(samples) < hop:
        return np.take(samples, np.arange(hop), mode="wrap")
    return samples[: len(samples) // hop * hop]
