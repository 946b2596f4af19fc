"""Groups of genres."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="evaluation needs the train extra")
pytest.importorskip("mir_eval", reason="evaluation needs the train extra")
pytest.importorskip("matplotlib", reason="evaluation needs the train extra")

from support.engines import of_sets

from training.evaluation.probes.genres import GTZAN_TEN, protocols


def test_groups_of_genres_are_figures_over_their_tracks_alone():
    rows = [(s, g) for s in ("gtzan", "gtzan-short", "songs") for g in sorted(GTZAN_TEN)]
    rows += [("songs", "electronic"), ("songs", "folk")]
    scored, labels = of_sets(rows)
    guess = scored.true.copy()
    guess[0] = labels.index("folk")  # any genre may be predicted: here a wrong one
    found = protocols(np.eye(14)[guess], scored)
    assert {name: (f.tracks, f.genres) for name, f in found.items()} == {
        "eleven genres (without ambient, folk, soul)": (31, 11),
        "eleven genres, songs alone": (11, 11),
        "eleven genres, without songs": (20, 10),
        "GTZAN's ten genres alone": (20, 10),
        "GTZAN's ten genres alone, 30 s": (10, 10),
    }
    assert found["GTZAN's ten genres alone"].macro_recall[0] == 0.95
    assert found["eleven genres, songs alone"].macro_recall[0] == 1
    scored, _ = of_sets([row for row in rows if row[1] != "electronic" and row[0] == "songs"])
    assert protocols(np.eye(14)[scored.true], scored) == {}
