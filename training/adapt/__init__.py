"""Adaptation to other genres: a new head on an existing model, fitted without PyTorch."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from streamgenre.files import replace_bytes
from streamgenre.model.card import ModelCard, read_card
from streamgenre.model.onnx import OnnxEngine

from ..card import label_entry, store_card
from ..data import Track
from ..evaluation.inputs import unsplit
from ..inference import Progress, last_share, no_progress
from ..inference.parity import PARITY_STEPS
from . import graph, validate
from .chosen import cautions, usable
from .features import LONGEST, excerpt, run_base
from .head import Example, choose_strength, fit_head


def outputs_read(card: ModelCard) -> tuple[str, ...]:
    """The outputs of a base model that the head reads.

    If the network pools its embeddings over the stream, `embedding` is the pooled one. In other
    networks, the recurrent state is better than the embedding of one step, which is three times as
    wide: log loss 1.00 against 1.13 on held-out tracks of genres unlike those of the base.
    """
    network = card.network.get("base", card.network)
    return ("embedding",) if network.get("memory") == "statistics" else ("next_state",)


__all__ = ["Adaptation", "Base", "adapt", "cautions", "usable"]


@dataclass(frozen=True)
class Base:
    """The model to adapt: its graph, checked, and an engine that runs it."""

    name: str  # of the file, for messages
    model: onnx.ModelProto
    engine: OnnxEngine

    @classmethod
    def read(cls, data: bytes, name: str) -> Base:
        """Read a model file. Raises ModelFileError if it is damaged or cannot get a new head."""
        card = read_card(data, name)
        model = onnx.load_from_string(data)
        graph.check_base(model, name)
        return cls(name, model, OnnxEngine(data, card))

    @property
    def card(self) -> ModelCard:
        """The card of the model."""
        return self.engine.card


@dataclass(frozen=True)
class Adaptation:
    """The result of an adaptation."""

    labels: list[str]
    tracks: Mapping[str, int]  # number by label
    folds: int
    metrics: Mapping[float, validate.HeadMetrics]  # by hop in seconds
    without_genre: tuple[int, int]  # tracks classified as no music, and as unsure, at the live hop
    card: ModelCard


def adapt(
    tracks: Sequence[Track],
    audio: Mapping[str, NDArray[np.int16]],
    base: Base,
    output: Path,
    name: str | None = None,
    progress: Progress = no_progress,
) -> Adaptation:
    """Fit, measure and write a model for the genres of the tracks.

    Raises DataError for unsuitable tracks, and graph.AdaptError if the new model does not pass its
    check. In both cases nothing is written.
    """
    fingerprint = unsplit([t for t in tracks if t.genre])
    tracks = usable(tracks, audio, base.card.sample_rate)
    labels = sorted({t.genre for t in tracks})
    reads = outputs_read(base.card)
    examples = _examples(tracks, labels, audio, base, progress)
    left_out = validate.cross_validate(
        examples, labels, reads, lambda n, total: progress("cross-validation", n, total)
    )
    temperature = validate.fit_temperature(left_out)
    head = fit_head(examples, reads, choose_strength(examples, reads))
    head = replace(head, temperature=round(temperature, 3))
    hops = base.card.hops
    metrics = {
        hop.seconds: validate.measure(left_out, i, temperature, labels)
        for i, hop in enumerate(hops)
    }
    live = next(i for i, hop in enumerate(hops) if hop.seconds == base.card.live_hop)
    thresholds = replace(
        validate.unsure(left_out, live, temperature, base.card.thresholds),
        music=validate.music(examples, base.card.thresholds),
    )
    without_genre = validate.without_genre(
        left_out, examples, live, temperature, thresholds, base.card.live_hop
    )
    model = graph.with_head(base.model, base.card.network.get("kind") == "adapted", head)
    card = replace(
        base.card,
        name=name or output.stem,
        version="1",
        labels=tuple(label_entry(label, i) for i, label in enumerate(labels)),
        hops=tuple(replace(hop, accuracy=metrics[hop.seconds].for_card()) for hop in hops),
        thresholds=thresholds,
        about=_about(
            base.card, tracks, fingerprint, labels, metrics, left_out.folds, without_genre
        ),
        network=graph.description(base.card.network, len(labels), reads),
    )
    data = store_card(model, card)
    graph.verify(base.engine, data, head, str(output), lambda n: progress("check", n, PARITY_STEPS))
    replace_bytes(output, data)
    counts = Counter(t.genre for t in tracks)
    return Adaptation(
        labels, counts, left_out.folds, metrics, without_genre, read_card(data, str(output))
    )


def _examples(
    tracks: Sequence[Track],
    labels: Sequence[str],
    audio: Mapping[str, NDArray[np.int16]],
    base: Base,
    progress: Progress,
) -> list[Example]:
    """Features of the tracks from the base model, at each of its hops."""
    keys = [t.key for t in tracks]
    reads = outputs_read(base.card)
    total = len(keys) * len(base.card.hops)
    count = itertools.count(1)
    runs = [
        run_base(
            base.engine, audio, keys, hop, reads, lambda: progress("listening", next(count), total)
        )
        for hop in base.card.hops
    ]
    return [
        Example(
            tuple(run[t.key][:, :-1] for run in runs),
            tuple(last_share(len(excerpt(audio[t.key], hop)), hop) for hop in base.card.hops),
            labels.index(t.genre),
            t.group,
            tuple(run[t.key][:, -1] for run in runs),
        )
        for t in tracks
    ]


def _about(
    base: ModelCard,
    tracks: Sequence[Track],
    fingerprint: str,
    labels: Sequence[str],
    metrics: Mapping[float, validate.HeadMetrics],
    folds: int,
    without_genre: tuple[int, int],
) -> dict[str, object]:
    """The entry `about` of the card: base model, data, metrics and limits."""
    kept = ("level", "runtime", "licence", "use", "credits")
    live = metrics[base.live_hop]
    recalls = ", ".join(f"{label} {live.recall(label):.2f}" for label in labels)
    groups = len({t.group for t in tracks})
    read = " and ".join(outputs_read(base))
    no_music, unsure = without_genre
    return {
        "what": f"a linear head on {read} of {base.name} {base.version}",
        "adapted_from": {"name": base.name, "version": base.version, "sha256": base.sha256},
        "data": {
            "tracks": len(tracks),
            "genres": len(labels),
            "artists or tracks apart": groups,
            "fingerprint": fingerprint,  # `evaluate` recognises the data by it
        },
        "measured": [
            f"{folds}-fold cross-validation, artists or tracks apart; by track, from the mean of "
            f"at most {LONGEST} steps in its middle; accuracy beside chance, the share of the "
            "largest genre",
            f"recall at {base.live_hop:g} s: {recalls}",
            *validate.confused(live, labels),
            f"mostly taken for no music: {no_music} tracks, mostly unsure: {unsure}",
        ],
        "limits": [
            "silence, margin and smoothing are the base's; temperature and `unsure` are fitted on "
            "the tracks left out; `music` is the base's or less, so that these tracks pass",
            "what is none of these genres is given one of them, or unsure",
        ],
        **{key: base.about[key] for key in kept if key in base.about},
    }
