"""Augmentation of band powers, as rooms, devices and low bit rates change them.

Plain torch operations on the spectra that are there anyway: audiomentations pins an older soxr than
the streaming core needs, and torch-audiomentations brings torchaudio, which has no CPU build
everywhere; both would work on the samples, at many times the cost.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def mask_and_colour(power: Tensor) -> Tensor:
    """Augmented band powers (lanes, steps, bands, frames), one room or device a lane.

    A smooth random curve over the bands within about 6 dB; a noise floor; now and then nothing
    above some band, as low bit rates and telephones do; SpecAugment's frequency mask (Park 2019).
    """
    count, _, bands, _ = power.shape
    device = power.device

    def rand(*size: int) -> Tensor:
        return torch.rand(*size, device=device)

    knots = torch.randn(count, 1, 6, device=device) * 3.0
    curve = F.interpolate(knots, size=bands, mode="linear", align_corners=True)[:, 0]
    band = torch.arange(bands, device=device)[None]
    keep = torch.ones(count, bands, device=device)
    cut = torch.where(
        rand(count, 1) < 0.1, 60 + 44 * rand(count, 1), torch.tensor(float(bands), device=device)
    )
    keep[band >= cut] = 0.0
    start = rand(count, 1) * bands
    width = rand(count, 1) * 14 * (rand(count, 1) < 0.5)
    keep[(band >= start) & (band < start + width)] = 0.0
    power = power * (10 ** (curve / 10) * keep)[:, None, :, None]
    floor = power.mean((1, 2, 3), keepdim=True) * 10 ** (-1.5 - 3 * rand(count, 1, 1, 1))
    noisy = (rand(count, 1, 1, 1) < 0.3).float()
    return power + noisy * floor
