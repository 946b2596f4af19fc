"""Reconnection of internet radio that drops, stalls or changes its format."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest
from support.lengths import SECONDS, encoded
from support.radio import QUICK, Server, answer, hang, reset

from streamgenre import InputError
from streamgenre.audio.files.http import Breaker
from streamgenre.audio.files.radio import UrlSource, connect
from streamgenre.audio.files.source import Gap


def read(source):
    """Seconds of sound, and the gaps, until the source ends or fails; and that error."""
    seconds, gaps = 0.0, []
    try:
        for block in source.blocks():
            if isinstance(block, Gap):
                gaps.append(block.seconds)
            else:
                seconds += len(block) / source.sample_rate
    except InputError as error:
        return seconds, gaps, error
    finally:
        source.close()
    return seconds, gaps, None


@pytest.fixture(scope="module")
def mp3():
    return encoded("mp3", "libmp3lame", True)


@pytest.mark.parametrize("end", [None, hang], ids=["ends", "stalls"])
def test_a_radio_is_reconnected(mp3, end):
    with Server(answer(mp3, end=end), answer(mp3, end=end)) as server:
        source = UrlSource(server.url, plan=QUICK)
        seconds, gaps, error = read(source)
    assert seconds == pytest.approx(2 * SECONDS, abs=0.2)
    assert len(gaps) == 1 and gaps[0] > 0
    assert "lost once" in source.warnings[-1]
    # The third answer is an error: in the end the source fails.
    assert "no data for" in str(error) and "503" in str(error)
    assert error.exit_code == 3


@pytest.mark.skipif(not hasattr(socket, "SO_LINGER"), reason="no reset")
def test_a_broken_connection_is_reconnected_for_any_server(mp3):
    with Server(answer(mp3, {}, reset), answer(mp3, {})) as server:
        seconds, gaps, error = read(UrlSource(server.url, plan=QUICK))
    assert SECONDS < seconds < 2 * SECONDS + 0.2
    assert len(gaps) == 1
    assert error is None  # the second answer ends, and the server is no radio


def test_a_finite_file_ends(mp3):
    with Server(answer(mp3, {})) as server:
        source = UrlSource(server.url, plan=QUICK)
        assert read(source)[1:] == ([], None)
        assert len(server.requests) == 1
    assert source.warnings == []


def test_a_finite_file_is_restarted_on_request(mp3):
    with Server(answer(mp3, {}), answer(mp3, {})) as server:
        seconds, gaps, error = read(UrlSource(server.url, always=True, plan=QUICK))
    assert seconds == pytest.approx(2 * SECONDS, abs=0.2)
    assert len(gaps) == 1 and error is not None


def test_a_file_of_known_length_continues_where_it_broke(mp3):
    half = len(mp3) // 2

    def rest(handler):
        assert handler.headers["Range"] == f"bytes={half}-"
        handler.send_response(206)
        handler.end_headers()
        handler.wfile.write(mp3[half:])

    headers = {"Content-Length": str(len(mp3)), "Accept-Ranges": "bytes"}
    with Server(answer(mp3[:half], headers), rest) as server:
        source = UrlSource(server.url, plan=QUICK)
        seconds, gaps, error = read(source)
    assert seconds == pytest.approx(SECONDS, abs=0.1)
    assert (gaps, error, source.warnings) == ([], None, [])


def test_a_file_of_known_length_that_cannot_continue_gives_a_warning(mp3):
    with Server(answer(mp3[: len(mp3) // 2], {"Content-Length": str(len(mp3))})) as server:
        source = UrlSource(server.url, plan=QUICK)
        seconds, gaps, error = read(source)
    assert seconds == pytest.approx(SECONDS / 2, abs=0.3)
    assert (gaps, error) == ([], None)
    assert "the rest is missing" in source.warnings[0]


def test_the_format_of_a_radio_may_change(mp3):
    opus = encoded("ogg", "libopus", True)
    with Server(answer(mp3), answer(opus)) as server:
        source = UrlSource(server.url, plan=QUICK)
        seconds, gaps, _ = read(source)
    assert source.sample_rate == 44_100  # as it began
    assert seconds == pytest.approx(2 * SECONDS, abs=0.2)
    assert len(gaps) == 1


def test_a_chained_ogg_radio_continues_without_a_gap():
    data = encoded("ogg", "vorbis") + encoded("ogg", "libopus") + encoded("ogg", "flac")
    with Server(answer(data, {})) as server:
        seconds, gaps, error = read(UrlSource(server.url, plan=QUICK))
    assert seconds == pytest.approx(3 * SECONDS, abs=0.1)
    assert (gaps, error) == ([], None)


def test_inserted_titles_are_removed(mp3):
    """Some servers insert them without a request."""
    title = b"StreamTitle='song';".ljust(32, b"\0")
    parts = [mp3[at : at + 8192] for at in range(0, len(mp3), 8192)]
    data = b"".join(part + (bytes([2]) + title if len(part) == 8192 else b"") for part in parts)
    with Server(answer(data, {"icy-metaint": "8192"})) as server:
        source = UrlSource(server.url, plan=QUICK)
        seconds, _, _ = read(source)
    assert seconds == pytest.approx(SECONDS, abs=0.1)
    assert not any("damaged" in warning for warning in source.warnings)


def test_an_old_shoutcast_server(mp3):
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            connection, _ = listener.accept()
            connection.recv(4096)
            connection.sendall(b"ICY 200 OK\r\nicy-name:old\r\nContent-Type:audio/mpeg\r\n\r\n")
            connection.sendall(mp3)
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    source = UrlSource(f"http://127.0.0.1:{listener.getsockname()[1]}/", plan=QUICK)
    first = next(iter(source.blocks()))
    assert len(first)
    assert source.sample_rate == 44_100


def test_user_and_password_are_sent_and_not_shown(mp3):
    with Server(answer(mp3, {})) as server:
        url = server.url.replace("//", "//me:p%40ss@w@")
        read(UrlSource(url, plan=QUICK))
        assert server.requests[0]["Authorization"] == "Basic bWU6cEBzc0B3"  # me:p@ss@w
        with pytest.raises(InputError, match="503") as caught:
            UrlSource(url, plan=QUICK)
        assert "ss@w" not in str(caught.value)


def test_a_gap_of_the_source_is_a_gap_of_the_updates(model, mp3):
    with Server(answer(mp3), answer(mp3)) as server:
        source = UrlSource(server.url, plan=QUICK)
        updates = []
        with pytest.raises(InputError, match="no data for"):
            for update in model.follow(source):
                updates.append(update)
    statuses = [update.status for update in updates]
    assert statuses.count("gap") == 1
    gap = statuses.index("gap")
    assert updates[gap - 1].time == pytest.approx(SECONDS, abs=0.2)
    assert updates[-1].time >= SECONDS


def titled(mp3, title):
    """The sound with a title after each 8,192 bytes."""
    block = b"StreamTitle='" + title + b"';StreamUrl='x';"
    block = block.ljust(-(-len(block) // 16) * 16, b"\0")
    parts = [mp3[at : at + 8192] for at in range(0, len(mp3), 8192)]
    return b"".join(p + (bytes([len(block) // 16]) + block) * (len(p) == 8192) for p in parts)


@pytest.mark.parametrize(
    ("sent", "title"),
    [
        ("Björk – Jóga".encode(), "Björk – Jóga"),
        ("Björk".encode("latin-1"), "Björk"),
        ("Кино".encode("cp1251"), "Êèíî"),  # a wrong encoding is unreadable, and no more
        (b"\xff\xfe\x81\x8d\x00", "ÿþ\ufffd\ufffd"),
        (b"Don't; stop 'now'", "Don't; stop 'now'"),
        (b"  a\r\n b ", "a b"),
        (b"", None),
    ],
)
def test_titles_are_asked_for_and_read_in_any_encoding(mp3, sent, title):
    with Server(answer(titled(mp3, sent), {"icy-metaint": "8192"})) as server:
        made = connect(server.url, "x", 5.0, radio=True)
        seconds = sum(len(block) for block in made.source.blocks()) / made.source.sample_rate
        made.source.close()
        assert server.requests[0]["Icy-Metadata"] == "1"
    assert seconds == pytest.approx(SECONDS, abs=0.1)
    assert made.file.title == title


@pytest.mark.parametrize("length", ["0", "1000", "999999999", "-5", "nonsense"])
def test_a_radio_is_read_whatever_length_it_states(mp3, length):
    with Server(answer(mp3, {"Content-Length": length})) as server:
        made = connect(server.url, "x", 5.0, radio=True)
        seconds = sum(len(block) for block in made.source.blocks()) / made.source.sample_rate
        made.source.close()
    assert seconds == pytest.approx(SECONDS, abs=0.1)


def test_a_redirect_whose_body_has_no_end_is_followed(mp3):
    def redirect(handler):
        handler.send_response(302)
        handler.send_header("Location", "/other")
        handler.end_headers()
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(bytes(65_536))

    with Server(redirect, answer(mp3, {})) as server:
        source = UrlSource(server.url, plan=QUICK)
        assert next(iter(source.blocks())).size
        source.close()


@pytest.mark.parametrize("silent_from", ["the start", "the middle"])
def test_another_thread_can_break_a_connection(mp3, silent_from):
    over = threading.Event()
    begun = threading.Event()

    def stall(handler):
        if silent_from == "the middle":
            answer(mp3)(handler)
        begun.set()
        over.wait(600)

    breaker = Breaker()

    def interrupt():
        begun.wait(600)
        breaker.interrupt()

    with Server(stall) as server:
        threading.Thread(target=interrupt, daemon=True).start()
        blocks = []
        with contextlib.suppress(InputError):
            made = connect(server.url, "x", 600.0, breaker=breaker)
            blocks = list(made.source.blocks())
            made.source.close()
        over.set()
    assert bool(blocks) == (silent_from == "the middle")
