"""Streaming music genre classification: what is playing, as it plays.

>>> import streamgenre
>>> timeline = streamgenre.classify("examples/mix.ogg")  # doctest: +SKIP
>>> timeline.genre  # doctest: +SKIP
'electronic'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .errors import (
        ConfigError,
        DeviceError,
        InputError,
        ModelFileError,
        OutputError,
        PackageError,
        SignalError,
        StreamgenreError,
    )
    from .library.results import Results, read_results
    from .library.row import Row
    from .library.scan import Progress, scan
    from .library.tagging.plan import TagChange
    from .library.tagging.write import tag_files, undo_tags
    from .live.listener import Listener, listen
    from .model.model import Model, load
    from .model.pool import StreamPool
    from .model.stream import Stream
    from .model.timeline import Timeline
    from .output.save import save
    from .update import Segment, Update

# Imported on first use: `import streamgenre` must not wait for Numba and ONNX Runtime.
_HOMES = {
    "ConfigError": "errors",
    "DeviceError": "errors",
    "InputError": "errors",
    "ModelFileError": "errors",
    "OutputError": "errors",
    "PackageError": "errors",
    "SignalError": "errors",
    "StreamgenreError": "errors",
    "Segment": "update",
    "Update": "update",
    "Timeline": "model.timeline",
    "Stream": "model.stream",
    "StreamPool": "model.pool",
    "Model": "model.model",
    "load": "model.model",
    "Row": "library.row",
    "Progress": "library.scan",
    "scan": "library.scan",
    "Results": "library.results",
    "read_results": "library.results",
    "TagChange": "library.tagging.plan",
    "tag_files": "library.tagging.write",
    "undo_tags": "library.tagging.write",
    "Listener": "live.listener",
    "listen": "live.listener",
    "save": "output.save",
}

__all__ = [
    "ConfigError",
    "DeviceError",
    "InputError",
    "Listener",
    "Model",
    "ModelFileError",
    "OutputError",
    "PackageError",
    "Progress",
    "Results",
    "Row",
    "Segment",
    "SignalError",
    "Stream",
    "StreamPool",
    "StreamgenreError",
    "TagChange",
    "Timeline",
    "Update",
    "classify",
    "listen",
    "load",
    "read_results",
    "save",
    "scan",
    "tag_files",
    "undo_tags",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def classify(recording: Any, hop: float | None = None) -> Timeline:
    """The timeline of a path, file object or (samples, rate): `load().classify(recording, hop)`."""
    from .model.model import load

    return load().classify(recording, hop)
