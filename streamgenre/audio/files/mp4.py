"""mp4 and m4a through a pipe: if the index comes last, the file is copied to disk first."""

from __future__ import annotations

import tempfile

from .byteio import ByteFile, ObjectFile

_LARGEST = 1 << 24  # bytes of the boxes in front
_BLOCK = 1 << 20


def with_index(file: ByteFile) -> ByteFile:
    """The file, or a temporary copy if it is not seekable and its index follows the audio."""
    if file.peek(8)[4:] != b"ftyp" or file.seekable() or not _index_is_last(file):
        return file
    copy = tempfile.TemporaryFile()  # noqa: SIM115  # closed by the ObjectFile
    while data := file.read(_BLOCK):
        copy.write(data)
    file.check()
    file.close()
    copy.seek(0)
    return ObjectFile(copy, owned=True)  # type: ignore[arg-type]  # a wrapper on Windows


def _index_is_last(file: ByteFile) -> bool:
    """Whether the audio comes before the index. Does not change the position of the file."""
    head = bytearray()
    while True:
        box = file.read_whole(8)
        head += box
        size, name = int.from_bytes(box[:4], "big"), box[4:]
        if len(box) < 8 or name in (b"moov", b"moof", b"mdat") or not 8 <= size < _LARGEST:
            break
        head += file.read_whole(size - 8)
    file.unread(bytes(head))
    return name == b"mdat"
