"""Framing a stream: this project's code, a Numba kernel, NumPy slicing, librosa, and a loop.

All implementations read the same music in blocks and return the same windows at every hop, which is
checked first (bit for bit). Ours (streamgenre.audio.framing with .ring) also computes the level of
each hop and the number of non-finite samples. So do the kernel, which uses a single pass, and the
loop. NumPy is timed with and without this, librosa without. Some implementations need the whole
recording, which a stream does not have.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from streamgenre.audio.framing import decibels, frame
from streamgenre.audio.jit import kernel
from streamgenre.audio.ring import Ring
from streamgenre.model.card import Hop
from streamgenre.model.model import load

from .common import RATE, MismatchError, Options, Spread, in_turn, music, ratios, table

TITLE = "Windows out of a stream: ours against a Numba kernel, NumPy, librosa and a loop"

_BLOCK = 1_024  # samples per block of input
_LOOP_SECONDS = 10.0  # duration for the loop over samples, which is slow

Samples = NDArray[np.float32]
Windows = Iterator[tuple[Samples, float | None, int | None]]
"""Window, level in dBFS, and number of non-finite samples; None if not computed. A window is valid
until the next one."""
Way = Callable[[Samples, Hop], Windows]


def ours(audio: Samples, hop: Hop) -> Windows:
    """The code of a stream."""
    window = np.zeros(hop.window, np.float32)
    for ring in _filled(audio, hop):
        framed = frame(ring, hop.samples, window)
        yield window, framed.level, framed.non_finite


def _filled(audio: Samples, hop: Hop) -> Iterator[Ring]:
    """Yield the ring whenever it contains a hop, which the caller removes."""
    ring = Ring(capacity=2 * hop.samples, history=hop.window - hop.samples)
    for start in range(0, len(audio), _BLOCK):
        block = audio[start : start + _BLOCK]
        while len(block):
            block = block[ring.write(block) :]
            while len(ring) >= hop.samples:
                yield ring


@kernel
def _one_pass(buffer: Samples, end: int, new: int, out: Samples) -> tuple[float, int]:
    """Copy the len(out) samples before `end`; of the last `new`: power sum, count not finite."""
    size = len(buffer)
    position = (end - len(out)) % size
    power = 0.0
    damaged = 0
    for i in range(len(out)):
        value = buffer[position]
        position += 1
        if position == size:
            position = 0
        finite = np.isfinite(value)
        if not finite:
            value = np.float32(0.0)
        out[i] = value
        if i >= len(out) - new:
            damaged += not finite
            power += float(value) * float(value)
    return power, damaged


def one_pass(audio: Samples, hop: Hop) -> Windows:
    """The ring of this project, and a Numba kernel for the rest."""
    window = np.zeros(hop.window, np.float32)
    for ring in _filled(audio, hop):
        end = ring.tail + hop.samples
        power, damaged = _one_pass(ring.buffer, end, hop.samples, window)
        ring.advance(hop.samples)
        yield window, decibels((power / hop.samples) ** 0.5), damaged


def shifted(audio: Samples, hop: Hop) -> Windows:
    """NumPy in blocks: shift the window and append the new hop."""
    window = np.zeros(hop.window, np.float32)
    pending = np.zeros(0, np.float32)
    for start in range(0, len(audio), _BLOCK):
        pending = np.concatenate([pending, audio[start : start + _BLOCK]])
        while len(pending) >= hop.samples:
            window[: -hop.samples] = window[hop.samples :]
            window[-hop.samples :] = pending[: hop.samples]
            pending = pending[hop.samples :]
            yield window, None, None


def sliding(audio: Samples, hop: Hop) -> Windows:
    """NumPy on the whole recording: sliding_window_view, and a copy of each window."""
    padded = np.concatenate([np.zeros(hop.window - hop.samples, np.float32), audio])
    for view in np.lib.stride_tricks.sliding_window_view(padded, hop.window)[:: hop.samples]:
        yield view.copy(), None, None


def by_librosa(audio: Samples, hop: Hop) -> Windows:
    """librosa.util.frame on the whole recording, and a copy of each window."""
    from librosa.util import frame as cut

    padded = np.concatenate([np.zeros(hop.window - hop.samples, np.float32), audio])
    for view in cut(padded, frame_length=hop.window, hop_length=hop.samples, axis=0):
        yield view.copy(), None, None


def loop(audio: Samples, hop: Hop) -> Windows:
    """Python, sample by sample, with level and non-finite samples."""
    size = hop.window
    kept = [0.0] * size
    position = taken = damaged = 0
    power = 0.0
    for value in audio.tolist():
        finite = abs(value) < np.inf
        kept[position] = value if finite else 0.0
        damaged += not finite
        power += kept[position] ** 2
        position = (position + 1) % size
        taken += 1
        if taken == hop.samples:
            window = np.array(kept[position:] + kept[:position], np.float32)
            yield window, decibels((power / hop.samples) ** 0.5), damaged
            taken = damaged = 0
            power = 0.0


def looked_at(way: Way, audio: Samples, hop: Hop) -> Windows:
    """The windows of a method, with level and number of non-finite samples, which become 0."""
    for window, _, _ in way(audio, hop):
        new = window[-hop.samples :]
        finite = np.isfinite(new)
        damaged = hop.samples - int(np.count_nonzero(finite))
        if damaged:
            new[~finite] = 0
        power = float(np.square(new, dtype=np.float64).mean())
        yield window, decibels(power**0.5), damaged


def ways() -> dict[str, Way]:
    """All implementations, ours first; librosa if it is installed."""
    functions: dict[str, Way] = {
        "ours": ours,
        "Numba, one pass": one_pass,
        "NumPy, blocks": partial(looked_at, shifted),
        "NumPy, blocks, windows only": shifted,
        "NumPy, whole": partial(looked_at, sliding),
        "NumPy, whole, windows only": sliding,
    }
    if importlib.util.find_spec("librosa"):
        functions["librosa, whole, windows only"] = by_librosa
    functions["loop"] = loop
    return functions


def check(audio: Samples, hop: Hop) -> int:
    """Return the number of windows. Raises MismatchError if the implementations disagree.

    Levels may differ by a thousandth of a decibel, because the sums have different precision.
    """
    right = [(window.copy(), level, damaged) for window, level, damaged in ours(audio, hop)]
    for name, way in ways().items():
        count = 0
        for count, (window, level, damaged) in enumerate(way(audio, hop), 1):
            wanted, wanted_level, wanted_damaged = right[count - 1]
            if not np.array_equal(window, wanted):
                raise MismatchError(f"{name}: window {count} differs")
            if level is not None and not np.isclose(level, wanted_level or 0, 0, 1e-3):
                raise MismatchError(f"{name}: level of window {count} differs")
            if damaged not in (None, wanted_damaged):
                raise MismatchError(f"{name}: non-finite samples of window {count} differ")
        if count != len(right):
            raise MismatchError(f"{name}: {count} windows, not {len(right)}")
    return len(right)


@dataclass(frozen=True)
class Speed:
    """Speed of one implementation."""

    windows_a_second: float
    times_ours: Spread


@dataclass(frozen=True)
class HopFraming:
    """The speeds at one hop."""

    checked_windows: int
    window: int
    new: int
    ways: dict[str, Speed]


def measure(options: Options) -> dict[str, HopFraming]:
    """Measure each implementation at each hop in seconds."""
    seconds, rounds = (_LOOP_SECONDS, 2) if options.quick else (120.0, 9)
    audio, short = music(seconds, RATE), music(_LOOP_SECONDS, RATE)
    hops = {}
    for hop in load().card.hops:
        checked = check(short, hop)
        inputs = {name: short if name == "loop" else audio for name in ways()}
        counts = {name: len(samples) // hop.samples for name, samples in inputs.items()}
        cases = {n: partial(_exhaust, way, inputs[n], hop) for n, way in ways().items()}
        taken = in_turn(cases, rounds)
        a_window = {n: [value / counts[n] for value in taken[n]] for n in cases}
        hops[f"{hop.seconds:g}"] = HopFraming(
            checked_windows=checked,
            window=hop.window,
            new=hop.samples,
            ways={
                name: Speed(1 / min(a_window[name]), ratios(a_window, name, "ours"))
                for name in cases
            },
        )
    return hops


def _exhaust(way: Way, audio: Samples, hop: Hop) -> None:
    for _ in way(audio, hop):
        pass


def report(result: dict[str, HopFraming]) -> list[str]:
    """A table over the hops."""
    head = ["way"]
    for hop in result:
        head += [f"windows a second at {hop} s", "time, ours 1"]
    rows = []
    for name in next(iter(result.values())).ways:
        row = [name]
        for one in result.values():
            way = one.ways[name]
            times = way.times_ours
            spread = f" ({times.best:.2f} to {times.worst:.2f})" if name != "ours" else ""
            row += [f"{way.windows_a_second:,.0f}", f"{times.median:.2f}{spread}"]
        rows.append(row)
    checked = ", ".join(f"{one.checked_windows} at {hop} s" for hop, one in result.items())
    return [
        table(head, rows),
        f"Windows a second: best; ratios: median, best and worst round. All gave the same windows "
        f"to the bit ({checked}). `windows only`: without the level, and without looking for what "
        "is not finite; `whole`: needs the whole recording first.",
    ]
