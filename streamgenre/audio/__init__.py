"""Audio from files and devices: decoding, mixing, resampling, buffering and log-mel."""

ENCODINGS = {
    "s16le": 2, "s24le": 3, "s32le": 4, "f32le": 4, "s16be": 2, "s24be": 3, "s32be": 4, "f32be": 4
}  # fmt: skip
"""Encoding of raw samples -> bytes per sample. Defined here, without NumPy, for `--help`."""
