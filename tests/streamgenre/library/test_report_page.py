"""The page of a report in a browser: sorting, search, playback, and no other requests."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from support.browser import CONTRAST, PATIENCE, opened
from support.library import write_sound

from streamgenre.library.report.looks import looks
from streamgenre.library.report.page import write_page
from streamgenre.library.report.tables import build
from streamgenre.library.row import Row
from streamgenre.update import Segment

EVIL = '</script><img src=x onerror="alert(1)"> \'"&amp;\nü%20#?.wav'  # in a folder "<"
LABELS = ("folk", "jazz", "rock")
FILES = 3_000
IN_VIEW = 60  # maximum number of rendered rows


def row(path, number, **more):
    top = LABELS[number % 3]
    probability = round(0.3 + 0.69 * (number * 37 % FILES) / FILES, 4)
    status = "genre" if probability > 0.42 else "unsure"
    genre = top if status == "genre" else None
    values = {
        "probabilities": {label: probability if label == top else 0.01 for label in LABELS},
        "segments": (Segment(0, 60, status, genre, probability),),
        "artist": f"Artist {number % 40}",
        "album": f"Album {number % 200}",
        "title": f"Title {number}",
        "year": 1970 + number % 50,
        "tag_genre": "Rock",
        "confidence": probability,
    }
    return Row(path, 1, 1.0, 60.0, status, genre, **(values | more))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page of many files, one of which exists."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "music" / EVIL).parent.mkdir(parents=True)
    write_sound(folder / "music" / EVIL, 1, seconds=20.0)
    first = row(
        str(folder / "music" / EVIL), 0, title=None, artist="</script><b>&", corrected="<i>new"
    )
    rows = [first, *(row(f"{folder}/music/x/{i:05}.mp3", i) for i in range(1, FILES))]
    report = build(rows, LABELS)
    write_page(folder / "report.html", report, "genres & <b>.csv", looks(report.genres))
    return folder


def names(page):
    return page.locator("tbody .file p span:first-child").all_inner_texts()


def column(page, number):
    return page.locator(f"tbody tr:not(.space) td:nth-child({number})").all_inner_texts()


def head(page, text):
    return page.locator("th button", has_text=re.compile(f"^{text}$"))


def test_only_visible_rows_are_rendered(browser, folder):
    with opened(browser, folder / "report.html") as page:
        assert page.inner_text("h1") == "genres & <b>.csv"
        assert page.inner_text("#word") == f"{FILES:,} files"
        rows = page.locator("tbody tr:not(.space)")
        assert 10 < rows.count() < IN_VIEW
        height = page.evaluate("document.getElementById('view').scrollHeight")
        assert height == pytest.approx(FILES * 48, abs=100)
        page.evaluate("document.getElementById('view').scrollTop = 1e9")
        page.wait_for_selector(f"text=Title {FILES - 1}")
        assert rows.count() < IN_VIEW
        assert rows.last.get_attribute("aria-rowindex") == str(FILES + 1)
        assert page.locator("#view table").get_attribute("aria-rowcount") == str(FILES + 1)


def test_sorting_in_both_directions(browser, folder):
    with opened(browser, folder / "report.html") as page:
        for text in ("Confidence", "Confidence"):
            head(page, text).click()
        found = [int(text.rstrip("%")) for text in column(page, 4)]
        assert found == sorted(found) and found[0] == 30
        assert page.locator("th[aria-sort=ascending]").inner_text().startswith("Confidence")
        head(page, "Confidence").click()
        found = [int(text.rstrip("%")) for text in column(page, 4)]
        assert found == sorted(found, reverse=True) and found[0] == 99
        head(page, "File").click()
        assert [text.split("\n")[0] for text in names(page)][1].startswith("Title 1")
        assert page.evaluate("document.activeElement.textContent") == "File"


def test_an_unsure_row_names_the_label_of_its_confidence(browser, tmp_path):
    """And audio without music has no confidence: its probabilities would mislead."""
    silence = {"status": "no-music", "genre": None, "confidence": 0.34}
    rows = [
        row("/m/a.mp3", 1, probabilities={"folk": 0.1, "jazz": 0.38}, confidence=0.38),
        row("/m/b.mp3", 2, corrected="folk", probabilities={"rock": 0.36}, confidence=0.36),
        replace(row("/m/c.mp3", 3), **silence),
        row("/m/d.mp3", 2_000),
    ]
    report = build(rows, LABELS)
    write_page(tmp_path / "report.html", report, "a.csv", looks(report.genres))
    with opened(browser, tmp_path / "report.html") as page:
        heads = [text.strip() for text in page.locator("th").all_inner_texts()]
        assert heads[:4] == ["File", "Genre", "Prediction", "Confidence"]
        assert column(page, 2)[:3] == ["Unsure, perhaps Jazz", "Folk", "No music"]
        assert column(page, 3)[1] == "Unsure, perhaps Rock"
        assert column(page, 4)[:3] == ["38%", "36%", ""]
        page.fill("#find", "jazz")  # finds what has this genre, not what may have it
        assert "a.mp3" not in "".join(page.locator(".file").all_inner_texts())


def test_what_is_empty_is_hidden(browser, tmp_path):
    """No tags, no speech; a file with an error cannot be played."""
    tags = dict.fromkeys(("artist", "album", "title", "year", "tag_genre"))
    rows = [
        row("/m/a.mp3", 2_000, speech=0.0, music=1.0, **tags),
        Row("/m/b.mp3", 0, 1.0, error="is empty (0 bytes)"),
    ]
    report = build(rows, LABELS)
    write_page(tmp_path / "report.html", report, "a.csv", looks(report.genres))
    with opened(browser, tmp_path / "report.html") as page:
        tabs = [
            re.sub(r"\s*\d+$", "", text) for text in page.locator("[role=tab]").all_inner_texts()
        ]
        assert tabs[:3] == ["All files", "Folders", "Unsure"]
        assert page.locator(".legend li").all_inner_texts() == ["Music 100%"]
        assert page.locator("button.play").count() == 1
        names = page.locator("tbody .file p").evaluate_all(
            "all => all.map(one => one.getBoundingClientRect().x)"
        )
        assert len(names) == 2 and names[0] == names[1]


def test_files_without_a_year_are_named_in_the_table_of_years(browser, tmp_path):
    report = build([row("/m/a.mp3", 1), row("/m/b.mp3", 2, year=None)], LABELS)
    write_page(tmp_path / "report.html", report, "a.csv", looks(report.genres))
    with opened(browser, tmp_path / "report.html") as page:
        page.click("#tab-years")
        assert column(page, 1) == ["1971", "No year"]


def test_search_in_all_columns(browser, folder):
    with opened(browser, folder / "report.html") as page:
        page.fill("#find", "ALBUM\u00a0 123")  # all words, in any order
        expected = sum("123" in f"{number} {number % 200}" for number in range(FILES))
        assert page.inner_text("#shown") == f"{expected} of 3,000"
        page.fill("#find", "00123.mp3")  # the path
        assert page.inner_text("#shown") == "1 of 3,000"
        page.fill("#find", "<i>new")  # a correction
        assert column(page, 2) == ["<i>new"]
        page.fill("#find", "nowhere")
        assert page.inner_text("#view") == "No matches."
        page.fill("#find", "")
        assert page.inner_text("#shown") == ""
        page.click("[data-find=jazz]")  # a bar of the overview
        assert {*column(page, 2)} == {"Jazz"} and page.input_value("#find") == "Jazz"


def test_tables_open_by_tab_link_and_key(browser, folder):
    with opened(browser, folder / "report.html") as page:
        for tab in page.locator("[role=tab]").all():
            tab.click()
            assert tab.get_attribute("aria-selected") == "true"
            name = tab.get_attribute("data-name")
            assert page.evaluate("location.hash") == f"#{name}"
            expected = {"sound": "No entries.", "outliers": None}.get(name, "")
            if expected:
                assert page.inner_text("#view") == expected
        page.click("#review a[href='#tags']")
        page.wait_for_selector("#tab-tags[aria-selected=true]")
        page.focus("#tab-tags")
        page.keyboard.press("ArrowLeft")
        assert page.locator("#tab-unsure").get_attribute("aria-selected") == "true"
        page.click("#tab-artists")
        parts = page.locator("tbody .ribbon").first.get_attribute("aria-label")
        shares = [int(text) for text in re.findall(r"(\d+)%", parts)]
        assert sum(shares) == pytest.approx(100, abs=2)


def test_playback_of_a_file_with_special_characters(browser, folder):
    page_file = folder / "report.html"
    with opened(browser, page_file, [folder / "music" / EVIL]) as page:
        assert "onerror" in names(page)[0] and page.locator("img").count() == 0
        assert page.locator("b b, i i, #player b").count() == 0
        page.locator(".play").first.click()
        assert "onerror" in page.inner_text("#playing")

        def until(expression):
            for _ in range(PATIENCE // 50):
                if page.evaluate(f"document.getElementById('audio').{expression}"):
                    return
                page.wait_for_timeout(50)
            raise AssertionError(expression)

        until("currentTime > 0.2")
        assert page.locator("tr.now").count() == 1
        page.locator(".play").first.click()
        until("paused")
        assert page.locator("#trouble").is_hidden()


def test_missing_file_shows_a_message(browser, folder):
    page_file = folder / "report.html"
    gone = folder / "music/x/00001.mp3"
    with opened(browser, page_file, [gone], complains=True) as page:
        page.locator(".play").nth(1).click()
        page.wait_for_selector("#trouble:not([hidden])")
        assert page.inner_text("#trouble").startswith("00001.mp3 cannot be played")


def test_correction_and_prediction_are_shown(browser, folder):
    with opened(browser, folder / "report.html") as page:
        texts = page.locator("th").all_inner_texts()
        assert "Prediction" in [text.strip("↑↓ \n") for text in texts]
        first = page.locator("tbody tr:not(.space)").first.locator("td")
        assert first.nth(1).inner_text() == "<i>new"
        assert first.nth(2).inner_text() == "Unsure, perhaps Folk"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_page_has_enough_contrast_and_fits(browser, folder, scheme, width):
    """WCAG AA requires a contrast of 4.5 to 1 for text."""
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 740}}
    with opened(browser, folder / "report.html", **options) as page:
        found = page.evaluate(CONTRAST)
        for name in ("albums", "tags"):
            page.click(f"#tab-{name}")
            found += page.evaluate(CONTRAST)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert len(found) > 100
        assert all(ratio >= 4.5 for ratio, _ in found), min(found)


def test_overview_without_javascript(browser, folder):
    with opened(browser, folder / "report.html", java_script_enabled=False) as page:
        assert "Jazz" in page.inner_text(".bars") and page.locator(".years rect").count() > 50
        assert "--format csv" in page.inner_text("#tables")
