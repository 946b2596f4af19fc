"""From a question to a sound: choose what to excite, paint it, invert it, and hear it again."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from streamgenre.errors import ConfigError, one_line

from ..inference import Progress, no_progress
from .ascent import Target, ascend, reached, show_weights
from .canvas import Canvas
from .invert import sound_of
from .neurons import Choice, by_weights
from .result import Listened, file_name, heard_again, write_sound
from .subject import Subject

Method = Literal["genre", "neuron", "weights"]

Measure = Callable[[str], Choice]
"""The neuron of a genre, by labelled audio."""


def genre_index(subject: Subject, genre: str) -> int:
    """The output of a genre; ConfigError with the nearest names where there is none such."""
    labels = subject.model.card.label_names
    if genre in labels:
        return labels.index(genre)
    near = difflib.get_close_matches(genre.lower(), labels)
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    listed = ", ".join(labels)
    raise ConfigError(one_line(f"no genre {genre!r}; {meant}This model has: {listed}"))


def listen(
    subject: Subject,
    folder: Path,
    genre: str | None = None,
    neuron: int | None = None,
    method: Method = "genre",
    *,
    seconds: float = 10.0,
    updates: int = 200,
    seed: int = 0,
    measure: Measure | None = None,
    progress: Progress = no_progress,
) -> Listened:
    """The sound that excites a genre's output or a neuron most, written to `folder`, and heard.

    Args:
        folder: exists; its files are named by what was asked.
        method: "genre", or of a neuron "neuron", which is excited, or "weights", which are shown.
        neuron: of the embedding; None: the one that stands for the genre, by `measure`, or by the
            classifier's weights without it.
        seconds: rounded to whole steps of the model.

    Raises ConfigError for a genre or neuron that there is not.
    """
    if genre is None and (method == "genre" or neuron is None):
        listed = ", ".join(subject.model.card.label_names)
        raise ConfigError(f"say what to listen for: a genre of {listed}; or a neuron")
    output = None if genre is None else genre_index(subject, genre)
    size = subject.network.embedding_size
    if neuron is not None and not 0 <= neuron < size:
        raise ConfigError(f"no neuron {neuron}: the embedding of this model has 0 to {size - 1}")
    canvas = Canvas(subject, seconds, seed)
    choice = None
    if method != "genre":
        if neuron is not None:
            choice = Choice(neuron, "option", f"neuron {neuron}, as asked", {})
        else:
            assert genre is not None and output is not None
            choice = by_weights(canvas, output) if measure is None else measure(genre)
        neuron = choice.neuron
    asked = {
        "method": method,
        "genre": genre,
        "neuron": neuron,
        "seconds": seconds,
        "updates": 1 if method == "weights" else updates,
        "seed": seed,
    }
    target = Target(output, neuron)
    if method == "weights":
        canvas.clear()
    start = reached(canvas, target)
    if method == "weights":
        assert neuron is not None
        show_weights(canvas, neuron)
    else:
        ascend(canvas, target, updates, progress)
    logmel = canvas.logmel().detach()
    path = folder / file_name(asked)
    sound = canvas.noise(logmel).numpy() if canvas.noise else sound_of(logmel, canvas.samples, seed)
    wav = path.with_suffix(".wav")
    samples = write_sound(wav, sound)
    after, timeline = heard_again(subject, wav, samples, target)
    before = reached(canvas, target)
    return Listened(path, subject, asked, choice, logmel, samples, start, before, after, timeline)
