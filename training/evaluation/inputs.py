"""Which tracks of a data set are scored, groups reported apart, and what weakens the metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from streamgenre.model.card import ModelCard

from ..data.record import SAMPLE_RATE, DataError, Track, fingerprint
from ..inference import Audio

LONG, SHORT = 20.0, 5.0  # s; clips are of 30 s or of 2 to 3 s in the usual collections
FEW = 30  # tracks
FREE_SETS = {"debian", "emotify"}
FREE_MUSIC = "free music (debian, emotify)"


@dataclass(frozen=True)
class Scored:
    """The tracks of a split that have a genre of the model and audio, and what was left out."""

    tracks: tuple[Track, ...]
    true: NDArray[np.int64]  # (tracks,), index of the genre among the model's labels
    second: NDArray[np.int64]  # (tracks,), index of a second acceptable genre, or -1
    without_genre: int
    without_audio: int
    other_genres: Mapping[str, int]
    """Tracks of each genre that the model does not have."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the tracks, in order."""
        return tuple(track.key for track in self.tracks)

    @property
    def groups(self) -> NDArray[np.int64]:
        """Number of each track's artist: artists are resampled as a whole (bootstrap.py)."""
        return np.unique([track.group for track in self.tracks], return_inverse=True)[1]

    def at(self, mask: NDArray[np.bool_]) -> Scored:
        """Only the tracks of a mask."""
        chosen = tuple(t for t, member in zip(self.tracks, mask, strict=True) if member)
        return Scored(chosen, self.true[mask], self.second[mask], 0, 0, {})


def scored_tracks(
    tracks: Sequence[Track], split: str, labels: Sequence[str], audio: Audio
) -> Scored:
    """The tracks of a split ("all": every one) to score; raises DataError where there are none."""
    asked = [t for t in tracks if split in ("all", t.split)]
    named = [t for t in asked if t.genre]
    known = [t for t in named if t.genre in labels]
    heard = tuple(t for t in known if t.key in audio and len(audio[t.key]))
    if not heard:
        splits = ", ".join(sorted({t.split or "none" for t in tracks})) or "none"
        raise DataError(
            f"no track to score: {len(asked)} tracks in split {split!r} (there are: {splits}), "
            f"{len(known)} of them of the model's genres ({', '.join(labels)})"
            + (", none with audio" if known else "")
        )
    return Scored(
        heard,
        np.array([labels.index(t.genre) for t in heard]),
        np.array([labels.index(t.second) if t.second in labels else -1 for t in heard]),
        len(asked) - len(named),
        len(known) - len(heard),
        dict(Counter(t.genre for t in named if t.genre not in labels)),
    )


def groups(tracks: Sequence[Track], audio: Audio) -> dict[str, NDArray[np.bool_]]:
    """A mask of the tracks for each group that has any: sets, free music, long and short clips."""
    sets = {t.set for t in tracks}
    belongs: dict[str, Callable[[Track], bool]] = {}
    for name in sorted(sets):
        belongs[name] = lambda t, name=name: t.set == name  # type: ignore[misc]
    if sets & FREE_SETS:
        belongs[FREE_MUSIC] = lambda t: t.set in FREE_SETS
    if "songs" in sets:  # famous records, which pretrained weights may have heard
        belongs["without songs"] = lambda t: t.set != "songs"
    belongs[f"clips of {LONG:g} s and more"] = lambda t: seconds(audio, t.key) >= LONG
    belongs[f"clips below {SHORT:g} s"] = lambda t: seconds(audio, t.key) < SHORT
    masks = {name: np.array([test(t) for t in tracks]) for name, test in belongs.items()}
    return {name: mask for name, mask in masks.items() if mask.any()}


def seconds(audio: Audio, key: str) -> float:
    """Length of a track."""
    return len(audio[key]) / SAMPLE_RATE


def cautions(
    card: ModelCard, scored: Scored, tracks: Sequence[Track], split: str, audio: str
) -> list[str]:
    """One line each; `tracks` are the whole data set, `audio` is the hash of what was decoded."""
    lines = []
    if scored.other_genres:
        named = ", ".join(f"{genre} ({n})" for genre, n in sorted(scored.other_genres.items()))
        others = plural(sum(scored.other_genres.values()))
        lines.append(f"left out {others} of genres that the model does not have: {named}")
    for count, lacking in ((scored.without_genre, "a genre"), (scored.without_audio, "audio")):
        if count:
            lines.append(f"left out {plural(count)} without {lacking}")
    if adapted_to(card, tracks, split):
        lines.append(
            "the model was adapted to this very data set: the figures are of what it was fitted on"
        )
    elif split in ("train", "all") and audio and _trained_on(card) == audio:
        lines.append(
            "the model was trained on this very data set: the figures are of what it was fitted on"
        )
    if len(scored.tracks) < FEW:
        lines.append(
            f"{plural(len(scored.tracks))}: the intervals, drawn from these tracks alone, "
            "say little"
        )
    return lines


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
