"""Study of the temporal feedback: the same initial weights and recipe with other gate inputs.

Variants (streamgenre/networks/trunk.py): the state, as in Kim & Nam; nothing; and two controls of
equal size, the state computed from the present window alone, and the state of another stream.
Networks with state feedback are also evaluated with the feedback set to zero. For one seed, all
variants are trained on the same audio in the same order.
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
from ..distillation.soft_targets import SoftTargets
from ..evaluation.inputs import Scored
from ..evaluation.predictions import write_predictions
from ..evaluation.probes.curve import mean_over_steps
from ..inference import stream_tracks
from ..model import network_model
from ..streams.sequences import Clip
from ..trainer.train import Trainer

VARIANTS = ("none", "state", "window", "other")
NO_STATE = "state-unheard"  # trained with state feedback, evaluated with h = 0 in the gates


@dataclass(frozen=True)
class Study:
    """The settings that all variants share."""

    data: DataSet
    audio: AudioCache
    config: Config
    other: Sequence[Clip]
    soft_targets: SoftTargets | None
    scored: Scored
    folder: Path  # for the runs
    results: Path  # for the predictions


def run_study(
    study: Study, seeds: Sequence[int], progress: Callable[[str], None]
) -> Mapping[str, list[Path]]:
    """Train and evaluate every variant with every seed. Returns prediction files by variant.

    Existing files of an interrupted study are kept.
    """
    written: dict[str, list[Path]] = {name: [] for name in (*VARIANTS, NO_STATE)}
    for seed in seeds:
        for variant in VARIANTS:
            outputs = {variant: study.results / f"{variant}-{seed}.csv"}
            if variant == "state":
                outputs[NO_STATE] = study.results / f"{NO_STATE}-{seed}.csv"
            if not all(path.is_file() for path in outputs.values()):
                progress(f"{variant}, seed {seed}")
                network = _trained(study, variant, seed)
                for name, path in outputs.items():
                    _predict(
                        study, without_feedback(network) if name == NO_STATE else network, path
                    )
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
        study.soft_targets,
    )
    return load_network(trainer.run())[0]


def without_feedback(network: StepNetwork) -> StepNetwork:
    """Return a copy with the feedback of the gates set to zero."""
    ablated = copy.deepcopy(network)
    with torch.no_grad():
        for name, parameter in ablated.named_parameters():
            if ".feedback." in name:
                parameter.zero_()
    return ablated


def _predict(study: Study, network: StepNetwork, path: Path) -> None:
    labels, hops = study.data.labels, study.config.sequences.hops
    description = study.config.network | {"classes": len(labels)}
    model = network_model(network, description, labels, hops, "cpu")
    hop = model.card.hop(model.card.file_hop)
    runs = stream_tracks(model.engine, study.audio, study.scored.keys, hop)
    write_predictions(path, study.scored.tracks, labels, mean_over_steps(runs, study.scored))
