"""A plugin for beets that sets genres on import and with `beet streamgenre`.

beets searches for plugins in the namespace package beetsplug. Files are classified in separate
processes, as by `streamgenre scan`, so that a decoder crash does not end beets.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from optparse import Values
from typing import Any

from beets import ui
from beets.dbcore import types
from beets.importer import ImportSession, ImportTask
from beets.library import Item, Library
from beets.plugins import BeetsPlugin

import streamgenre
from streamgenre.errors import StreamgenreError
from streamgenre.library.groups import Groups
from streamgenre.library.row import Row, shown_path
from streamgenre.library.tagging.names import genre_names
from streamgenre.library.tagging.plan import TagOptions, decide, genres_for

_CONFIDENCE = "streamgenre_confidence"


class StreamgenrePlugin(BeetsPlugin):
    """Sets the fields `genres` and `streamgenre_confidence` of items."""

    item_types = {_CONFIDENCE: types.FLOAT}  # noqa: RUF012  # an attribute defined by beets

    def __init__(self) -> None:
        super().__init__()
        self.config.add(
            {
                "auto": True,
                "force": False,
                "by": "track",
                "min_confidence": 0.0,
                "map": "beets",
                "styles": False,
                "jobs": 0,
                "model": "",
            }
        )
        if self.config["auto"].get(bool):
            self.import_stages = [self.imported]

    def commands(self) -> Sequence[ui.Subcommand]:
        """The command `beet streamgenre`."""
        command = ui.Subcommand("streamgenre", help="set genres from the audio")
        command.parser.add_option(
            "-f", "--force", action="store_true", help="replace existing genres"
        )
        command.parser.add_option(
            "-p", "--pretend", action="store_true", help="only show the genres"
        )
        command.func = self._command
        return [command]

    def _command(self, library: Library, options: Values, arguments: list[str]) -> None:
        force = bool(options.force) or self.config["force"].get(bool)
        try:
            for item, genres, confidence in self._classified(library.items(arguments), force):
                ui.print_(f"{item}: {'; '.join(item.genres or ['none'])} → {'; '.join(genres)}")
                if not options.pretend:
                    self._set(item, genres, confidence)
                    if ui.should_write():
                        item.try_write()
        except StreamgenreError as error:
            raise ui.UserError(f"streamgenre: {error}") from None

    def imported(self, _: ImportSession, task: ImportTask) -> None:
        """Import stage. beets writes the tags after it."""
        try:
            for item, genres, confidence in self._classified(
                task.imported_items(), self.config["force"].get(bool)
            ):
                self._set(item, genres, confidence)
        except StreamgenreError as error:
            self._log.error("{}", error)

    def _set(self, item: Item, genres: tuple[str, ...], confidence: float) -> None:
        item["genres"] = list(genres)
        item[_CONFIDENCE] = round(confidence, 4)
        item.store()
        self._log.debug("{}: {}", item, "; ".join(genres))

    def _classified(
        self, items: Iterable[Item], force: bool
    ) -> Iterator[tuple[Item, tuple[str, ...], float]]:
        """Yield each item that gets a genre, with the genre values and the confidence."""
        by = self.config["by"].as_choice(["track", "album", "artist"])
        options = TagOptions(
            names=genre_names(self.config["map"].as_str() or None),
            min_confidence=self.config["min_confidence"].as_number(),
            styles=self.config["styles"].get(bool),
        )
        taken = {
            shown_path(os.fsdecode(item.path)): item
            for item in items
            # The genre of a group depends on all of its tracks.
            if force or by != "track" or not item.genres
        }
        if not taken:
            return
        rows: list[Row] = []
        for row in self._rows(taken):
            rows.append(_described(row, taken[row.path]))
            if row.error is not None:
                self._log.warning("{}: {}", row.path, row.error)
        groups = None if by == "track" else Groups(rows)
        for row in rows:
            item = taken[row.path]
            decision = decide(row, by, groups)
            genres, unwanted = genres_for(row, decision, options)
            if unwanted is not None:
                self._log.info("{}: {}", item, unwanted)
            elif force or not item.genres:
                yield item, genres, decision.confidence

    def _rows(self, taken: dict[str, Item]) -> Iterator[Row]:
        settings: dict[str, Any] = {}
        if jobs := self.config["jobs"].get(int):
            settings["jobs"] = jobs
        if self.config["model"].get():
            settings["model"] = self.config["model"].as_filename()
        paths = [os.fsdecode(item.path) for item in taken.values()]
        return streamgenre.scan(paths, **settings)


def _described(row: Row, item: Item) -> Row:
    """The row with artist and album from beets, which may not be in the tags yet."""
    return replace(row, artist=item.albumartist or item.artist or None, album=item.album or None)
