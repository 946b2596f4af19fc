"""The step on PyTorch, for CUDA: the card's network with the weights that the ONNX file holds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DeviceError, ModelFileError
from ..extras import install_command
from .card import ModelCard
from .engine import Engine, Step, initial_state


class NetworkEngine(Engine):
    """See engine.Engine; of a network in memory.

    `network` takes (samples, state) and gives the tensors of engine.Step.
    """

    def __init__(self, network: Any, card: ModelCard, device: str = "cpu") -> None:
        import torch

        self._torch, self._device, self.card = torch, device, card
        self.network = network.to(device).eval()

    @property
    def has_embedding(self) -> bool:  # type: ignore[override]
        """See engine.Engine."""
        silence = np.zeros((1, self.card.hops[0].window), np.float32)
        return self.step(silence, initial_state(self.card)).embedding is not None

    def step(self, samples: NDArray[np.float32], state: NDArray[np.float32]) -> Step:
        """See engine.Engine.step."""
        torch = self._torch
        # Short-cut products would cost the agreement with ONNX Runtime.
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            values = self.network(
                torch.from_numpy(samples).to(self._device), torch.from_numpy(state).to(self._device)
            )
        # None: an output that this network does not have.
        arrays: list[Any] = [None if value is None else value.cpu().numpy() for value in values]
        return Step(*arrays)


class TorchEngine(NetworkEngine):
    """Of a model file. Needs the `train` extra, which holds what the networks are built with."""

    def __init__(self, data: bytes, card: ModelCard, device: str = "cuda") -> None:
        try:
            import onnx
            import torch

            from ..networks.calibrated import weights_into

            if device == "cuda" and not torch.cuda.is_available():
                raise DeviceError("no CUDA device that PyTorch can use; leave out --compute cuda")
            network = weights_into(card.network, onnx.load_from_string(data))
            super().__init__(network, card, device)
        except ImportError as error:  # some networks need more libraries than others
            raise DeviceError(
                f"compute on {device} needs PyTorch ({error}): {install_command('train')}"
            ) from None
        except (TypeError, ValueError, RuntimeError, KeyError) as error:
            raise ModelFileError(f"model {card.name}: does not fit its network: {error}") from None
