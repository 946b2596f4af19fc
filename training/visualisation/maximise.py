"""The visualisation: choose a target, maximise it, invert the spectrogram, classify the sound."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

from streamgenre.errors import ConfigError, one_line

from ..inference import Progress, no_progress
from .ascent import Target, ascend, response, show_weights
from .canvas import Canvas
from .invert import sound_of
from .neurons import Choice, by_weights
from .result import Method, Request, Visualisation, classify_sound, write_sound
from .subject import Subject

Measure = Callable[[str], Choice]
"""Returns the neuron of a genre, using labelled audio."""


def genre_index(subject: Subject, genre: str) -> int:
    """Return the index of a genre. Raises ConfigError with similar names for an unknown genre."""
    labels = subject.model.card.label_names
    if genre in labels:
        return labels.index(genre)
    near = difflib.get_close_matches(genre.lower(), labels)
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    listed = ", ".join(labels)
    raise ConfigError(one_line(f"no genre {genre!r}; {meant}This model has: {listed}"))


def visualise(
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
) -> Visualisation:
    """Make a sound that maximises a genre or a neuron, write it, and classify it.

    Args:
        folder: existing folder; the files are named after the genre or neuron.
        method: "genre" maximises the genre, "neuron" a neuron, "weights" shows its weights.
        neuron: index in the embedding; None selects the neuron of the genre with `measure`, or
            with the weights of the classifier.
        seconds: rounded to whole steps of the model.

    Raises ConfigError for an unknown genre or neuron.
    """
    if genre is None and (method == "genre" or neuron is None):
        listed = ", ".join(subject.model.card.label_names)
        raise ConfigError(f"nothing to visualise: give a genre of {listed}, or a neuron")
    output = None if genre is None else genre_index(subject, genre)
    size = subject.network.embedding_size
    if neuron is not None and not 0 <= neuron < size:
        raise ConfigError(f"no neuron {neuron}: the embedding of this model has 0 to {size - 1}")
    canvas = Canvas(subject, seconds, seed)
    choice = None
    if method != "genre":
        if neuron is not None:
            choice = Choice(neuron, "option", f"neuron {neuron}, as requested", {})
        else:
            assert genre is not None and output is not None
            choice = by_weights(canvas, output) if measure is None else measure(genre)
        neuron = choice.neuron
    request = Request(
        method=method,
        genre=genre,
        neuron=neuron,
        seconds=seconds,
        updates=1 if method == "weights" else updates,
        seed=seed,
    )
    target = Target(output, neuron)
    if method == "weights":
        canvas.clear()
    start = response(canvas, target)
    if method == "weights":
        assert neuron is not None
        show_weights(canvas, neuron)
    else:
        ascend(canvas, target, updates, progress)
    logmel = canvas.logmel().detach()
    path = folder / request.file_name
    sound = canvas.noise(logmel).numpy() if canvas.noise else sound_of(logmel, canvas.samples, seed)
    wav = path.with_suffix(".wav")
    samples = write_sound(wav, sound)
    after, timeline = classify_sound(subject, wav, samples, target)
    before = response(canvas, target)
    return Visualisation(
        path, subject, request, choice, logmel, samples, start, before, after, timeline
    )
