"""Each error of a file names a remedy after the cause, in scans as in timelines."""

from __future__ import annotations

import os
import struct

import av
import numpy as np
import pytest
import soundfile
from support.audio_files import write

import streamgenre
from streamgenre.errors import StreamgenreError

HLS = b"#EXTM3U\n#EXT-X-TARGETDURATION:20\n#EXTINF:20,\na.ts\n#EXT-X-ENDLIST\n"
CONTENTS = {
    "empty.mp3": b"",
    "text.mp3": b"These are words.\n" * 500,
    "page.mp3": b"<!DOCTYPE html>\n<html><body></body></html>\n",
    "picture.flac": b"\x89PNG\r\n\x1a\n" + bytes(200),
    "document.wav": b"%PDF-1.7\n" + bytes(200),
    "archive.ogg": b"PK\x03\x04" + bytes(200),
    "notes.mp3": b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk" + bytes(60),
    "noise.m4a": np.random.default_rng(0).bytes(30_000),
    "head.mp3": b"ID3" + bytes(500),
    "head.flac": b"fLaC" + bytes(40),
    "head.wav": b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 1, 1, 5, 10, 2, 16),
    "stream.mp3": HLS,
    "list.mp3": b"#EXTM3U\n",
    "lists.m3u": b"#EXTM3U\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("broken")
    for name, data in CONTENTS.items():
        (folder / name).write_bytes(data)
    soundfile.write(folder / "no samples.wav", np.zeros(0, np.int16), 22_050)
    soundfile.write(folder / "low rate.wav", np.zeros(5_000, np.int16), 50)
    soundfile.write(folder / "scale.wav", np.full(22_050, 9_000.0), 22_050, subtype="FLOAT")
    with av.open(str(folder / "silent film.mkv"), "w") as out:
        picture = out.add_stream("mpeg4", rate=10)
        picture.width = picture.height = 64
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        out.mux([*picture.encode(frame), *picture.encode(None)])
    (folder / "loop.m3u").write_text("loop.m3u\n")
    (folder / "dangling.mp3").symlink_to(folder / "gone.mp3")
    if os.geteuid() if hasattr(os, "geteuid") else False:
        write(folder / "private.wav", np.zeros((22_050, 1)), 22_050).chmod(0)
    return folder


def names_a_remedy(message, name):
    cause, mark, remedy = message.rpartition("; ")
    assert mark and cause and remedy, (name, message)
    assert "\n" not in message and "Traceback" not in message


def test_errors_of_a_scan(folder):
    files = [*folder.iterdir(), folder / "missing.mp3"]
    rows = list(streamgenre.scan(files, jobs=1))
    assert len(rows) >= len(files)
    for row in rows:
        assert row.error is not None, row.path
        names_a_remedy(row.error, row.path)


def test_errors_of_a_timeline(folder, model):
    for path in [*folder.iterdir(), folder / "missing.mp3", folder]:
        with pytest.raises(StreamgenreError) as failed:
            model.classify(path)
        names_a_remedy(str(failed.value), path.name)
