"""Log spectrograms of five seconds at 4 kHz: the input of Irvin, Chartock and Hollander.

Source: Irvin, Chartock, Hollander, "Recurrent Neural Networks with Attention for Genre
Classification" (Stanford course project, 2016): "22 x 513" a segment, six segments a clip of 30 s.
scipy.signal.spectrogram returns this shape for frames of 1,024 samples and its other defaults (128
samples of overlap, Tukey window, density).

The description does not state the following. Used here are:
- logarithm: log(1e-10 + density);
- resampling: the high quality of soxr;
- segments of tracks whose length is not a multiple of five seconds: the nearest number of segments,
  evenly spaced from the first sample to the last. Shorter tracks are repeated to five seconds.
"""

from __future__ import annotations

import numpy as np

from ...data import SAMPLE_RATE

RATE = 4_000  # Hz
SEGMENT = 5 * RATE  # samples
FRAME = 1_024  # samples
FRAMES, BINS = 22, FRAME // 2 + 1
FLOOR = 1e-10


def irvin_spectra(samples: np.ndarray) -> np.ndarray:
    """Spectra (segments, 22, 513) float32 of samples (n,) float32 in [-1, 1] at 16 kHz."""
    import soxr
    from scipy.signal import spectrogram  # type: ignore[import-untyped]

    slow = soxr.resample(samples, SAMPLE_RATE, RATE)
    _, _, density = spectrogram(segments(slow, SEGMENT), RATE, nperseg=FRAME)
    return np.asarray(np.log(FLOOR + density.transpose(0, 2, 1)), np.float32)


def segments(samples: np.ndarray, length: int) -> np.ndarray:
    """Evenly spread segments (segments, length) of samples (n,); n / length, rounded, of them."""
    if len(samples) < length:
        samples = np.resize(samples, length)
    count = round(len(samples) / length)
    starts = np.linspace(0, len(samples) - length, count).round().astype(int)
    return np.stack([samples[start : start + length] for start in starts])
