"""Time of the stages of a process, measured by wrapping its functions.

A stage is a list of functions, each given by its module or class and its attribute. Only the own
time of a stage counts, without that of stages that it calls, so that the stages and the rest add up
to the total. For single-threaded programs.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any
from unittest import mock

Targets = Mapping[str, Sequence[tuple[Any, str]]]
"""Name of a stage -> its functions: (module or class, attribute)."""


def pipeline() -> Targets:
    """The stages from a file to its text, in the order of the report.

    If one of these functions is moved, update its entry. A missing name is an AttributeError.
    """
    from streamgenre.audio.files.ffmpeg import FFmpegSource
    from streamgenre.audio.files.libsndfile import SoundFileSource
    from streamgenre.audio.mix import Mixer
    from streamgenre.audio.resample import Resampler
    from streamgenre.audio.ring import Ring
    from streamgenre.model import stream
    from streamgenre.model.decide import Decider
    from streamgenre.model.front import LogMelWindow, SampleWindow
    from streamgenre.model.onnx import OnnxEngine
    from streamgenre.output.timeline import reading
    from streamgenre.output.timeline.text import TextWriter

    return {
        "decode": [
            (reading, "open_recording"),
            (SoundFileSource, "blocks"),
            (FFmpegSource, "blocks"),
        ],
        "mono": [(stream, "as_frames"), (Mixer, "mix")],
        "resample": [(Resampler, "push"), (Resampler, "finish")],
        "front end": [(Ring, "write"), (SampleWindow, "read"), (LogMelWindow, "read")],
        "model": [(OnnxEngine, "run")],
        "decision": [(Decider, "decide")],
        "updates": [(stream.Stream, "feed"), (stream.Stream, "flush")],
        "output": [(TextWriter, "__call__")],
    }


class Stages:
    """Measures in a `with` block; `calls` contains the own time of each call of a stage.

    Args:
        targets: the functions to wrap.
        clock: in seconds; by default the processor time of the thread.
    """

    def __init__(self, targets: Targets, clock: Callable[[], float] = time.thread_time) -> None:
        self._targets, self._clock = targets, clock
        self._inner: list[float] = []  # for each active stage: seconds of the stages inside it
        self.calls: dict[str, list[float]] = {name: [] for name in targets}

    @property
    def seconds(self) -> dict[str, float]:
        """Own time of each stage so far."""
        return {name: sum(times) for name, times in self.calls.items()}

    def __enter__(self) -> Stages:
        with ExitStack() as patches:
            for name, places in self._targets.items():
                for owner, attribute in places:
                    timed = self._timed(name, getattr(owner, attribute))
                    patches.enter_context(mock.patch.object(owner, attribute, timed))
            self._patches = patches.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._patches.close()

    def _timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function, or each step of a generator, to measure its own time."""
        if not inspect.isgeneratorfunction(function):

            def call(*args: Any, **options: Any) -> Any:
                began = self._begin()
                try:
                    return function(*args, **options)
                finally:
                    self._end(name, began)

            return call

        def generate(*args: Any, **options: Any) -> Iterator[Any]:
            values = function(*args, **options)
            try:
                while True:
                    began = self._begin()
                    try:
                        value = next(values)
                    except StopIteration:
                        return
                    finally:
                        self._end(name, began)
                    yield value
            finally:
                values.close()

        return generate

    def _begin(self) -> float:
        self._inner.append(0.0)
        return self._clock()

    def _end(self, name: str, began: float) -> None:
        whole = self._clock() - began
        self.calls[name].append(whole - self._inner.pop())
        if self._inner:
            self._inner[-1] += whole
