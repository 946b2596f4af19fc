"""ONNX Runtime on one thread, as the program and the exported step run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime

from ..errors import ModelFileError, first_line


def session(model: bytes | Path, name: str = "", **options: Any) -> Any:
    """A session on one thread; `options` are further ones of its SessionOptions.

    Raises ModelFileError with the runtime's reason, of the file or of `name`.
    """
    settings = onnxruntime.SessionOptions()
    # A step is milliseconds of work: more threads only spin and wait for each other.
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.log_severity_level = 4
    for key, value in options.items():
        setattr(settings, key, value)
    given = str(model) if isinstance(model, Path) else model
    if isinstance(model, Path):
        name = name or model.name
    try:
        return onnxruntime.InferenceSession(given, settings, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own exception types share no public base
        what = name or "the step"
        raise ModelFileError(f"{what}: ONNX Runtime refuses it: {first_line(error)}") from None
