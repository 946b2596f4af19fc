"""The same music in every format gives the same result; damage gives one clear line."""

from __future__ import annotations

import io
import os
import struct
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
import soundfile
import soxr
from support.audio_files import NAMES, encode, write
from support.processes import piped

from streamgenre import ConfigError, InputError
from streamgenre.audio.files import open_source
from streamgenre.audio.files.raw import RawFormat


@pytest.fixture(scope="module")
def reference(model, music):
    return model.classify(music)


def decoded(source):
    return np.concatenate([block.copy() for block in source.blocks()])


def same_music(timeline, reference, tolerance=0.12):
    assert timeline.duration == pytest.approx(reference.duration, abs=0.12)
    assert (timeline.status, timeline.genre) == (reference.status, reference.genre)
    for label, probability in reference.probabilities.items():
        assert timeline.probabilities[label] == pytest.approx(probability, abs=tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_every_format_gives_the_same_result(model, music, reference, tmp_path, name):
    timeline = model.classify(write(tmp_path / name, *music))
    same_music(timeline, reference)
    assert timeline.warnings == ()


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 32_000, 48_000, 96_000, 192_000])
def test_every_sample_rate_gives_the_same_result(model, music, reference, tmp_path, rate):
    samples = soxr.resample(*music, rate)
    # Below 16 kHz half of the spectrum is gone, and with it some certainty.
    same_music(
        model.classify(write(tmp_path / "s16.wav", samples, rate)),
        reference,
        0.05 if rate >= 16_000 else 0.5,
    )


@pytest.mark.parametrize("name", ["s16.wav", "x.flac", "x.m4a"])
@pytest.mark.parametrize("channels", [1, 6])
def test_every_channel_count_gives_the_same_result(
    model, music, reference, tmp_path, name, channels
):
    samples, rate = music
    mono = samples.mean(1, keepdims=True)
    same_music(
        model.classify(write(tmp_path / name, np.repeat(mono, channels, 1), rate)), reference
    )


@pytest.mark.parametrize("name", ["s16.wav", "x.mp3", "x.ogg", "x.opus", "x.webm", "x.flac"])
def test_a_pipe_that_cannot_seek(model, music, reference, tmp_path, name):
    same_music(model.classify(piped(write(tmp_path / name, *music).read_bytes())), reference)


@pytest.mark.parametrize(
    "encoding", ["s16le", "s24le", "s32le", "f32le", "s16be", "s24be", "s32be", "f32be"]
)
@pytest.mark.parametrize("channels", [1, 2])
def test_raw_samples(model, music, reference, encoding, channels):
    samples, rate = music
    samples = samples if channels == 2 else samples.mean(1, keepdims=True)
    order = "<" if encoding.endswith("le") else ">"
    if encoding.startswith("f"):
        data = samples.astype(f"{order}f4").tobytes()
    else:
        bits = int(encoding[1:3])
        whole = np.rint(samples.astype(np.float64) * (2 ** (bits - 1) - 1)).astype(f"{order}i4")
        parts = whole.view(np.uint8).reshape(-1, 4)
        data = (parts[:, : bits // 8] if order == "<" else parts[:, -bits // 8 :]).tobytes()
    form = RawFormat(encoding, rate, channels)
    same_music(model.classify(piped(data), raw=form), reference, 0.01)
    assert model.classify(io.BytesIO(data + b"\0"), raw=form).duration == reference.duration


@pytest.mark.parametrize(
    ("form", "subtypes"),
    [
        ("WAV", ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "PCM_U8", "ULAW"]),
        ("AIFF", ["PCM_16", "PCM_24"]),
        ("AU", ["PCM_16", "FLOAT"]),
        ("CAF", ["PCM_16", "FLOAT"]),
        ("MAT5", ["PCM_16"]),
    ],
)
def test_both_byte_orders_give_the_same_samples(music, tmp_path, form, subtypes):
    """Big-endian wav is RIFX, the samples of which FFmpeg reads in the wrong order."""
    samples, rate = music[0][:44_100], music[1]
    for subtype in subtypes:
        read, seconds = [], []
        for endian in ("LITTLE", "BIG"):
            path = tmp_path / f"{subtype}-{endian}.{form.lower()}"
            soundfile.write(path, samples, rate, subtype, endian, form)
            source = open_source(path)
            seconds.append(source.stated_duration)
            read.append(decoded(source))
            assert source.warnings == []
            if form == "WAV":  # by name and through a pipe
                assert np.array_equal(decoded(open_source(piped(path.read_bytes()))), read[-1])
        assert np.array_equal(*read) and np.allclose(read[0], samples, atol=0.05)
        assert seconds == pytest.approx([1.0, 1.0], abs=0.01)


def extensible(order, samples):
    """A wav file of 16 bits in the extensible format with an INFO list after its samples."""
    sub = struct.pack(order + "IHH", 1, 0, 16) + bytes.fromhex("800000aa00389b71")
    form = struct.pack(order + "HHIIHHHHI", 0xFFFE, 2, 44_100, 176_400, 4, 16, 22, 16, 3) + sub
    data = np.rint(samples * 32767).astype(order + "i2").tobytes()
    info = b"INFOIGNR" + struct.pack(order + "I", 4) + b"jazz"
    parts = ((b"fmt ", form), (b"data", data), (b"LIST", info))
    body = b"WAVE" + b"".join(n + struct.pack(order + "I", len(d)) + d for n, d in parts)
    return (b"RIFX" if order == ">" else b"RIFF") + struct.pack(order + "I", len(body)) + body


def test_an_extensible_big_endian_wav_ends_where_its_samples_end(music):
    samples = music[0][:44_100]
    little, big = (decoded(open_source(io.BytesIO(extensible(order, samples)))) for order in "<>")
    assert np.array_equal(little, big) and len(big) == 44_100


@pytest.mark.parametrize("content", ["audio/mpeg", "application/octet-stream"])
def test_a_stream_over_http_without_a_length(model, music, reference, content):
    buffer = io.BytesIO()
    encode(buffer, *music, "mp3", "libmp3lame")

    class Radio(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", content)
            self.end_headers()
            self.wfile.write(buffer.getvalue())

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Radio) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        same_music(model.classify(f"http://127.0.0.1:{server.server_port}/live"), reference)
        server.shutdown()


def test_a_url_that_does_not_answer(model):
    with pytest.raises(InputError, match="no server answers at this host and port; check"):
        model.classify("http://127.0.0.1:9/none")


@pytest.mark.parametrize("name", ["x.mp3", "x.flac", "x.ogg", "s16.wav", "x.opus", "x.aac"])
def test_a_truncated_file_is_read_as_far_as_possible(model, music, tmp_path, name):
    path = write(tmp_path / name, *music)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    timeline = model.classify(path)
    assert 5 < timeline.duration < 9
    assert timeline.updates
    if name in ("x.flac", "s16.wav"):  # these headers state the length
        assert timeline.warnings


def test_a_truncated_m4a_is_refused_in_one_line(model, music, tmp_path):
    path = write(tmp_path / "x.m4a", *music)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(InputError, match=r"x\.m4a") as caught:
        model.classify(path)
    assert "\n" not in str(caught.value)


def lying_wav(path, music, claim):
    samples, rate = music
    soundfile.write(path, samples, rate, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, 4, claim)
    struct.pack_into("<I", data, data.index(b"data") + 4, claim)
    path.write_bytes(data)


@pytest.mark.parametrize("claim", [0xFFFFFFFF, 0x7FFFFFFF, 0x70000000])
def test_a_wav_header_with_a_wrong_length(model, music, reference, tmp_path, claim):
    path = tmp_path / "lie.wav"
    lying_wav(path, music, claim)
    timeline = model.classify(path)
    same_music(timeline, reference)
    # The first two are what programs write into a pipe: nothing is missing.
    assert bool(timeline.warnings) == (claim == 0x70000000)


def test_a_flac_header_that_claims_2_to_the_36_samples(model, music, reference, tmp_path):
    path = write(tmp_path / "x.flac", *music)
    data = bytearray(path.read_bytes())
    data[21] |= 0x0F  # the total is 36 bits, in bytes 21 to 25
    data[22:26] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    timeline = model.classify(path)
    same_music(timeline, reference)
    assert timeline.warnings


def test_an_ogg_page_that_claims_2_to_the_63_samples(model, music, reference, tmp_path):
    path = write(tmp_path / "x.ogg", *music)
    data = bytearray(path.read_bytes())
    page = data.rindex(b"OggS")
    struct.pack_into("<q", data, page + 6, 2**63 - 1)
    struct.pack_into("<I", data, page + 22, 0)
    struct.pack_into("<I", data, page + 22, ogg_crc(data[page:]))
    path.write_bytes(data)
    timeline = model.classify(path)
    assert timeline.genre == reference.genre
    assert timeline.duration == pytest.approx(reference.duration, abs=0.3)


def ogg_crc(page: bytes) -> int:
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1
        crc &= 0xFFFFFFFF
    return crc


def test_not_a_file(model, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        model.classify(tmp_path / "none.mp3")
    with pytest.raises(InputError, match="is a folder"):
        model.classify(tmp_path)
    with pytest.raises(InputError, match="cannot be opened"):
        model.classify("a\0b.mp3")


def test_files_without_audio(model, tmp_path):
    empty, text, noise = (tmp_path / n for n in ("empty.mp3", "text.mp3", "noise.wav"))
    empty.touch()
    text.write_text("This is not music, despite its name.\n" * 200)
    noise.write_bytes(np.random.default_rng(0).bytes(50_000))
    with pytest.raises(InputError, match="is empty"):
        model.classify(empty)
    for path in (text, noise):
        with pytest.raises(InputError, match=path.name):
            model.classify(path)
    header = tmp_path / "header.wav"
    soundfile.write(header, np.zeros((0, 1), np.float32), 44_100)
    with pytest.raises(InputError, match="contains no audio"):
        model.classify(header)
    with pytest.raises(InputError):
        model.classify(io.BytesIO(b""))


def test_no_permission(tmp_path):
    path = tmp_path / "secret.wav"
    soundfile.write(path, np.zeros(100), 8000)
    path.chmod(0)
    if not hasattr(os, "geteuid"):
        pytest.skip("no users on this system")
    was = os.geteuid()
    if was == 0:
        tmp_path.chmod(0o755)
        os.seteuid(65_534)
    try:
        with pytest.raises(InputError, match="permission"):
            open_source(path)
    finally:
        os.seteuid(was)


def test_reading_continues_after_damage(model, music, tmp_path):
    path = write(tmp_path / "x.mp3", *music)
    data = bytearray(path.read_bytes())
    data[60_000:64_000] = np.random.default_rng(0).bytes(4_000)
    path.write_bytes(data)
    timeline = model.classify(path)
    assert timeline.duration > 11
    assert timeline.warnings


def test_a_playlist_opens_no_other_file(model, tmp_path, clip):
    listing = tmp_path / "list.m3u8"
    listing.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:20\n#EXTINF:20,\nhttp://127.0.0.1:9/x.ts\n")
    with pytest.raises(InputError):
        model.classify(listing)


def test_a_stream_may_change_its_format(model, music, tmp_path):
    samples, rate = music
    stereo, mono = io.BytesIO(), io.BytesIO()
    encode(stereo, samples, rate, "mp3", "libmp3lame")
    encode(mono, samples[:, :1], rate, "mp3", "libmp3lame")
    timeline = model.classify(piped(stereo.getvalue() + mono.getvalue()))
    assert timeline.duration == pytest.approx(24, abs=0.5)


def test_chunks_after_the_samples_of_a_piped_wav_are_not_audio(model, music, tmp_path):
    data = write(tmp_path / "s16.wav", *music).read_bytes()
    trailer = b"LIST" + struct.pack("<I", 400_000) + np.random.default_rng(0).bytes(400_000)
    assert model.classify(piped(data + trailer)).duration == pytest.approx(12, abs=0.01)


def test_sixteen_channels_are_channels(model, music, tmp_path):
    samples, rate = music
    path = tmp_path / "s16.wav"
    soundfile.write(path, np.repeat(samples[: 16_384 + 4, :1], 16, 1), rate)
    assert model.classify(path).duration == pytest.approx(16_388 / rate)


def test_an_impossible_sample_rate_is_a_bad_input(model, tmp_path):
    soundfile.write(tmp_path / "slow.wav", np.zeros(1000), 500)
    with pytest.raises(InputError, match=r"slow\.wav.*sample rate"):
        model.classify(tmp_path / "slow.wav")


def test_a_file_object_is_not_closed(model, music, tmp_path):
    file = io.BytesIO(np.zeros(32_000, "<i2").tobytes())
    model.classify(file, raw=RawFormat("s16le", 16_000))
    assert not file.closed


def test_joined_mp3s_are_read_to_their_end(model, music, tmp_path):
    path = write(tmp_path / "x.mp3", *music)
    encoded = io.BytesIO()
    encode(encoded, *music, "mp3", "libmp3lame")
    path.write_bytes(encoded.getvalue() * 2)
    assert model.classify(path).duration == pytest.approx(24, abs=0.3)


def test_a_single_frame_is_classified(model, tmp_path):
    soundfile.write(tmp_path / "one.wav", np.full(1, 0.1), 48_000)
    timeline = model.classify(tmp_path / "one.wav")
    assert len(timeline.updates) == 1 and timeline.duration == pytest.approx(1 / 48_000)


def test_headerless_formats_are_not_guessed_from_the_name(model, tmp_path):
    (tmp_path / "text.vox").write_text("words " * 9_000)
    with pytest.raises(InputError, match=r"text\.vox"):
        model.classify(tmp_path / "text.vox")


def test_an_ogg_file_without_end_mark_gives_a_warning(model, clip, tmp_path):
    (tmp_path / "cut.ogg").write_bytes(clip.read_bytes()[:100_000])
    assert "truncated" in model.classify(tmp_path / "cut.ogg").warnings[0]


def test_tags_in_an_unknown_encoding_are_ignored(model, music, reference, tmp_path):
    data = write(tmp_path / "s16.wav", *music).read_bytes()
    tag = b"INAM" + struct.pack("<I", 4) + b"\xff\xfe\xe9\x00"
    listing = b"LIST" + struct.pack("<I", 4 + len(tag)) + b"INFO" + tag
    at = data.index(b"data")
    same_music(model.classify(piped(data[:at] + listing + data[at:])), reference)


def test_an_unknown_encoding_is_refused_with_a_list_of_known_ones():
    with pytest.raises(ConfigError, match="s16le, s24le, s32le, f32le"):
        RawFormat("u8", 8_000)
