"""Serve updates to WebSocket clients, and a page that shows them in streaming software.

A background thread runs the server (RFC 6455, through the websockets library).
"""

from __future__ import annotations

import asyncio
import errno
import logging
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from ...errors import ConfigError, OutputError, reason
from ...extras import install_command
from ...model.card import ModelCard
from ...model.timeline import model_to_dict
from ...update import Update
from ..timeline.json import dumps
from .address import host_port
from .log import live_line

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

MOST_CLIENTS = 100
MOST_WAITING_BYTES = 1_000_000
"""Size of a client's send buffer, enough for hours of updates. Slower clients are disconnected."""

_TRY_AGAIN_LATER = 1013
_LARGEST_MESSAGE = 1024  # from a client; messages are ignored
_GOODBYE_SECONDS = 1.0


class WebSocket:
    """A Sink that runs a server on [HOST:]PORT, by default for this machine only.

    A client first receives an object with model, labels (name, display, colour) and hop (s), then
    the latest update if there is one, then each update as in `--format jsonl`. A browser at the
    same address shows `overlay.html`. There is no access control. Raises OutputError if the server
    cannot use the port.
    """

    def __init__(self, address: str, card: ModelCard, hop: float) -> None:
        try:
            import websockets.asyncio.server
        except ImportError:
            raise ConfigError(
                f"--websocket needs websockets; run {install_command('websocket')}"
            ) from None
        self._library = websockets.asyncio.server
        self.name = f"websocket {address}"
        self._host, self._port = host_port(address, "127.0.0.1")
        self._page = Path(__file__).with_name("overlay.html").read_text("utf-8")
        hello = {
            "model": model_to_dict(card),
            "labels": [
                {name: asdict(label)[name] for name in ("name", "display", "colour")}
                for label in card.labels
            ],
            "hop": hop,
        }
        self._hello = dumps(hello)
        self._last = ""
        self._clients: set[ServerConnection] = set()
        self._ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = Thread(
            target=lambda: asyncio.run(self._serve()), name=f"streamgenre {self.name}", daemon=True
        )
        self._thread.start()
        try:
            self._loop, self._stop = self._ready.result()
        except (OSError, UnicodeError) as error:
            self._thread.join()
            taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            why = "the port is in use" if taken else reason(error)
            raise OutputError(f"{address}: {why}; choose another port") from None

    def __call__(self, update: Update, at: datetime, source: str) -> None:
        line = live_line(update, at, source).rstrip("\n")
        self._loop.call_soon_threadsafe(self._broadcast, line)

    def close(self) -> None:
        """Stop the server and its thread, and disconnect clients that do not respond."""
        with suppress(RuntimeError):  # its loop has already ended
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        # Errors of clients are not printed.
        loop.set_exception_handler(lambda loop, context: None)
        silent = logging.Logger(self.name, logging.CRITICAL + 1)
        try:
            server = await self._library.serve(
                self._client,
                self._host,
                self._port,
                process_request=self._page_or_socket,
                compression=None,
                max_size=_LARGEST_MESSAGE,
                close_timeout=_GOODBYE_SECONDS,
                logger=silent,
            )
        except Exception as error:
            self._ready.set_exception(error)
            return
        self._ready.set_result((loop, stop))
        await stop.wait()
        server.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), _GOODBYE_SECONDS)
        for client in self._clients:
            client.transport.abort()

    async def _client(self, connection: ServerConnection) -> None:
        if len(self._clients) >= MOST_CLIENTS:
            await connection.close(
                _TRY_AGAIN_LATER, f"{MOST_CLIENTS} clients are already connected"
            )
            return
        # Without an await in between, so that no update is missed or sent twice.
        self._clients.add(connection)
        try:
            hello = [self._hello, self._last] if self._last else [self._hello]
            for line in hello:
                self._library.broadcast([connection], line)
            async for _ in connection:
                pass
        finally:
            self._clients.discard(connection)

    def _broadcast(self, line: str) -> None:
        self._last = line
        for client in self._clients:
            if client.transport.get_write_buffer_size() > MOST_WAITING_BYTES:
                client.transport.abort()
        self._library.broadcast(self._clients, line)

    def _page_or_socket(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return None
        if request.path.partition("?")[0] != "/":
            return connection.respond(HTTPStatus.NOT_FOUND, "The page is at /\n")
        page = connection.respond(HTTPStatus.OK, self._page)
        del page.headers["Content-Type"]
        page.headers["Content-Type"] = "text/html; charset=utf-8"
        page.headers["Cache-Control"] = "no-store"
        return page
