"""Windows out of a stream: ours beside a Numba kernel, NumPy slicing, librosa and a loop.

All take the same music in blocks, as it comes, and give the same windows at every hop; that is
checked first, windows to the bit. Ours (streamgenre.audio.framing over .ring) also finds each hop's
level and what is not finite, and so do the kernel, which does all in one pass sample by sample, and
the loop; NumPy is timed with and without that, librosa's framing without. Some need the whole
recording first, which a stream never has.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamgenre.audio.framing import decibels, frame
from streamgenre.audio.jit import kernel
from streamgenre.audio.ring import Ring
from streamgenre.model.card import Hop
from streamgenre.model.model import load

from .common import RATE, Options, in_turn, music, ratios, table

TITLE = "Windows out of a stream: ours against a Numba kernel, NumPy, librosa and a loop"

_BLOCK = 1_024  # samples that come at a time
_LOOP_SECONDS = 10.0  # of music for the loop over samples, which is slow

Samples = NDArray[np.float32]
Windows = Iterator[tuple[Samples, float | None, int | None]]
"""Window, level in dBFS, count of samples that were not finite; None: not looked for. The window is
valid until the next."""


def ours(audio: Samples, hop: Hop) -> Windows:
    """As a stream does it."""
    window = np.zeros(hop.window, np.float32)
    for ring in _filled(audio, hop):
        found = frame(ring, hop.samples, window)
        yield window, found.level, found.non_finite


def _filled(audio: Samples, hop: Hop) -> Iterator[Ring]:
    """The ring whenever it holds a hop, which is taken out of it before the next."""
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
    """Our ring, and a Numba kernel for the rest."""
    window = np.zeros(hop.window, np.float32)
    for ring in _filled(audio, hop):
        end = ring.tail + hop.samples
        power, damaged = _one_pass(ring.buffer, end, hop.samples, window)
        ring.advance(hop.samples)
        yield window, decibels((power / hop.samples) ** 0.5), damaged


def shifted(audio: Samples, hop: Hop, *, looked: bool) -> Windows:
    """NumPy in blocks: the window's old part is moved down, the new hop copied behind it."""
    window = np.zeros(hop.window, np.float32)
    pending = np.zeros(0, np.float32)
    for start in range(0, len(audio), _BLOCK):
        pending = np.concatenate([pending, audio[start : start + _BLOCK]])
        while len(pending) >= hop.samples:
            window[: -hop.samples] = window[hop.samples :]
            window[-hop.samples :] = pending[: hop.samples]
            pending = pending[hop.samples :]
            yield _looked(window, hop) if looked else (window, None, None)


def sliding(audio: Samples, hop: Hop, *, looked: bool) -> Windows:
    """NumPy over the whole: sliding_window_view, and a copy of each window."""
    padded = np.concatenate([np.zeros(hop.window - hop.samples, np.float32), audio])
    for view in np.lib.stride_tricks.sliding_window_view(padded, hop.window)[:: hop.samples]:
        window = view.copy()
        yield _looked(window, hop) if looked else (window, None, None)


def by_librosa(audio: Samples, hop: Hop) -> Windows:
    """librosa.util.frame over the whole, and a copy of each window."""
    from librosa.util import frame as cut

    padded = np.concatenate([np.zeros(hop.window - hop.samples, np.float32), audio])
    for view in cut(padded, frame_length=hop.window, hop_length=hop.samples, axis=0):
        yield view.copy(), None, None


def loop(audio: Samples, hop: Hop) -> Windows:
    """Python, sample by sample, with level and damage."""
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


def _looked(window: Samples, hop: Hop) -> tuple[Samples, float, int]:
    """What ours finds beside the window."""
    new = window[-hop.samples :]
    finite = np.isfinite(new)
    damaged = hop.samples - int(np.count_nonzero(finite))
    if damaged:
        new[~finite] = 0
    power = float(np.square(new, dtype=np.float64).mean())
    return window, decibels(power**0.5), damaged


def ways() -> dict[str, Callable[[Samples, Hop], Windows]]:
    """All that are compared, ours first; librosa where it is installed."""
    found: dict[str, Callable[[Samples, Hop], Windows]] = {
        "ours": ours,
        "Numba, one pass": one_pass,
        "NumPy, blocks": lambda audio, hop: shifted(audio, hop, looked=True),
        "NumPy, blocks, windows only": lambda audio, hop: shifted(audio, hop, looked=False),
        "NumPy, whole": lambda audio, hop: sliding(audio, hop, looked=True),
        "NumPy, whole, windows only": lambda audio, hop: sliding(audio, hop, looked=False),
    }
    if importlib.util.find_spec("librosa"):
        found["librosa, whole, windows only"] = by_librosa
    found["loop"] = loop
    return found


def check(audio: Samples, hop: Hop) -> int:
    """AssertionError unless all give the same; how many windows that is.

    Levels are sums of other precision, alike to a thousandth of a decibel.
    """
    right = [(window.copy(), level, damaged) for window, level, damaged in ours(audio, hop)]
    for name, way in ways().items():
        count = 0
        for count, (window, level, damaged) in enumerate(way(audio, hop), 1):
            wanted, wanted_level, wanted_damaged = right[count - 1]
            assert np.array_equal(window, wanted), f"{name}: window {count} is another"
            assert level is None or np.isclose(level, wanted_level or 0, 0, 1e-3), f"{name}: level"
            assert damaged in (None, wanted_damaged), f"{name}: damage"
        assert count == len(right), f"{name}: {count} windows, not {len(right)}"
    return len(right)


def measure(options: Options) -> dict[str, Any]:
    """Windows a second of each way at each hop, and how much more time it takes than ours."""
    seconds, rounds = (_LOOP_SECONDS, 2) if options.quick else (120.0, 9)
    audio, short = music(seconds, RATE), music(_LOOP_SECONDS, RATE)
    found: dict[str, Any] = {}
    for hop in load().card.hops:
        checked = check(short, hop)
        heard = {name: short if name == "loop" else audio for name in ways()}
        counts = {name: len(samples) // hop.samples for name, samples in heard.items()}
        cases = {name: _exhaust(way, heard[name], hop) for name, way in ways().items()}
        taken = in_turn(cases, rounds)
        a_window = {n: [value / counts[n] for value in taken[n]] for n in cases}
        found[f"{hop.seconds:g}"] = {
            "checked_windows": checked,
            "window": hop.window,
            "new": hop.samples,
            "ways": {
                name: {
                    "windows_a_second": 1 / min(a_window[name]),
                    "times_ours": ratios(a_window, name, "ours").to_json(),
                }
                for name in cases
            },
        }
    return found


def _exhaust(
    way: Callable[[Samples, Hop], Windows], audio: Samples, hop: Hop
) -> Callable[[], object]:
    def work() -> None:
        for _ in way(audio, hop):
            pass

    return work


def report(found: dict[str, Any]) -> list[str]:
    """A table over the hops."""
    head = ["way"]
    for hop in found:
        head += [f"windows a second at {hop} s", "time, ours 1"]
    rows = []
    for name in next(iter(found.values()))["ways"]:
        row = [name]
        for one in found.values():
            way = one["ways"][name]
            times = way["times_ours"]
            spread = f" ({times['best']:.2f} to {times['worst']:.2f})" if name != "ours" else ""
            row += [f"{way['windows_a_second']:,.0f}", f"{times['median']:.2f}{spread}"]
        rows.append(row)
    checked = ", ".join(f"{one['checked_windows']} at {hop} s" for hop, one in found.items())
    return [
        *table(head, rows),
        "",
        f"Windows a second: best; ratios: median, best and worst round. All gave the same windows "
        f"to the bit ({checked}). `windows only`: without the level, and without looking for what "
        "is not finite; `whole`: needs the whole recording first.",
    ]
