"""The tagger that Choi released with its weights: 50 tags of the Million Song Dataset.

The GRU network of "Convolutional Recurrent Neural Networks for Music Classification" (Choi,
Fazekas, Sandler, Cho; ICASSP 2017) as in its public code (keunwoochoi/music-auto_tagging-keras,
MusicTaggerCRNN), with 396,786 parameters. It differs from the networks of the paper in three ways.
The input is padded to 1,440 frames and then normalised per frame, not per band. The GRUs are those
of Keras 1, with piecewise linear gates and a reset gate before the matrix product. The power in mel
bands is squared before the conversion to decibels, so the range of 80 dB is 40 dB of power.

Convolutions in Theano flip their kernels. Here, kernels are flipped when weights are loaded.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import ModelFileError
from ..segment import SegmentNetwork
from ..spectrum import MelSpectrum
from ..weights import LARGEST_WEIGHTS, read_published
from .choi import BANDS, FFT, HOP, LENGTH, PADDING, RATE, decibels

FRAMES = 1_440
WIDTHS, POOLS, SIZE = (64, 128, 128, 128), (2, 3, 4, 4), 32

TAGS = (
    "rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s",
    "alternative rock", "jazz", "beautiful", "metal", "chillout", "male vocalists", "classic rock",
    "soul", "indie rock", "Mellow", "electronica", "80s", "folk", "90s", "chill", "instrumental",
    "punk", "oldies", "blues", "hard rock", "ambient", "acoustic", "experimental",
    "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country", "easy listening", "sexy",
    "catchy", "funk", "electro", "heavy metal", "Progressive rock", "60s", "rnb", "indie pop",
    "sad", "House", "happy",
)  # fmt: skip
"""Names of the outputs of the released weights."""


class ChoiReleased(SegmentNetwork):
    """Segments of 29.12 s; embedding (B, 32). The released weights have 50 classes, `TAGS`."""

    def __init__(self, classes: int = len(TAGS)) -> None:
        if classes < 2:
            raise ValueError(f"classes must be at least 2, not {classes}")
        super().__init__(LENGTH, RATE, SIZE)
        self.mel = MelSpectrum(RATE, FFT, HOP, BANDS)
        self.normalise = nn.BatchNorm1d(FRAMES)
        self.convolutions = nn.Sequential()
        for inputs, outputs, pool in zip((1, *WIDTHS), WIDTHS, POOLS, strict=False):
            self.convolutions.append(_convolution(inputs, outputs, pool))
        self.grus = nn.Sequential(KerasGRU(WIDTHS[-1], SIZE), KerasGRU(SIZE, SIZE))
        self.dropout = nn.Dropout(0.3)
        self.classifier = nn.Linear(SIZE, classes)

    def features(self, samples: Tensor) -> Tensor:
        """Decibels of the squared power in mel bands (B, 96, 1366)."""
        return decibels(self.mel(samples).square())

    def classify(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """See SegmentNetwork. The sigmoids of the logits are the probabilities of the tags."""
        frames = F.pad(features, (PADDING, PADDING)).transpose(1, 2)
        x = self.normalise(frames).transpose(1, 2)[:, None]
        maps = self.convolutions(x)  # (B, 128, 1, 15)
        embedding = self.grus(maps.squeeze(2).transpose(1, 2))[:, -1]
        return self.classifier(self.dropout(embedding)), embedding

    def load_released(self, path: str | Path) -> None:
        """Load the published weights (Keras 1 with Theano, .h5).

        Raises ModelFileError if the file has another layout.
        """
        try:
            weights = _weights(path)
            with torch.no_grad():
                _normalisation(self.normalise, weights, "bn_0_freq")
                for number, block in enumerate(self.convolutions, 1):
                    convolution, norm = block[0], block[1]  # type: ignore[index]
                    convolution.weight.copy_(weights[f"conv{number}_W"].flip(2, 3))
                    convolution.bias.copy_(weights[f"conv{number}_b"])
                    _normalisation(norm, weights, f"bn{number}")
                for number, gru in enumerate(self.grus, 1):
                    assert isinstance(gru, KerasGRU)
                    gru.load(weights, f"gru{number}")
                self.classifier.weight.copy_(weights["output_W"].T)
                self.classifier.bias.copy_(weights["output_b"])
        except (OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise ModelFileError(
                f"{path}: does not contain the weights of the released tagger ({error}); use "
                "music_tagger_crnn_weights_theano.h5"
            ) from None


class KerasGRU(nn.Module):
    """x (B, T, inputs) -> states (B, T, size), as computed by Keras 1, from a state of zeros."""

    def __init__(self, inputs: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.from_input = nn.Linear(inputs, 3 * size)  # update, reset, candidate
        self.gates = nn.Linear(size, 2 * size, bias=False)
        self.candidate = nn.Linear(size, size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        inputs = self.from_input(x)
        h = inputs[:, 0, : self.size] * 0.0  # zeros for any number of streams
        states = []
        for now in inputs.unbind(1):
            update, reset = (
                (0.2 * (now[:, : 2 * self.size] + self.gates(h)) + 0.5).clamp(0, 1).chunk(2, 1)
            )
            candidate = torch.tanh(now[:, 2 * self.size :] + self.candidate(reset * h))
            h = update * h + (1 - update) * candidate
            states.append(h)
        return torch.stack(states, 1)

    def load(self, weights: dict[str, Tensor], name: str) -> None:
        """Load the weights of a layer of a Keras file."""

        def joined(kind: str, gates: str) -> Tensor:
            return torch.cat([weights[f"{name}_{kind}_{gate}"] for gate in gates], -1)

        self.from_input.weight.copy_(joined("W", "zrh").T)
        self.from_input.bias.copy_(joined("b", "zrh"))
        self.gates.weight.copy_(joined("U", "zr").T)
        self.candidate.weight.copy_(joined("U", "h").T)


def _convolution(inputs: int, outputs: int, pool: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs),
        nn.ELU(),
        nn.MaxPool2d(pool),
        nn.Dropout(0.1),
    )


def _weights(path: str | Path) -> dict[str, Tensor]:
    """All arrays of an HDF5 file, by the last part of their names."""
    try:
        import h5py  # type: ignore[import-untyped]
    except ImportError:
        raise ModelFileError(f"{path}: reading it needs h5py; run pip install h5py") from None
    arrays: dict[str, Tensor] = {}

    size = 0

    def keep(name: str, item: object) -> None:  # not called for links to other files
        nonlocal size
        if isinstance(item, h5py.Dataset):
            if item.external or item.is_virtual:
                raise OSError("it refers to other files")
            size += item.nbytes
            if size > LARGEST_WEIGHTS:
                raise OSError("its arrays are too large")
            arrays[name.rsplit("/", 1)[-1]] = torch.from_numpy(item[()])

    with h5py.File(read_published(path)) as file:
        file.visititems(keep)
    return arrays


def _normalisation(norm: nn.BatchNorm1d, weights: dict[str, Tensor], name: str) -> None:
    """Load a normalisation. Its "std" is a variance, and Keras adds 1e-5 to the square root."""
    assert norm.running_mean is not None and norm.running_var is not None
    norm.weight.copy_(weights[f"{name}_gamma"])
    norm.bias.copy_(weights[f"{name}_beta"])
    norm.running_mean.copy_(weights[f"{name}_running_mean"])
    deviation = weights[f"{name}_running_std"].sqrt() + 1e-5
    norm.running_var.copy_((deviation.square() - norm.eps).clamp_min(0))
