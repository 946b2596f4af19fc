"""The network that is listened to, as a step that gradients go through, and its running model."""

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
from streamgenre.networks.calibrated import weights_into
from streamgenre.networks.logmel import LogMel
from streamgenre.networks.step import StepNetwork
from streamgenre.networks.trunk import TrunkTFCRNN

from ..card import calibration_of
from ..checkpoint import load_network
from ..model import load_model
from .bands import FRAME


class Unrolled(NamedTuple):
    """What T steps in a row give, the state carried."""

    logits: Tensor  # (T, C), log-probabilities, calibrated
    music: Tensor  # (T,), log-probability that it is music
    embeddings: list[Tensor]  # T times (1, E), each still in the graph that leads to the logits


class _Given(LogMel):
    """In place of a network's front end: what comes in is band powers already."""

    def power(self, samples: Tensor) -> Tensor:
        return samples


@dataclass(frozen=True)
class Subject:
    """A network without anything left to learn, and the model that hears the sound at the end."""

    network: StepNetwork
    temperature: float
    model: Model
    reads_bands: bool
    """Whether a step is given band powers (1, bands, frames), not samples (1, window)."""

    @property
    def hop(self) -> Hop:
        """The step: the card's for files."""
        return self.model.card.hop(self.model.card.file_hop)

    def unroll(self, given: Tensor) -> Unrolled:
        """Steps (T, ...) in a row from an empty state."""
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
    """Of the bundled model (None), a model file, or a finished checkpoint (.safetensors).

    Raises ModelFileError, and ConfigError for a trunk whose steps are not whole frames.
    """
    if path is not None and path.suffix == ".safetensors":
        network, about = load_network(path)
        temperature, model = calibration_of(about).temperature, load_model(path)
    else:
        name, data = read_model(path)
        card = read_card(data, name)
        try:
            step = weights_into(card.network, onnx.load_from_string(data))
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ModelFileError(f"{name}: does not fit its network: {error}") from None
        network, temperature = step.network, float(step.temperature)
        model = Model(OnnxEngine(data, card))
    network.requires_grad_(False)
    # Of a network with a head of its own, the base below it has the front end.
    base = getattr(network, "base", network)
    subject = Subject(network, temperature, model, isinstance(base, TrunkTFCRNN))
    if isinstance(base, TrunkTFCRNN):
        base.front = _Given()
        if subject.hop.samples % FRAME or subject.hop.window % FRAME:
            raise ConfigError(
                f"steps of {subject.hop.seconds:g} s are not whole frames of 10 ms, which the "
                "bands of a trunk come in; give a model with another hop for files"
            )
    return subject
