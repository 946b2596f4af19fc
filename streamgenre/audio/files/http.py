"""A resource of HTTP as bytes, with what FFmpeg's own client does not tell: ICY headers, and
whether the data ended or the connection was lost."""

from __future__ import annotations

import base64
import http.client
import os
import socket
import ssl
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from ...errors import reason
from .byteio import CHECK, ByteFile, ConnectionLostError

_SAFE = "/%:=&?~#+!$,;'@()*[]"  # characters that stay as they are in a path or query
_RESUMPTIONS = 3  # in a row without any data


_REFUSALS = {
    401: (
        "the server requires a user name and password, or refuses those given",
        "write http://user:password@host/...",
    ),
    403: ("the server refuses access (403)", "check the address"),
    404: ("there is nothing at this address (404)", "check it"),
    410: ("there is nothing at this address any more (410)", "check it"),
    429: ("the server refuses further requests for now (429)", "try again later"),
}


class OldShoutcastError(Exception):
    """The server answers "ICY 200 OK", which only FFmpeg's client understands."""


class HttpFile(ByteFile):
    """The body of the answer to a GET request.

    Args:
        url: http or https, possibly with user and password.
        timeout: seconds without data after which the connection counts as lost.

    Raises ConnectionLostError if there is no usable answer, and OldShoutcastError.
    """

    def __init__(self, url: str, timeout: float) -> None:
        super().__init__()
        self._url, self._timeout = url, timeout
        self._position = self._begun = 0
        self._answer = self._request(0)
        self.url: str = self._answer.url
        """The address after redirects, without user and password."""
        headers = self._answer.headers
        self.icy = any(name.lower().startswith(("icy-", "ice-")) for name in headers)
        """Whether this is internet radio."""
        length = headers.get("Content-Length", "")
        coded = headers.get("Content-Encoding", "identity") != "identity"
        self._size = int(length) if length.isdecimal() and not coded else None
        if self.icy and not self._size:
            self._size = None
        self._ranges = headers.get("Accept-Ranges", "").lower() == "bytes"
        interval = headers.get("icy-metaint", "")
        self._interval = int(interval) if interval.isdecimal() else 0
        self._until_titles = self._interval

    @property
    def size(self) -> int | None:
        """See ByteFile."""
        return self._size

    @property
    def left(self) -> int | None:
        """See ByteFile."""
        return None if self._size is None else self._size - self.tell()

    @property
    def live(self) -> bool:
        """See ByteFile."""
        return True

    def _request(self, start: int) -> Any:
        url, authorization = _split_user(self._url)
        headers = {"User-Agent": "streamgenre", "Accept": "*/*"}
        if start:
            headers["Range"] = f"bytes={start}-"
        request = urllib.request.Request(url, headers=headers)
        if authorization:
            # Not passed on to where a redirect leads.
            request.add_unredirected_header("Authorization", authorization)
        try:
            return _opener().open(request, timeout=self._timeout)
        except http.client.BadStatusLine as error:
            if str(error).startswith(("ICY", "'ICY")):
                raise OldShoutcastError from None
            raise ConnectionLostError("the server does not speak HTTP") from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise ConnectionLostError(*_reason(error)) from None

    def get(self, size: int) -> bytes:
        """See ByteFile; continues where the connection was lost if the server can."""
        for _ in range(_RESUMPTIONS):
            try:
                if self._answer is None:
                    self._resume()
                data = self._titled(size) if self._interval else self._answer.read1(size)
            except (OSError, ValueError, http.client.HTTPException) as error:
                reason, _ = _reason(error)
            else:
                self._position += len(data)
                if data or self._size is None or self._position >= self._size:
                    return bytes(data)
                reason = "the connection was closed early"
            if self._size is None or not self._ranges:
                break
            self._drop()
        raise ConnectionLostError(reason)

    def _resume(self) -> None:
        answer = self._request(self._position)
        if self._position and answer.status != 206:
            answer.close()
            raise ConnectionLostError("the server cannot continue in the middle")
        self._answer = answer

    def _drop(self) -> None:
        if self._answer is not None:
            self._answer.close()
        self._answer = None

    def _titled(self, size: int) -> bytes:
        """Read without the titles that some servers insert although they are not asked for."""
        if not self._until_titles:
            length = self._answer.read(1)
            self._answer.read(16 * length[0] if length else 0)
            self._until_titles = self._interval
        data: bytes = self._answer.read1(min(size, self._until_titles))
        self._until_titles -= len(data)
        return data

    def seekable(self) -> bool:
        """See ByteFile; only mp4 is read out of order, since its index may be at the end."""
        return self._ranges and self._size is not None and self.peek(8)[4:] == b"ftyp"

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """See ByteFile."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: self._size or 0}[whence]
        if base + offset != self.tell():
            self._ahead = b""
            self._position = base + offset
            self._drop()
        return base + offset

    def tell(self) -> int:
        """See ByteFile."""
        return self._position - len(self._ahead)

    def close(self) -> None:
        """See ByteFile."""
        self._drop()


def _opener() -> urllib.request.OpenerDirector:
    """For http and https alone: a redirect to a file is refused."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _split_user(url: str) -> tuple[str, str]:
    """The URL as it is sent, and the value of the header Authorization, possibly empty."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    authorization = ""
    if user:
        authorization = "Basic " + base64.b64encode(unquote(user).encode()).decode()
    if not host.isascii():
        host = host.encode("idna").decode()
    path, query = quote(parts.path, _SAFE), quote(parts.query, _SAFE)
    return urlunsplit((parts.scheme.lower(), host, path or "/", query, "")), authorization


def _reason(error: Exception) -> tuple[str, str]:
    """What went wrong, and what to do."""
    if isinstance(error, urllib.error.HTTPError):
        if "not allowed" in str(error.reason):
            return "it redirects to an address that is not on the web", "check the address"
        if 300 <= error.code < 400:
            return "the address redirects to itself, without end", "check it"
        if error.code >= 500:
            return f"the server has a fault ({error.code})", "try again later"
        words = f"the server refuses the request ({error.code})"
        return _REFUSALS.get(error.code, (words, "check the address"))
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(inner, TimeoutError):
        return "no answer in time", "check the address, or try again later"
    if isinstance(inner, socket.gaierror):
        return "there is no such host, or no network", "check the address and the connection"
    if isinstance(inner, ConnectionRefusedError):
        return "no server answers at this host and port", "check the address"
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"the certificate is not valid ({inner.verify_message})", CHECK
    if isinstance(inner, http.client.IncompleteRead):
        return "the connection was closed early", CHECK
    return reason(inner) if isinstance(inner, Exception) else str(inner), CHECK
