"""The verdicts show every track once, the worst mistakes first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the adapt extra")

from training.data.record import Track
from training.evaluation.verdicts import verdicts


def test_mistakes_stand_before_what_was_right():
    tracks = [
        Track("a", "made", "jazz", "", "test", Path("a"), artist="One", title="First | take"),
        Track("b", "made", "jazz", "", "test", Path("b")),
        Track("c", "made", "rock", "", "test", Path("c")),
        Track("d", "made", "jazz", "", "test", Path("d")),
    ]
    said = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.1, 0.9]])
    text = verdicts(tracks, ["jazz", "rock"], said, "2.5")
    assert "## jazz: 1 of 3" in text and "## rock: 1 of 1" in text
    order = [text.index(name) for name in ("| d |", "| b |", "One – First \\| take")]
    assert order == sorted(order)
    assert "| wrong | d | rock 0.90 | jazz 0.10 |" in text
