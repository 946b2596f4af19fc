"""Save a timeline as a file, in the formats of the command line."""

from __future__ import annotations

import os
from pathlib import Path

from ..audio.address import Recording
from ..errors import ConfigError
from ..files import text_replacement
from ..model.timeline import Timeline
from .formats import FORMATS, format_of
from .timeline import write_function


def save(
    timeline: Timeline,
    path: str | os.PathLike[str],
    recording: str | os.PathLike[str] | None = None,
    *,
    format: str | None = None,
    embed: bool = False,
) -> None:
    """Write a timeline to a file, which is replaced atomically.

    Args:
        timeline: result of `classify`. Segments shorter than its `min_segment` are merged.
        path: the file to write. Its extension selects the format if `format` is None.
        recording: path or URL of the recording, which is named in the result and played by an HTML
            page.
        format: "json", "csv", "audacity", "srt", "vtt", "html", "png" or "svg".
        embed: for HTML, embed the recording in the page instead of linking it.

    Raises:
        ConfigError: the format is unknown, or Matplotlib is missing for "png".
        OutputError: the file cannot be written, or the recording cannot be embedded.
    """
    target = Path(path)
    name = format or format_of(target).name
    if name not in FORMATS or name in ("text", "jsonl"):
        known = ", ".join(name for name in FORMATS if name not in ("text", "jsonl"))
        raise ConfigError(f"{name}: timelines cannot be saved in this format; choose {known}")
    if embed and (name != "html" or recording is None):
        raise ConfigError("embed requires the format html and a recording")
    write = write_function(FORMATS[name], target.absolute().parent, embed)
    with text_replacement(target) as file:
        write(file, Recording("" if recording is None else os.fspath(recording)), timeline)
