"""Send updates by Open Sound Control over UDP, for lighting, video and music software.

Open Sound Control 1.0 (Wright, 2002): one bundle per update, with the messages listed in Osc.
"""

from __future__ import annotations

import socket
from datetime import datetime
from typing import Any

from ...errors import ConfigError, OutputError, reason
from ...extras import install_command
from ...model.card import ModelCard
from ...update import Update
from .address import host_port

_TOP = 5


class Osc:
    """A Sink that sends one OSC bundle per update to HOST:PORT.

    /streamgenre/status s, /genre s (the label's name, empty for none), /confidence f, /music f,
    /top s f s f ... (the five most probable), /colour i i i (0 to 255) and /colour/float f f f
    (0 to 1), black for no genre; and /change s s (status, genre) when the decision changes.
    No receiver is required. Raises OutputError if the host is unknown.
    """

    def __init__(self, address: str, card: ModelCard) -> None:
        try:
            from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
            from pythonosc.osc_message_builder import OscMessageBuilder
        except ImportError:
            raise ConfigError(f"--osc needs python-osc; run {install_command('osc')}") from None
        self._new_bundle: Any = lambda: OscBundleBuilder(IMMEDIATELY)
        self._new_message: Any = OscMessageBuilder
        self.name = f"osc {address}"
        host, port = host_port(address, "127.0.0.1")
        try:
            # Resolve the name once, since a lookup per update could stall. Prefer IPv4, since most
            # receivers listen on IPv4 only, while "localhost" resolves to both.
            addresses = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
            family, kind, protocol, _, to = min(
                addresses, key=lambda each: each[0] != socket.AF_INET
            )
            self._to: Any = to
            self._socket = socket.socket(family, kind, protocol)
        except (OSError, UnicodeError) as error:
            raise OutputError(f"{address}: {reason(error)}; check the host name") from None
        self._socket.setblocking(False)
        if family == socket.AF_INET:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self._colours = {label.name: label.colour for label in card.labels}
        self._decision: tuple[str, str | None] | None = None

    def __call__(self, update: Update, at: datetime, source: str) -> None:
        colour = self._colours.get(update.genre or "", "#000000")
        rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        best = sorted(update.probabilities.items(), key=lambda entry: -entry[1])[:_TOP]
        messages: dict[str, list[str | float]] = {
            "status": [update.status],
            "genre": [update.genre or ""],
            "confidence": [float(update.confidence)],
            "music": [float(update.music)],
            "top": [value for name, probability in best for value in (name, float(probability))],
            "colour": [*rgb],
            "colour/float": [part / 255 for part in rgb],
        }
        decision = (update.status, update.genre)
        if decision != self._decision:
            messages["change"] = [update.status, update.genre or ""]
        self._socket.sendto(self._bundle(messages), self._to)
        self._decision = decision

    def close(self) -> None:
        self._socket.close()

    def _bundle(self, messages: dict[str, list[str | float]]) -> bytes:
        bundle = self._new_bundle()
        for name, values in messages.items():
            message = self._new_message(f"/streamgenre/{name}")
            for value in values:
                message.add_arg(value)
            bundle.add_content(message.build())
        return bytes(bundle.build().dgram)
