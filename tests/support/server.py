"""A web server with a few pages."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Page:
    """An answer: `write` sends more than `body`, as long as it likes."""

    body: bytes = b""
    kind: str = "application/octet-stream"
    code: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    write: Callable[[Callable[[bytes], None]], None] | None = None


@contextlib.contextmanager
def served(pages: dict[str, Page]) -> Iterator[str]:
    """Serve the pages, by path; yield the address, without a slash at the end."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            page = pages.get(self.path.split("?")[0], Page(code=404))
            self.send_response(page.code)
            self.send_header("Content-Type", page.kind)
            for name, value in page.headers.items():
                self.send_header(name, value)
            if page.write is None:
                self.send_header("Content-Length", str(len(page.body)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(page.body)
                if page.write is not None:
                    page.write(self.wfile.write)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
