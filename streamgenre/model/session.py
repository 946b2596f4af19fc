"""Single-threaded ONNX Runtime sessions, for models and for exported steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime

from ..errors import ModelFileError, first_line


def session(model: bytes | Path, name: str = "", **options: Any) -> Any:
    """A single-threaded session.

    Args:
        model: content or path of an ONNX file.
        name: name for error messages; defaults to the name of the file.
        options: further attributes of `SessionOptions`.

    Raises ModelFileError with the reason that ONNX Runtime reports.
    """
    settings = onnxruntime.SessionOptions()
    # A step takes milliseconds: more threads would mostly wait for each other.
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.log_severity_level = 4
    for key, value in options.items():
        setattr(settings, key, value)
    given = str(model) if isinstance(model, Path) else model
    if isinstance(model, Path):
        name = name or model.name
    try:
        return onnxruntime.InferenceSession(given, settings, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exception types share no public base
        what = name or "the step"
        raise ModelFileError(f"{what}: ONNX Runtime cannot load it: {first_line(error)}") from None
