"""The log-mel front end as part of the graph. It computes only new frames.

The computation is that of `audio/logmel.py`, in standard operators. The discrete Fourier transform
is two matrix products: a frame split into its even and odd parts around its middle needs half a
table of cosines and half a table of sines, and the power does not depend on the time origin. The
tables are computed from a few numbers when the model is loaded, since a runtime folds constant
nodes, so that the file stays small.

If windows overlap by whole frames, the state carries the shared frames, as `model/front.py` does
outside the network. The window is zero-padded on both sides. Only its first two and last two frames
depend on the padding; all others are the same in every window that contains them. The first frames
of a window are computed when its first samples arrive, and are kept in the state until the window
is complete. Silence is 0 in the state, since a stream starts with zeros.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..audio.logmel import (
    BANDS,
    EDGE,
    FFT,
    FLOOR,
    FRAME,
    SCALE,
    SILENT,
    STEP,
    filter_bank,
    hann,
)
from .nodes import Nodes

_SIDE = FRAME // 2  # samples on each side of the centre of a frame


class Layout(NamedTuple):
    """How a step of `hop` samples forms the network's window of `window` samples."""

    hop: int
    window: int

    @property
    def shares(self) -> bool:
        """Whether the state carries frames."""
        return self.hop < self.window and self.window % self.hop == 0 == self.hop % STEP

    @property
    def samples(self) -> int:
        """Samples that a step reads, of which the last `hop` are new."""
        return self.hop + EDGE * STEP + _SIDE - STEP if self.shares else self.window

    @property
    def inner(self) -> int:
        """Carried frames inside the window."""
        return (self.window - self.hop) // STEP - 2 * EDGE + 1 if self.shares else 0

    @property
    def waiting(self) -> int:
        """Carried frames that are the first frames of later windows."""
        return (self.window // self.hop - 1) * EDGE if self.shares else 0

    @property
    def state(self) -> int:
        """Size of the frames in the state."""
        return (self.inner + self.waiting) * BANDS


class Front(NamedTuple):
    """Names of the output tensors."""

    logmel: str  # (B, 1, BANDS, frames), the input of the network
    carried: str | None  # (B, Layout.state), the next carried frames


def front_end(nodes: Nodes, layout: Layout, batch: int, samples: str, carried: str) -> Front:
    """Add the front end of `samples` (B, Layout.samples) and `carried` frames (B, Layout.state)."""
    if not layout.shares:
        around = nodes.constant(np.zeros((batch, _SIDE)))
        padded = nodes.add("Concat", around, samples, around, axis=1)
        count = layout.window // STEP + 1
        bands = _bands(nodes, _framed(nodes, padded, layout.window + 2 * _SIDE, count, batch))
        return Front(_as_image(nodes, bands), None)
    new = layout.hop // STEP
    ends = nodes.constant(np.zeros((batch, _SIDE)))
    frames = _framed(
        nodes,
        nodes.add("Concat", samples, ends, axis=1),
        layout.samples + _SIDE,
        new + EDGE,
        batch,
    )
    first = nodes.part(samples, 1, layout.samples - layout.hop, layout.samples)
    begins = nodes.add("Concat", ends, first, axis=1)
    later = _framed(nodes, begins, layout.hop + _SIDE, EDGE, batch)
    bands = _bands(nodes, nodes.add("Concat", frames, later, axis=1))
    fresh = nodes.part(bands, 1, 0, new)
    last = nodes.part(bands, 1, new, new + EDGE)
    later = nodes.part(bands, 1, new + EDGE, new + 2 * EDGE)

    total = layout.inner + layout.waiting
    before = nodes.add("Reshape", carried, nodes.shape(batch, total, BANDS))
    inner = nodes.add("Concat", nodes.part(before, 1, 0, layout.inner), fresh, axis=1)
    waiting = nodes.add("Concat", nodes.part(before, 1, layout.inner, total), later, axis=1)
    window = nodes.add("Concat", nodes.part(waiting, 1, 0, EDGE), inner, last, axis=1)
    after = nodes.add(
        "Concat",
        nodes.part(inner, 1, new, new + layout.inner),
        nodes.part(waiting, 1, EDGE, EDGE + layout.waiting),
        axis=1,
    )
    return Front(
        _as_image(nodes, window), nodes.add("Reshape", after, nodes.shape(batch, layout.state))
    )


def _framed(nodes: Nodes, samples: str, length: int, count: int, batch: int) -> str:
    """Frames (B, count, FRAME), one per STEP samples, concatenated from whole steps."""
    reach = -(-FRAME // STEP)
    size = (count + reach - 1) * STEP
    if length < size:
        padding = nodes.constant(np.zeros((batch, size - length)))
        samples = nodes.add("Concat", samples, padding, axis=1)
    elif length > size:
        samples = nodes.part(samples, 1, 0, size)
    steps = nodes.add("Reshape", samples, nodes.shape(batch, count + reach - 1, STEP))
    parts = [nodes.part(steps, 1, i, i + count) for i in range(reach)]
    parts[-1] = nodes.part(parts[-1], 2, 0, FRAME - (reach - 1) * STEP)
    return nodes.add("Concat", *parts, axis=2)


def _bands(nodes: Nodes, frames: str) -> str:
    """Log-mel (B, frames, BANDS), 0 for silence."""
    before = nodes.part(frames, 2, _SIDE - 1, -1, -1)
    after = nodes.part(frames, 2, _SIDE, FRAME)
    cosines, sines = _tables(nodes)
    even = nodes.add("MatMul", nodes.add("Add", after, before), cosines)
    odd = nodes.add("MatMul", nodes.add("Sub", after, before), sines)
    power = nodes.add("Add", nodes.add("Mul", even, even), nodes.add("Mul", odd, odd))
    # log(p + floor) - log(floor) = log(1 + p / floor)
    bands = nodes.add("MatMul", power, _bank(nodes))
    logarithm = nodes.add("Log", nodes.add("Add", bands, nodes.constant(1.0)))
    return nodes.add("Mul", logarithm, nodes.constant(1 / SCALE))


def _tables(nodes: Nodes) -> tuple[str, str]:
    """Cosines and sines (_SIDE, bins) of the transform around a frame's middle, windowed."""
    # The distance of each sample from the middle is an odd number of half samples.
    halves = nodes.constant(np.arange(1, FRAME, 2)[:, None], np.int64)
    bins = nodes.constant(np.arange(FFT // 2 + 1)[None], np.int64)
    # Use integers as long as possible, since large angles are inaccurate in float32.
    turned = nodes.add("Mod", nodes.add("Mul", halves, bins), nodes.constant(2 * FFT, np.int64))
    angle = nodes.add("Mul", nodes.add("Cast", turned, to=1), nodes.constant(np.pi / FFT))
    window = nodes.constant(hann()[_SIDE:, None])
    return (
        nodes.add("Mul", nodes.add("Cos", angle), window),
        nodes.add("Mul", nodes.add("Sin", angle), window),
    )


def _bank(nodes: Nodes) -> str:
    """The filter bank (bins, BANDS), stored as its nonzero weights."""
    bank = filter_bank().T / np.float32(FLOOR)
    where = np.argwhere(bank)
    return nodes.add(
        "ScatterND",
        nodes.add("ConstantOfShape", nodes.shape(*bank.shape)),
        nodes.constant(where, np.int64),
        nodes.constant(bank[tuple(where.T)]),
    )


def _as_image(nodes: Nodes, bands: str) -> str:
    """(B, frames, BANDS) in the layout of the network, (B, 1, BANDS, frames)."""
    image = nodes.add("Transpose", bands, perm=[0, 2, 1])
    image = nodes.add("Unsqueeze", image, nodes.shape(1))
    return nodes.add("Add", image, nodes.constant(SILENT))
