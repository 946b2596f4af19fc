"""Writing and undoing genres in every container, without changes to audio and other tags."""

from __future__ import annotations

import av
import pytest
from support.tagged import (
    CONTAINERS,
    OTHER_TAGS,
    available,
    copied_streams,
    decoded,
    results_of,
    row,
    write_tagged,
)

import streamgenre

pytest.importorskip("mutagen", reason="needs the tags extra")

import mutagen
from mutagen.aiff import AIFF
from mutagen.apev2 import APEv2
from mutagen.asf import ASF
from mutagen.id3 import APIC, ID3, TCON, TIT2, TPE1, TXXX, ID3FileType
from mutagen.mp4 import MP4
from mutagen.wave import WAVE

from streamgenre.library.tagging.riff import info_items

NEW = ["Jäzz", "Hip-Hop"]
_ID3 = (ID3FileType, WAVE, AIFF)


@pytest.fixture
def names(tmp_path):
    """A map with two values, one of which is not ASCII."""
    file = tmp_path / "names.toml"
    file.write_text('[genres]\njazz = ["Jäzz", "Hip-Hop"]\n', encoding="utf-8")
    return file


def stored(path):
    """All tags as read by mutagen, without the order and text encoding of frames."""
    found = mutagen.File(str(path))
    parts = {"kind": type(found).__name__}
    if isinstance(found, _ID3):
        raw = type(found)(str(path), translate=False, load_v1=False).tags
        if raw is not None:
            parts["version"] = raw.version
            parts |= {key: [*f.text] if hasattr(f, "text") else f.data for key, f in raw.items()}
        if isinstance(found, ID3FileType):
            parts["v1"] = v1_of(path)
            try:
                parts["ape"] = {k: str(v) for k, v in APEv2(str(path)).items()}
            except mutagen.apev2.error:
                parts["ape"] = None
        if isinstance(found, WAVE):
            parts["info"] = info_items(path)
    elif found.tags is not None:
        parts |= {str(k): repr(v) for k, v in dict(found.tags).items()}
    return parts


def v1_of(path):
    end = path.read_bytes()[-128:]
    return end if end.startswith(b"TAG") else None


def with_ffmpeg(path):
    """The tags as read by FFmpeg, with names in lower case."""
    with av.open(str(path)) as container:
        found = {**container.streams.audio[0].metadata, **container.metadata}
    return {key.lower(): value for key, value in found.items()}


def genres_of(path):
    """The genres as read by mutagen from the usual field of each container."""
    found = mutagen.File(str(path))
    if isinstance(found, (MP4, ASF)):
        return [*map(str, found.tags["\xa9gen" if isinstance(found, MP4) else "WM/Genre"])]
    if isinstance(found, _ID3):
        return [] if found.tags is None else found.tags["TCON"].genres
    return list(found.tags["genre"])


def several(path):
    """Write a genre with several values in the form of the container."""
    found = mutagen.File(str(path))
    if isinstance(found, _ID3):
        raw = type(found)(str(path), translate=False, load_v1=False)
        if raw.tags is None:
            raw.add_tags()
        version = 3 if raw.tags.version[1] == 3 else 4
        raw.tags.add(TCON(encoding=0, text=["(17)Dub", "Odd/One"]))
        raw.tags.add(TIT2(encoding=1, text=["Tïtle"]))
        raw.tags.add(TPE1(encoding=1, text=["One", "Two"]))
        raw.tags.add(TXXX(encoding=1, desc="MOOD", text=["calm"]))
        raw.tags.add(APIC(encoding=0, mime="image/png", type=3, desc="", data=b"\x89PNG" * 500))
        raw.tags.save(str(path), v2_version=version, v23_sep=None)
        return
    if found.tags is None:
        found.add_tags()
    key = {MP4: "\xa9gen", ASF: "WM/Genre"}.get(type(found), "GenRe")
    found.tags[key] = ["Dub", "Odd; One"]
    found.save()


def run(changes):
    (change,) = changes
    return change


STATES = {"bare": {}, "others": OTHER_TAGS, "one": OTHER_TAGS | {"genre": "Dub"}, "several": {}}


@pytest.mark.parametrize("name", [*CONTAINERS])
def test_write_and_undo(tmp_path, names, name):
    """A file without tags, without a genre, with one, and with several genres and other tags."""
    if not available(name):
        pytest.skip("needs mpcenc (musepack-tools)")
    paths = [write_tagged(tmp_path / f"{state}-{name}", STATES[state], name) for state in STATES]
    several(paths[-1])
    before = [(stored(path), with_ffmpeg(path), decoded(path)) for path in paths]
    streams = copied_streams(paths[-1])
    results = results_of(tmp_path / "r.csv", [row(path) for path in paths])

    planned = list(streamgenre.tag_files(results, names=names))
    assert {(c.outcome, c.new) for c in planned} == {("planned", tuple(NEW))}
    assert [bool(c.old) for c in planned] == [False, False, True, True]
    assert [stored(path) for path in paths] == [tags for tags, _, _ in before]
    assert not (tmp_path / "r.csv.tags").exists()

    assert outcomes(streamgenre.tag_files(results, names=names, write=True)) == {"written"}
    for path, (tags, shown, audio) in zip(paths, before, strict=True):
        assert decoded(path) == audio
        found = with_ffmpeg(path)
        if path.suffix != ".tta" or path is not paths[-1]:  # FFmpeg ignores ID3 if there is APEv2
            assert found["genre"].split(";")[0] == NEW[0]
        found.pop("genre", None)
        assert found == {key: text for key, text in shown.items() if key != "genre"}
        # Files with only an INFO list or APEv2 get no ID3 tag.
        if path.suffix not in (".wav", ".tta") or path is paths[-1]:
            assert genres_of(path) == NEW
        if "version" in tags:
            assert stored(path)["version"] == tags["version"]
    assert copied_streams(paths[-1]) == streams
    assert outcomes(streamgenre.tag_files(results, names=names, write=True)) == {"same"}

    assert outcomes(streamgenre.undo_tags(results)) == {"restored"}
    assert [(stored(path), with_ffmpeg(path), decoded(path)) for path in paths] == before
    assert outcomes(streamgenre.undo_tags(results)) == {"same"}


def outcomes(changes):
    return {change.outcome for change in changes}


def test_only_id3v1(tmp_path):
    """Title and artist are copied to the new ID3v2 tag, because some readers ignore ID3v1."""
    path = write_tagged(tmp_path / "v1.mp3", OTHER_TAGS | {"genre": "Rock"})
    ID3(str(path)).delete(str(path), delete_v1=False)
    before, v1 = stored(path), v1_of(path)
    assert v1[-1] == 17
    results = results_of(tmp_path / "r.csv", [row(path, "metal")])
    change = run(streamgenre.tag_files(results, write=True))
    assert (change.old, change.new) == (("Rock",), ("Metal",))
    assert v1_of(path) == v1[:-1] + bytes([9])
    assert with_ffmpeg(path)["genre"] == "Metal" and with_ffmpeg(path)["artist"]
    assert run(streamgenre.undo_tags(results)).new == ("Rock",)
    assert stored(path) == before and v1_of(path) == v1


def test_id3v1_after_other_tags_is_kept(tmp_path):
    """mutagen would drop it when it saves APEv2, and clear the fields that are not in ID3v2.

    FFmpeg reports it as damage in WavPack files, so their audio cannot be compared.
    """
    v1 = b"TAG" + b"Title".ljust(94, b"\0") + b"comment".ljust(30, b"\0") + bytes([255])
    mp3 = write_tagged(tmp_path / "v24.mp3", {})
    ape = APEv2()
    ape.update({"Genre": ["Dub", "Ska"], "Replaygain_Track_Gain": "-7 dB"})
    ape.save(str(mp3))
    wavpack = write_tagged(tmp_path / "a.wv", {"genre": "Dub"})
    for path in (mp3, wavpack):
        with path.open("ab") as file:
            file.write(v1)
    before, whole = stored(mp3), wavpack.read_bytes()
    results = results_of(tmp_path / "r.csv", [row(mp3), row(wavpack)])
    written, refused = streamgenre.tag_files(results, write=True)
    assert written.outcome == "written" and v1_of(mp3) == v1[:-1] + bytes([8])
    assert str(APEv2(str(mp3))["Genre"]) == genres_of(mp3)[0] == "Jazz"
    assert refused.outcome == "failed" and "audio cannot be compared" in refused.why
    assert wavpack.read_bytes() == whole
    assert run(streamgenre.undo_tags(results)).outcome == "restored"
    assert stored(mp3) == before and v1_of(mp3) == v1


def test_genre_numbers_of_mp4_and_id3v22(tmp_path):
    """Tags in an old form are converted without changing their values."""
    path = write_tagged(tmp_path / "v24.mp3", {})
    ID3(str(path)).delete(str(path))
    frames = b"TT2\0\0\6\0Title" + b"TCO\0\0\5\0(17)" + b"TYE\0\0\5\0001987"
    path.write_bytes(b"ID3\2\0\0\0\0\0" + bytes([len(frames)]) + frames + path.read_bytes())
    assert mutagen.File(str(path)).tags.version == (2, 2, 0)
    results = results_of(tmp_path / "r.csv", [row(path)])
    change = run(streamgenre.tag_files(results, write=True))
    assert (change.outcome, change.old) == ("written", ("Rock",))
    assert run(streamgenre.undo_tags(results)).new == ("Rock",)
    tags = mutagen.File(str(path)).tags
    assert tags.version == (2, 3, 0)
    assert (str(tags["TIT2"]), str(tags["TDRC"]), tags["TCON"].genres) == (
        "Title",
        "1987",
        ["Rock"],
    )


def test_tags_that_cannot_be_written_without_loss_are_rejected(tmp_path):
    path = write_tagged(tmp_path / "a.flac", {"comment": "PLACEHOLDER"})
    path.write_bytes(path.read_bytes().replace(b"PLACEHOLDER", b"LATIN\xff\xfeONE_"))
    before = path.read_bytes()
    (tmp_path / "a.mka").write_bytes(b"\x1a\x45\xdf\xa3" + bytes(2_000))
    (tmp_path / "b.mp3").write_bytes(b"\xff\xfb\x90\x00" + bytes(50))
    rows = [row(path), row(tmp_path / "a.mka"), row(tmp_path / "b.mp3")]
    results = results_of(tmp_path / "r.csv", rows)
    latin, matroska, damaged = streamgenre.tag_files(results, write=True)
    assert latin.outcome == "skipped" and "not UTF-8" in latin.why
    assert matroska.outcome == "skipped" and "this format cannot be written" in matroska.why
    assert damaged.outcome == "skipped" and str(tmp_path) not in damaged.why
    assert path.read_bytes() == before
    assert not [*tmp_path.glob(".*")]
