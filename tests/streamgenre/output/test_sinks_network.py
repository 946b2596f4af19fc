"""Network sinks, each with a real receiver: OSC, WebSocket and MQTT."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection

import pytest
from support import waiting

from streamgenre.errors import ConfigError, OutputError
from streamgenre.output.sinks import mqtt as mqtt_sink
from streamgenre.output.sinks import websocket as websocket_sink
from streamgenre.output.sinks.background import BackgroundSink
from streamgenre.output.sinks.log import live_entries
from streamgenre.output.sinks.mqtt import Mqtt, broker, discovery
from streamgenre.output.sinks.osc import Osc, host_port
from streamgenre.output.sinks.websocket import WebSocket
from streamgenre.update import Update

AT = datetime(2025, 3, 4, 5, 6, 7, 89_000, UTC)


def make(card, status="genre", number=1.0):
    names = card.label_names
    return Update(
        time=number,
        status=status,
        genre=names[1] if status == "genre" else None,
        top=names[1],
        confidence=0.834,
        music=0.9,
        probabilities={name: 1 / (i + 2) for i, name in enumerate(reversed(names))},
        level=-20.0,
        styles={},
    )


wait_for = waiting.wait_for


def free_port():
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return server.getsockname()[1]


def accepts(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(
    ("kind", "library", "extra"),
    [
        (lambda card: Osc("9000", card), "pythonosc.osc_bundle_builder", "osc"),
        (lambda card: WebSocket("9000", card, 1.0), "websockets.asyncio.server", "websocket"),
        (lambda card: Mqtt("mqtt://host", card), "paho.mqtt.client", "mqtt"),
    ],
)
def test_a_missing_library_is_one_line(kind, library, extra, model, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigError, match=rf"^--{extra} needs .*pip install '.*\[{extra}\]'$"):
        kind(model.card)


BAD = ["", "host", "host:", "host:x", "::1", "[::1]", "host:0", "host:65536", "a b:1", "http://a:1"]


@pytest.mark.parametrize("text", BAD)
def test_invalid_addresses(text):
    with pytest.raises(ConfigError, match=r"HOST:PORT|the port must be"):
        host_port(text, "127.0.0.1")


@pytest.fixture
def receiver():
    """A port, and a function that receives an OSC bundle as a list of (address, values)."""
    pytest.importorskip("pythonosc")
    from pythonosc.osc_bundle import OscBundle

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(60)

        def receive():
            bundle = OscBundle(sock.recv(65_536))
            return [(message.address, message.params) for message in bundle]

        yield sock.getsockname()[1], receive


def test_osc_sends_a_bundle_for_each_update(receiver, model):
    port, receive = receiver
    label = model.card.labels[1]
    sink = Osc(f"localhost:{port}", model.card)
    sink(make(model.card), AT, "default")
    got = dict(receive())
    assert got["/streamgenre/status"] == ["genre"]
    assert got["/streamgenre/genre"] == [label.name]
    assert got["/streamgenre/confidence"] == [pytest.approx(0.834)]
    assert got["/streamgenre/music"] == [pytest.approx(0.9)]
    best = list(reversed(model.card.label_names))[:5]
    assert got["/streamgenre/top"][::2] == best
    assert got["/streamgenre/top"][1::2] == pytest.approx([1 / (i + 2) for i in range(5)])
    colour = [int(label.colour[i : i + 2], 16) for i in (1, 3, 5)]
    assert got["/streamgenre/colour"] == colour
    assert got["/streamgenre/colour/float"] == pytest.approx([part / 255 for part in colour])
    assert got["/streamgenre/change"] == ["genre", label.name]
    sink(make(model.card), AT, "default")
    assert "/streamgenre/change" not in dict(receive())
    sink(make(model.card, "no-music"), AT, "default")
    got = dict(receive())
    assert got["/streamgenre/change"] == ["no-music", ""] and got["/streamgenre/genre"] == [""]
    assert got["/streamgenre/colour"] == [0, 0, 0]
    sink.close()


def test_osc_needs_no_receiver_but_an_existing_host(model):
    pytest.importorskip("pythonosc")
    sink = Osc(f"127.0.0.1:{free_port()}", model.card)
    for _ in range(5):
        sink(make(model.card), AT, "default")
        time.sleep(0.01)
    sink.close()
    with pytest.raises(OutputError, match=r"^nowhere\.invalid:9000: .*host"):
        Osc("nowhere.invalid:9000", model.card)


@pytest.fixture
def server(model):
    """A WebSocket sink and its port."""
    pytest.importorskip("websockets")
    port = free_port()
    sink = WebSocket(str(port), model.card, 0.5)
    yield sink, port
    sink.close()


def connect(port, **options):
    from websockets.sync.client import connect

    return connect(f"ws://127.0.0.1:{port}/", **options)


def connect_and_sleep(port):
    """A client that never reads and does not answer a close."""
    sleeper = socket.create_connection(("127.0.0.1", port))
    sleeper.sendall(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    return sleeper


def test_a_websocket_client_gets_hello_then_the_last_update_then_each(server, model):
    sink, port = server
    update = make(model.card)
    with connect(port) as first:
        hello = json.loads(first.recv(60))
        assert hello["model"]["name"] == model.card.name
        assert hello["hop"] == 0.5
        label = model.card.labels[2]
        assert hello["labels"][2] == {
            "name": label.name,
            "display": label.display,
            "colour": label.colour,
        }
        sink(update, AT, "default")
        assert json.loads(first.recv(60)) == live_entries(update, AT, "default")
        with connect(port) as second:
            assert "labels" in json.loads(second.recv(60))
            assert json.loads(second.recv(60))["time"] == 1.0
            for number in range(2, 30):
                sink(make(model.card, number=number), AT, "default")
            for client in (first, second):
                assert [json.loads(client.recv(60))["time"] for _ in range(2, 30)] == [
                    *range(2, 30)
                ]
        sink(update, AT, "default")
        assert json.loads(first.recv(60))["time"] == 1.0


def test_a_browser_gets_the_page(server):
    _, port = server
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/?width=800", timeout=600) as answer:
        page = answer.read().decode()
        assert answer.headers.get_all("Content-Type") == ["text/html; charset=utf-8"]
        assert int(answer.headers["Content-Length"]) == len(page.encode())
    assert "new WebSocket" in page and "http" not in page.replace('"https:"', "")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/other", timeout=600)


def test_a_client_that_never_reads_is_disconnected_and_delays_no_other(
    server, model, monkeypatch, capfd
):
    sink, port = server
    monkeypatch.setattr(websocket_sink, "MOST_WAITING_BYTES", 200_000)
    sleeper = connect_and_sleep(port)
    wait_for(lambda: len(sink._clients) == 1)
    with connect(port) as reader:
        reader.recv(60)
        assert len(sink._clients) == 2
        for number in range(20_000):
            sink(make(model.card, number=number), AT, "default")
            if number % 100 == 99:
                assert [json.loads(reader.recv(60))["time"] for _ in range(100)][-1] == number
                if len(sink._clients) == 1:
                    break
        assert len(sink._clients) == 1
        sink(make(model.card, number=-1), AT, "default")
        assert json.loads(reader.recv(60))["time"] == -1
    sleeper.close()
    assert capfd.readouterr() == ("", "")


def test_the_number_of_clients_is_limited(server, monkeypatch):
    from websockets.exceptions import ConnectionClosed

    _, port = server
    monkeypatch.setattr(websocket_sink, "MOST_CLIENTS", 2)
    with connect(port) as one, connect(port) as two:
        assert one.recv(60) and two.recv(60)
        with connect(port) as three, pytest.raises(ConnectionClosed, match="1013"):
            three.recv(60)
        two.close()
        with connect(port) as four:
            assert four.recv(60)


def test_a_port_in_use_is_one_line(server, model):
    _, port = server
    with pytest.raises(OutputError, match=f"^{port}: the port is in use"):
        WebSocket(str(port), model.card, 1.0)
    with pytest.raises(OutputError, match=r"^nowhere\.invalid:9000: "):
        WebSocket("nowhere.invalid:9000", model.card, 1.0)


def test_the_server_stops_whatever_its_clients_do(model):
    pytest.importorskip("websockets")
    from websockets.exceptions import ConnectionClosedOK

    port = free_port()
    sink = WebSocket(f"127.0.0.1:{port}", model.card, 1.0)
    background = BackgroundSink(sink)
    silent = socket.create_connection(("127.0.0.1", port))
    half = HTTPConnection("127.0.0.1", port)
    half.putrequest("GET", "/")
    half.endheaders()
    sleeper = connect_and_sleep(port)
    with connect(port) as client:
        wait_for(lambda: len(sink._clients) == 2)
        assert client.recv(60)  # before it is closed: older clients discard what they have
        assert background.close(timeout=600)
        assert not waiting.threads("websocket")
        with pytest.raises(ConnectionClosedOK) as closed:
            client.recv(60)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001
    for each in (silent, half, sleeper):
        each.close()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


SECRETS = [
    "mqtt://me:s3cret",
    "mqtt://me:s3/cret@host",
    "mqtt://me:12/s3cret@host",
    "mqtt://me:s3#cret@host/x",
    "mqtt://me:s3cret@host:99999",
    "mqtt://me:s3cret@/prefix",
    "http://me:s3cret@host",
    "mqtt://me:s3cret@host/a/+",
    "mqtt://me:s3cret@host/a?b=c",
    "me:s3cret@host",
    f"mqtt://me:s3cret@{'x' * 70}",
]


@pytest.mark.parametrize("url", SECRETS)
def test_a_bad_mqtt_url_is_one_line_without_the_password(url):
    with pytest.raises(ConfigError, match=r"^--mqtt: ") as error:
        broker(url)
    assert "s3" not in str(error.value) and "cret" not in str(error.value).replace("secret", "")
    assert error.value.__context__ is None or error.value.__suppress_context__


def test_the_parts_of_an_mqtt_url():
    assert broker("mqtts://me:p%40ss%2F@host/a%20b/") == mqtt_sink.Broker(
        "host", 8883, True, "a b", "me", "p@ss/"
    )
    assert broker("mqtt://[::1]:99").host == "::1"


class Mosquitto:
    """A real broker with a password, which can be killed and restarted."""

    def __init__(self, folder):
        self.port, self._folder, self._process = free_port(), folder, None
        passwords = folder / "passwords"
        passwords.touch(0o600)
        subprocess.run(["mosquitto_passwd", "-b", passwords, "me", "s3cret"], check=True)
        (folder / "conf").write_text(
            f"listener {self.port} 127.0.0.1\npassword_file {passwords}\n"
            "allow_anonymous false\nuser root\n"
        )

    def start(self):
        self._process = subprocess.Popen(
            [shutil.which("mosquitto", path=PATH), "-c", self._folder / "conf"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(lambda: accepts(self.port))

    def kill(self):
        if self._process:
            self._process.kill()
            self._process.wait()


PATH = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin"


@pytest.fixture
def mosquitto(tmp_path):
    pytest.importorskip("paho.mqtt.client")
    if not shutil.which("mosquitto", path=PATH) or not shutil.which("mosquitto_passwd"):
        pytest.skip("needs the MQTT broker mosquitto")
    broker = Mosquitto(tmp_path)
    yield broker
    broker.kill()


class Home:
    """A subscriber to all topics, as Home Assistant is: all messages and the retained ones."""

    def __init__(self, port):
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self.got, self.retained = {}, {}
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.username_pw_set("me", "s3cret")
        self._client.on_connect = lambda client, *_: client.subscribe("#")
        self._client.on_message = self._message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _message(self, client, _, message):
        text = message.payload.decode()
        self.got.setdefault(message.topic, []).append(text)
        if message.retain:
            self.retained[message.topic] = text

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._client.disconnect()
        self._client.loop_stop()


def test_mqtt_publishes_discovery_messages_and_the_latest_state(mosquitto, model):
    mosquitto.start()
    url = f"mqtt://me:s3cret@127.0.0.1:{mosquitto.port}/studio/genre"
    sink = Mqtt(url, model.card)
    assert sink.name == f"mqtt 127.0.0.1:{mosquitto.port}/studio/genre"
    with Home(mosquitto.port) as home:
        wait_for(lambda: home.got.get("studio/genre/status") == ["online"])
        for number in range(5):
            sink(make(model.card, number=number), AT, "default")
        sink(make(model.card, "unsure", 9), AT, "default")
        wait_for(lambda: len(home.got.get("studio/genre/state", ())) >= 2)
        states = [json.loads(state) for state in home.got["studio/genre/state"]]
        assert [state["time"] for state in states] == [0, 9]
        assert states[0]["display"] == model.card.labels[1].display
        assert (states[1]["display"], states[1]["input"]) == ("unsure", "default")
    with Home(mosquitto.port) as home:  # Home Assistant restarts
        wait_for(lambda: len(home.retained) == 5)
        assert json.loads(home.retained["studio/genre/state"])["time"] == 9
        messages = {k: v for k, v in home.retained.items() if k.startswith("homeassistant/")}
        assert messages == discovery("studio/genre", model.card)
        sink.close()
        wait_for(lambda: home.got["studio/genre/status"][-1] == "offline")
    assert not waiting.threads("paho")


def test_home_assistant_finds_three_entities_of_one_device(model):
    messages = discovery("studio/genre", model.card)
    assert list(messages) == [
        "homeassistant/sensor/studio_genre/genre/config",
        "homeassistant/sensor/studio_genre/confidence/config",
        "homeassistant/binary_sensor/studio_genre/music/config",
    ]
    entries = [json.loads(text) for text in messages.values()]
    assert len({entry["unique_id"] for entry in entries}) == 3
    assert len({json.dumps(entry["device"]) for entry in entries}) == 1
    for entry in entries:
        assert entry["availability_topic"] == "studio/genre/status"
        assert entry["state_topic"] == "studio/genre/state"
        assert entry["value_template"].startswith("{{ ") and entry["icon"].startswith("mdi:")


def test_mqtt_publishes_rarely_while_nothing_changes(mosquitto, model, monkeypatch):
    monkeypatch.setattr(mqtt_sink, "STATE_SECONDS", 0.4)
    mosquitto.start()
    sink = Mqtt(f"mqtt://me:s3cret@127.0.0.1:{mosquitto.port}", model.card)
    with Home(mosquitto.port) as home:
        wait_for(lambda: "streamgenre/status" in home.got)
        began = time.monotonic()
        for number in range(100):
            sink(make(model.card, number=number), AT, "default")
            time.sleep(0.01)
        most = (time.monotonic() - began) / mqtt_sink.STATE_SECONDS + 2
        sink.close()
        wait_for(lambda: home.got["streamgenre/status"][-1] == "offline")
        assert 2 <= len(home.got["streamgenre/state"]) <= most < 60


def test_mqtt_reconnects_when_the_broker_is_back(mosquitto, model):
    mosquitto.start()
    sink = Mqtt(f"mqtt://me:s3cret@127.0.0.1:{mosquitto.port}", model.card)
    background = BackgroundSink(sink)
    with Home(mosquitto.port) as home:
        wait_for(lambda: "streamgenre/status" in home.got)
    background.put((make(model.card), AT, "default"))
    wait_for(lambda: background.put((make(model.card), AT, "default")) or not background.problem)
    mosquitto.kill()
    wait_for(
        lambda: (
            background.put((make(model.card, "unsure", 5), AT, "default"))
            or "not connected" in background.problem
        )
    )
    assert background.problem.startswith(f"not connected to 127.0.0.1:{mosquitto.port}")
    assert "s3cret" not in background.problem + background.name
    mosquitto.start()  # with nothing kept of what it knew
    wait_for(lambda: sink._client.is_connected())
    with Home(mosquitto.port) as home:
        wait_for(lambda: len(home.got) == 5)
        assert home.got["streamgenre/status"] == ["online"]
        assert json.loads(home.got["streamgenre/state"][0])["time"] == 5
    wait_for(lambda: background.put((make(model.card), AT, "default")) or not background.problem)
    assert background.close()


KILLED = """
import sys, time
import streamgenre
from streamgenre.output.sinks.mqtt import Mqtt
sink = Mqtt(sys.argv[1], streamgenre.load().card)
time.sleep(60)
"""


def test_the_broker_publishes_offline_for_a_killed_process(mosquitto):
    mosquitto.start()
    url = f"mqtt://me:s3cret@127.0.0.1:{mosquitto.port}"
    child = subprocess.Popen([sys.executable, "-c", KILLED, url])
    with Home(mosquitto.port) as home:
        wait_for(lambda: home.got.get("streamgenre/status") == ["online"])
        child.kill()
        child.wait()
        wait_for(lambda: home.got["streamgenre/status"] == ["online", "offline"])


def test_mqtt_reports_why_it_is_not_connected(mosquitto, model, capfd):
    unreachable = Mqtt(f"mqtt://127.0.0.1:{mosquitto.port}", model.card)
    refused = BackgroundSink(unreachable)
    wait_for(lambda: refused.put((make(model.card), AT, "default")) or "refused" in refused.problem)
    assert refused.close(timeout=600)
    mosquitto.start()
    wrong = BackgroundSink(Mqtt(f"mqtt://me:wr0ng@127.0.0.1:{mosquitto.port}", model.card))
    wait_for(lambda: wrong.put((make(model.card), AT, "default")) or "uthori" in wrong.problem)
    assert "wr0ng" not in wrong.problem + wrong.name
    assert wrong.close()
    assert not waiting.threads("paho")
    assert capfd.readouterr().err == ""
