"""Taggers: the same networks with fifty tags instead of one genre."""

from __future__ import annotations

import time
from collections.abc import Sequence

from streamgenre.networks.step import StepNetwork

from ...data import DataSet
from ...data.tags import multi_hot, with_tags
from ...evaluation.metrics import tagging_metrics
from ...inference.tags import tag_scores
from ..results import Measured
from ..rows import Row
from ..run import Bench, NotHereError, seconds_of
from .network import trained


def measure(bench: Bench, row: Row, seed: int) -> Measured:
    """Train unless the run is finished, and rank the tracks of `test` for each tag."""
    tagged = tagged_data(bench, row)
    run = trained(bench, row, seed, tagged)
    return ranked(bench, row, seed, tagged, run.network, run.hop) | run.costs


def tagged_data(bench: Bench, row: Row) -> DataSet:
    """The data set with its tags or those of the table. Raises NotHereError if there are none."""
    if bench.dataset.task == "tags":
        return bench.dataset
    if bench.tags is None:
        raise NotHereError(f"{row.system} needs tags: give a table with --tags")
    return with_tags(bench.dataset, bench.tags)


def ranked(
    bench: Bench,
    row: Row,
    seed: int,
    tagged: DataSet,
    network: StepNetwork,
    hop: int,
    order: Sequence[int] | None = None,
) -> Measured:
    """Metrics of a tagger on `test`; `order`: index of its output for each tag of the data set."""
    names = tagged.tag_names
    tracks = [t for t in tagged.tracks if t.split == "test" and t.key in bench.audio]
    keys = [t.key for t in tracks]
    begun = time.process_time()
    scores = tag_scores(network, bench.audio, keys, hop)[:, list(order or range(len(names)))]
    spent = time.process_time() - begun
    bench.keep(row, seed, tracks, names, scores)
    metrics = tagging_metrics(scores, multi_hot(tracks, names), names)
    return Measured(
        roc_auc=_rounded(metrics.roc_auc),
        pr_auc=_rounded(metrics.pr_auc),
        tracks=metrics.tracks,
        tags={
            name: tag.model_copy(
                update={"roc_auc": _rounded(tag.roc_auc), "pr_auc": _rounded(tag.pr_auc)}
            )
            for name, tag in metrics.tags.items()
        },
        cpu_seconds_per_second=round(spent / seconds_of(bench, keys), 6),
    )


def _rounded(area: float | None) -> float | None:
    return None if area is None else round(area, 4)
