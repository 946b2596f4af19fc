"""Measure reports of large libraries: writing them, and opening the page in a browser.

The library is synthetic: artists with albums, some wrong tags, some unsure files, and some files
without music. Each round opens the page in a new Chromium process and measures the time until the
first rows are visible. Then a sort and a search over all rows are timed inside the page.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from streamgenre.library.report.looks import looks
from streamgenre.library.report.page import write_page
from streamgenre.library.report.tables import build
from streamgenre.library.results import read_results, write_results
from streamgenre.library.row import Row
from streamgenre.update import Segment

from .common import Options, Skipped, Spread, table

TITLE = "reports of large libraries"

LABELS = (
    "ambient", "blues", "classical", "country", "disco", "electronic", "folk", "hiphop", "jazz",
    "metal", "pop", "reggae", "rock", "soul",
)  # fmt: skip
_TAGS = {"hiphop": "Hip-Hop/Rap", "soul": "R&B", "rock": "Alternative Rock"}
_WORDS = [
    "Night", "River", "Blue", "Golden", "Silent", "Electric", "Paper", "Winter", "Summer", "Moon",
    "Harbour", "Garden", "Machine", "Street", "Ocean", "Mirror", "Letters", "Stone", "Velvet",
]  # fmt: skip
_BROWSERS = "chromium", "chromium-browser", "google-chrome"
_SORT = """() => { const t = performance.now();
  document.querySelector("th button").click(); return performance.now() - t; }"""
_SEARCH = """() => { const find = document.getElementById("find"), t = performance.now();
  find.value = "moon"; find.dispatchEvent(new Event("input")); return performance.now() - t; }"""


@dataclass(frozen=True)
class SizeFigures:
    """Figures for one size of the library."""

    files: int
    parquet: float
    """Seconds to read the Parquet file and write the page."""
    page: int
    """Size of the page in bytes."""
    opened: Spread
    """Seconds until the first rows are visible."""
    sort: Spread
    """Seconds."""
    search: Spread
    """Seconds of the first search, which prepares the text of all rows."""


@dataclass(frozen=True)
class Reports:
    """Figures by size of the library."""

    sizes: tuple[SizeFigures, ...]


def library_rows(files: int, seed: int = 0, root: str = "/music") -> Iterator[Row]:
    """Yield the rows of a synthetic library."""
    draw = random.Random(seed)
    made = 0
    while made < files:
        artist = " ".join(draw.sample(_WORDS, 2)) + f" {draw.randrange(1000)}"
        genre = draw.choice(LABELS)
        begin = draw.randrange(1960, 2005)
        for _ in range(draw.randint(1, 5)):
            album = " ".join(draw.sample(_WORDS, draw.randint(1, 3)))
            year = begin + draw.randrange(20)
            for number in range(1, draw.randint(8, 14)):
                if made == files:
                    return
                made += 1
                title = " ".join(draw.sample(_WORDS, draw.randint(1, 4)))
                path = f"{root}/{artist}/{album}/{number:02} {title}.mp3"
                yield _row(draw, path, (artist, album, title), year, genre)


def _row(draw: random.Random, path: str, names: tuple[str, str, str], year: int, usual: str) -> Row:
    artist, album, title = names
    tag = _TAGS.get(usual, usual.title())
    genre = usual if draw.random() < 0.9 else draw.choice(LABELS)
    size, seconds = draw.randrange(2_000_000, 9_000_000), round(draw.uniform(120, 420), 3)
    if draw.random() < 0.003:
        return Row(
            path, size, 1.7e9, artist=artist, album=album, title=title, year=year, tag_genre=tag,
            error="is damaged: no frame could be decoded", model="m 1 0",
        )  # fmt: skip
    top = round(draw.uniform(0.25, 0.99), 4)
    rest = [draw.random() ** 4 for _ in LABELS[1:]]
    others = iter(round((1 - top) * one / sum(rest), 4) for one in rest)
    probabilities = {label: top if label == genre else next(others) for label in LABELS}
    best = max(probabilities, key=probabilities.__getitem__)
    spoken = draw.random() < 0.01
    status = "no-music" if spoken else "genre" if probabilities[best] >= 0.42 else "unsure"
    named = best if status == "genre" else None
    music = 0.0 if spoken else round(seconds * draw.uniform(0.85, 1), 3)
    parts = [Segment(0.0, music, "genre" if named else "unsure", named, top)] if music else []
    parts.append(Segment(music, seconds, "no-music", None, 0.9))
    return Row(
        path=path, size=size, mtime=1.7e9, duration=seconds, status=status, genre=named,
        confidence=probabilities[best], probabilities=probabilities, styles={},
        music=round(music / seconds, 4), speech=0.9 if spoken else 0.01, segments=tuple(parts),
        artist=artist, album=album, title=title, year=year, tag_genre=tag, model="m 1 0",
    )  # fmt: skip


def measure(options: Options) -> Reports:
    """Measure several sizes."""
    try:
        api = import_module("playwright.sync_api")
    except ImportError:
        raise Skipped("needs playwright: pip install playwright") from None
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        raise Skipped("needs Chromium: apt install chromium")
    sizes = (1_000,) if options.quick else (5_000, 50_000)
    rounds = 1 if options.quick else 5
    with tempfile.TemporaryDirectory() as folder, api.sync_playwright() as driver:

        def start() -> object:
            return driver.chromium.launch(executable_path=browser, args=["--no-sandbox"])

        return Reports(tuple(_measured(start, Path(folder), files, rounds) for files in sizes))


def _measured(start: object, folder: Path, files: int, rounds: int) -> SizeFigures:
    assert callable(start)
    results, page_file = folder / "genres.parquet", folder / "report.html"
    write_results(results, library_rows(files), LABELS)
    begin = time.perf_counter()
    rows = read_results(results)
    report = build(rows, rows.labels)
    write_page(page_file, report, "genres.parquet", looks(report.genres))
    taken = time.perf_counter() - begin
    opened, sort, search = [], [], []
    for _ in range(rounds):
        running = start()
        page = running.new_page(viewport={"width": 1280, "height": 800})
        begin = time.perf_counter()
        page.goto(page_file.as_uri() + "#files")
        page.wait_for_selector("tbody tr[aria-rowindex]")
        opened.append(time.perf_counter() - begin)
        sort.append(page.evaluate(_SORT) / 1e3)
        search.append(page.evaluate(_SEARCH) / 1e3)
        running.close()
    spreads = map(Spread.of, (opened, sort, search))
    return SizeFigures(files, taken, page_file.stat().st_size, *spreads)


def report(result: Reports) -> list[str]:
    """The table of figures."""
    rows: list[Sequence[object]] = [
        (
            f"{one.files:,}",
            f"{one.parquet:.1f} s",
            f"{one.page / 1e6:.1f} MB",
            f"{one.opened.median:.2f} s",
            f"{one.sort.median * 1e3:.0f} ms",
            f"{one.search.median * 1e3:.0f} ms",
        )
        for one in result.sizes
    ]
    head = ["files", "Parquet to page", "page", "opened", "sort by name", "first search"]
    return [table(head, rows)]
