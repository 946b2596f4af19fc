"""A server of internet radio that interrupts streams as a test requires."""

from __future__ import annotations

import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from streamgenre.audio.files.radio import Reconnection

QUICK = Reconnection(stall=0.5, first=0.05, longest=0.1, limit=2.0)
ICY = {"icy-name": "Test"}


class Server:
    """Answers the n-th request by the n-th function; further requests are refused with 503."""

    def __init__(self, *answers):
        self.requests = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.requests.append(dict(self.headers))
                number = len(server.requests) - 1
                if number < len(answers):
                    answers[number](self)
                else:
                    self.send_error(503)

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/live"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()


def answer(data, headers=ICY, end=None):
    """Send the data, then call `end`."""

    def send(handler):
        handler.send_response(200)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)
        handler.wfile.flush()
        if end is not None:
            end(handler)

    return send


def reset(handler):
    """Break the connection, as a network error does."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.wfile = handler.rfile = open("/dev/null", "wb")  # noqa: PTH123, SIM115


def hang(handler):
    """Send no more."""
    threading.Event().wait(QUICK.stall * 6)
