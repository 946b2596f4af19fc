"""Limits of the options of a package. Does not import onnx, for a fast `--help`."""

from __future__ import annotations

from typing import Literal, get_args

Dtype = Literal["fp32", "fp16", "int8"]
"""Storage type of weights."""
DTYPES: tuple[Dtype, ...] = get_args(Dtype)
SMALLEST_OPSET, LARGEST_OPSET = 17, 21  # the oldest supported ONNX Runtime, 1.20, ends at 21
LARGEST_BATCH = 64
PARITY_STEPS = 500
"""Number of steps, with carried state, over which each file is compared with the model."""
