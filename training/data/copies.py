"""Detection of copies of one recording in a data set, independent of name, codec and level.

The decoded audio is fingerprinted (Haitsma & Kalker 2002, "A highly robust audio fingerprinting
system"): each frame yields 32 bits, the signs of the differences of band energies over frequency
and time. Two tracks contain the same recording if they share several frames at one offset and most
of their bits agree there. Chromaprint does the same, but its library has no wheels.

If copies are on two sides of a split, the metrics are too optimistic. If they have two genres, one
label is wrong.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from streamgenre.parse import parse_json

from .cache import AudioCache
from .checks import some
from .disjoint import DisjointSets
from .record import SAMPLE_RATE, Track

_RATE = 4_000  # Hz; all bands are below 2 kHz
_FRAME, _STEP = 2_048, 128  # samples: half a second every 32 ms
_BANDS = np.geomspace(300, 1_900, 34)  # Hz, edges of 33 bands
_LONGEST = 60  # s; longer tracks are read in the middle only
_QUIET = 1e-6  # power relative to full scale; bits of quieter frames would be rounding noise
_COMMON = 12  # a frame in more tracks than this is compared with the next track only
_VOTES = 3  # minimum number of frames that agree at one offset
_OVERLAP = 3.0  # s, minimum overlap of two tracks
_ERRORS = 0.3  # maximum share of differing bits; 0.5 is chance

Bits = NDArray[np.uint32]


def fingerprint_of(samples: NDArray[np.int16]) -> Bits:
    """Fingerprint of 16 kHz samples: 32 bits per frame, uint32 (frames,), 0 for a quiet frame."""
    spare = max(0, len(samples) - _LONGEST * SAMPLE_RATE) // 2
    middle = samples[spare : len(samples) - spare].astype(np.float32) / 32768
    low = soxr.resample(middle, SAMPLE_RATE, _RATE, "LQ")
    if len(low) < _FRAME + _STEP:
        return np.zeros(0, np.uint32)
    frames = np.lib.stride_tricks.sliding_window_view(low, _FRAME)[::_STEP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_FRAME).astype(np.float32))) ** 2
    edges = np.searchsorted(np.fft.rfftfreq(_FRAME, 1 / _RATE), _BANDS)
    energy = np.add.reduceat(power, edges, axis=1)[:, :-1]
    slope = np.diff(energy, axis=1)
    signs = np.diff(slope, axis=0) > 0
    bits = np.packbits(signs, axis=1).view(">u4")[:, 0].astype(np.uint32)
    return np.where(np.mean(frames[1:] ** 2, axis=1) > _QUIET, bits, np.uint32(0))


def find_copies(audio: Mapping[str, NDArray[np.int16]], keys: Sequence[str]) -> list[list[str]]:
    """Return groups of two or more keys with the same recording."""
    prints = [fingerprint_of(audio[key]) for key in keys]
    sets = DisjointSets()
    for first, second, offset in _candidates(prints):
        one, other = keys[first], keys[second]
        joined = sets.root(one) == sets.root(other)
        if not joined and _agree(prints[first], prints[second], offset):
            sets.merge(one, other)
    groups: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        groups[sets.root(key)].append(key)
    return [group for group in groups.values() if len(group) > 1]


def _candidates(prints: Sequence[Bits]) -> list[tuple[int, int, int]]:
    """Return pairs of tracks that share several frames, with their offset in frames."""
    bits = np.concatenate([*prints, np.zeros(0, np.uint32)])
    track = np.repeat(np.arange(len(prints)), [len(p) for p in prints])
    frame = np.concatenate([*(np.arange(len(p)) for p in prints), np.zeros(0, int)])
    useful = (bits != 0) & (bits != 0xFFFFFFFF)
    bits, track, frame = bits[useful], track[useful], frame[useful]
    order = np.argsort(bits, kind="stable")
    bits, track, frame = bits[order], track[order], frame[order]
    ends = np.flatnonzero(np.diff(bits, append=np.uint32(0))) + 1  # no remaining bits are 0
    votes: dict[tuple[int, int, int], int] = defaultdict(int)
    for start, end in zip(np.r_[0, ends], ends, strict=False):
        if end - start < 2:
            continue
        # One frame per track: a sustained note repeats its bits.
        tracks, at = np.unique(track[start:end], return_index=True)
        places = frame[start:end][at]
        reach = len(tracks) if len(tracks) <= _COMMON else 2
        for i in range(len(tracks)):
            for j in range(i + 1, min(i + reach, len(tracks))):
                votes[int(tracks[i]), int(tracks[j]), int(places[j] - places[i])] += 1
    return [pair for pair, count in votes.items() if count >= _VOTES]


def _agree(first: Bits, second: Bits, offset: int) -> bool:
    """Whether most bits agree in the overlap of two fingerprints."""
    begin = max(0, -offset)
    count = min(len(first) - begin, len(second) - begin - offset)
    least = min(_OVERLAP * _RATE / _STEP, 0.5 * min(len(first), len(second)))
    ours, theirs = first[begin : begin + count], second[begin + offset : begin + offset + count]
    known = (ours != 0) & (theirs != 0)
    if known.sum() < max(least, 1):
        return False
    errors = np.bitwise_count(ours[known] ^ theirs[known]).mean() / 32
    return bool(errors < _ERRORS)


def cached_copies(audio: AudioCache, folder: Path) -> list[list[str]]:
    """`find_copies` of all tracks, cached in the folder of the audio cache."""
    path = folder / f"copies-{audio.source[:16]}.json"
    try:
        cached: list[list[str]] = parse_json(path.read_text(encoding="utf-8"))
        return cached
    except (OSError, ValueError):
        copies = find_copies(audio, sorted(audio))
        with suppress(OSError):  # full or read-only: recompute next time
            path.write_text(json.dumps(copies, allow_nan=False), encoding="utf-8")
        return copies


def grouped_copies(tracks: Sequence[Track], copies: Sequence[Sequence[str]]) -> tuple[Track, ...]:
    """Return the tracks with copies, and all tracks of their artists, in one group."""
    by_key = {t.key: t.group for t in tracks}
    sets = DisjointSets()
    for keys in copies:
        for one, other in pairwise(by_key[key] for key in keys if key in by_key):
            sets.merge(one, other)
    return tuple(replace(t, group=sets.root(t.group)) for t in tracks)


def copy_warnings(
    tracks: Sequence[Track], copies: Sequence[Sequence[str]], *, by_split: bool = True
) -> list[str]:
    """Warn about copies with different genres, on two sides of the split, and about all others.

    `by_split`: whether the split matters, as it does not in cross-validation.
    """
    by_key = {t.key: t for t in tracks if t.split != "demo"}
    sets = [[by_key[key] for key in keys if key in by_key] for keys in copies]
    sets = [ts for ts in sets if len(ts) > 1]
    genres = [ts for ts in sets if len({t.genre for t in ts if t.genre}) > 1]
    splits = [ts for ts in sets if by_split and len({t.split for t in ts}) > 1]
    others = [ts for ts in sets if ts not in genres and ts not in splits]
    lines = []
    for what, chosen in (
        ("under different genres; remove the wrong one of each", genres),
        ("in different splits; metrics will be too optimistic, remove one of each", splits),
        ("under the same genre; they stay together in cross-validation", others),
    ):
        if chosen:
            named = [" = ".join(t.key for t in ts[:3]) for ts in chosen]
            lines.append(
                f"{len(chosen)} recording{'s' * (len(chosen) > 1)} "
                f"in the data more than once {what}: {some(named)}"
            )
    return lines
