"""Tracks of tones."""

from __future__ import annotations

import pytest
from support.tones import PITCHES, tone, track


@pytest.fixture(scope="package")
def data():
    """Four tracks of 22 to 31 s of each pitch, and one of 2 s."""
    lengths = {f"{genre}{i}": 22 + 3 * i for genre in PITCHES for i in range(4)}
    lengths["short0"] = 2.25
    audio = {
        k: tone(k[:-1].replace("short", "low"), s, i) for i, (k, s) in enumerate(lengths.items())
    }
    tracks = [track(k, k[:-1].replace("short", "low")) for k in audio]
    return tracks, audio
