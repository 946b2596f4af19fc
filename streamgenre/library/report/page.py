"""Write a report as one HTML page, which requests nothing except the recordings it plays.

The tables are embedded as JSON, column by column. Each file is stored once, with its folder, name
and tags; tables refer to it by number. page.js renders only the visible rows.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PureWindowsPath
from urllib.parse import quote

from ...audio.address import scheme
from ...files import relative_url, text_replacement
from ...pages import escaped, page, script_data
from ...wording import STATUS_WORDS, capitalised, counted
from ..row import separator, split_path, system_path
from .looks import Look
from .tables import WITHOUT_GENRE, Cell, Report, Table

_AS_IN_JS = "!*'()"
"""Characters that JavaScript's encodeURIComponent does not escape, besides those of `quote`."""
_MIN_YEARS = 2  # for a plot
_MIN_PART = 0.0005  # share of the audio; less is displayed as 0.0 %
_MAX_TICKS = 12
_ON_PAGE = "files", "artists", "albums", "years", "folders"
_FROM_TAGS = "artists", "albums", "years"  # hidden if no file has such a tag
_TO_REVIEW = ("unsure", "tags", "outliers", "sound")


def write_page(
    path: str | os.PathLike[str], report: Report, title: str, looks: Mapping[str, Look]
) -> None:
    """Write the page of a report atomically. Raises OutputError.

    `looks`: genre -> its look. Links to recordings are relative to the folder of the page.
    """
    with text_replacement(path) as file:
        file.write(_Page(report, title, looks, Path(os.path.realpath(path)).parent).text())


class _Page:
    def __init__(self, report: Report, title: str, looks: Mapping[str, Look], folder: Path) -> None:
        self._report, self._title, self._looks = report, title, looks
        self._folder = folder

    def text(self) -> str:
        report = self._report
        return page(
            Path(__file__).parent,
            self._title,
            media="'self' file:",
            files=counted(report.files, "file"),
            hours=_hours(report.seconds),
            ribbon="".join(self._ribbon()),
            bars="\n".join(self._bars()),
            years=self._years(),
            sound=self._sound(),
            review="\n".join(self._review()),
            data=script_data(self._data()),
        )

    def _parts(self) -> Iterator[tuple[str, str, str | None, int]]:
        """Yield (key, display name, colour, files) of each genre, then of files without a genre."""
        counts = self._report.counts
        for genre in sorted(self._report.genres, key=lambda genre: -counts[genre]):
            if counts[genre]:
                yield genre, self._looks[genre].display, self._looks[genre].colour, counts[genre]
        for status in WITHOUT_GENRE:
            if counts[status]:
                yield status, capitalised(STATUS_WORDS[status]), None, counts[status]

    def _ribbon(self) -> Iterator[str]:
        for _, words, colour, files in self._parts():
            share = files / self._report.files
            fill = f"background:{colour}" if colour else ""
            yield (f'<i style="width:{share:.4%};{fill}" title="{escaped(words)} {share:.0%}"></i>')

    def _bars(self) -> Iterator[str]:
        parts = list(self._parts())
        most = max((files for *_, files in parts), default=1)
        for key, words, colour, files in parts:
            look = f"--colour:{colour}" if colour else "--colour:var(--edge)"
            plain = "" if colour else ' class="plain"'
            button = f'<button type="button" data-find="{escaped(key)}"{plain}>'
            yield (
                f"<li>{button}{escaped(words)}</button>"
                f'<div><i style="--share:{files / most:.4f};{look}"></i></div>'
                f'<span>{files:,}</span><span class="share">{files / self._report.files:.0%}</span>'
                "</li>"
            )

    def _years(self) -> str:
        """A stacked bar plot of files by year and genre. Empty if there are too few years."""
        table = self._report.table("years")
        names = [column.name for column in table.columns]
        first = next(i for i, column in enumerate(table.columns) if column.kind == "part")
        rows = [row for row in table.rows if isinstance(row[0], int)]
        if len(rows) < _MIN_YEARS:
            return ""
        begin, end = _year(rows[0]), _year(rows[-1])
        most = max(_count(row) for row in rows)
        colours = [*(self._looks[genre].colour for genre in self._report.genres)]
        colours += ["var(--line)"] * (len(names) - first - len(colours))
        width = 1000 / (end - begin + 1)
        drawn = []
        for row in rows:
            top = 100.0
            left = (_year(row) - begin) * width
            drawn.append(f"<g><title>{_year(row)}: {counted(_count(row), 'file')}</title>")
            for share, colour in zip(row[first:], colours, strict=True):
                height = 100 * _count(row) / most * float(share or 0)
                if height:
                    top -= height
                    drawn.append(
                        f'<rect x="{left + width * 0.06:.2f}" y="{top:.2f}" fill="{colour}" '
                        f'width="{width * 0.88:.2f}" height="{height:.2f}"/>'
                    )
            drawn.append("</g>")
        step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200) if (end - begin) / s <= _MAX_TICKS)
        ticks = "".join(
            f'<span style="--at:{(year - begin + 0.5) / (end - begin + 1):.4f}">{year}</span>'
            for year in range(-(-begin // step) * step, end + 1, step)
        )
        return (
            '<section aria-labelledby="years-title"><h2 id="years-title">Years</h2>'
            f'<p class="quiet most">{counted(most, "file")}</p>'
            '<svg class="years" viewBox="0 0 1000 100" preserveAspectRatio="none" '
            f'aria-hidden="true">{"".join(drawn)}</svg>'
            f'<div class="axis" aria-hidden="true">{ticks}</div></section>'
        )

    def _sound(self) -> str:
        sound = self._report.sound
        whole = sound.music + sound.speech + sound.other
        if not whole:
            return ""
        parts = [
            ("Music", sound.music, "var(--ink)"),
            ("Speech", sound.speech, "var(--edge)"),
            ("Silence or noise", sound.other, "var(--line)"),
        ]
        parts = [part for part in parts if part[1] >= _MIN_PART * whole]
        ribbon = "".join(
            f'<i style="width:{part / whole:.4%};background:{colour}"></i>'
            for _, part, colour in parts
        )
        items = "".join(
            f'<li><i class="dot" style="--colour:{colour}"></i>{name} '
            f"<b>{_percent(part / whole)}</b></li>"
            for name, part, colour in parts
        )
        return (
            '<section aria-labelledby="sound-title"><h2 id="sound-title">Content</h2>'
            f'<div class="ribbon low">{ribbon}</div><ul class="legend">{items}</ul></section>'
        )

    def _review(self) -> Iterator[str]:
        """Links to the tables of files to review."""
        for name in _TO_REVIEW:
            table = self._report.table(name)
            count = f"<b>{len(table.rows):,}</b>"
            yield f'<a href="#{name}">{count}<span>{escaped(table.title)}</span></a>'

    def _data(self) -> dict[str, object]:
        files = self._report.table("files")
        paths = [str(row[0]) for row in files.rows]
        numbers = {path: number for number, path in enumerate(paths)}
        columns = {column.name: i for i, column in enumerate(files.columns)}
        folders: dict[str, int] = {}
        names, places, links = [], [], {}
        for number, path in enumerate(paths):
            folder, name = split_path(path)
            places.append(folders.setdefault(folder, len(folders)))
            names.append(name)
            if (real := system_path(path)) != path:
                links[number] = quote(os.fsencode(split_path(real)[1]), safe=_AS_IN_JS)
        tags = {name: [row[columns[name]] for row in files.rows] for name in ("artist", "title")}
        root = common_folder(folders)
        return {
            "root": len(root),
            "statuses": {name: capitalised(words) for name, words in STATUS_WORDS.items()},
            "genres": {name: [look.display, look.colour] for name, look in self._looks.items()},
            "folders": [[folder, _link(folder, self._folder)] for folder in folders],
            "files": {
                "folder": places,
                "name": names,
                **tags,
                "link": links,
                "failed": [
                    number
                    for number, row in enumerate(files.rows)
                    if row[columns["error"]] is not None
                ],
            },
            "tables": [
                _table(table, numbers)
                for table in map(self._report.table, (*_ON_PAGE, *_TO_REVIEW))
                if table.name not in _FROM_TAGS or any(row[0] is not None for row in table.rows)
            ],
        }


def _table(table: Table, numbers: Mapping[str, int]) -> dict[str, object]:
    columns: list[dict[str, object]] = []
    for i, column in enumerate(table.columns):
        cells: Iterable[Cell] = (row[i] for row in table.rows)
        if column.kind == "file":
            cells = (numbers[str(cell)] for cell in cells)
        elif column.kind in ("part", "share"):
            cells = (round(cell, 3) if isinstance(cell, float) else cell for cell in cells)
        columns.append(
            {
                "name": column.name,
                "title": column.title,
                "kind": column.kind,
                "minor": column.minor,
                "cells": list(cells),
            }
        )
    return {
        "name": table.name,
        "title": table.title,
        "about": table.about,
        "rows": len(table.rows),
        "columns": columns,
    }


def common_folder(folders: Iterable[str]) -> str:
    r"""The longest common start of folders, with a separator at its end; empty if there is none.

    The folders may be of several drives, servers and stores.

    >>> common_folder(["/music/a", "/music/ab"]), common_folder(["/music", "s3://bucket"])
    ('/music/', '')
    >>> common_folder(["C:\\Music\\a", "C:\\Music\\b"]), common_folder(["C:\\Music", "D:\\"])
    ('C:\\Music\\', '')
    """
    ended = [folder.rstrip(mark) + mark for folder in folders for mark in [separator(folder)]]
    shared = os.path.commonprefix(ended)  # noqa: RUF071  # cut at a separator
    return shared[: shared.rfind(separator(shared)) + 1]


def _link(shown: str, page: Path) -> str:
    """URL of a folder with a trailing slash, relative to the folder of the page if it is local."""
    if scheme(shown):
        return shown.rstrip("/") + "/"
    if separator(shown) != os.sep:  # scanned on Windows
        return PureWindowsPath(shown).as_uri().rstrip("/") + "/"
    return relative_url(system_path(shown), page) + "/"


def _hours(seconds: float) -> str:
    hours = seconds / 3600
    if hours < 1:
        return f"{seconds / 60:.0f} minutes"
    return f"{hours:,.0f} hours" if hours >= 10 else f"{hours:.1f} hours"


def _percent(share: float) -> str:
    return f"{share:.1%}" if 0 < share < 0.01 else f"{share:.0%}"


def _year(row: Sequence[Cell]) -> int:
    assert isinstance(row[0], int)
    return row[0]


def _count(row: Sequence[Cell]) -> int:
    assert isinstance(row[1], int)
    return row[1]
