"""Log-mel in one compiled kernel: framing, window, FFT, filter bank (Numba), for many streams.

The transform is a radix-4 Stockham FFT (Stockham 1966) of the real frame, as half as many complex
numbers. Sixteen frames are transformed side by side: each butterfly runs on all of them, so that
the compiler fills its vectors, and a frame's values do not depend on its neighbours.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .jit import kernel
from .logmel import FFT, Floats, filter_bank, hann, log_scale

_HALF = FFT // 2


class _Tables(NamedTuple):
    window: Floats  # (FRAME,)
    turn: Floats  # (2, _HALF), cosines and sines of the twiddle factors
    split: Floats  # (2, _HALF + 1), those that separate even from odd samples
    bank: Floats  # (bands, bins)
    reach: NDArray[np.int64]  # (bands, 2), first bin and end of each band


@cache
def _tables() -> _Tables:
    turn = np.exp(-2j * np.pi * np.arange(_HALF) / _HALF)
    split = np.exp(-2j * np.pi * np.arange(_HALF + 1) / FFT)
    bank = filter_bank()
    # The highest bands lie above half the sample rate and have no bins.
    bins = [np.flatnonzero(band) for band in bank]
    reach = [(int(b[0]), int(b[-1]) + 1) if len(b) else (0, 0) for b in bins]
    return _Tables(
        hann().astype(np.float32),
        np.stack([turn.real, turn.imag]).astype(np.float32),
        np.stack([split.real, split.imag]).astype(np.float32),
        bank,
        np.array(reach, np.int64),
    )


@kernel
def _powers(
    ring: Floats,
    begin: int,
    length: int,
    frames: NDArray[np.int64],
    window: Floats,
    turn: Floats,
    split: Floats,
    bank: Floats,
    reach: NDArray[np.int64],
    out: Floats,
) -> None:
    """Write the band powers of the given frames to `out` (bands, frames); see `logmel`."""
    # Real and imaginary parts are in separate arrays, which the compiler vectorises better.
    ar, ai = np.zeros((256, 16), np.float32), np.zeros((256, 16), np.float32)
    br, bi = np.empty((256, 16), np.float32), np.empty((256, 16), np.float32)
    power = np.empty((257, 16), np.float32)
    total = np.empty(16, np.float32)
    quarter = np.float32(0.25)
    size = len(ring)
    for first in range(0, len(frames), 16):
        lanes = min(16, len(frames) - first)
        for lane in range(lanes):
            start = frames[first + lane] * 160 - 200
            at = (begin + start) % size
            if start >= 0 and start + 400 <= length and at + 400 <= size:
                part = ring[at : at + 400]
                for j in range(
                    200
                ):  # even samples are the real part, odd samples the imaginary part
                    ar[j, lane] = part[2 * j] * window[2 * j]
                    ai[j, lane] = part[2 * j + 1] * window[2 * j + 1]
            else:
                for j in range(400):
                    value = np.float32(0.0)
                    if 0 <= start + j < length:
                        value = ring[(at + j) % size] * window[j]
                    if j % 2:
                        ai[j // 2, lane] = value
                    else:
                        ar[j // 2, lane] = value
        ar[200:] = 0.0  # the frame is shorter than the transform
        ai[200:] = 0.0
        xr, xi, yr, yi = ar, ai, br, bi
        rows, stride = 64, 1
        while rows >= 1:
            for q in range(rows):
                w1r, w1i = turn[0, q * stride], turn[1, q * stride]
                w2r, w2i = turn[0, 2 * q * stride], turn[1, 2 * q * stride]
                w3r, w3i = turn[0, 3 * q * stride], turn[1, 3 * q * stride]
                for r in range(stride):
                    i0 = r + stride * q
                    i1, i2, i3 = i0 + stride * rows, i0 + 2 * stride * rows, i0 + 3 * stride * rows
                    p0r, p1r, p2r, p3r = xr[i0], xr[i1], xr[i2], xr[i3]
                    p0i, p1i, p2i, p3i = xi[i0], xi[i1], xi[i2], xi[i3]
                    to = r + 4 * stride * q
                    o0r, o1r, o2r, o3r = (
                        yr[to],
                        yr[to + stride],
                        yr[to + 2 * stride],
                        yr[to + 3 * stride],
                    )
                    o0i, o1i, o2i, o3i = (
                        yi[to],
                        yi[to + stride],
                        yi[to + 2 * stride],
                        yi[to + 3 * stride],
                    )
                    for lane in range(16):
                        sum02r, sum02i = p0r[lane] + p2r[lane], p0i[lane] + p2i[lane]
                        dif02r, dif02i = p0r[lane] - p2r[lane], p0i[lane] - p2i[lane]
                        sum13r, sum13i = p1r[lane] + p3r[lane], p1i[lane] + p3i[lane]
                        # Times -i.
                        dif13r, dif13i = p1i[lane] - p3i[lane], p3r[lane] - p1r[lane]
                        o0r[lane], o0i[lane] = sum02r + sum13r, sum02i + sum13i
                        re, im = dif02r + dif13r, dif02i + dif13i
                        o1r[lane], o1i[lane] = re * w1r - im * w1i, re * w1i + im * w1r
                        re, im = sum02r - sum13r, sum02i - sum13i
                        o2r[lane], o2i[lane] = re * w2r - im * w2i, re * w2i + im * w2r
                        re, im = dif02r - dif13r, dif02i - dif13i
                        o3r[lane], o3i[lane] = re * w3r - im * w3i, re * w3i + im * w3r
            xr, xi, yr, yi = yr, yi, xr, xi
            rows //= 4
            stride *= 4
        # After four passes, the result is in `ar` and `ai` again, which the next frames overwrite.
        for k in range(129):
            m = (256 - k) % 256
            wr, wi = split[0, k], split[1, k]
            for lane in range(16):
                even_r, even_i = ar[k, lane] + ar[m, lane], ai[k, lane] - ai[m, lane]
                odd_r, odd_i = ai[k, lane] + ai[m, lane], ar[m, lane] - ar[k, lane]
                tr, ti = odd_r * wr - odd_i * wi, odd_r * wi + odd_i * wr
                ur, ui, vr, vi = even_r + tr, even_i + ti, even_r - tr, even_i - ti
                power[k, lane] = quarter * (ur * ur + ui * ui)
                power[256 - k, lane] = quarter * (vr * vr + vi * vi)
        for band in range(len(reach)):
            total[:] = 0.0
            for k in range(reach[band, 0], reach[band, 1]):
                weight = bank[band, k]
                for lane in range(16):
                    total[lane] += weight * power[k, lane]
            for lane in range(lanes):
                out[band, first + lane] = total[lane]


def logmel(samples: Floats, begin: int, length: int, frames: range, out: Floats) -> None:
    """See logmel.logmel."""
    _powers(samples, begin, length, np.arange(frames.start, frames.stop), *_tables(), out)
    log_scale(out)
