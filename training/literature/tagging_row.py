"""A tagger of the table: the same networks, fifty tags instead of one genre."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from streamgenre.networks.step import StepNetwork

from ..data import DataSet
from ..data.tags import multi_hot, with_tags
from ..evaluation.tagging import tag_figures
from ..inference.tags import tag_scores
from .network_row import trained
from .results import PREDICTIONS, write_scores
from .rows import Row
from .run import Bench, NotHereError, seconds_of


def measure(bench: Bench, row: Row, seed: int) -> dict[str, Any]:
    """Trains where the run is not finished yet, and ranks the tracks of `test` by each tag."""
    tagged = tagged_data(bench, row)
    network, costs = trained(bench, row, seed, tagged)
    return ranked(bench, row, seed, tagged, network, costs.pop("hop")) | costs


def tagged_data(bench: Bench, row: Row) -> DataSet:
    """The data set with tags: its own, or those of the table; raises NotHereError without any."""
    if bench.dataset.task == "tags":
        return bench.dataset
    if bench.tags is None:
        raise NotHereError(f"{row.system} is measured by tags: give a table of them with --tags")
    return with_tags(bench.dataset, bench.tags)


def ranked(
    bench: Bench,
    row: Row,
    seed: int,
    tagged: DataSet,
    network: StepNetwork,
    hop: int,
    order: Sequence[int] | None = None,
) -> dict[str, Any]:
    """Figures of a tagger on `test`; `order`: its outputs in the order of the data set's tags."""
    names = tagged.tag_names
    tracks = [t for t in tagged.tracks if t.split == "test" and t.key in bench.audio]
    keys = [t.key for t in tracks]
    begun = time.process_time()
    scores = tag_scores(network, bench.audio, keys, hop)[:, list(order or range(len(names)))]
    spent = time.process_time() - begun
    path = bench.results / PREDICTIONS / f"{row.system}-{seed}.csv.gz"
    write_scores(path, tracks, names, scores)
    found = tag_figures(scores, multi_hot(tracks, names), names)
    for figures in (found, *found["tags"].values()):
        for name in ("roc_auc", "pr_auc"):
            if figures[name] is not None:
                figures[name] = round(figures[name], 4)
    return found | {"cpu_seconds_per_second": round(spent / seconds_of(bench, keys), 6)}
