"""The name of a recording: a path, "-" or a URL, and how messages and results show it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import InputError

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://")
_BAD_PORT = re.compile(r":(?!\d*$)[^\]]*$")


def scheme(name: str) -> str:
    """The scheme of a URL in lower case; empty for a path.

    >>> scheme("HTTP://host/x"), scheme("C:/song.mp3"), scheme("song.mp3")
    ('http', '', '')
    """
    match = _SCHEME.match(name)
    return match[1].lower() if match else ""


def is_url(name: str) -> bool:
    """Whether a name is an http(s) URL rather than a file."""
    return scheme(name) in ("http", "https")


def shown(name: str) -> str:
    """The name without user name and password: for messages, logs and results.

    >>> shown("http://me:secret@host/x"), shown("http://me:p@ss@host/x?at=a@b")
    ('http://...@host/x', 'http://...@host/x?at=a@b')
    >>> shown("http://me:pa/ss@host/x"), shown("http://host/@user"), shown("me@host.mp3")
    ('http://...@host/x', 'http://host/@user', 'me@host.mp3')
    """
    match = _SCHEME.match(name)
    if not match:
        return name
    rest = name[match.end() :]
    end = re.search("[/?#]|$", rest)
    assert end is not None
    host = rest[: end.start()]
    if "@" in host:
        return f"{match[0]}...@{rest[host.rindex('@') + 1 :]}"
    # A password with a slash ends the host part too early, and the port is not a number then.
    if "@" in rest and _BAD_PORT.search(host):
        return f"{match[0]}...@{rest[rest.rindex('@') + 1 :]}"
    return name


@dataclass(frozen=True)
class Recording:
    """A recording by name: a path, a URL or "-"."""

    where: str
    remote: bool = False
    """Whether it is an entry of a playlist from the network, which may not be a local file."""

    @property
    def name(self) -> str:
        """The name in messages and results, without a password."""
        return shown(self.where)

    @property
    def is_url(self) -> bool:
        """Whether it is on the network."""
        return scheme(self.where) in ("http", "https", "icy")

    @property
    def is_stream(self) -> bool:
        """Whether its data may arrive in real time."""
        return self.is_url or self.where == "-"


def resolved(name: str) -> str:
    """The path or http(s) URL that a name refers to.

    Some radio directories write `icy:` instead of `http:`. Raises InputError for other schemes.
    """
    if not name:
        raise InputError("'': the name is empty; pass a file, a URL or - for standard input")
    kind = scheme(name)
    if not kind:
        return name
    rest = name.split(":", 1)[1]
    if kind == "file":
        from urllib.request import url2pathname  # which loads TLS

        try:
            parts = urlsplit(name)
        except ValueError:
            raise InputError(f"{name}: is not a valid file address; pass the path") from None
        if parts.netloc.lower() in ("", "localhost"):
            return str(Path(url2pathname(parts.path)))
        if os.name == "nt":  # a shared folder of another computer
            return str(Path(url2pathname(f"//{parts.netloc}{parts.path}")))
        raise InputError(
            f"{name}: is on another computer, {parts.netloc}; mount the shared folder and pass the "
            "path of the file"
        )
    if kind == "icy":
        kind = "http"
    if kind not in ("http", "https"):
        raise InputError(
            f"{shown(name)}: {kind}: addresses are not supported; use an http or https address, "
            "or a file"
        )
    try:
        parts = urlsplit(name)
        usable = bool(parts.hostname) and (parts.port is None or parts.port >= 0)
    except ValueError:
        usable = False
    if not usable:
        raise InputError(
            f"{shown(name)}: is not a complete address; it needs a host, as in "
            "http://host:8000/stream (in a password, write %2F for / and %40 for @)"
        )
    # FFmpeg requires a scheme in lower case.
    return f"{kind}:{rest}"
