"""What to know before believing figures: tracks left out, too few, or seen in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from streamgenre.model.card import ModelCard

from ..data.record import Track, fingerprint
from .scored import Scored

FEW = 30  # tracks


def cautions(
    card: ModelCard, scored: Scored, tracks: Sequence[Track], split: str, audio: str
) -> list[str]:
    """One line each; `tracks` are the whole data set, `audio` is the hash of what was decoded."""
    found = []
    if scored.other_genres:
        named = ", ".join(f"{genre} ({n})" for genre, n in sorted(scored.other_genres.items()))
        others = plural(sum(scored.other_genres.values()))
        found.append(f"left out {others} of genres that the model does not have: {named}")
    for number, lacking in ((scored.without_genre, "a genre"), (scored.without_audio, "audio")):
        if number:
            found.append(f"left out {plural(number)} without {lacking}")
    if adapted_to(card, tracks, split):
        found.append(
            "the model was adapted to this very data set: the figures are of what it was fitted on"
        )
    elif split in ("train", "all") and audio and _trained_on(card) == audio:
        found.append(
            "the model was trained on this very data set: the figures are of what it was fitted on"
        )
    if len(scored.tracks) < FEW:
        count = plural(len(scored.tracks))
        found.append(f"{count}: the intervals, drawn from these tracks alone, say little")
    return found


def adapted_to(card: ModelCard, tracks: Sequence[Track], split: str) -> bool:
    """Whether the model was adapted to this very data set, or to its part that is not for tests."""
    data = card.about.get("data")
    stated = data.get("fingerprint") if isinstance(data, dict) else None
    if not stated:
        return False
    named = [t for t in tracks if t.genre]
    parts = [named]
    if split != "test":
        parts.append([t for t in named if t.split in ("train", "valid")])
    # Models made before the split was left out of the hash carry it with it.
    return stated in {known for part in parts for known in (fingerprint(part), unsplit(part))}


def unsplit(tracks: Sequence[Track]) -> str:
    """The tracks' fingerprint wherever a split puts them: adapting to a folder uses all of it."""
    return fingerprint([replace(t, split="") for t in tracks])


def _trained_on(card: ModelCard) -> str | None:
    """The hash of the audio that an exported model, or a checkpoint, was trained on."""
    for name in ("trained_on", "data"):
        entry = card.about.get(name)
        if isinstance(entry, dict) and entry.get("sha256"):
            return str(entry["sha256"])
    return None


def plural(tracks: int) -> str:
    """A number of tracks in words.

    >>> plural(1), plural(2)
    ('1 track', '2 tracks')
    """
    return f"{tracks} track{'' if tracks == 1 else 's'}"
