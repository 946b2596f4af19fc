"""The PyTorch engine, for CUDA: the card's network with the weights of the ONNX file."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DeviceError, ModelFileError
from ..extras import install_command
from .card import ModelCard
from .engine import Engine, Step, initial_state


class NetworkEngine(Engine):
    """See engine.Engine. Runs a network in memory.

    `network` takes (samples, state) and returns the tensors of engine.Step.
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
        # TF32 products would not agree with ONNX Runtime.
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            values = self.network(
                torch.from_numpy(samples).to(self._device), torch.from_numpy(state).to(self._device)
            )
        # Optional outputs that the network does not have are None.
        arrays: list[Any] = [None if value is None else value.cpu().numpy() for value in values]
        return Step(*arrays)


class TorchEngine(NetworkEngine):
    """The engine of a model file. Needs the `train` extra, which installs PyTorch."""

    def __init__(self, data: bytes, card: ModelCard, device: str = "cuda") -> None:
        try:
            import onnx
            import torch

            from ..networks.calibrated import network_from_onnx

            if device == "cuda" and not torch.cuda.is_available():
                raise DeviceError("PyTorch finds no CUDA device; leave out --compute cuda")
            network = network_from_onnx(card.network, onnx.load_from_string(data))
            super().__init__(network, card, device)
        except ImportError as error:  # some networks need more libraries than others
            raise DeviceError(
                f"compute={device} needs PyTorch ({error}); install it: {install_command('train')}"
            ) from None
        except (TypeError, ValueError, RuntimeError, KeyError) as error:
            raise ModelFileError(
                f"model {card.name}: its weights do not match its network: {error}"
            ) from None
