"""The page of a recording in a real browser: playback, position, seeking and requests."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
import soundfile
from support.audio_files import write
from support.browser import CONTRAST, PATIENCE, opened
from support.paths import EXAMPLES
from support.timelines import timeline_of

import streamgenre
from streamgenre.cli.main import run

NAME = "Käse & <b>100% #1, a name that is longer than the screen of a phone.ogg"
DURATION = 50


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twenty seconds of classical music, ten of silence, twenty of metal; pages of them."""
    folder = tmp_path_factory.mktemp("page")
    parts = [
        soundfile.read(EXAMPLES / f"{name}.ogg", frames=20 * 44_100, always_2d=True)[0].mean(1)
        for name in ("classical-brandenburg-2", "metal-farewell")
    ]
    (folder / "music").mkdir()
    recording = folder / "music" / NAME
    samples = np.concatenate([parts[0], np.zeros(10 * 44_100), parts[1]])
    write(folder / "x.ogg", samples[:, None], 44_100).rename(recording)
    assert run(["-o", str(folder / "linked.html"), str(recording)]) == 0
    assert run(["-o", str(folder / "embedded.html"), "--embed", str(recording)]) == 0
    shutil.copytree(folder, folder / "moved")
    shutil.rmtree(folder / "moved" / "music")
    return folder


def player(page, expression):
    return page.evaluate(f"document.querySelector('audio').{expression}")


def until(page, expression):
    """Wait for the player. The page forbids what playwright's wait_for_function does."""
    for _ in range(PATIENCE // 50):
        if player(page, expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(expression)


def ready(page):
    until(page, "readyState >= 1")


def now(page) -> float:
    return player(page, "currentTime")


def marked(page) -> list[str]:
    return page.locator("tr.now td:nth-child(3)").all_inner_texts()


@pytest.mark.parametrize("kind", ["linked", "embedded"])
def test_it_plays_follows_and_seeks(browser, folder, kind):
    requests = [folder / "music" / NAME] if kind == "linked" else []
    with opened(browser, folder / f"{kind}.html", requests) as page:
        ready(page)
        length = player(page, "duration")
        assert length == pytest.approx(DURATION, abs=0.1)
        assert page.inner_text("h1") == NAME
        whole = page.inner_text("#word")
        assert marked(page) == [] and page.locator("#graph.placed").count() == 0

        # A click on the graph seeks.
        graph = page.locator("#graph")
        box = graph.bounding_box()
        page.mouse.click(box["x"] + box["width"] * 0.84, box["y"] + 20)
        assert now(page) == pytest.approx(0.84 * DURATION, abs=0.3)
        assert page.inner_text("#word") == "Metal" and marked(page) == ["Metal"]
        assert re.match(r"confidence \d+%, at ", page.inner_text("#detail"))
        head = page.locator("#head").bounding_box()
        assert head["x"] + 1 == pytest.approx(box["x"] + box["width"] * 0.84, abs=2)

        # So does a row of the table.
        page.click("tbody tr:first-child button")
        assert now(page) == 0

        # It follows the player.
        player(page, "play()")
        until(page, "currentTime > 0.3")
        page.wait_for_selector("#word:text-is('Classical')")
        page.wait_for_selector("#detail:text-matches('at 0:0[0-9]')")
        assert marked(page) == ["Classical"]
        before = page.locator("#head").bounding_box()["x"]
        until(page, "currentTime > 1.5")
        assert page.locator("#head").bounding_box()["x"] > before
        player(page, "pause()")

        # The keyboard does all of it, and the position is announced.
        graph.focus()
        page.keyboard.press("End")
        page.keyboard.press("ArrowLeft")
        assert graph.get_attribute("aria-valuetext") == "0:45, Metal"
        page.keyboard.press("PageDown")
        assert graph.get_attribute("aria-valuenow") == "15"
        page.keyboard.press("Space")
        until(page, "paused === false")
        page.keyboard.press("Space")
        page.keyboard.press("Home")
        until(page, "paused")
        page.wait_for_selector(f"#word:text-is('{whole}')")


def test_a_drag_seeks(browser, folder):
    with opened(browser, folder / "embedded.html") as page:
        ready(page)
        box = page.locator("#graph").bounding_box()
        page.mouse.move(box["x"] + 5, box["y"] + 10)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 10, steps=5)
        page.mouse.up()
        assert now(page) == pytest.approx(DURATION / 2, abs=0.3)
        assert page.inner_text("#word") in {"No music", "Classical"}


def test_a_page_without_its_recording_says_so_and_shows_the_rest(browser, folder):
    page_file = folder / "moved" / "linked.html"
    missing = folder / "moved" / "music" / NAME
    with opened(browser, page_file, [missing], complains=True) as page:
        page.wait_for_selector("#error:not([hidden])")
        message = page.inner_text("#error")
        assert f"music/{NAME} cannot be played" in message and "--embed" in message
        assert page.locator("tbody tr").count() >= 2


def test_the_legend_has_the_colours_of_the_graph(browser, folder):
    with opened(browser, folder / "embedded.html") as page:
        names = page.locator(".legend li").all_inner_texts()
        dots = page.locator(".legend .dot").evaluate_all(
            "dots => dots.map(dot => getComputedStyle(dot).backgroundColor)"
        )
        areas = page.locator("#graph path").evaluate_all(
            "paths => paths.map(path => [path.textContent, getComputedStyle(path).fill])"
        )
        assert {"Classical", "Metal"} <= set(names) and len(names) == len(set(names))
        assert set(zip(names, dots, strict=True)) <= set(map(tuple, areas))


def test_an_unsure_segment_names_its_most_probable_genre(browser, tmp_path, model):
    """And a segment without music has no percentage."""
    decisions = [("genre", "jazz")] * 8 + [("unsure", None)] * 8 + [("no-music", None)] * 8
    source = tmp_path / "a.wav"
    soundfile.write(source, np.zeros(22_050 * 60, np.int16), 22_050)
    streamgenre.save(timeline_of(model.card, decisions), tmp_path / "a.html", source, embed=True)
    with opened(browser, tmp_path / "a.html") as page:
        ready(page)
        cells = page.locator("tbody td").all_inner_texts()
        assert cells[2:4] == ["Jazz", "80%"] and cells[10:] == ["No music", ""]
        assert re.match("Unsure, perhaps ", cells[6]) and cells[7] == "80%"
        page.locator("tbody button").nth(1).click()
        assert page.inner_text("#word") == "Unsure"
        assert re.match(r"perhaps \w+ 80%, at 0:20", page.inner_text("#detail"))
        page.locator("tbody button").nth(2).click()
        assert page.inner_text("#word") == "No music" and page.inner_text("#detail") == "at 0:40"


def test_without_javascript_player_graph_and_table_are_there(browser, folder):
    page_file = folder / "linked.html"
    options = {"java_script_enabled": False}
    with opened(browser, page_file, [folder / "music" / NAME], **options) as page:
        assert page.locator("audio").bounding_box()["width"] > 200
        assert page.locator("#graph path").count() > 5
        assert page.locator("#graph").get_attribute("role") is None  # it does not seek
        assert "Metal" in page.inner_text("table")


def test_the_pictures_are_where_the_segments_are(browser, folder):
    with opened(browser, folder / "embedded.html") as page:
        graph = page.locator("#graph svg").bounding_box()
        bands = [band.bounding_box() for band in page.locator(".strip > div").all()]
        starts = page.locator("tbody tr").evaluate_all("rows => rows.map(r => +r.dataset.start)")
        for band, start in zip(bands, starts, strict=True):
            expected = graph["x"] + start / DURATION * graph["width"]
            assert band["x"] == pytest.approx(expected, abs=1.5)
        last = bands[-1]
        assert last["x"] + last["width"] == pytest.approx(graph["x"] + graph["width"], abs=1.5)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_is_readable_and_fits(browser, folder, scheme, width):
    """WCAG AA: 4.5 to 1 for all text."""
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 740}}
    with opened(browser, folder / "embedded.html", **options) as page:
        ready(page)
        found = page.evaluate(CONTRAST)
        page.click("tbody tr:last-child button")
        found += page.evaluate(CONTRAST)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert len(found) > 40
        assert all(ratio >= 4.5 for ratio, _ in found), min(found)
        background = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        light = sum(map(int, re.findall(r"\d+", background)[:3])) > 600
        assert light == (scheme == "light")


def test_nothing_can_be_requested_from_the_page(browser, folder):
    with opened(browser, folder / "embedded.html", complains=True) as page:
        directive = page.evaluate(
            """() => new Promise((resolve) => {
              const violated = ({ violatedDirective }) => resolve(violatedDirective);
              addEventListener("securitypolicyviolation", violated);
              fetch("https://example.org/").catch(() => {});
            })"""
        )
        assert directive == "connect-src"
