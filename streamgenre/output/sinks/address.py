"""Parse HOST:PORT."""

from __future__ import annotations

import re

from ...errors import ConfigError, one_line


def host_port(text: str, default_host: str) -> tuple[str, int]:
    """Host and port of HOST:PORT or PORT; raises ConfigError.

    >>> host_port("studio.local:9000", "127.0.0.1"), host_port("9000", "127.0.0.1")
    (('studio.local', 9000), ('127.0.0.1', 9000))
    >>> host_port("[::1]:9000", "127.0.0.1")
    ('::1', 9000)
    >>> host_port("::1", "127.0.0.1")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ConfigError: '::1' is not HOST:PORT; write an IPv6 address in brackets: [::1]:9000
    >>> host_port("studio:99000", "127.0.0.1")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ConfigError: 'studio:99000': the port must be between 1 and 65535
    """
    match = re.fullmatch(r"(?:(?:\[([0-9a-fA-F:.%\w]+)\]|([^\s:\[\]/@]+)):)?(\d+)", text, re.ASCII)
    if not match:
        hint = "write an IPv6 address in brackets: [::1]:9000"
        hint = hint if text.count(":") > 1 else "write for example 127.0.0.1:9000"
        raise ConfigError(f"{one_line(text)!r} is not HOST:PORT; {hint}")
    port = int(match[3]) if len(match[3]) < 6 else 0
    if not 1 <= port <= 65_535:
        raise ConfigError(f"{one_line(text)!r}: the port must be between 1 and 65535")
    return match[1] or match[2] or default_host, port
