"""Selection of the neuron of the embedding that represents a genre.

Two methods proposed by Irvin, Chartock, Hollander, "Recurrent Neural Networks with Attention for
Genre Classification", 2016: by the weights of the classifier, or by the neuron that is most often
the most active in labelled audio.
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

MOST = 60  # tracks per genre, evenly spaced


@dataclass(frozen=True)
class Choice:
    """A neuron and the reason for its selection."""

    neuron: int
    by: str  # "weights", "audio" or "option"
    why: str
    figures: Mapping[str, float]

    def entries(self) -> dict[str, Any]:
        """Entries for JSON."""
        return asdict(self)


def by_weights(canvas: Canvas, genre: int) -> Choice:
    """Return the neuron with the largest effect on the log-probability of a genre.

    The classifier reads the recurrent state rather than the embedding. So the effect is the
    gradient of the log-probability with respect to the embedding of each step, with the canvas as
    input. The embedding of a trunk is standardised: the unit of a neuron is its standard deviation.
    """
    subject = canvas.subject
    steps = subject.unroll(canvas.given(canvas.logmel()))
    likely = steps.logits[:, genre].mean()
    gradients = torch.autograd.grad(likely, steps.embeddings, allow_unused=True)
    kept = [gradient for gradient in gradients if gradient is not None]
    if not kept:
        raise ConfigError(
            "the genres of this network do not depend on its embedding; give --genre alone"
        )
    pull = torch.stack(kept).sum(0)[0]
    neuron = int(pull.argmax())
    label = subject.model.card.label_names[genre]
    value = float(pull[neuron])
    return Choice(
        neuron,
        "weights",
        f"neuron {neuron} has the largest effect of {len(pull)} neurons on {label} "
        f"({value:+.3f} nats per unit)",
        {"nats_a_unit": value},
    )


def by_audio(
    subject: Subject,
    genre: str,
    tracks: Sequence[Track],
    audio: Mapping[str, NDArray[np.int16]],
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Choice:
    """Return the neuron that is most often the most active in the steps of a genre.

    The activity of a neuron is its deviation from its mean over all steps, in standard deviations.
    Tracks of the test split are not used. Raises ConfigError if no track of the genre can be read.
    """
    genres = {t.key: t.genre for t in tracks if t.genre and t.split != "test" and t.key in audio}
    keys: list[str] = []
    for label in sorted(set(genres.values())):
        own = [key for key, g in genres.items() if g == label]
        keys += own[:: -(-len(own) // MOST)]
    if genre not in {genres[key] for key in keys}:
        raise ConfigError(f"no track of {genre} could be read; omit DATA to use the weights")
    count = iter(range(1, len(keys) + 1))
    embeddings = run_base(
        subject.model.engine, audio, keys, subject.hop, ("embedding",),
        lambda: progress(next(count), len(keys)),
    )  # fmt: skip
    values = np.concatenate([embeddings[key][:, :-1] for key in keys])
    owner = np.concatenate([np.full(len(embeddings[key]), genres[key] == genre) for key in keys])
    standard = (values - values.mean(0)) / np.maximum(values.std(0), 1e-5)
    first = standard.argmax(1)
    neuron = int(np.bincount(first[owner]).argmax())
    share = float((first[owner] == neuron).mean())
    elsewhere = float((first[~owner] == neuron).mean()) if not owner.all() else 0.0
    return Choice(
        neuron,
        "audio",
        f"neuron {neuron} is the most active of {values.shape[1]} in {share:.1%} of {owner.sum()} "
        f"steps of {genre}, and in {elsewhere:.1%} of the other steps",
        {"share": share, "share_elsewhere": elsewhere},
    )
