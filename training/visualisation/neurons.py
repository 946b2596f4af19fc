"""Which neuron of a network's embedding stands for a genre.

Both ways are proposals of Irvin, Chartock, Hollander, "Recurrent Neural Networks with Attention for
Genre Classification", 2016: by the classifier's weights, or by which neuron is most often the most
active in labelled audio.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from streamgenre.errors import ConfigError

from ..adapt.features import run_base
from ..data.record import Track
from .canvas import Canvas
from .subject import Subject

MOST = 60  # tracks of a genre that are heard, spread over all of its


@dataclass(frozen=True)
class Choice:
    """A neuron and what speaks for it."""

    neuron: int
    by: str  # "weights", "audio" or "option"
    why: str
    figures: Mapping[str, float]

    def entries(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def by_weights(canvas: Canvas, genre: int) -> Choice:
    """The neuron that raises a genre's log-probability most, as the weights behind it say.

    The classifier reads the memory, not the embedding: its weights are carried back through the
    recurrent layer, as the gradient of the genre's log-probability by each step's embedding, with
    the canvas as input. A trunk's embedding is standardised: a unit of a neuron is its deviation.
    """
    subject = canvas.subject
    steps = subject.unroll(canvas.given(canvas.logmel()))
    likely = steps.logits[:, genre].mean()
    found = torch.autograd.grad(likely, steps.embeddings, allow_unused=True)
    kept = [gradient for gradient in found if gradient is not None]
    if not kept:
        raise ConfigError(
            "this network's genres do not depend on its embedding; give --genre alone"
        )
    pull = torch.stack(kept).sum(0)[0]
    neuron = int(pull.argmax())
    label = subject.model.card.label_names[genre]
    value = float(pull[neuron])
    return Choice(
        neuron,
        "weights",
        f"of {len(pull)} neurons, the weights behind neuron {neuron} raise {label} most "
        f"({value:+.3f} nats a unit)",
        {"nats_a_unit": value},
    )


def by_audio(
    subject: Subject,
    genre: str,
    tracks: Sequence[Track],
    audio: Mapping[str, NDArray[np.int16]],
    heard: Callable[[int, int], None] = lambda *_: None,
) -> Choice:
    """The neuron that most often is the most active in steps of a genre's tracks.

    Most active: the furthest above its mean over all that was heard, in deviations. Tracks of the
    test split stay unheard. Raises ConfigError where no track of the genre could be read.
    """
    genres = {t.key: t.genre for t in tracks if t.genre and t.split != "test" and t.key in audio}
    keys: list[str] = []
    for label in sorted(set(genres.values())):
        own = [key for key, g in genres.items() if g == label]
        keys += own[:: -(-len(own) // MOST)]
    if genre not in {genres[key] for key in keys}:
        raise ConfigError(f"no track of {genre} could be read; leave DATA out to go by the weights")
    count = iter(range(1, len(keys) + 1))
    found = run_base(
        subject.model.engine, audio, keys, subject.hop, ("embedding",),
        lambda: heard(next(count), len(keys)),
    )  # fmt: skip
    values = np.concatenate([found[key][:, :-1] for key in keys])
    owner = np.concatenate([np.full(len(found[key]), genres[key] == genre) for key in keys])
    standard = (values - values.mean(0)) / np.maximum(values.std(0), 1e-5)
    first = standard.argmax(1)
    neuron = int(np.bincount(first[owner]).argmax())
    share = float((first[owner] == neuron).mean())
    elsewhere = float((first[~owner] == neuron).mean()) if not owner.all() else 0.0
    return Choice(
        neuron,
        "audio",
        f"neuron {neuron} is the most active of {values.shape[1]} in {share:.1%} of {owner.sum()} "
        f"steps of {genre}, and in {elsewhere:.1%} of the others'",
        {"share": share, "share_elsewhere": elsewhere},
    )
