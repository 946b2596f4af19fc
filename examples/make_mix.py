"""Concatenate eight of the clips to `mix.ogg`, with the boundaries in `mix.csv`."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import soundfile
import soxr

CLIPS = (
    "classical-brandenburg-2",
    "electronic-sky-vibe",
    "metal-farewell",
    "ambient-ambiphonic",
    "folk-celtic",
    "rock-motorway",
    "reggae-island-dreams",
    "classical-ave-maria-cello",
)
RATE = 44_100


def main() -> None:
    """Write mix.ogg and mix.csv beside this file."""
    here = Path(__file__).parent
    with (here / "ATTRIBUTION.csv").open(newline="", encoding="utf-8") as file:
        genres = {row["file"]: row["genre"] for row in csv.DictReader(file)}
    parts, rows, start = [], [], 0
    for clip in CLIPS:
        samples, rate = soundfile.read(here / f"{clip}.ogg", dtype="float32", always_2d=True)
        part = np.repeat(soxr.resample(samples, rate, RATE), 2 // samples.shape[1], axis=1)
        parts.append(part)
        rows.append(
            (
                f"{start / RATE:.3f}",
                f"{(start + len(part)) / RATE:.3f}",
                genres[f"{clip}.ogg"],
                f"{clip}.ogg",
            )
        )
        start += len(part)
    with soundfile.SoundFile(here / "mix.ogg", "w", RATE, 2, format="OGG", subtype="VORBIS") as out:
        for part in parts:  # libsndfile's Vorbis encoder fails on very long single writes
            for first in range(0, len(part), RATE):
                out.write(part[first : first + RATE])
    with (here / "mix.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("start", "end", "genre", "file"), *rows])


if __name__ == "__main__":
    main()
