"""Labelled tracks from a manifest, decoded once into one memory-mapped file.

The manifest is a CSV with columns `key, set, genre, group, split, path`; an empty genre means no
trusted label. The cache holds 16 kHz mono samples of 16 bits, track after track, and knows the
manifest that it was made from.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from streamgenre.errors import StreamgenreError

SAMPLE_RATE = 16_000


class DataError(StreamgenreError):
    """The data set cannot be used as it is; the message says what to mend."""


@dataclass(frozen=True)
class Track:
    """One clip: where it comes from, what it is, and on which side of the split."""

    key: str
    set: str
    genre: str  # empty: no trusted label
    group: str  # artist, or the track itself; never on two sides of a split
    split: str  # train | valid | test | demo
    path: Path


def read_manifest(path: Path) -> list[Track]:
    """Tracks of a manifest file; raises DataError where a column or the file is missing."""
    if not path.is_file():
        raise DataError(f"{path}: no manifest there; give the folder that holds manifest.csv")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    needed = {"key", "set", "genre", "group", "split", "path"}
    missing = needed - set(rows[0] if rows else ())
    if missing:
        raise DataError(f"{path}: missing columns or rows: {', '.join(sorted(missing))}")
    return [
        Track(r["key"], r["set"], r["genre"], r["group"], r["split"], path.parent / r["path"])
        for r in rows
    ]


def _decode(path: Path) -> np.ndarray | str:
    """int16 samples at 16 kHz, or the reason why there are none."""
    from streamgenre.audio.sources import decode_mono

    try:
        samples = decode_mono(path, SAMPLE_RATE)
    except Exception as error:
        return str(error)
    return np.asarray(np.clip(np.rint(samples * 32768.0), -32768, 32767), np.int16)


class AudioCache(Mapping[str, np.ndarray]):
    """Samples of every readable track, as views into one file on disk."""

    def __init__(self, folder: Path) -> None:
        index = json.loads((folder / "index.json").read_text())
        self.source: str = index["source"]
        self._spans: dict[str, tuple[int, int]] = {k: (a, b) for k, a, b in index["tracks"]}
        self._samples = np.memmap(folder / index["samples"], dtype=np.int16, mode="r")

    def __len__(self) -> int:
        return len(self._spans)

    def __iter__(self) -> Iterator[str]:
        return iter(self._spans)

    def __getitem__(self, key: str) -> np.ndarray:
        """int16 samples of a track, not copied."""
        start, end = self._spans[key]
        view: np.ndarray = self._samples[start:end]
        return view

    @classmethod
    def build(cls, manifest: Path, folder: Path) -> AudioCache:
        """Open the cache of a manifest, decoding first where it is absent or of other data."""
        from rich.progress import track as progress

        source = hashlib.sha256(manifest.read_bytes()).hexdigest()
        if (folder / "index.json").is_file():
            cache = cls(folder)
            if cache.source == source:
                return cache
        tracks = read_manifest(manifest)
        folder.mkdir(parents=True, exist_ok=True)
        spans: list[tuple[str, int, int]] = []
        position = 0
        name = f"samples-{source[:12]}.int16"  # another manifest's is left to who reads it now
        partial = folder / f"{name}.partial"
        with partial.open("wb") as out, ProcessPoolExecutor() as pool:
            decoded = pool.map(_decode, [t.path for t in tracks], chunksize=8)
            for item, samples in zip(
                tracks, progress(decoded, "decoding", len(tracks)), strict=True
            ):
                if isinstance(samples, str):
                    print(f"skipped {item.path}: {samples}")
                    continue
                out.write(samples.tobytes())
                spans.append((item.key, position, position + len(samples)))
                position += len(samples)
        partial.replace(folder / name)
        partial = folder / "index.partial"
        partial.write_text(json.dumps({"source": source, "samples": name, "tracks": spans}))
        partial.replace(folder / "index.json")
        return cls(folder)
