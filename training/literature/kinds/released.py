"""The released tagger of Choi et al. with its published weights, measured on the same tags."""

from __future__ import annotations

import os
from pathlib import Path

from streamgenre.networks.published.choi_released import TAGS, ChoiReleased

from ...data import DataError
from ..cost import macs_per_second, parameters
from ..results import Measured
from ..rows import Row
from ..run import Bench, NotHereError
from .tagging import ranked, tagged_data

WEIGHTS = "STREAMGENRE_CHOI_WEIGHTS"


def measure(bench: Bench, row: Row, seed: int) -> Measured:
    """Rank the tracks of `test`. Raises NotHereError if the weights or the tags are missing."""
    path = os.environ.get(WEIGHTS, "")
    if not Path(path).is_file():
        raise NotHereError(
            f"{row.system} needs the published music_tagger_crnn_weights_theano.h5 (of "
            f"keunwoochoi/music-auto_tagging-keras): give its path in {WEIGHTS}"
        )
    tagged = tagged_data(bench, row)
    network = ChoiReleased()
    network.load_released(path)
    place = {name.lower(): i for i, name in enumerate(TAGS)}
    if missing := [name for name in tagged.tag_names if name.lower() not in place]:
        raise DataError(f"the released tagger has no {', '.join(missing)}")
    order = [place[name.lower()] for name in tagged.tag_names]
    return ranked(bench, row, seed, tagged, network, network.window, order) | Measured(
        parameters=parameters(network),
        macs_per_second=round(macs_per_second(network, network.window)),
        train_seconds=None,
        budget="as released, trained on the Million Song Dataset",
    )
