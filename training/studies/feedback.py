"""What the feedback is worth: the same start and recipe with other things heard by the gates.

Variants (streamgenre/networks/trunk.py): the state, as in Kim & Nam; nothing; and two controls of
equal size, the state that the present window alone leads to, and another stream's state. Each
trained network with state feedback is also measured with nothing heard at test time. One seed is
the same audio in the same order for all variants.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from streamgenre.networks.step import StepNetwork

from ..checkpoint import load_network
from ..config import Config
from ..data import AudioCache, DataSet
from ..distillation.soft_targets import Lessons
from ..evaluation.inputs import Scored
from ..evaluation.predictions import write_predictions
from ..evaluation.probes.curve import mean_over_steps
from ..inference import stream_tracks
from ..model import network_model
from ..streams.sequences import Piece
from ..trainer.train import Trainer

VARIANTS = ("none", "state", "window", "other")
DEAF = "state-unheard"  # trained with feedback, h set to zero in the gates at test time


@dataclass(frozen=True)
class Study:
    """What is held the same."""

    data: DataSet
    audio: AudioCache
    config: Config
    other: Sequence[Piece]
    lessons: Lessons | None
    scored: Scored
    folder: Path  # of the runs
    results: Path  # of the predictions


def run_study(
    study: Study, seeds: Sequence[int], told: Callable[[str], None]
) -> Mapping[str, list[Path]]:
    """Train and predict every variant with every seed; files of predictions by variant.

    What a broken-off study had finished is not done again.
    """
    written: dict[str, list[Path]] = {name: [] for name in (*VARIANTS, DEAF)}
    for seed in seeds:
        for variant in VARIANTS:
            outputs = {variant: study.results / f"{variant}-{seed}.csv"}
            if variant == "state":
                outputs[DEAF] = study.results / f"{DEAF}-{seed}.csv"
            if not all(path.is_file() for path in outputs.values()):
                told(f"{variant}, seed {seed}")
                network = _trained(study, variant, seed)
                for name, path in outputs.items():
                    _predict(study, deafened(network) if name == DEAF else network, path)
            for name, path in outputs.items():
                written[name].append(path)
    return written


def _trained(study: Study, variant: str, seed: int) -> StepNetwork:
    config = study.config.model_copy(
        update={
            "network": study.config.network | {"feedback": variant},
            "run": study.config.run.model_copy(update={"seed": seed}),
        }
    )
    trainer = Trainer(
        study.folder / f"{variant}-{seed}",
        config,
        study.data.tracks,
        study.data.labels,
        study.audio,
        study.other,
        study.lessons,
    )
    return load_network(trainer.run())[0]


def deafened(network: StepNetwork) -> StepNetwork:
    """A copy whose gates hear nothing."""
    deaf = copy.deepcopy(network)
    with torch.no_grad():
        for name, parameter in deaf.named_parameters():
            if ".feedback." in name:
                parameter.zero_()
    return deaf


def _predict(study: Study, network: StepNetwork, path: Path) -> None:
    labels, hops = study.data.labels, study.config.sequences.hops
    description = study.config.network | {"classes": len(labels)}
    model = network_model(network, description, labels, hops, "cpu")
    hop = model.card.hop(model.card.file_hop)
    runs = stream_tracks(model.engine, study.audio, study.scored.keys, hop)
    write_predictions(path, study.scored.tracks, labels, mean_over_steps(runs, study.scored))
