"""What comes from the network: HTTP and ICY answers, WebSocket clients, brokers, addresses."""

from __future__ import annotations

import io
import socket
import struct
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import soundfile
from support.tones import CARD, LIVE

from fuzz.target import Reader, Target
from streamgenre.audio.address import is_url, resolved, scheme, shown
from streamgenre.audio.files.ffmpeg import decoder
from streamgenre.audio.files.http import HttpFile
from streamgenre.audio.files.source import Gap
from streamgenre.output.sinks.address import host_port
from streamgenre.output.sinks.mqtt import Mqtt, broker
from streamgenre.output.sinks.websocket import WebSocket

_MOST = 1 << 20  # bytes read of an answer
_RESET = struct.pack("ii", 1, 0)  # close with RST, which leaves no socket in TIME_WAIT


def _only_loopback(lookup: Any) -> Any:
    def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        if host not in ("127.0.0.1", b"127.0.0.1", "localhost"):
            raise socket.gaierror(socket.EAI_NONAME, "not on this machine")
        return lookup(host, *arguments, **options)

    return getaddrinfo


class _Server:
    """Sends the same bytes to each client, after its request if it sends one."""

    def __init__(self) -> None:
        socket.getaddrinfo = _only_loopback(socket.getaddrinfo)  # redirects stay on this machine
        self.data = b""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            client, _ = self._socket.accept()
            with suppress(OSError), client:
                client.settimeout(1)
                client.recv(65_536)
                client.sendall(self.data)
                client.shutdown(socket.SHUT_WR)
                client.recv(65_536)


@cache
def _server() -> _Server:
    return _Server()


@cache
def _websocket() -> tuple[WebSocket, int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return WebSocket(str(port), CARD, LIVE.seconds), port


def _http(data: bytes, radio: bool) -> None:
    _server().data = data
    file = HttpFile(f"http://127.0.0.1:{_server().port}/x", 1.0, radio)
    try:
        read = 0
        while read < _MOST and (part := file.read(4_096)):
            read += len(part)
        assert file.title is None or file.title.isprintable()
    finally:
        file.close()


def _decoded(data: bytes) -> None:
    _server().data = data
    file = HttpFile(f"http://127.0.0.1:{_server().port}/x", 1.0, True)
    source = decoder(file, "x", None)
    try:
        for number, block in enumerate(source.blocks()):
            assert not isinstance(block, Gap)
            if number == 50:
                return
    finally:
        source.close()


_HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def _client(data: bytes) -> None:
    """The server survives the client, and serves its page to the next one."""
    port = _websocket()[1]
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        client.settimeout(0.02)
        client.sendall(data)
        client.recv(65_536)
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        client.settimeout(10)
        answer = client.recv(100)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    assert answer.startswith(b"HTTP/1.1 200"), answer


def _broker(data: bytes) -> None:
    """The client of a broker that sends anything closes in time."""
    _server().data = data
    before = threading.active_count()
    sink = Mqtt(f"mqtt://127.0.0.1:{_server().port}/x", CARD)
    sink.close()
    assert threading.active_count() <= before


def _addresses(data: bytes) -> None:
    from streamgenre.errors import ConfigError

    text = data.decode("utf-8", "surrogateescape")
    for read in (lambda: host_port(text, "127.0.0.1"), lambda: broker(text)):
        with suppress(ConfigError):
            read()
    scheme(text)
    assert shown(text).isprintable() or not text.isprintable()
    if is_url(text):
        resolved(text)


def _seeds() -> Mapping[str, bytes]:
    buffer = io.BytesIO()
    soundfile.write(buffer, [0.1, -0.1] * 4_000, 8_000, format="OGG", subtype="VORBIS")
    sound = buffer.getvalue()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: audio/ogg\r\n"
    chunk = b"%x\r\n" % len(sound) + sound + b"\r\n0\r\n\r\n"
    title = b"\x02StreamTitle='A - B';".ljust(33, b"\0")
    icy = (
        b"ICY 200 OK\r\nicy-metaint: 400\r\nicy-name: x\r\n\r\n"
        + sound[:400]
        + title
        + sound[400:800]
    )
    answers = {
        "length": head + b"Content-Length: %d\r\nAccept-Ranges: bytes\r\n\r\n" % len(sound) + sound,
        "chunked": head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk,
        "icy": icy,
        "redirect": b"HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n",
        "missing": b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
        "page": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html></html>",
    }
    seeds = {f"{n}-{name}": bytes([n]) + data for n in (0, 1, 2) for name, data in answers.items()}
    frames = b"\x81\x85\0\0\0\0hello" + b"\x89\x80\0\0\0\0" + b"\x88\x82\0\0\0\0\x03\xe8"
    seeds |= {"3-client": b"\3" + _HANDSHAKE + frames, "3-page": b"\3" + b"GET / HTTP/1.1\r\n\r\n"}
    seeds |= {"4-broker": b"\4" + b"\x20\x02\0\0" + b"\x40\x02\0\1" + b"\xd0\0"}
    texts = ("studio.local:9000", "[::1]:9000", "mqtts://me:p%40ss@home.example/a/b",
             "http://user:pass@127.0.0.1:8000/x?y#z", "file:///tmp/x", "icy://h/s")  # fmt: skip
    return seeds | {f"6-{n}": b"\6" + text.encode() for n, text in enumerate(texts)}


def _check(data: bytes, folder: Path) -> None:
    reader = Reader(data)
    kind, rest = reader.number() % 32, reader.rest()
    if kind in (0, 1):
        _http(rest, radio=bool(kind))
    elif kind == 2:
        _decoded(rest)
    elif kind == 4:  # slow: connects from a thread
        _broker(rest)
    elif kind % 2:
        _client(rest)
    else:
        _addresses(rest)


TARGET = Target(
    "network",
    "HTTP and ICY answers, WebSocket clients, MQTT brokers, addresses of OSC and other outputs",
    _seeds,
    _check,
)
