"""Write the timeline of each recording in a format: one module per format.

Most formats are written after a recording has been read completely. Such a module has a function or
object with the interface of `Write`. To add one, describe it in `formats.py` and return it from
`write_function`. A format that is written while a recording is read has its own `Writer`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from ...audio.address import Recording
from ...audio.files.playlist import PlaylistError
from ...audio.files.raw import RawFormat
from ...errors import StreamgenreError
from ...model.model import Model
from ..destination import Destination, Folder
from ..formats import Format
from .reading import Options
from .whole import WholeWriter, Write


class Writer(Protocol):
    """Writes one recording after another in a format."""

    def __call__(self, recording: Recording, hop: float | None, raw: RawFormat | None) -> None:
        """Read, classify and write a recording. Raises StreamgenreError on failure."""
        ...

    def failed(self, recording: Recording, error: StreamgenreError) -> None:
        """Write the error of a recording, if the format supports it."""
        ...

    def close(self) -> None:
        """Finish the output after the last recording."""
        ...


def writer(
    form: Format, destination: Destination | Folder, model: Model, options: Options | None = None
) -> Writer:
    """The writer for a format. Raises ConfigError if a required package is missing."""
    options = options or Options()
    if isinstance(destination, Folder):
        return _FolderWriter(form, destination, model, options)
    if form.name == "jsonl":
        from .jsonl import JsonlWriter

        return JsonlWriter(destination, model, options)
    if form.name == "text":
        from .text import TextWriter

        return TextWriter(destination, model, options)
    folder = Path() if destination.path is None else destination.path.parent
    write = write_function(form, folder, options.embed)
    if form.name == "json":
        from .json import JsonWriter

        return JsonWriter(destination, model, options, write)
    return WholeWriter(destination, model, options, write)


def write_function(form: Format, folder: Path, embed: bool = False) -> Write:
    """The function that writes a timeline in a format other than text and jsonl.

    Args:
        form: the format.
        folder: the folder of the file, for links.
        embed: embed the recording in an HTML page.

    Raises ConfigError if a required package is missing.
    """
    if form.name == "csv":
        from .csv import CsvTable

        return CsvTable()
    if form.name == "html":
        from .html import HtmlPage

        return HtmlPage(folder, embed)
    if form.name == "png":
        from . import png

        png.require()
        return png.write
    if form.name == "json":
        from .json import write
    elif form.name == "audacity":
        from .audacity import write
    elif form.name == "srt":
        from .srt import write
    elif form.name == "vtt":
        from .vtt import write
    elif form.name == "svg":
        from .svg import write
    else:
        raise NotImplementedError(f"no function writes the format {form.name}")
    return write


class _FolderWriter:
    """A Writer that writes one file per recording to a folder."""

    def __init__(self, form: Format, folder: Folder, model: Model, options: Options) -> None:
        self._form, self._folder, self._model, self._options = form, folder, model, options
        if not form.by_line and form.name != "text":
            write_function(form, folder.path)  # fail before any work

    def __call__(self, recording: Recording, hop: float | None, raw: RawFormat | None) -> None:
        with self._folder.open(recording) as destination:
            write = writer(self._form, destination, self._model, self._options)
            try:
                write(recording, hop, raw)
                write.close()
            except PlaylistError:
                raise
            except StreamgenreError as error:
                write.failed(recording, error)
                raise

    def failed(self, recording: Recording, error: StreamgenreError) -> None:
        """Do nothing, since the error is in the file of the recording if the format supports it."""

    def close(self) -> None:
        """Do nothing, since everything is written."""
