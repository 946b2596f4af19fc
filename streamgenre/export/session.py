"""ONNX Runtime as a small device would run it: one thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime

from ..errors import ModelFileError


def session(model: bytes | Path) -> Any:
    """A session on one thread; raises ModelFileError with the runtime's reason."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(
            str(model) if isinstance(model, Path) else model,
            options,
            providers=["CPUExecutionProvider"],
        )
    except Exception as error:  # its own exception types share no public base
        name = model.name if isinstance(model, Path) else "the step"
        first = str(error).splitlines()[0]
        raise ModelFileError(f"{name}: ONNX Runtime refuses it: {first}") from None
