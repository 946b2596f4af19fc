"""Hours, shares and outages computed from a log, and the page."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from support.browser import CONTRAST, opened

from streamgenre import InputError
from streamgenre.cli.main import run
from streamgenre.radio.history import history
from streamgenre.radio.log import Entry, Reading, read_log
from streamgenre.radio.page import write_page

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)  # a Monday
METAL = Reading("genre", "metal", 0.8, {"metal": 0.8}, "a title")
JAZZ = Reading("genre", "jazz", 0.7, {"jazz": 0.7})
DOWN = Reading(error="no server answers at this host and port")
PAUSED = Reading("paused")
BAD_NAME = "<script>alert(1)</script> & a name that is longer than the screen of a phone"


def entry(minutes, reading, station="A"):
    clock = START + timedelta(minutes=minutes)
    return Entry(clock, station, f"http://{len(station)}.example/", reading)


def at(found, number=0):
    return found.stations[number]


def test_entry_is_valid_until_the_next_one():
    lines = [entry(m, METAL) for m in range(45)] + [entry(45, JAZZ), entry(46, PAUSED)]
    found = history(lines, UTC)
    assert at(found).hours == {
        (0, 9): {"metal": pytest.approx(30 * 60)},
        (0, 10): {"metal": pytest.approx(15 * 60), "jazz": pytest.approx(60)},
    }
    assert at(found).shares == {"metal": pytest.approx(45 / 46), "jazz": pytest.approx(1 / 46)}
    assert at(found).availability == 1
    assert found.start == START


def test_hours_and_weekdays_are_local():
    found = history([entry(0, METAL), entry(1, PAUSED)], ZoneInfo("Asia/Kolkata"))  # +5:30
    assert list(at(found).hours) == [(0, 15)]
    found = history([entry(-600, METAL), entry(-599, PAUSED)], UTC)
    assert list(at(found).hours) == [(6, 23)]


def test_outages_have_start_length_and_cause():
    connecting, other = Reading(), Reading(error="the server has a fault (503)")
    lines = [entry(0, METAL), entry(1, connecting), entry(2, DOWN), entry(3, other)]
    lines += [entry(4, METAL), entry(5, PAUSED)]
    (outage,) = at(history(lines, UTC)).outages
    assert outage.start == START + timedelta(minutes=1)
    assert outage.seconds == pytest.approx(180)
    assert "503" in outage.error
    assert at(history(lines, UTC)).availability == pytest.approx(2 / 5)
    only = history([entry(0, connecting), entry(1, METAL), entry(2, PAUSED)], UTC)
    assert at(only).outages == [] and at(only).availability == 1


@pytest.mark.parametrize("seconds", [None, 0.0, 0.3, 2.0])
def test_a_monitor_that_stops_while_reconnecting_leaves_no_empty_outage(seconds):
    """None: it was killed, so the loss is the last entry."""
    lines = [entry(0, METAL), entry(1, DOWN)]
    if seconds is not None:
        lines.append(entry(1 + seconds / 60, PAUSED))
    outages = at(history(lines, UTC)).outages
    assert [one.seconds for one in outages] == ([pytest.approx(2)] if seconds == 2 else [])


def test_time_after_an_interrupted_log_is_not_counted():
    lines = [entry(m, METAL) for m in range(10)] + [entry(600 + m, METAL) for m in range(200)]
    seconds = at(history(lines, UTC)).seconds["metal"]
    assert seconds == pytest.approx(60 * (9 + 1.5 + 199), abs=1)
    paused = [entry(0, METAL), entry(1, PAUSED), entry(500, METAL), entry(501, PAUSED)]
    assert at(history(paused, UTC)).seconds["metal"] == pytest.approx(120)


ZONES = ("Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Kiritimati",
         "Pacific/Apia", "Africa/Casablanca", "Africa/Monrovia")  # fmt: skip


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize(
    "around", ["2028-02-29T12:00Z", "2038-01-19T03:14Z", "2026-10-04T00:00Z", "2011-12-30T10:00Z"]
)
def test_no_time_is_lost_in_any_zone(name, around):
    """Leap days, the end of 32-bit time, changes by half an hour, and a day that did not exist."""
    try:
        zone = ZoneInfo(name)
    except ZoneInfoNotFoundError:
        pytest.skip("this system has no time zones")
    begin = datetime.fromisoformat(around) - timedelta(hours=36)
    lines = [Entry(begin + timedelta(minutes=m), "A", "http://a/", METAL) for m in range(72 * 60)]
    station = at(history(lines, zone))
    assert station.seconds["metal"] == pytest.approx((72 * 60 - 1) * 60)
    counted: dict[tuple[int, int], float] = {}
    for line in lines[:-1]:
        local = line.clock.astimezone(zone)
        cell = local.weekday(), local.hour
        counted[cell] = counted.get(cell, 0.0) + 60
    # An entry may cross the full hour, where an offset has seconds.
    assert {cell: parts["metal"] for cell, parts in station.hours.items()} == pytest.approx(
        counted, abs=60
    )


@pytest.mark.parametrize(
    "clock",
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59Z",
     "1969-12-31T23:59:59Z"],
)  # fmt: skip
def test_an_impossible_time_is_a_damaged_line(tmp_path, clock):
    """Some systems and zones have no such time, and would fail later."""
    log = tmp_path / "log.jsonl"
    line = entry(0, METAL).to_json()
    log.write_text(line + "\n" + line.replace(json.loads(line)["clock"], clock) + "\n")
    for zone in (None, timezone(timedelta(hours=14)), timezone(-timedelta(hours=12))):
        found = history(read_log(log), zone)
        assert found.damaged == 1 and found.start == START
    log.write_text(line.replace(json.loads(line)["clock"], "1970-01-01T00:00:05Z"))  # no battery
    assert history(read_log(log), UTC).damaged == 0


def test_unordered_and_damaged_lines(tmp_path):
    log = tmp_path / "radio.jsonl"
    lines = [entry(1, JAZZ).to_json(), entry(0, METAL).to_json(), entry(2, PAUSED).to_json()]
    broken = ['{"schema": 1, "clo', "[]", "null", '{"schema": 2}', lines[0].replace('"A"', "7")]
    log.write_text("\n".join([*lines, *broken, ""]), encoding="utf-8")
    found = history(read_log(log), UTC)
    assert found.damaged == len(broken)
    assert at(found).seconds == {"metal": pytest.approx(60), "jazz": pytest.approx(60)}


def test_entries_survive_writing_and_reading(tmp_path):
    log = tmp_path / "radio.jsonl"
    written = [entry(0, METAL, BAD_NAME), entry(1, DOWN), entry(2, PAUSED), entry(3, Reading())]
    log.write_text("".join(one.to_json() + "\n" for one in written), encoding="utf-8")
    assert list(read_log(log)) == written


def test_other_files_are_rejected(tmp_path):
    for content in ("", "some text\n", "\xff\x00"):
        (tmp_path / "x").write_text(content, encoding="latin-1")
        with pytest.raises(InputError, match="no entry of a radio log"):
            write_page(tmp_path / "x.html", tmp_path / "x", ())
    with pytest.raises(InputError, match="No such file"):
        write_page(tmp_path / "x.html", tmp_path / "y", ())
    assert not (tmp_path / "x.html").exists()


def test_report_recognises_a_radio_log(tmp_path, capsys):
    log = tmp_path / "x.jsonl"
    lines = [entry(0, METAL).to_json(), entry(1, PAUSED).to_json(), ""]
    log.write_text("\n".join(lines), encoding="utf-8")
    assert run(["report", str(log)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'x.html'}: 1 station\n"
    assert "Metal" in (tmp_path / "x.html").read_text("utf-8")
    assert run(["report", str(log), "--format", "csv", "-o", str(tmp_path / "csv")]) == 2
    assert run(["report", str(log), "-o", str(log)]) == 2
    assert log.read_text("utf-8").startswith('{"schema": 1')


@pytest.fixture(scope="module")
def written(tmp_path_factory, model):
    """A page with two days of four stations."""
    folder = tmp_path_factory.mktemp("radio")
    quiet, unknown = Reading("no-music", None, 0.2), Reading("genre", "polka", 0.9)
    lines = []
    for minute in range(0, 48 * 60, 5):
        music = METAL if minute // 60 % 2 else JAZZ
        lines.append(entry(minute, DOWN if 300 < minute < 420 else music, BAD_NAME))
        lines.append(entry(minute, quiet if minute % 3 else Reading("unsure", None, 0.3), "News"))
        lines.append(entry(minute, DOWN, "Dead"))
        lines.append(entry(minute, unknown, "Polka"))
    log = folder / "radio.jsonl"
    log.write_text("".join(one.to_json() + "\n" for one in lines) + "{\n", encoding="utf-8")
    write_page(folder / "page.html", log, model.card.labels, UTC)
    return folder / "page.html"


def test_page_shows_heat_maps_shares_and_outages(browser, written):
    with opened(browser, written) as page:
        names = page.locator("details h3").all_inner_texts()
        assert names == [BAD_NAME, "News", "Dead", "Polka"]
        station = page.locator("details").first
        week, day = station.locator(".week > i"), station.locator(".map:not(.week) > i")
        assert week.count() == 7 * 24
        assert week.nth(10).get_attribute("title").startswith("Mon 10:00, ")
        assert week.nth(15).get_attribute("title") == "Mon 15:00, No signal 100%"
        assert week.nth(5 * 24).get_attribute("title") is None  # no data on Saturday
        assert day.count() == 3 * 24
        assert "1 outage, 1:55:00 in total" in station.inner_text()
        assert "2026-03-02 14:35:00" in station.inner_text()
        assert "No audio received" in page.locator("details").nth(2).inner_text()
        shares = page.locator(".genres section").all_inner_texts()
        assert any("Metal" in text and "50%" in text for text in shares)
        assert "1 line of the log could not be read" in page.inner_text("header")
        assert page.locator("script").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_page_has_enough_contrast_and_fits(browser, written, scheme, width):
    """WCAG AA requires a contrast of 4.5 to 1 for text."""
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 740}}
    with opened(browser, written, **options) as page:
        found = page.evaluate(CONTRAST)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert len(found) > 40
        assert all(ratio >= 4.5 for ratio, _ in found), min(found)
        background = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        light = sum(map(int, re.findall(r"\d+", background)[:3])) > 600
        assert light == (scheme == "light")
