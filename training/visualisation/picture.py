"""The figure of a visualisation: the optimised log-mel, that of the sound, and its waveform."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from streamgenre.networks.logmel import SAMPLE_RATE

from ..evaluation.presentation import tidy
from .bands import HIGH, LOW, centres

_TICKS_HZ = (100, 500, 1000, 2000, 4000, 7500)


def picture(
    title: str,
    optimised: NDArray[np.float32],
    of_sound: NDArray[np.float32],
    samples: NDArray[np.int16],
    path: Path,
) -> None:
    """Draw log-mels (SOUNDING, frames) and samples (n,) into a PNG, without a display."""
    seconds = len(samples) / SAMPLE_RATE
    figure = Figure((9.0, 7.5), layout="constrained")
    panels = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 1.4))
    places = np.interp(_TICKS_HZ, centres(), np.arange(len(optimised)))
    for axes, bands, name in zip(
        panels[:2], (optimised, of_sound), ("optimised", "of the sound"), strict=True
    ):
        image = axes.imshow(
            bands, origin="lower", aspect="auto", cmap="magma", vmin=LOW, vmax=HIGH,
            extent=(0.0, seconds, -0.5, len(bands) - 0.5), interpolation="nearest",
        )  # fmt: skip
        axes.set_yticks(places, [f"{hz / 1000:g}" for hz in _TICKS_HZ])
        axes.set_ylabel(f"log-mel {name}, kHz")
    bar = figure.colorbar(image, ax=list(panels[:2]), pad=0.01)
    bar.outline.set_visible(False)
    waveform = panels[2]
    # One line from the minimum to the maximum of several samples: as much as is visible.
    size = max(1, len(samples) // 2000)
    strokes = samples[: len(samples) // size * size].reshape(-1, size) / 32768
    times = (np.arange(len(strokes)) + 0.5) * size / SAMPLE_RATE
    waveform.fill_between(
        times, strokes.min(1), strokes.max(1), color="#0b6e99", linewidth=0.3, edgecolor="#0b6e99"
    )
    waveform.set_xlim(0, seconds)
    waveform.set_ylabel("waveform")
    waveform.set_xlabel("seconds")
    tidy(waveform, percent=False)
    # Show a genre's name literally: a dollar sign would start a formula.
    with mpl.rc_context({"text.parse_math": False}):
        figure.suptitle(title, fontsize=10)
        figure.savefig(path, dpi=110)
