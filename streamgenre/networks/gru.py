"""A GRU cell as two matrix products (Cho et al. 2014, in the form of torch.nn.GRUCell).

Written out because one of PyTorch's ONNX exporters silently produced a wrong graph for `nn.GRU`,
and because ONNX Runtime's GRU operator is slower for single steps.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class GRUCell(nn.Module):
    """x (B, inputs), h (B, size) -> next h (B, size). Weights as in torch.nn.GRUCell."""

    def __init__(self, inputs: int, size: int) -> None:
        super().__init__()
        self.from_input = nn.Linear(inputs, 3 * size)
        self.from_state = nn.Linear(size, 3 * size)
        bound = size**-0.5
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        xr, xz, xn = self.from_input(x).chunk(3, dim=1)
        hr, hz, hn = self.from_state(h).chunk(3, dim=1)
        reset, update = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
        return (1 - update) * torch.tanh(xn + reset * hn) + update * h
