"""How the genres are shown: name, colour, and the wider genre that one belongs to."""

from __future__ import annotations

_SHOWN = {
    "ambient": ("Ambient", "#7fb3c8", None),
    "blues": ("Blues", "#3f6fd1", None),
    "classical": ("Classical", "#c9a227", None),
    "country": ("Country", "#b5793a", None),
    "disco": ("Disco", "#ff6fb5", None),
    "electronic": ("Electronic", "#20c5e0", None),
    "folk": ("Folk", "#8fae3c", None),
    "hiphop": ("Hip hop", "#ff9f1c", None),
    "jazz": ("Jazz", "#8458d6", None),
    "metal": ("Metal", "#8c8c94", None),
    "pop": ("Pop", "#ff5fa2", None),
    "reggae": ("Reggae", "#2bb673", None),
    "rock": ("Rock", "#e0453a", None),
    "soul": ("Soul", "#d98cf0", None),
}
_OTHERS = ("#4e79a7", "#f28e2b", "#e15759", "#76b7b2", "#59a14f", "#edc948", "#b07aa1", "#9c755f")


def label_entry(name: str, position: int) -> dict[str, str | None]:
    """A card's entry for a label; one that is not known here gets a colour by its position."""
    display, colour, parent = _SHOWN.get(
        name, (name.replace("_", " ").capitalize(), _OTHERS[position % len(_OTHERS)], None)
    )
    return {"name": name, "display": display, "colour": colour, "parent": parent}
