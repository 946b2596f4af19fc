"""The step on ONNX Runtime, on one core."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..audio.logmel import SAMPLE_RATE, logmel
from ..errors import ModelFileError, first_line
from .card import Hop, ModelCard
from .cut import LOGMEL, behind_logmel
from .engine import Engine, Step, initial_state
from .front import FrontEnd, LogMelWindow, SampleWindow, logmel_windows
from .session import session

INPUTS = ("samples", "state")
OUTPUTS = ("probabilities", "music", "next_state")
OPTIONAL_OUTPUTS = ("gates", "embedding", "styles", "speech")


class OnnxEngine(Engine):
    """See engine.Engine. Runs of one session may overlap: ONNX Runtime allows it.

    Where the file's front end is the log-mel that this package has a kernel for, that computes it
    and the graph behind it runs here; `whole`: the file runs as it is, as elsewhere.
    """

    def __init__(self, data: bytes, card: ModelCard, whole: bool = False) -> None:
        behind = None if whole or card.sample_rate != SAMPLE_RATE else behind_logmel(data)
        self._input = INPUTS[0] if behind is None else LOGMEL
        self._session = session(data if behind is None else behind, f"model {card.name}")
        present = [output.name for output in self._session.get_outputs()]
        absent = {self._input, INPUTS[1]} - {i.name for i in self._session.get_inputs()} | {
            *OUTPUTS
        } - {*present}
        if absent:
            raise ModelFileError(f"model {card.name}: has no {', '.join(sorted(absent))}")
        self.card = card
        self._optional = [name for name in OPTIONAL_OUTPUTS if name in present]
        self.has_embedding = "embedding" in present
        self._try()

    def _try(self) -> None:
        """One step on silence: graph and card must be about the same shapes."""
        card = self.card
        for window in {hop.window for hop in card.hops}:
            try:
                step = self.step(np.zeros((1, window), np.float32), initial_state(card))
            except Exception as error:  # as above
                reason = first_line(error)
                raise ModelFileError(
                    f"model {card.name}: does not fit its card: {reason}"
                ) from None
            shapes = step.probabilities.shape, step.music.shape, step.next_state.shape
            if shapes != ((1, len(card.labels)), (1,), (1, card.state_size)):
                raise ModelFileError(f"model {card.name}: does not fit its card: gives {shapes}")
            if step.speech is not None and step.speech.shape != (1,):
                raise ModelFileError(
                    f"model {card.name}: gives speech of shape {step.speech.shape} for one stream; "
                    "export it anew"
                )
            for name, given, named in (
                ("styles", step.styles, card.styles),
                ("gates", step.gates, card.gates),
            ):
                count = 0 if given is None else given.shape[1]
                # A card may leave gates without names: nothing needs them.
                if count != len(named) and (named or name == "styles"):
                    raise ModelFileError(
                        f"model {card.name}: does not fit its card: gives {count} {name}, "
                        f"the card names {len(named)}; export it anew"
                    )

    def step(self, samples: NDArray[np.float32], state: NDArray[np.float32]) -> Step:
        """See engine.Engine.step."""
        return self.run(logmel_windows(samples) if self._input == LOGMEL else samples, state)

    def front_end(self, hop: Hop, many: bool = False) -> FrontEnd:
        """See engine.Engine.front_end."""
        if self._input != LOGMEL:
            return SampleWindow(hop)
        if many:
            # Numba is half a second of start-up, and twice as fast from then on.
            from ..audio.logmel_kernel import logmel as compiled

            return LogMelWindow(hop, compiled)
        return LogMelWindow(hop, logmel)

    def run(self, heard: NDArray[np.float32], state: NDArray[np.float32]) -> Step:
        """See engine.Engine.run."""
        values = self._session.run(
            [*OUTPUTS, *self._optional], {self._input: heard, "state": state}
        )
        return Step(*values[:3], **dict(zip(self._optional, values[3:], strict=True)))
