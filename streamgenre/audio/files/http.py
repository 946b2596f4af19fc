"""A resource of HTTP as bytes, with what FFmpeg's own client does not tell: ICY headers, titles
between the sound, and whether the data ended or the connection was lost."""

from __future__ import annotations

import base64
import http.client
import io
import os
import re
import socket
import ssl
import urllib.error
import urllib.request
from contextlib import suppress
from http.client import HTTPMessage
from typing import IO, Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from ...errors import reason
from .byteio import CHECK, ByteFile, ConnectionLostError

_SAFE = "/%:=&?~#+!$,;'@()*[]"  # characters that stay as they are in a path or query
_RESUMPTIONS = 3  # in a row without any data
_LONGEST_LINE = 1_024  # bytes of a status line
_TITLE = re.compile(rb"StreamTitle='(.*?)'(?:;|\0|$)", re.S)

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


class Breaker:
    """Breaks a connection from another thread, also while its first bytes are awaited."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._broken = False

    def hold(self, connected: socket.socket) -> None:
        """Take the socket to break; of several, as after redirects, the last one counts."""
        self._socket = connected
        if self._broken:
            self.interrupt()

    def interrupt(self) -> None:
        """End the data of the connection, now or as soon as there is one."""
        self._broken = True
        if self._socket is not None:
            with suppress(OSError):  # already closed
                # Not the method of SSLSocket, which a reading thread would see half done.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class HttpFile(ByteFile):
    """The body of the answer to a GET request.

    Args:
        url: http or https, possibly with user and password.
        timeout: seconds without data after which the connection counts as lost.
        radio: ask for titles, and read to the end of the data whatever length is stated.
        breaker: can end the connection from another thread.

    Raises ConnectionLostError if there is no usable answer.
    """

    def __init__(
        self, url: str, timeout: float, radio: bool = False, breaker: Breaker | None = None
    ) -> None:
        super().__init__()
        self._url, self._timeout, self._radio = url, timeout, radio
        self._breaker = breaker or Breaker()
        self.title: str | None = None
        """The latest title that internet radio has sent between the sound."""
        self._position = self._begun = 0
        self._answer = self._request(0)
        self.url: str = self._answer.url
        """The address after redirects, without user and password."""
        headers = self._answer.headers
        self.icy = getattr(self._answer, "icy", False) or any(
            name.lower().startswith(("icy-", "ice-")) for name in headers
        )
        """Whether this is internet radio."""
        length = headers.get("Content-Length", "")
        coded = headers.get("Content-Encoding", "identity") != "identity"
        self._size = int(length) if length.isdecimal() and not coded else None
        if radio or (self.icy and not self._size):
            self._size = None
            if not self._answer.chunked:
                self._answer.length = None
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
        if self._radio:
            headers["Icy-MetaData"] = "1"
        if start:
            headers["Range"] = f"bytes={start}-"
        request = urllib.request.Request(url, headers=headers)
        if authorization:
            # Not passed on to where a redirect leads.
            request.add_unredirected_header("Authorization", authorization)
        try:
            return _opener(self._breaker).open(request, timeout=self._timeout)
        except http.client.RemoteDisconnected:
            raise ConnectionLostError(
                "the server closed the connection without an answer"
            ) from None
        except http.client.BadStatusLine:
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
        """Read without the titles; some servers insert them although they are not asked for."""
        if not self._until_titles:
            length = self._answer.read(1)
            if found := _TITLE.search(self._answer.read(16 * length[0] if length else 0)):
                self.title = _decoded(found[1]) or None
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


def _decoded(title: bytes) -> str:
    """A title as text. Servers do not state its encoding: UTF-8, or what old programs write.

    >>> _decoded("Bj\u00f6rk".encode()), _decoded("Bj\u00f6rk".encode("latin-1"))
    ('Bj\xf6rk', 'Bj\xf6rk')
    """
    try:
        text = title.decode()
    except UnicodeDecodeError:
        text = title.decode("cp1252", "replace")
    return " ".join(text.replace("\0", " ").split())


def _opener(breaker: Breaker) -> urllib.request.OpenerDirector:
    """For http and https alone: a redirect to a file is refused."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        _Http(breaker),
        _Https(breaker),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


class _Http(urllib.request.HTTPHandler):
    """Opens http addresses; a breaker gets the sockets."""

    def __init__(self, breaker: Breaker) -> None:
        super().__init__()
        self._breaker = breaker

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_held(http.client.HTTPConnection, self._breaker), request)


class _Https(urllib.request.HTTPSHandler):
    """Opens https addresses; a breaker gets the sockets."""

    def __init__(self, breaker: Breaker) -> None:
        super().__init__()
        self._breaker = breaker

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        context = ssl.create_default_context()
        connection = _held(http.client.HTTPSConnection, self._breaker)
        return self.do_open(connection, request, context=context)


def _held(kind: type[http.client.HTTPConnection], breaker: Breaker) -> Any:
    """A class of connections that gives its socket to a breaker, and understands "ICY 200 OK"."""

    class Connection(kind):  # type: ignore[valid-type, misc]
        response_class = _Response

        def connect(self) -> None:
            super().connect()
            breaker.hold(self.sock)

    return Connection


class _Response(http.client.HTTPResponse):
    """An answer that may begin with "ICY 200 OK", as that of old SHOUTcast servers does."""

    icy = False
    """Whether it does."""

    def begin(self) -> None:
        if self.headers is None and self.fp.peek(3)[:3] == b"ICY":
            self.icy = True
            self.fp = io.BufferedReader(_WithVersion(self.fp))
        super().begin()


class _WithVersion(io.RawIOBase):
    """The bytes of an answer with HTTP/1.0 in place of its first word."""

    def __init__(self, answer: io.BufferedReader) -> None:
        self._answer = answer
        self._ahead = b"HTTP/1.0" + answer.readline(_LONGEST_LINE).removeprefix(b"ICY")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._ahead or self._answer.read1(len(buffer))
        data, self._ahead = data[: len(buffer)], data[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._answer.close()
        super().close()


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects without reading their bodies, which may have no end."""

    def http_error_302(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage
    ) -> Any:
        fp.close()
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


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
