"""Audio from files and devices, and its way to what a network reads."""

ENCODINGS = {"s16le": 2, "s24le": 3, "s32le": 4, "f32le": 4}
"""Encoding of raw samples -> bytes per sample. Defined here, without NumPy, for `--help`."""
