"""Every recording is read to its end, for any header and any kind of input."""

from __future__ import annotations

import io
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support.lengths import CASES, RATE, encoded
from support.processes import piped

from streamgenre.audio.files import decode_mono, open_source


def read(source) -> tuple[float, list[str]]:
    """Seconds that are decoded, and the warnings."""
    try:
        seconds = sum(len(block) for block in source.blocks()) / source.sample_rate
        return seconds, list(source.warnings)
    finally:
        source.close()


def check(case, seconds, warnings, tolerance=0.0):
    assert seconds == pytest.approx(case.seconds, abs=case.tolerance + tolerance + 1e-6)
    lost = [warning for warning in warnings if "truncated" in warning]
    assert bool(lost) == case.missing
    assert lost or not warnings


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_recording_is_decoded_to_its_end(case, tmp_path):
    data = case.make()
    path = tmp_path / "recording"
    path.write_bytes(data)
    check(case, *read(open_source(path)))
    check(case, *read(open_source(io.BytesIO(data))))
    with piped(data) as pipe:
        check(case, *read(open_source(pipe)), tolerance=0.05)  # the end of mp3 is not trimmed
    assert len(decode_mono(path, RATE)) / RATE == pytest.approx(
        case.seconds, abs=case.tolerance + 0.01
    )


@pytest.fixture
def address():
    """The address of a server of `served`, a dict of path and bytes."""
    served: dict[str, bytes] = {}

    class Server(BaseHTTPRequestHandler):
        def do_GET(self):
            data = served[self.path]
            start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(data) - start))
            self.send_header("Accept-Ranges", "bytes")
            self.end_headers()
            self.wfile.write(data[start:])

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield served, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    "name",
    [
        "wav-pcm_s16le-states-half",
        "wav-pcm_s16le-tags-behind",
        "rf64-pcm_s16le-states-nothing",
        "mp3-libmp3lame-states-half",
        "mp3-libmp3lame-no-Xing-frame",
        "flac-flac-states-half",
        "ogg-Vorbis,-then-FLAC-two-joined",
        "ipod-aac-none",
    ],
)
def test_a_url_is_read_to_its_end(address, name):
    served, url = address
    case = next(case for case in CASES if case.name == name)
    served["/x"] = case.make()
    check(case, *read(open_source(f"{url}/x")), tolerance=0.05)


def test_the_same_samples_by_name_and_through_a_pipe(tmp_path):
    data = encoded("wav", "pcm_s24le")
    (tmp_path / "x.wav").write_bytes(data)
    by_name = b"".join(b.tobytes() for b in open_source(tmp_path / "x.wav").blocks())
    with piped(data) as pipe:
        assert b"".join(b.tobytes() for b in open_source(pipe).blocks()) == by_name


def test_sound_of_zeros_and_of_text_follows_a_stated_length(tmp_path):
    """For the hardest cases: silence, and samples that look like the name of a chunk."""
    whole = encoded("wav", "pcm_s16le")
    head = whole[: whole.index(b"data") + 4]
    for rest in (bytes(40_000), b"abcd" * 10_000, b"\x00" + b"LISTEN to this" * 3_000):
        data = head + bytes(4) + rest
        (tmp_path / "x.wav").write_bytes(data)
        seconds, warnings = read(open_source(tmp_path / "x.wav"))
        assert seconds == pytest.approx(len(rest) / 4 / RATE, abs=1 / RATE)
        assert warnings == []


@pytest.mark.slow
def test_a_wav_file_over_4_gib(tmp_path):
    """Its size is stated modulo 2^32: ten seconds of 6.8 hours."""
    size = (1 << 32) + 10 * 4 * RATE
    path = tmp_path / "long.wav"
    whole = encoded("wav", "pcm_s16le")
    head = whole[: whole.index(b"data") + 4] + struct.pack("<I", size & 0xFFFFFFFF)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + size)
    seconds, warnings = read(open_source(path))
    assert seconds == size / 4 / RATE
    assert warnings == []
