"""What a package may be; apart, so that `--help` says it without loading onnx."""

from __future__ import annotations

from typing import Literal, get_args

Dtype = Literal["fp32", "fp16", "int8"]
"""How weights are stored."""
DTYPES: tuple[Dtype, ...] = get_args(Dtype)
SMALLEST_OPSET, LARGEST_OPSET = 17, 22
LARGEST_BATCH = 64
PARITY_STEPS = 500
"""Carried steps over which each file is compared with what it was made from."""
