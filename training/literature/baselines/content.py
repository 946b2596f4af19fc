"""Seven low-level features of a track, from its start, middle and end: Falola and Akinola's input.

Source: Falola, Akinola, "Music Genre Classification Using 1D Convolution Neural Network" (2021):
seven low-level, "content-based" features according to its abstract. According to a summary by
others, they were measured with librosa on 30 s of each song, from its start, middle and end. The
summary contradicts the abstract in the number of genres and the accuracy (falola.py).

The paper does not name the seven features or their statistics. Here they are those of common
librosa tutorials for genres: chroma, energy, spectral centroid, bandwidth and roll-off,
zero-crossing rate and 20 cepstral coefficients, each as its mean over an excerpt of 10 s (chroma as
the mean of all twelve). The vector is the concatenation of the excerpts. The excerpts of tracks
under 30 s overlap. Tracks under 10 s are repeated to that length.
"""

from __future__ import annotations

import warnings

import numpy as np

from ...data import SAMPLE_RATE

EXCERPT = 10 * SAMPLE_RATE  # samples
EXCERPTS = 3
FFT, HOP = 2_048, 512
COEFFICIENTS = 20
FEATURES = (
    "chroma_stft",
    "rms",
    "spectral_centroid",
    "spectral_bandwidth",
    "spectral_rolloff",
    "zero_crossing_rate",
    "mfcc",
)
VALUES = EXCERPTS * (len(FEATURES) - 1 + COEFFICIENTS)


def content_features(samples: np.ndarray) -> np.ndarray:
    """Features (1, 78) float32 of samples (n,) float32 in [-1, 1] at 16 kHz."""
    if len(samples) < EXCERPT:
        samples = np.resize(samples, EXCERPT)
    starts = np.linspace(0, len(samples) - EXCERPT, EXCERPTS).round().astype(int)
    means = [_means(samples[start : start + EXCERPT]) for start in starts]
    return np.concatenate(means)[None].astype(np.float32)


def _means(samples: np.ndarray) -> np.ndarray:
    """Samples (n,) -> (26,), in the order of FEATURES."""
    import librosa

    magnitude = np.abs(librosa.stft(samples, n_fft=FFT, hop_length=HOP))
    power = magnitude**2
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Trying to estimate tuning from empty")  # silence
        chroma = librosa.feature.chroma_stft(S=power, sr=SAMPLE_RATE)
    mel = librosa.feature.melspectrogram(S=power, sr=SAMPLE_RATE)
    rows = (
        librosa.feature.rms(S=magnitude),
        librosa.feature.spectral_centroid(S=magnitude, sr=SAMPLE_RATE),
        librosa.feature.spectral_bandwidth(S=magnitude, sr=SAMPLE_RATE),
        librosa.feature.spectral_rolloff(S=magnitude, sr=SAMPLE_RATE),
        librosa.feature.zero_crossing_rate(samples, frame_length=FFT, hop_length=HOP),
        librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=COEFFICIENTS),
    )
    return np.concatenate([[chroma.mean()], *(row.mean(1) for row in rows)])
