"""HOST:PORT, as several outputs are told where to."""

from __future__ import annotations

import re

from ...errors import StreamgenreError, one_line


def host_port(text: str, default_host: str) -> tuple[str, int]:
    """Host and port of HOST:PORT or PORT; raises StreamgenreError.

    >>> host_port("studio.local:9000", "127.0.0.1"), host_port("9000", "127.0.0.1")
    (('studio.local', 9000), ('127.0.0.1', 9000))
    >>> host_port("[::1]:9000", "127.0.0.1")
    ('::1', 9000)
    >>> host_port("::1", "127.0.0.1")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    StreamgenreError: '::1' is no HOST:PORT; an IPv6 address stands in brackets: [::1]:9000
    >>> host_port("studio:99000", "127.0.0.1")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    StreamgenreError: 'studio:99000': ports go from 1 to 65535
    """
    found = re.fullmatch(r"(?:(?:\[([0-9a-fA-F:.%\w]+)\]|([^\s:\[\]/@]+)):)?(\d+)", text, re.ASCII)
    if not found:
        hint = "an IPv6 address stands in brackets: [::1]:9000"
        hint = hint if text.count(":") > 1 else "write it as in 127.0.0.1:9000"
        raise StreamgenreError(f"{one_line(text)!r} is no HOST:PORT; {hint}")
    port = int(found[3]) if len(found[3]) < 6 else 0
    if not 1 <= port <= 65_535:
        raise StreamgenreError(f"{one_line(text)!r}: ports go from 1 to 65535")
    return found[1] or found[2] or default_host, port
