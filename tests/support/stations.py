"""A local server of 22 radio stations, some of which fail in various ways.

`python tests/support/stations.py LIST.m3u` writes a playlist of them and serves them in real time
until Ctrl-C.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import soundfile

if __name__ == "__main__":  # run as a script from a checkout
    sys.path += [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from support.audio_files import encode
from support.paths import EXAMPLES

SECONDS = 12
_INTERVAL = 4_096  # bytes of audio between titles
_BURST = 4.0  # s of audio sent immediately, as real stations do
_TITLE = "Motörhead – Don't stop; 'now'"
_LATIN = "Bj\xf6rk - J\xf3ga"
_FORMS = {
    "mp3": ("mp3", "libmp3lame"),
    "aac": ("adts", "aac"),
    "ogg": ("ogg", "libvorbis"),
    "opus": ("ogg", "libopus"),
    "flac": ("flac", "flac"),
}
GOOD = (
    "good mp3", "good aac", "good ogg", "good opus", "good flac", "chained",
    "redirect to a good one", "latin titles", "old shoutcast", "chunked", "wrong length",
    "playlist",
)  # fmt: skip
"""Stations that play music all the time."""
DOWN = {
    "dead port": "no server answers",
    "html": "is a web page",
    "redirect loop": "redirects to itself",
    "garbage": "",
    "404": "(404)",
    "503": "(503)",
    "trickle": "no audio for",
}
"""Stations that never play music -> part of the error message."""


class Stations:
    """Serves the stations. `paced`: in real time instead of as fast as the client reads."""

    def __init__(self, paced: bool = False) -> None:
        self._paced = paced
        self._sounds = {name: _encoded(*form) for name, form in _FORMS.items()}
        self._sounds["silence"] = _encoded(*_FORMS["mp3"], silent=True)
        self._closing = threading.Event()
        stations = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                with contextlib.suppress(OSError):
                    stations.answer(self, self.path[1:].split("?")[0])

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()

    def urls(self) -> dict[str, str]:
        """Name -> address of each station."""
        names = [
            *(f"good {name}" for name in _FORMS), "chained", "redirect to a good one",
            "latin titles", "old shoutcast", "chunked", "wrong length", "playlist.pls", "silent",
            "stalls", "disconnects", "html", "redirect loop", "garbage", "404", "503", "trickle",
        ]  # fmt: skip
        found = {
            name.removesuffix(".pls"): f"{self.url}/{name.replace(' ', '%20')}" for name in names
        }
        found["good mp3"] = found["good mp3"].replace("//", "//listener:secret@")
        return {**found, "dead port": f"http://127.0.0.1:{_free_port()}/"}

    def playlist(self, path: Path) -> Path:
        """Write a playlist of all stations and return its path."""
        lines = [f"#EXTINF:-1,{name}\n{url}\n" for name, url in self.urls().items()]
        path.write_text("#EXTM3U\n" + "".join(lines), encoding="utf-8")
        return path

    def answer(self, handler: BaseHTTPRequestHandler, path: str) -> None:
        name = path.replace("%20", " ")
        if name in ("404", "503"):
            return handler.send_error(int(name))
        if name == "redirect loop":
            return self._head(handler, {"Location": f"{self.url}/redirect%20loop"}, 302)
        if name == "redirect to a good one":
            return self._head(handler, {"Location": "/good%20ogg"}, 301)
        if name == "html":
            self._head(handler, {"Content-Type": "audio/mpeg", "icy-name": "x"})
            return handler.wfile.write(b"<!doctype html><html><body>Listen now!</body></html>" * 99)
        if name == "playlist.pls":
            self._head(handler, {"Content-Type": "audio/x-scpls"})
            servers = [f"http://127.0.0.1:{_free_port()}/", f"{self.url}/good%20aac"]
            lines = [f"File{i}={url}\nTitle{i}=server {i}\n" for i, url in enumerate(servers, 1)]
            return handler.wfile.write(("[playlist]\n" + "".join(lines)).encode())
        if name == "old shoutcast":
            handler.wfile.write(
                f"ICY 200 OK\r\nicy-name:old\r\nicy-metaint:{_INTERVAL}\r\n\r\n".encode()
            )
            return self._send(handler, _titled(self._endless("mp3"), _TITLE.encode()), "mp3")
        if name == "latin titles":
            self._head(handler, {"icy-metaint": str(_INTERVAL)})
            titles = _titled(self._endless("mp3"), _LATIN.encode("latin-1"))
            return self._send(handler, titles, "mp3")
        if name == "wrong length":
            self._head(handler, {"Content-Length": "1000", "Content-Type": "text/html"})
            return self._send(handler, self._endless("mp3"), "mp3")
        if name == "chunked":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            parts = self._endless("mp3")
            return self._send(handler, (b"%x\r\n%b\r\n" % (len(p), p) for p in parts), "mp3")
        self._head(handler, {"icy-name": name})
        if name == "trickle":
            for byte in itertools.cycle(self._sounds["mp3"]):
                if self._closing.wait(0.02):
                    return None
                handler.wfile.write(bytes([byte]))
        if name == "garbage":
            while not self._closing.wait(0.02):
                handler.wfile.write(os.urandom(4_096))
        if name == "chained":
            return self._send(handler, self._endless("ogg", "opus"), "ogg")
        if name in ("stalls", "disconnects"):
            once = iter([self._sounds["mp3"][: len(self._sounds["mp3"]) // 2]])
            self._send(handler, once, "mp3")
            if name == "stalls":
                self._closing.wait()
            return None
        form = "silence" if name == "silent" else name.removeprefix("good ")
        return self._send(handler, self._endless(form), form)

    def _head(self, handler, headers, code=200):
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()

    def _endless(self, *forms):
        for form in itertools.cycle(forms):
            data = self._sounds[form]
            for at in range(0, len(data), _INTERVAL):
                yield data[at : at + _INTERVAL]

    def _send(self, handler, parts, form):
        second = len(self._sounds[form]) / SECONDS
        began, sent = time.monotonic(), 0
        for part in parts:
            early = sent / second - _BURST - (time.monotonic() - began)
            if self._closing.wait(max(0.0, early) if self._paced else 0.0):
                return
            handler.wfile.write(part)
            sent += len(part)


def _titled(parts, title):
    """Insert a title block after every _INTERVAL bytes of audio, as in the ICY protocol."""
    block = b"StreamTitle='" + title + b"';StreamUrl='';"
    block = block.ljust(-(-len(block) // 16) * 16, b"\0")
    block, waiting = bytes([len(block) // 16]) + block, b""
    for part in parts:
        waiting += part
        while len(waiting) >= _INTERVAL:
            yield waiting[:_INTERVAL] + block
            waiting, block = waiting[_INTERVAL:], b"\0"  # an empty block keeps the title


def _encoded(form, codec, silent=False):
    """Encode 12 seconds of metal, or of silence."""
    samples, rate = soundfile.read(EXAMPLES / "metal-farewell.ogg", frames=SECONDS * 44_100)
    if rate == 44_100 and codec == "libvorbis":  # chained streams have different rates
        samples, rate = samples[::2], 22_050
    samples = samples.reshape(len(samples), -1)
    file = io.BytesIO()
    if codec == "libmp3lame" or codec == "libvorbis":
        kind = {"mp3": ("MP3", "MPEG_LAYER_III"), "ogg": ("OGG", "VORBIS")}[form]
        soundfile.write(file, samples * (not silent), rate, format=kind[0], subtype=kind[1])
    else:
        encode(file, samples.astype(np.float32), rate, form, codec)
    return file.getvalue()


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    with Stations(paced=True) as stations, contextlib.suppress(KeyboardInterrupt):
        print(stations.playlist(Path(sys.argv[1])).read_text())
        threading.Event().wait()
