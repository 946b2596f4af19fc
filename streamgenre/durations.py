"""Durations: as text, and measured across the sleep of a computer."""

from __future__ import annotations

import math
import re
import sys
import time
from contextlib import suppress

_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)\s*")


# On Linux and macOS, time.monotonic() stops while the computer sleeps.
_WITH_SLEEP: int | None = getattr(
    time, "CLOCK_MONOTONIC" if sys.platform == "darwin" else "CLOCK_BOOTTIME", None
)


def elapsed() -> float:
    """Seconds since an arbitrary moment, including the time for which the computer sleeps.

    A change of the wall clock has no effect.
    """
    return time.monotonic() if _WITH_SLEEP is None else time.clock_gettime(_WITH_SLEEP)


def clock(seconds: float, tenths: bool = False) -> str:
    """Seconds as m:ss, or h:mm:ss from an hour on.

    >>> clock(75), clock(3725), clock(12.5, tenths=True)
    ('1:15', '1:02:05', '0:12.5')
    """
    minutes, rest = divmod(round(seconds * 10) if tenths else int(seconds) * 10, 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02}:{rest // 10:02}" if hours else f"{minutes}:{rest // 10:02}"
    return f"{text}.{rest % 10}" if tenths else text


def parse_duration(text: str) -> float:
    """Seconds of a duration with units (s, m or min, h, d), or of a number of seconds.

    Raises ValueError.

    >>> parse_duration("90"), parse_duration("60s"), parse_duration("1h30m")
    (90.0, 60.0, 5400.0)
    """
    seconds, rest = 0.0, text.strip().lower()
    with suppress(ValueError):
        seconds, rest = float(rest), ""
    while match := _PART.match(rest):
        if match[2] not in _UNITS:
            break
        seconds += float(match[1]) * _UNITS[match[2]]
        rest = rest[match.end() :]
    if rest or not 0 < seconds < math.inf:
        raise ValueError(f"{text!r} is not a duration such as 90, 60s, 15m or 1h30m")
    return seconds
