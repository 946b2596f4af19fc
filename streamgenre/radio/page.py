"""Write a radio log as an HTML page: genre shares, outages, and heat maps of each station.

The page is one file, makes no requests, and has no script.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from pathlib import Path

from ..durations import clock
from ..errors import InputError
from ..files import text_replacement
from ..model.card import Label
from ..pages import escaped, page
from ..wording import STATUS_WORDS, capitalised, counted
from .history import GAP, RadioHistory, StationHistory, history
from .log import read_log

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_STATUSES = "unsure", "no-music", GAP
_MAX_GENRES = 6  # rows of the daily map
_MIN_SHARE = 0.01  # share of a genre from which a station is listed under it
_MAX_OUTAGES = 10  # listed per station
_MIN_OPACITY = 0.12  # keeps every colour visible
_UNKNOWN_COLOUR = "#8a8a8a"  # for labels that the model does not have
_COLLAPSE_FROM = 12  # number of stations from which their maps are collapsed


def write_page(
    target: Path, log: Path, labels: Sequence[Label], zone: tzinfo | None = None
) -> RadioHistory:
    """Write the page of a log atomically, and return its history.

    Args:
        target: the page.
        log: a log of `streamgenre radio`.
        labels: labels of the model, for the names and colours of genres.
        zone: time zone of the page; None selects the system's.

    Raises InputError if the log cannot be read or has no entries, and OutputError.
    """
    summary = history(read_log(log), zone)
    if summary is None:
        raise InputError(
            f"{log}: contains no entry of a radio log; pass a log of streamgenre radio"
        )
    with text_replacement(target) as file:
        file.write(_Page(summary, labels).html())
    return summary


class _Page:
    def __init__(self, history: RadioHistory, labels: Sequence[Label]) -> None:
        self._history = history
        self._names = {label.name: label.display for label in labels}
        self._colours = {label.name: label.colour for label in labels}

    def html(self) -> str:
        history = self._history
        received = sum(
            seconds
            for station in history.stations
            for decision, seconds in station.seconds.items()
            if decision != GAP
        )
        zone = history.end.tzname() or "local time"
        damaged = ""
        if history.damaged:
            lines = counted(history.damaged, "line")
            damaged = f'<p class="alarm">{lines} of the log could not be read.</p>'
        return page(
            Path(__file__).parent,
            counted(len(history.stations), "radio station"),
            period=escaped(
                f"{history.start:%Y-%m-%d %H:%M} to {history.end:%Y-%m-%d %H:%M} ({zone}), "
                f"{received / 3600:,.1f} h of audio"
            ),
            damaged=damaged,
            rows="\n".join(map(self._row, self._numbered())),
            genres="\n".join(self._genres()),
            stations="\n".join(map(self._station, self._numbered())),
        )

    def _numbered(self) -> Iterable[tuple[int, StationHistory]]:
        return enumerate(self._history.stations, 1)

    def _name(self, decision: str) -> str:
        return escaped(
            self._names.get(decision) or capitalised(STATUS_WORDS.get(decision, decision))
        )

    def _style(self, decision: str) -> str:
        if decision in _STATUSES:
            return f"--colour:var(--{decision})"
        return f"--colour:{self._colours.get(decision, _UNKNOWN_COLOUR)}"

    def _row(self, numbered: tuple[int, StationHistory]) -> str:
        number, station = numbered
        shares, available = station.shares, station.availability
        bar = "".join(
            f'<i style="width:{share:.2%};{self._style(name)}" '
            f'title="{self._name(name)} {share:.0%}"></i>'
            for name, share in shares.items()
        )
        main = "No audio"
        if shares:
            first = next(iter(shares))
            main = f"{self._dot(first)}{self._name(first)} {shares[first]:.0%}"
        up = "" if available is None else _percent(available)
        return (
            f'<tr><th scope="row"><a href="#s{number}">{escaped(station.name)}</a></th>'
            f'<td>{main}</td><td class="bar" aria-hidden="true"><div>{bar}</div></td>'
            f"<td>{up}</td><td>{len(station.outages) or ''}</td></tr>"
        )

    def _dot(self, decision: str) -> str:
        return f'<span class="dot" style="{self._style(decision)}"></span>'

    def _genres(self) -> Iterator[str]:
        """Yield each genre with its stations, in descending order of their share."""
        listed: dict[str, list[tuple[float, int, str]]] = {}
        for number, station in self._numbered():
            for name, share in station.shares.items():
                if name not in _STATUSES and share >= _MIN_SHARE:
                    listed.setdefault(name, []).append((share, number, station.name))
        for name, stations in sorted(
            listed.items(), key=lambda item: -sum(share for share, *_ in item[1])
        ):
            items = "".join(
                f'<li><a href="#s{number}">{escaped(station)}</a>'
                f'<div><i style="--share:{share:.4f};{self._style(name)}"></i></div>'
                f"<span>{share:.0%}</span></li>"
                for share, number, station in sorted(stations, reverse=True)
            )
            heading = f"<h3>{self._dot(name)}{self._name(name)}</h3>"
            yield f'<section>{heading}<ol class="bars">{items}</ol></section>'

    def _station(self, numbered: tuple[int, StationHistory]) -> str:
        number, station = numbered
        opened = " open" if len(self._history.stations) < _COLLAPSE_FROM else ""
        maps = self._maps(station) if station.shares else '<p class="quiet">No audio received.</p>'
        return (
            f'<details id="s{number}"{opened}><summary><h3>{escaped(station.name)}</h3></summary>'
            f'<p class="quiet address">{escaped(station.url)}</p>'
            f"{maps}{self._outages(station)}</details>"
        )

    def _maps(self, station: StationHistory) -> str:
        genres = [name for name in station.shares if name not in _STATUSES]
        shown = genres[:_MAX_GENRES] + [name for name in _STATUSES if name in station.seconds]
        by_hour: dict[int, dict[str, float]] = {}
        for (_, hour), parts in station.hours.items():
            for name, seconds in parts.items():
                total = by_hour.setdefault(hour, {})
                total[name] = total.get(name, 0.0) + seconds
        day = "".join(
            f'<span class="label">{self._name(name)}</span>'
            + "".join(self._day_cell(name, hour, by_hour.get(hour, {})) for hour in range(24))
            for name in shown
        )
        week = "".join(
            f'<span class="label">{name}</span>'
            + "".join(
                self._week_cell(f"{name} {hour:02}:00", station.hours.get((weekday, hour), {}))
                for hour in range(24)
            )
            for weekday, name in enumerate(_DAYS)
        )
        legend = "".join(f"<li>{self._dot(name)}{self._name(name)}</li>" for name in shown)
        summary = ", ".join(
            f"{self._name(name)} {share:.0%}" for name, share in station.shares.items()
        )
        return (
            f'<div class="maps"><figure><figcaption>Share by hour of the day</figcaption>'
            f'<div class="map" role="img" aria-label="{summary}">{day}{_HOURS}</div></figure>'
            f"<figure><figcaption>Most frequent by hour of the week</figcaption>"
            f'<div class="map week" role="img" aria-label="{summary}">{week}{_HOURS}</div>'
            f'<ul class="legend">{legend}</ul></figure></div>'
        )

    def _day_cell(self, name: str, hour: int, parts: Mapping[str, float]) -> str:
        total = sum(parts.values())
        if not total:
            return "<i></i>"
        share = parts.get(name, 0.0) / total
        return self._cell(name, share, f"{hour:02}:00, {self._name(name)} {share:.0%}")

    def _week_cell(self, at: str, parts: Mapping[str, float]) -> str:
        if not parts:
            return "<i></i>"
        name = max(parts, key=parts.__getitem__)
        total = sum(parts.values())
        ranked = sorted(parts.items(), key=lambda item: -item[1])
        shares = ", ".join(f"{self._name(one)} {seconds / total:.0%}" for one, seconds in ranked)
        return self._cell(name, parts[name] / total, f"{at}, {shares}")

    def _cell(self, name: str, share: float, title: str) -> str:
        opacity = _MIN_OPACITY + (1 - _MIN_OPACITY) * share if share else 0.0
        return f'<i style="{self._style(name)};--o:{opacity:.2f}" title="{title}"></i>'

    def _outages(self, station: StationHistory) -> str:
        if not station.outages:
            return ""
        latest = station.outages[: -_MAX_OUTAGES - 1 : -1]
        total = sum(outage.seconds for outage in station.outages)
        head = f"{counted(len(station.outages), 'outage')}, {clock(total)} in total"
        if len(station.outages) > len(latest):
            head += f"; the latest {len(latest)}:"
        rows = "".join(
            f"<tr><td>{outage.start:%Y-%m-%d %H:%M:%S}</td><td>{clock(outage.seconds)}</td>"
            f"<td>{escaped(outage.error)}</td></tr>"
            for outage in latest
        )
        return (
            f'<p class="quiet">{head}</p><table class="outages"><thead><tr><th scope="col">Start'
            '</th><th scope="col">Length</th><th scope="col">Cause</th></tr></thead>'
            f"<tbody>{rows}</tbody></table>"
        )


_HOURS = '<span class="label"></span>' + "".join(
    f'<span class="hour">{hour}</span>' for hour in range(0, 24, 6)
)


def _percent(share: float) -> str:
    """Format a share; only 1 itself becomes 100%.

    >>> _percent(1.0), _percent(0.9996), _percent(0.5)
    ('100%', '99.9%', '50.0%')
    """
    return "100%" if share == 1 else f"{min(share, 0.999):.1%}"
