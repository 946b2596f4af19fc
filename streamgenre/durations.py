"""Durations as text."""

from __future__ import annotations


def clock(seconds: float, tenths: bool = False) -> str:
    """Seconds as m:ss, or h:mm:ss from an hour on.

    >>> clock(75), clock(3725), clock(12.5, tenths=True)
    ('1:15', '1:02:05', '0:12.5')
    """
    minutes, rest = divmod(round(seconds * 10) if tenths else int(seconds) * 10, 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02}:{rest // 10:02}" if hours else f"{minutes}:{rest // 10:02}"
    return f"{text}.{rest % 10}" if tenths else text
