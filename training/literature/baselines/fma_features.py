"""The 518 features of the FMA data set: seven statistics of eleven features over time.

Source: Defferrard, Benzi, Vandergheynst, Bresson, "FMA: A Dataset for Music Analysis" (2017), and
its public code, mdeff/fma (features.py). That code ran librosa 0.5.0 on clips at their own rate;
these are the same features with the current librosa at 16 kHz. The differences are:

- It passed no sample rate to chroma_stft and to the spectral centroid, bandwidth, contrast and
  roll-off, so that librosa assumed 22,050 Hz. Here the true rate is passed, unless `as_published`.
- librosa has since changed the scale of the energy (rmse) and of the constant-Q transform by nearly
  constant factors, which the standardisation removes.
- For constant rows, scipy now returns NaN as skew and kurtosis. Here they are 0 and -3, as in its
  older version.
- Clips under 1.5 s are repeated to that length, which the lowest octave of the constant-Q transform
  and the smoothing of CENS (41 frames) need.
"""

from __future__ import annotations

import warnings

import numpy as np

from ...data import SAMPLE_RATE

FFT, HOP = 2_048, 512
ASSUMED_RATE = 22_050  # Hz, default of librosa
SHORTEST = SAMPLE_RATE * 3 // 2  # samples
OCTAVES, NOTES = 7, 12

ROWS = {
    "chroma_cens": 12,
    "chroma_cqt": 12,
    "chroma_stft": 12,
    "mfcc": 20,
    "rmse": 1,
    "spectral_bandwidth": 1,
    "spectral_centroid": 1,
    "spectral_contrast": 7,
    "spectral_rolloff": 1,
    "tonnetz": 6,
    "zcr": 1,
}
"""Feature -> number of its rows. Each row has seven statistics."""

STATISTICS = ("kurtosis", "max", "mean", "median", "min", "skew", "std")

COLUMNS = tuple(
    (feature, statistic, f"{number + 1:02d}")
    for feature, rows in ROWS.items()
    for statistic in STATISTICS
    for number in range(rows)
)
"""(feature, statistic, number) of the 518 columns, in the order of the published table."""


def fma_features(samples: np.ndarray, *, as_published: bool = False) -> np.ndarray:
    """Features (1, 518) float32 of samples (n,) float32 in [-1, 1] at 16 kHz.

    `as_published`: assume a rate of 22,050 Hz for some features, see above.
    """
    if len(samples) < SHORTEST:
        samples = np.resize(samples, SHORTEST)
    rows = feature_rows(samples, ASSUMED_RATE if as_published else SAMPLE_RATE)
    return np.concatenate([_statistics(rows[feature]) for feature in ROWS])[None]


def feature_rows(samples: np.ndarray, assumed: int = SAMPLE_RATE) -> dict[str, np.ndarray]:
    """Feature -> values over time (rows, frames); `assumed`: rate of the features listed above."""
    import librosa

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Trying to estimate tuning from empty")  # silence
        magnitude = np.abs(librosa.stft(samples, n_fft=FFT, hop_length=HOP))
        power = magnitude**2
        # The transform would compute the same from the samples, with a second Fourier transform.
        tuning = librosa.estimate_tuning(S=magnitude, sr=SAMPLE_RATE, bins_per_octave=NOTES)
        constant_q = np.abs(
            librosa.cqt(
                samples,
                sr=SAMPLE_RATE,
                hop_length=HOP,
                n_bins=OCTAVES * NOTES,
                bins_per_octave=NOTES,
                tuning=tuning,
            )
        )
        cens = librosa.feature.chroma_cens(C=constant_q, bins_per_octave=NOTES)
        mel = librosa.feature.melspectrogram(S=power, sr=SAMPLE_RATE)
        return {
            "chroma_cens": cens,
            "chroma_cqt": librosa.feature.chroma_cqt(C=constant_q, bins_per_octave=NOTES),
            "chroma_stft": librosa.feature.chroma_stft(S=power, sr=assumed, n_chroma=NOTES),
            "mfcc": librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=20),
            "rmse": librosa.feature.rms(S=magnitude),
            "spectral_bandwidth": librosa.feature.spectral_bandwidth(S=magnitude, sr=assumed),
            "spectral_centroid": librosa.feature.spectral_centroid(S=magnitude, sr=assumed),
            "spectral_contrast": librosa.feature.spectral_contrast(
                S=magnitude, sr=assumed, n_bands=6
            ),
            "spectral_rolloff": librosa.feature.spectral_rolloff(S=magnitude, sr=assumed),
            "tonnetz": librosa.feature.tonnetz(chroma=cens),
            "zcr": librosa.feature.zero_crossing_rate(samples, frame_length=FFT, hop_length=HOP),
        }


def _statistics(rows: np.ndarray) -> np.ndarray:
    """(rows, frames) -> (7 * rows,) float32: all rows of each of STATISTICS."""
    from scipy import stats  # type: ignore[import-untyped]

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Precision loss", RuntimeWarning)
        values = {
            "kurtosis": np.nan_to_num(stats.kurtosis(rows, axis=1), nan=-3.0),
            "max": rows.max(1),
            "mean": rows.mean(1),
            "median": np.median(rows, axis=1),
            "min": rows.min(1),
            "skew": np.nan_to_num(stats.skew(rows, axis=1), nan=0.0),
            "std": rows.std(1),
        }
    return np.concatenate([values[name] for name in STATISTICS]).astype(np.float32)
