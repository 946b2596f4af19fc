"""Random mutations, for machines without a coverage-guided fuzzer and for short test runs."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence

_SIZES = {1: "B", 2: "H", 4: "I", 8: "Q"}
_NUMBERS = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF)
_LARGE = (0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)


def mutated(data: bytes, others: Sequence[bytes], rng: random.Random, largest: int) -> bytes:
    """`data` after one to eight random changes; `others` are sources of spliced parts."""
    result = bytearray(data)
    for _ in range(1 << rng.randrange(4)):
        rng.choice(_CHANGES)(result, rng, others)
    return bytes(result[:largest])


def _place(data: bytearray, rng: random.Random) -> int:
    # Headers are short and matter most: half of the changes are in the first 256 bytes.
    end = len(data) if rng.random() < 0.5 else min(256, len(data))
    return rng.randrange(end + 1)


def _length(rng: random.Random) -> int:
    return int(2 ** rng.uniform(0, 12))


def _flip(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    at = _place(data, rng)
    if at < len(data):
        data[at] ^= 1 << rng.randrange(8)


def _overwrite(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    at, count = _place(data, rng), min(_length(rng), 16)
    data[at : at + count] = rng.randbytes(count)


def _number(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    at, size = _place(data, rng), rng.choice([*_SIZES])
    value = rng.choice(_NUMBERS + _LARGE) % (1 << 8 * size)
    data[at : at + size] = struct.pack(rng.choice("<>") + _SIZES[size], value)


def _delete(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    at = _place(data, rng)
    del data[at : at + _length(rng)]


def _repeat(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    at = _place(data, rng)
    part = data[at : at + _length(rng)]
    data[at:at] = part * rng.choice([1, 1, 2, 16])


def _truncate(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    del data[_place(data, rng) :]


def _splice(data: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    other = rng.choice(others)
    start = rng.randrange(len(other) + 1)
    at = _place(data, rng)
    part = other[start : start + _length(rng)]
    data[at : at + (len(part) if rng.random() < 0.5 else 0)] = part


_CHANGES = (_flip, _overwrite, _number, _number, _delete, _repeat, _truncate, _splice)
