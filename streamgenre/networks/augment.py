"""Augmentation of band powers: simulated rooms, devices, playback speeds and low bit rates.

The augmentations are PyTorch operations on spectra that the network computes anyway. Powers of
independent sounds add, so reverberation, noise and filters act on powers nearly as on samples.
Libraries are no alternative: audiomentations pins an older soxr than streamgenre needs, and
torch-audiomentations needs torchaudio, which has no CPU build for some platforms. Both work on
samples, at many times the cost.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_FRAME = 0.01  # s
_PITCH_TEMPO, _ROOM, _NOISY, _LIMITED, _CODED, _MASKED = 0.4, 0.3, 0.3, 0.15, 0.15, 0.5
"""Probability of each augmentation for a lane."""


def augmented(power: Tensor, amount: float = 1.0) -> Tensor:
    """Augmented band powers.

    Args:
        power: (lanes, steps, bands, frames). Parameters are drawn once per lane.
        amount: 0 to 1, scales the probabilities and the frequency response of the device.
    """
    if amount == 0:
        return power
    lanes, _, bands, _ = power.shape
    draw = _Draw(lanes, amount, power.device)
    power = _with_pitch_tempo_room(power, draw)
    # Frequency response of a device: a smooth curve over the bands, within about 6 dB.
    knots = torch.randn(lanes, 1, 6, device=power.device) * 3.0 * amount
    curve = F.interpolate(knots, size=bands, mode="linear", align_corners=True)[:, 0]
    keep = 10 ** (curve / 10)
    band = torch.arange(bands, device=power.device)[None]
    # Low bit rates and telephones: no energy above some band.
    keep[(band >= draw.between(60, 104)) & draw.share(_LIMITED)] = 0.0
    # SpecAugment's frequency mask (Park et al. 2019).
    start, width = draw.between(0, bands), draw.between(0, 14)
    keep[(band >= start) & (band < start + width) & draw.share(_MASKED)] = 0.0
    power = power * keep[:, None, :, None]
    # Noise floor of the room.
    floor = power.mean((1, 2, 3)) * (10 ** draw.between(-4.5, -1.5) * draw.share(_NOISY))[:, 0]
    power = power + floor[:, None, None, None]
    # Lossy coding omits bands that the loudest bands of a frame mask.
    depth = 10 ** draw.between(-5.0, -2.5) * draw.share(_CODED)
    audible = power >= power.amax(2, keepdim=True) * depth[:, :, None, None]
    return power * audible


class _Draw:
    """Draws random numbers (lanes, 1)."""

    def __init__(self, lanes: int, amount: float, device: torch.device) -> None:
        self._lanes, self._amount, self._device = lanes, amount, device

    def between(self, low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(self._lanes, 1, device=self._device)

    def share(self, share: float) -> Tensor:
        return torch.rand(self._lanes, 1, device=self._device) < share * self._amount


def _with_pitch_tempo_room(power: Tensor, draw: _Draw) -> Tensor:
    """Change pitch and tempo and add reverberation. Other lanes are skipped to save products."""
    bands, frames = power.shape[2:]
    shifted, room = draw.share(_PITCH_TEMPO), draw.share(_ROOM)
    pitch = (draw.between(-0.1, 0.1) * shifted).exp()
    tempo = (draw.between(-0.12, 0.12) * shifted).exp()
    decay = draw.between(0.1, 0.8)  # s, RT60
    wet = 10 ** draw.between(-2.0, -0.3) * room
    changed = (shifted | room)[:, 0]
    if not changed.any():
        return power
    over_bands = shifted_bands(pitch[changed], bands)
    over_frames = reverberant(decay[changed], wet[changed], frames) @ stretched(
        tempo[changed], frames
    )
    augmented_power = over_bands[:, None] @ power[changed] @ over_frames.transpose(1, 2)[:, None]
    return power.index_copy(0, changed.nonzero()[:, 0], augmented_power)


def _interpolation(positions: Tensor, size: int) -> Tensor:
    """Linear interpolation matrices (N, out, size) for positions (N, out) on `size` points."""
    points = torch.arange(size, device=positions.device)
    return (1 - (positions.clamp(0, size - 1)[..., None] - points).abs()).clamp_min(0)


def shifted_bands(pitch: Tensor, bands: int) -> Tensor:
    """Matrices (N, bands, bands) that multiply the pitch by the factors `pitch` (N, 1).

    On the mel scale of the front end, band b lies at 700 (exp(b / s) - 1) Hz. Bands whose source
    lies above the uppermost band become zero.
    """
    scale = bands / torch.log(torch.tensor(1 + 15_000 / 700.0, device=pitch.device))
    band = torch.arange(bands, device=pitch.device, dtype=torch.float32)[None]
    source = scale * torch.log1p(torch.expm1(band / scale) / pitch)
    return _interpolation(source, bands) * (source <= bands - 1)[..., None]


def stretched(tempo: Tensor, frames: int) -> Tensor:
    """Matrices (N, frames, frames) that multiply the tempo by `tempo` (N, 1), about the centre."""
    middle = (frames - 1) / 2
    frame = torch.arange(frames, device=tempo.device, dtype=torch.float32)[None]
    return _interpolation(middle + (frame - middle) * tempo, frames)


def reverberant(decay: Tensor, wet: Tensor, frames: int) -> Tensor:
    """Matrices (N, frames, frames) that add late reverberation with exponential decay.

    Polack's statistical model. `decay` (N, 1) is the RT60 in s. `wet` (N, 1) is the power of the
    reverberation of a steady sound, relative to the direct sound.
    """
    frame = torch.arange(frames, device=decay.device, dtype=torch.float32)
    age = (frame[:, None] - frame)[None]
    rate = (6.0 * 2.302585 * _FRAME / decay)[..., None]
    tail = torch.exp(-rate * age.clamp_min(0)) * (age > 0) * (rate.exp() - 1)
    return torch.eye(frames, device=decay.device) + wet[..., None] * tail
