"""Publish updates over MQTT, with discovery for Home Assistant.

MQTT 3.1.1 (OASIS, 2014) through paho. The topics and discovery messages follow Home Assistant's
documentation of MQTT discovery.
"""

from __future__ import annotations

import hashlib
import re
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from ...errors import ConfigError, OutputError, reason
from ...extras import install_command
from ...model.card import ModelCard
from ...update import Update
from ..timeline.json import dumps
from .log import live_entries

STATE_SECONDS = 5.0
"""Interval at which the state is published between changes of the decision."""

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_FORM = "mqtt[s]://[user:password@]host[:port][/prefix]"
_KEEPALIVE_SECONDS = 30  # the broker publishes the last will after 1.5 times this
_LONGEST_RETRY_SECONDS = 30
_GOODBYE_SECONDS = 1.0


@dataclass(frozen=True)
class Broker:
    """Address of the broker, and the prefix of the topics."""

    host: str
    port: int
    tls: bool
    prefix: str
    user: str | None
    password: str | None = field(repr=False)


def broker(url: str) -> Broker:
    """Parse an MQTT URL. Raises ConfigError, whose message never contains a password.

    >>> broker("mqtts://home.example/studio/genre")
    Broker(host='home.example', port=8883, tls=True, prefix='studio/genre', user=None)
    >>> broker("mqtt://me:secret@home.example").prefix
    'streamgenre'
    """
    try:
        parts = urlsplit(url)
        default_port = _PORTS[parts.scheme]  # KeyError for another scheme
        port = parts.port or default_port
        host = parts.hostname or ""
        host.encode("idna")
    except (KeyError, ValueError):
        host = ""
    prefix = unquote(parts.path).strip("/") if host else ""
    # An unquoted special character in a password moves the rest of it into another part.
    if not host or parts.query or parts.fragment or "@" in prefix:
        raise ConfigError(
            f"--mqtt: use a URL like {_FORM}; in a password, write %2F for /, %40 for @, %23 for #"
        )
    if not re.fullmatch(r"(?!\$)[^+#\x00-\x1f]{0,200}", prefix):
        raise ConfigError(
            "--mqtt: the topic prefix must have at most 200 characters, no + or #, and no leading $"
        )
    return Broker(
        host,
        port,
        parts.scheme == "mqtts",
        prefix or "streamgenre",
        None if parts.username is None else unquote(parts.username),
        None if parts.password is None else unquote(parts.password),
    )


class Mqtt:
    """A Sink that publishes the state at PREFIX/state and "online" or "offline" at PREFIX/status.

    Messages are retained. The sink reconnects automatically. Without a connection, only the latest
    state is kept. Instances at the same broker need different prefixes. Raises ConfigError for an
    invalid URL.
    """

    def __init__(self, url: str, card: ModelCard) -> None:
        try:
            import paho.mqtt.client as paho
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError:
            raise ConfigError(f"--mqtt needs paho-mqtt; run {install_command('mqtt')}") from None
        to = broker(url)
        self._where = f"{to.host}:{to.port}"
        self.name = f"mqtt {self._where}/{to.prefix}"
        self._status, self._topic = f"{to.prefix}/status", f"{to.prefix}/state"
        self._discovery = discovery(to.prefix, card)
        self._labels = {label.name: label for label in card.labels}
        self._decision: tuple[str, str | None] | None = None
        self._due = 0.0
        self._state = ""
        self._why = ""
        self._lock = threading.Lock()  # a new connection starts with the latest state
        # Use the same client ID on each start, so that the broker ends the connection of a killed
        # process (and publishes its last will) before this one publishes "online".
        digest = hashlib.sha256(f"{socket.gethostname()}/{to.prefix}".encode()).hexdigest()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=f"streamgenre{digest[:12]}"
        )
        if to.user is not None:
            self._client.username_pw_set(to.user, to.password)
        if to.tls:
            self._client.tls_set()
        self._client.will_set(self._status, "offline", retain=True)
        self._client.reconnect_delay_set(1, _LONGEST_RETRY_SECONDS)
        self._client.on_connect = self._connected
        self._client.on_connect_fail = self._not_connected
        self._client.on_disconnect = self._disconnected
        self._client.connect_async(to.host, to.port, _KEEPALIVE_SECONDS)
        self._client.loop_start()

    def __call__(self, update: Update, at: datetime, source: str) -> None:
        decision = (update.status, update.genre)
        now = time.monotonic()
        with self._lock:
            self._state = self._state_of(update, at, source)
            connected = self._client.is_connected()
            if connected and (decision != self._decision or now >= self._due):
                self._client.publish(self._topic, self._state, retain=True)
                self._decision, self._due = decision, now + STATE_SECONDS
        if not connected:
            raise OutputError(f"not connected to {self._where}{self._why}")

    def close(self) -> None:
        """Publish "offline", if the broker responds quickly, and end the thread."""
        if self._client.is_connected():
            sent = self._client.publish(self._status, "offline", retain=True)
            with suppress(RuntimeError):  # connection lost: the last will is published
                sent.wait_for_publish(_GOODBYE_SECONDS)
        self._client.disconnect()
        self._client.loop_stop()

    def _state_of(self, update: Update, at: datetime, source: str) -> str:
        label = self._labels.get(update.genre or "")
        shown = {
            "display": label.display if label else update.status,
            "colour": label.colour if label else None,
        }
        return dumps(live_entries(update, at, source) | shown)

    def _connected(self, client: Any, _: Any, flags: Any, code: Any, properties: Any) -> None:
        if code.is_failure:
            self._why = f": {code}"
            return
        self._why = ""
        for topic, message in self._discovery.items():
            client.publish(topic, message, retain=True)
        client.publish(self._status, "online", retain=True)
        with self._lock:
            if self._state:
                client.publish(self._topic, self._state, retain=True)

    def _not_connected(self, client: Any, _: Any) -> None:
        error = sys.exception()  # paho calls this while it handles the error
        self._why = f": {reason(error)}" if isinstance(error, Exception) else ""

    def _disconnected(self, client: Any, _: Any, flags: Any, code: Any, properties: Any) -> None:
        # A broker that rejects the connection also disconnects; keep the more specific reason.
        self._why = self._why or f": {code}"


def discovery(prefix: str, card: ModelCard) -> dict[str, str]:
    """Topic -> discovery message for Home Assistant: genre, confidence and presence of music."""
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", prefix)
    common = {
        "availability_topic": f"{prefix}/status",
        "state_topic": f"{prefix}/state",
        "device": {
            "identifiers": [name],
            "name": prefix,
            "manufacturer": "streamgenre",
            "model": card.name,
            "sw_version": card.version,
        },
    }
    entities: dict[tuple[str, str], dict[str, str]] = {
        ("sensor", "genre"): {
            "name": "Genre",
            "icon": "mdi:music",
            "value_template": "{{ value_json.display }}",
        },
        ("sensor", "confidence"): {
            "name": "Confidence",
            "icon": "mdi:gauge",
            "unit_of_measurement": "%",
            "state_class": "measurement",
            "value_template": "{{ (value_json.confidence * 100) | round }}",
        },
        ("binary_sensor", "music"): {
            "name": "Music",
            "icon": "mdi:speaker",
            "value_template": "{{ 'ON' if value_json.status in ['genre', 'unsure'] else 'OFF' }}",
        },
    }
    return {
        f"homeassistant/{kind}/{name}/{entity}/config": dumps(
            common | {"unique_id": f"{name}_{entity}"} | entries
        )
        for (kind, entity), entries in entities.items()
    }
