"""Updates by Open Sound Control over UDP, for light, video and music software.

Open Sound Control 1.0 (Wright, 2002): one bundle an update, of the messages named in Osc.
"""

from __future__ import annotations

import socket
from datetime import datetime
from typing import Any

from ...errors import StreamgenreError
from ...model.card import ModelCard
from ...update import Update
from .address import host_port
from .background import reason

_TOP = 5


class Osc:
    """A Sink: one OSC bundle an update, to HOST:PORT.

    /streamgenre/status s, /genre s (the label's name, empty for none), /confidence f, /music f,
    /top s f s f ... (the five most probable), /colour i i i (0 to 255) and /colour/float f f f
    (0 to 1), black for no genre; and /change s s (status, genre) where the decision changes.
    Nobody needs to listen. Raises StreamgenreError where the host is unknown.
    """

    def __init__(self, address: str, card: ModelCard) -> None:
        try:
            from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
            from pythonosc.osc_message_builder import OscMessageBuilder
        except ImportError:
            raise StreamgenreError(
                "--osc needs python-osc: pip install 'streamgenre[osc]'"
            ) from None
        self._new_bundle: Any = lambda: OscBundleBuilder(IMMEDIATELY)
        self._new_message: Any = OscMessageBuilder
        self.name = f"osc {address}"
        host, port = host_port(address, "127.0.0.1")
        try:
            # Once: looking a name up again for each update could stall. Most programs of this
            # kind listen on IPv4 alone, while "localhost" is both.
            ways = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
            family, kind, protocol, _, to = min(ways, key=lambda way: way[0] != socket.AF_INET)
            self._to: Any = to
            self._socket = socket.socket(family, kind, protocol)
        except (OSError, UnicodeError) as error:
            raise StreamgenreError(
                f"--osc {address}: {reason(error)}; is the host's name right?"
            ) from None
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
