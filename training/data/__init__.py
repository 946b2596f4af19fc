"""Data sets of all supported layouts, read into one record type and decoded once."""

from .cache import AudioCache, default_cache
from .dataset import DataSet
from .opening import open_dataset
from .record import SAMPLE_RATE, SPLITS, DataError, Track, fingerprint
from .split import folds

__all__ = [
    "SAMPLE_RATE",
    "SPLITS",
    "AudioCache",
    "DataError",
    "DataSet",
    "Track",
    "default_cache",
    "fingerprint",
    "folds",
    "open_dataset",
]
