"""A network of the table: trained by the trainer, measured as its paper reads a track."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import torch

from ..checkpoint import load_network
from ..data import DataSet
from ..evaluation.segments import segment_tracks, softmax
from ..evaluation.streaming import stream_tracks
from ..model import network_model
from ..networks.segment import SegmentNetwork
from ..networks.step import StreamingNetwork
from ..train import Trainer
from .cost import macs_per_second, parameters
from .rows import Row
from .run import Bench, Heard, genre_result, seconds_of


def measure(bench: Bench, row: Row, seed: int) -> dict[str, Any]:
    """Trains where the run is not finished yet, and listens to `test`."""
    network, costs = trained(bench, row, seed)
    hop = costs.pop("hop")
    found = genre_result(bench, row, seed, listen(bench, network, hop, "test"))
    valid = listen(bench, network, hop, "valid")
    mean = np.stack([rows.mean(0) for rows in valid.segments])
    right = mean.argmax(1) == bench.split("valid").true
    found["valid_accuracy"] = round(float(right.mean()), 5)
    if not isinstance(network, SegmentNetwork):
        carried = _streamed(bench, network, hop, "test", carry=True)
        test = bench.split("test")
        means = np.stack([rows.mean(0) for rows in carried.segments])
        last = np.stack([rows[-1] for rows in carried.segments])
        found["accuracy_carried"] = round(float((means.argmax(1) == test.true).mean()), 5)
        found["accuracy_last_step"] = round(float((last.argmax(1) == test.true).mean()), 5)
    return found | costs


def trained(
    bench: Bench, row: Row, seed: int, dataset: DataSet | None = None
) -> tuple[StreamingNetwork, dict[str, Any]]:
    """The network of a finished run, and what it and its training cost.

    `dataset`: another than the bench's, with the same audio.
    """
    config = row.config(seed)
    folder = bench.folder(row, seed)
    dataset = dataset or bench.dataset
    trainer = Trainer(folder, config, dataset.tracks, dataset.labels, bench.audio)
    path = folder / "model.safetensors"
    spent = folder / "spent.json"
    if not (path.is_file() and spent.is_file()):
        path = trainer.run()
        spent.write_text(json.dumps({"seconds": trainer.progress.seconds}))
    network, about = load_network(path)
    hop = config.sequences.hop_samples[0]
    seconds = json.loads(spent.read_text())["seconds"]
    heard = config.run.updates * config.sequences.lanes * hop / 16_000
    known = [t for t in dataset.tracks if t.split == "train" and t.key in bench.audio]
    music = seconds_of(bench, [t.key for t in known if t.genre or dataset.task == "tags"])
    return network, {
        "hop": hop,
        "commit": about["commit"],
        "parameters": parameters(network),
        "macs_per_second": round(macs_per_second(network, hop)),
        "train_seconds": round(seconds, 1),
        "updates": config.run.updates,
        "passes": round(heard / music, 2),
        "budget": (
            f"{seconds / 60:.1f} CPU minutes, {config.run.updates} updates of "
            f"{config.sequences.lanes} segments, {heard / music:.1f} passes"
        ),
    }


def listen(bench: Bench, network: StreamingNetwork, hop: int, split: str) -> Heard:
    """The tracks of a split, segment by segment, nothing carried from one to the next."""
    if not isinstance(network, SegmentNetwork):
        return _streamed(bench, network, hop, split, carry=False)
    keys = bench.split(split).keys
    torch.set_num_threads(1)
    begun = time.process_time()
    logits = segment_tracks(network, bench.audio, keys)
    spent = time.process_time() - begun
    return Heard([softmax(logits[key]) for key in keys], spent / seconds_of(bench, keys))


def _streamed(bench: Bench, network: StreamingNetwork, hop: int, split: str, carry: bool) -> Heard:
    keys = bench.split(split).keys
    seconds = hop / 16_000
    description = {"kind": "tfcrnn"}
    model = network_model(network, description, bench.dataset.labels, [seconds], "cpu")
    torch.set_num_threads(1)
    begun = time.process_time()
    runs = stream_tracks(model.engine, bench.audio, keys, model.card.hop(seconds), carry=carry)
    spent = time.process_time() - begun
    return Heard([runs[key].probabilities for key in keys], spent / seconds_of(bench, keys))
