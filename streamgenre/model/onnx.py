"""The ONNX Runtime engine, on one core."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..audio.logmel import SAMPLE_RATE, logmel
from ..errors import ModelFileError, first_line
from .card import Hop, ModelCard
from .cut import LOGMEL, without_front_end
from .engine import Engine, Step, initial_state
from .front import FrontEnd, LogMelWindow, SampleWindow, logmel_windows
from .session import session

INPUTS = ("samples", "state")
OUTPUTS = ("probabilities", "music", "next_state")
OPTIONAL_OUTPUTS = ("gates", "embedding", "styles", "speech")


class OnnxEngine(Engine):
    """See engine.Engine. An ONNX Runtime session is thread-safe.

    If the model has the log-mel front end of audio/logmel.py, that kernel computes it and only the
    rest of the graph runs in ONNX Runtime. `whole`: run the complete graph in ONNX Runtime.
    """

    def __init__(self, data: bytes, card: ModelCard, whole: bool = False) -> None:
        cut = None if whole or card.sample_rate != SAMPLE_RATE else without_front_end(data)
        self._input = INPUTS[0] if cut is None else LOGMEL
        self._session = session(data if cut is None else cut, f"model {card.name}")
        present = [output.name for output in self._session.get_outputs()]
        absent = {self._input, INPUTS[1]} - {i.name for i in self._session.get_inputs()} | {
            *OUTPUTS
        } - {*present}
        if absent:
            raise ModelFileError(
                f"model {card.name}: has no input or output {', '.join(sorted(absent))}; export "
                "the model again"
            )
        self.card = card
        self._optional = [name for name in OPTIONAL_OUTPUTS if name in present]
        self.has_embedding = "embedding" in present
        self._try()

    def _try(self) -> None:
        """Run one step on silence to check that the shapes of graph and card agree."""
        card = self.card
        for window in {hop.window for hop in card.hops}:
            try:
                step = self.step(np.zeros((1, window), np.float32), initial_state(card))
            except Exception as error:  # ONNX Runtime's exception types share no public base
                reason = first_line(error)
                raise ModelFileError(
                    f"model {card.name}: does not match its card: {reason}"
                ) from None
            shapes = step.probabilities.shape, step.music.shape, step.next_state.shape
            if shapes != ((1, len(card.labels)), (1,), (1, card.state_size)):
                raise ModelFileError(
                    f"model {card.name}: does not match its card: output shapes {shapes}"
                )
            if step.speech is not None and step.speech.shape != (1,):
                raise ModelFileError(
                    f"model {card.name}: output `speech` has shape {step.speech.shape} instead of "
                    "(1,); export the model again"
                )
            for name, given, named in (
                ("styles", step.styles, card.styles),
                ("gates", step.gates, card.gates),
            ):
                count = 0 if given is None else given.shape[1]
                # Names of gates are optional.
                if count != len(named) and (named or name == "styles"):
                    raise ModelFileError(
                        f"model {card.name}: does not match its card: it outputs {count} {name}, "
                        f"the card lists {len(named)}; export the model again"
                    )

    def step(self, samples: NDArray[np.float32], state: NDArray[np.float32]) -> Step:
        """See engine.Engine.step."""
        return self.run(logmel_windows(samples) if self._input == LOGMEL else samples, state)

    def front_end(self, hop: Hop, compiled: bool = False) -> FrontEnd:
        """See engine.Engine.front_end."""
        if self._input != LOGMEL:
            return SampleWindow(hop)
        if compiled:
            # Numba takes half a second to start, and then runs twice as fast as NumPy.
            from ..audio.logmel_kernel import logmel as compiled_logmel

            return LogMelWindow(hop, compiled_logmel)
        return LogMelWindow(hop, logmel)

    def run(self, inputs: NDArray[np.float32], state: NDArray[np.float32]) -> Step:
        """See engine.Engine.run."""
        values = self._session.run(
            [*OUTPUTS, *self._optional], {self._input: inputs, "state": state}
        )
        return Step(*values[:3], **dict(zip(self._optional, values[3:], strict=True)))
