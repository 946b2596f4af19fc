"""What teachers said of tracks: soft genres, tags over time, and whether there is music at all.

`teach` writes the file, `train --lessons` reads it. Values lie in 0..1.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..data.record import DataError
from ..writing import replace_file

STEP = 1.25  # s between rows
FIRST = 1.25  # s, the middle of the first row's window


@dataclass(frozen=True)
class Lesson:
    """Of one track."""

    genres: np.ndarray  # float32 (C,), a distribution
    tags: np.ndarray  # float16 (rows, D)
    music: np.ndarray  # float32 (rows,)

    @property
    def sizes(self) -> tuple[int, int]:
        """Classes and tags."""
        return len(self.genres), self.tags.shape[1]

    def row(self, seconds: float) -> int:
        """The row nearest to a moment of the track."""
        return min(max(round((seconds - FIRST) / STEP), 0), len(self.tags) - 1)


@dataclass(frozen=True)
class Style:
    """A tag that the network is to give as a finer hint."""

    name: str
    display: str
    parent: str  # label
    tag: int  # its number


@dataclass(frozen=True)
class Lessons:
    """Of a data set's tracks."""

    labels: tuple[str, ...]
    tags: tuple[str, ...]
    styles: tuple[Style, ...]
    by_key: Mapping[str, Lesson]
    sha256: str = ""
    about: Mapping[str, object] = field(default_factory=dict)
    """Which teachers, fitted how."""

    @property
    def described(self) -> list[dict[str, str]]:
        """The styles as checkpoints and cards have them."""
        return [{"name": s.name, "display": s.display, "parent": s.parent} for s in self.styles]


def write_lessons(path: Path, lessons: Lessons) -> None:
    """One safetensors file; the same lessons give the same bytes."""
    tensors = {}
    for key, lesson in lessons.by_key.items():
        for kind, values, of in (
            ("genres", lesson.genres, np.float32),
            ("tags", lesson.tags, np.float16),
            ("music", lesson.music, np.float32),
        ):
            tensors[f"{kind}/{key}"] = np.ascontiguousarray(values, of)
    about = {
        "labels": list(lessons.labels),
        "tags": list(lessons.tags),
        "styles": [vars(style) for style in lessons.styles],
        "about": dict(lessons.about),
    }
    # One entry: several are written in any order.
    replace_file(path, save(tensors, {"lessons": json.dumps(about)}))


def read_lessons(path: Path, labels: Sequence[str]) -> Lessons:
    """Raises DataError where the file is no such one, or of other labels."""
    found: dict[str, dict[str, np.ndarray]] = {"genres": {}, "tags": {}, "music": {}}
    try:
        with safe_open(path, "numpy") as file:
            entries = json.loads(file.metadata()["lessons"])
            for name in file.keys():  # noqa: SIM118 - not a mapping
                kind, key = name.split("/", 1)
                found[kind][key] = file.get_tensor(name)
        by_key = {
            key: Lesson(genres, found["tags"][key], found["music"][key])
            for key, genres in found["genres"].items()
        }
        styles = tuple(Style(**style) for style in entries["styles"])
        theirs, tags, about = tuple(entries["labels"]), tuple(entries["tags"]), entries["about"]
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path}: cannot be read as lessons ({error}); make them anew") from None
    if theirs != tuple(labels):
        raise DataError(f"{path}: lessons for other genres ({', '.join(theirs)}); make them anew")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Lessons(theirs, tags, styles, by_key, digest, about)
