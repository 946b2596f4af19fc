"""The network to visualise, as a differentiable step, and its running model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import onnx
import torch
from torch import Tensor
from torch.nn import functional as F

from streamgenre.errors import ConfigError, ModelFileError
from streamgenre.model.card import Hop, read_card
from streamgenre.model.model import Model, read_model
from streamgenre.model.onnx import OnnxEngine
from streamgenre.networks.calibrated import network_from_onnx
from streamgenre.networks.logmel import LogMel
from streamgenre.networks.step import StepNetwork
from streamgenre.networks.trunk import TrunkTFCRNN

from ..card import Calibration
from ..checkpoint import load_network
from ..model import load_model
from .bands import FRAME


class Unrolled(NamedTuple):
    """The outputs of T consecutive steps with a carried state."""

    logits: Tensor  # (T, C), log-probabilities, calibrated
    music: Tensor  # (T,), log-probability of music
    embeddings: list[Tensor]  # T tensors (1, E), still part of the graph of the logits


class _Bands(LogMel):
    """Replaces the front end of a network whose input is band powers."""

    def power(self, samples: Tensor) -> Tensor:
        return samples


@dataclass(frozen=True)
class Subject:
    """A frozen network, and the model that classifies the final sound."""

    network: StepNetwork
    temperature: float
    model: Model
    reads_bands: bool
    """Whether the input of a step is band powers (1, bands, frames) rather than samples."""

    @property
    def hop(self) -> Hop:
        """The hop: that of the card for files."""
        return self.model.card.hop(self.model.card.file_hop)

    def unroll(self, given: Tensor) -> Unrolled:
        """Run steps (T, ...) from the initial state."""
        state = self.network.initial_state(1, self.hop.seconds)
        logits, music, embeddings = [], [], []
        for now in given:
            step = self.network(now[None], state)
            state = step.next_state
            logits.append(step.logits)
            music.append(step.music)
            embeddings.append(step.embedding)
        probabilities = F.log_softmax(torch.cat(logits) / self.temperature, 1)
        return Unrolled(probabilities, F.logsigmoid(torch.cat(music)), embeddings)


def open_subject(path: Path | None) -> Subject:
    """Open the bundled model (None), a model file, or a finished checkpoint (.safetensors).

    Raises ModelFileError, and ConfigError for a trunk whose hop is not a number of whole frames.
    """
    if path is not None and path.suffix == ".safetensors":
        network, about = load_network(path)
        temperature = (about.calibration or Calibration()).temperature
        model = load_model(path)
    else:
        name, data = read_model(path)
        card = read_card(data, name)
        try:
            step = network_from_onnx(card.network, onnx.load_from_string(data))
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ModelFileError(f"{name}: does not fit its network: {error}") from None
        network, temperature = step.network, float(step.temperature)
        model = Model(OnnxEngine(data, card))
    network.requires_grad_(False)
    # A network with an adapted head has the front end in its base.
    base = getattr(network, "base", network)
    subject = Subject(network, temperature, model, isinstance(base, TrunkTFCRNN))
    if isinstance(base, TrunkTFCRNN):
        base.front = _Bands()
        if subject.hop.samples % FRAME or subject.hop.window % FRAME:
            raise ConfigError(
                f"steps of {subject.hop.seconds:g} s are not a multiple of the 10 ms frames of "
                "this network; give a model with another hop for files"
            )
    return subject
