"""Working and failing stations at once: the log is complete, and all threads end."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from support.stations import DOWN, GOOD, Stations
from support.waiting import threads, wait_for

from streamgenre import ConfigError
from streamgenre.radio import monitor
from streamgenre.radio.monitor import Radio, Schedule
from streamgenre.radio.receiver import Patience
from streamgenre.radio.stations import Station, read_stations

QUICK = Patience(silence=1.5, first=0.05, longest=0.2, ahead=3.0)
TITLES = {"latin titles": "Björk - Jóga", "old shoutcast": "Motörhead – Don't stop; 'now'"}


@pytest.fixture(scope="module")
def served():
    with Stations() as stations:
        yield stations


def of(entries, name):
    return [entry.reading for entry in entries if entry.station == name]


def missing(entries):
    """Expected content that the log does not contain yet."""
    wrong = []
    for name in GOOD:
        readings = of(entries, name)
        if not any(one.genre == "metal" and one.confidence > 0.5 for one in readings):
            wrong.append(f"{name}: no metal")
        if name in TITLES and TITLES[name] not in [one.title for one in readings]:
            wrong.append(f"{name}: no title")
    for name, why in DOWN.items():
        if len([one for one in of(entries, name) if one.error and why in one.error]) < 2:
            wrong.append(f"{name}: not down twice")
    if "no-music" not in [one.status for one in of(entries, "silent")]:
        wrong.append("silent: not detected")
    for name, why in (("stalls", "no audio for"), ("disconnects", "the data ended")):
        recovered = any(
            why in (first.error or "") and second.genre
            for first, second in pairwise(of(entries, name))
        )
        if not recovered:
            wrong.append(f"{name}: did not recover")
    return wrong


def test_working_and_failing_stations_at_once(model, served, tmp_path):
    stations, errors = read_stations([str(served.playlist(tmp_path / "list.m3u"))])
    assert len(stations) == len(served.urls()) == 22 and not errors
    entries = []

    def complete():
        entries.extend(radio.take(0.1))
        return not missing(entries)

    with Radio(stations, model, interval=1.0, patience=QUICK, shortest=0.1) as radio:
        try:
            wait_for(complete, 300)
        except AssertionError:
            raise AssertionError(missing(entries)) from None
        assert len(threads("streamgenre radio ")) <= len(stations)
        assert radio.close()
        entries += radio.take()
    assert not threads("streamgenre radio")

    # The last entry of each station is "paused".
    for station in stations:
        assert of(entries, station.name)[-1].status == "paused"
    labels = set(model.card.label_names)
    for entry in entries:
        line = json.loads(entry.to_json())
        assert list(line) == [
            "schema", "clock", "station", "url", "status", "genre", "confidence",
            "probabilities", "title", "error",
        ]  # fmt: skip
        received = line["status"] in ("genre", "unsure", "no-music")
        assert set(line["probabilities"]) == (labels if received else set())
        assert (line["confidence"] is not None) == received
        if line["genre"]:
            assert line["confidence"] == line["probabilities"][line["genre"]]
        assert line["clock"].endswith("Z")
        assert "secret" not in entry.to_json()
    assert any("http://...@" in entry.url for entry in entries)


def test_unchanged_station_is_logged_at_each_interval(model, served):
    station = Station("dead", served.urls()["dead port"])
    entries = []
    with Radio([station], model, interval=0.5, patience=QUICK) as radio:
        for entry in radio:
            entries.append(entry)
            if len(entries) == 4:
                break
    first, *others = entries
    assert "no server answers" in first.reading.error
    assert all(not other.reading.differs(first.reading) for other in others)


def test_schedule_with_single_sessions_ends(model, served):
    stations = [Station(name, served.urls()[name]) for name in ("good ogg", "stalls", "404")]
    with Radio(stations, model, schedule=Schedule(listen=2.0), patience=QUICK) as radio:
        entries = list(radio)
        assert radio.ended
    for station in stations:
        assert of(entries, station.name)[-1].status == "paused"
    wait_for(lambda: not threads("streamgenre radio"))


def test_schedule_repeats_each_station(model, served):
    stations = [Station(name, served.urls()[name]) for name in ("good ogg", "good mp3")]
    entries = []

    def two_sessions():
        entries.extend(radio.take(0.1))
        return all(
            sum(
                first.status != "paused" and second.status == "paused"
                for first, second in pairwise(of(entries, station.name))
            ) > 1
            for station in stations
        )  # fmt: skip

    with Radio(stations, model, schedule=Schedule(4.0, 4.5), patience=QUICK) as radio:
        wait_for(two_sessions)


def test_sessions_are_spread_evenly():
    starts = [Schedule(60, 3600).first(i, 1000) for i in range(1000)]
    assert max(starts) < 3600  # each station has its turn
    overlapping = max(sum(start < at <= start + 60 for start in starts) for at in starts)
    assert overlapping <= 21
    assert Schedule().first(7, 10) == 0.0


@pytest.mark.parametrize("times", [(None, 60.0), (60.0, 60.0)])
def test_impossible_schedule_is_rejected(times):
    with pytest.raises(ConfigError, match="must be longer"):
        Schedule(*times)


def test_queue_of_entries_is_bounded(model, served, monkeypatch):
    monkeypatch.setattr(monitor, "_MAX_ENTRIES", 3)
    station = Station("dead", served.urls()["dead port"])
    with Radio([station], model, interval=0.1, patience=QUICK) as radio:
        wait_for(lambda: radio.lost > 2)
        assert len(radio.take()) <= 3


def test_error_of_the_model_is_raised_to_the_caller(model, served, monkeypatch):
    class BrokenError(Exception):
        pass

    def fail(*_):
        raise BrokenError

    station = Station("good", served.urls()["good mp3"])
    with Radio([station], model, patience=QUICK) as radio:
        monkeypatch.setattr(radio._pool, "collect", fail)
        with pytest.raises(BrokenError):
            list(radio)
    assert not threads("streamgenre radio")


def test_a_loss_that_was_not_logged_yet_is_logged_with_its_time(model):
    """Closed while it waits to reconnect: the outage has a length."""
    station = Station("dead", "http://127.0.0.1:9/x")
    with Radio([station], model, shortest=60.0, patience=Patience(first=60.0)) as radio:
        wait_for(lambda: radio.views[0].reading.error and radio.views[0].since > 1.2)
    down, paused = radio.take()
    assert down.reading.error and paused.reading.status == "paused"
    assert (paused.clock - down.clock).total_seconds() > 1
