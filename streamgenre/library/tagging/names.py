"""Maps from labels to the genre names written to tags: presets, or a TOML file.

The tables `[genres]` and `[styles]` map a label of the model to a name, a list of names, or "" to
write nothing. `base` selects a preset for labels without an entry.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ...errors import ConfigError, reason
from ...files import exists
from ...model.card import read_card
from ...model.model import read_model

_FOLDER = Path(__file__).parent / "presets"
PRESETS = ("id3v1", "beets", "musicbrainz")
"""Names of the built-in maps."""
_TABLES = ("genres", "styles")

Names = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class GenreNames:
    """The names written for each genre and style. Labels without an entry are written unchanged."""

    genres: Names
    styles: Names

    def of(self, label: str, styles: Iterable[str] = ()) -> tuple[str, ...]:
        """The values to write, without duplicates, the genre first. Empty to write nothing.

        >>> GenreNames({"hiphop": ("Hip-Hop", "Rap")}, {}).of("hiphop", ["trap", "Rap"])
        ('Hip-Hop', 'Rap', 'trap')
        """
        found = self.genres.get(label, (label,))
        if not found:
            return ()
        hints = (name for style in styles for name in self.styles.get(style, (style,)))
        return tuple(dict.fromkeys([*found, *hints]))


def genre_names(which: str | os.PathLike[str] | None = None) -> GenreNames:
    """Load a preset or a file. None selects the display names of the bundled model.

    Raises ConfigError if there is no such preset or file, or if the file is invalid.
    """
    if which is None:
        return _displayed()
    if which in PRESETS:
        return _read(_FOLDER / f"{which}.toml")
    if not exists(which):
        raise ConfigError(f"{which}: no such file; the built-in maps are {', '.join(PRESETS)}")
    return _read(Path(which))


@cache
def _displayed() -> GenreNames:
    name, data = read_model(None)
    card = read_card(data, name)
    return GenreNames(
        {label.name: (label.display,) for label in card.labels},
        {style.name: (style.display,) for style in card.styles},
    )


def _read(path: Path) -> GenreNames:
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as a map: {reason(error)}") from None
    for key in entries:
        if key not in ("base", *_TABLES):
            close = difflib.get_close_matches(key, ("base", *_TABLES), n=1)
            hint = f"did you mean {close[0]!r}?" if close else "known: base, [genres], [styles]"
            raise ConfigError(f"{path}: unknown entry {key!r}; {hint}")
    base = entries.get("base")
    if base is not None and base not in PRESETS:
        raise ConfigError(f"{path}: base must be one of {', '.join(PRESETS)}, not {base!r}")
    below = genre_names(base)
    genres, styles = (_table(path, name, entries.get(name, {})) for name in _TABLES)
    return GenreNames({**below.genres, **genres}, {**below.styles, **styles})


def _table(path: Path, name: str, entries: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(entries, dict):
        raise ConfigError(f"{path}: {name} must be a table: [{name}]")
    return {label: _names(path, f"[{name}] {label}", value) for label, value in entries.items()}


def _names(path: Path, where: str, value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    texts = [one for one in values if isinstance(one, str) and one.isprintable()]
    if len(texts) < len(values):
        raise ConfigError(f"{path}: {where} must be a name, or a list of names")
    return tuple(name for one in texts if (name := one.strip()))
