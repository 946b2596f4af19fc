"""Grouping tracks by album and artist, and the prediction for each group."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamgenre.library.groups import Groups
from streamgenre.library.row import Row
from streamgenre.update import Segment

JAZZ, FOLK = {"folk": 0.1, "jazz": 0.9}, {"folk": 0.8, "jazz": 0.2}


def row(path, artist=None, album=None, probabilities=JAZZ, music=10.0, silence=0.0, **more):
    """A track with these seconds of music and silence."""
    genre = max(probabilities, key=probabilities.get)
    segments = [Segment(0.0, music, "genre", genre, 0.9)] if music else []
    if silence:
        segments.append(Segment(music, music + silence, "no-music", None, 1.0))
    values = {
        "duration": music + silence,
        "status": "genre" if music else "no-music",
        "genre": genre if music else None,
        "confidence": max(probabilities.values()),
        "probabilities": probabilities,
        "music": music / (music + silence),
        "segments": tuple(segments),
        "artist": artist,
        "album": album,
    }
    return Row(path, 1, 1.0, **(values | more))


def titles(groups):
    found = ((one.name, one.artist, one.folder, one.files) for one in groups.albums)
    return sorted(found, key=str)


def test_tracks_are_weighted_by_seconds_of_music():
    rows = [
        row("/m/1", "A", "X", JAZZ, music=30),
        row("/m/2", "A", "X", FOLK, music=10, silence=500),
    ]
    (album,) = Groups(rows, unsure=0.5).albums
    assert album.verdict.status == "no-music"  # less than a tenth of the time
    (album,) = Groups([rows[0], row("/m/2", "A", "X", FOLK, 10, 100)], unsure=0.5).albums
    assert album.verdict.probabilities == pytest.approx({"folk": 0.275, "jazz": 0.725})
    assert (album.verdict.status, album.verdict.genre) == ("genre", "jazz")
    assert album.musical_seconds == 40 and album.seconds == 140
    (album,) = Groups([rows[0], row("/m/2", "A", "X", FOLK, 10, 100)], unsure=0.8).albums
    assert (album.verdict.status, album.verdict.genre) == ("unsure", None)
    assert album.final_genre is None


def test_threshold_is_derived_from_the_rows():
    sure = row("/m/1", probabilities={"folk": 0.36, "jazz": 0.64})
    unsure = row("/m/2", probabilities={"folk": 0.4, "jazz": 0.6}, status="unsure", genre=None)
    assert Groups([sure, unsure]).unsure == pytest.approx(0.62)
    assert 0 < Groups([sure]).unsure < 0.64


def test_album_is_identified_by_title_and_artist():
    rows = [
        row("/m/x/CD1/1", "Miles Davis", "Kind of Blue"),
        row("/m/x/CD2/1", "Miles  davis", "kind of blue"),
        row("/m/elsewhere/2", "Miles Davis; John Coltrane", "Kind Of Blue"),
        row("/m/x/other", "Miles Davis"),
    ]
    groups = Groups(rows)
    assert titles(groups) == [("Kind of Blue", "Miles Davis", None, 3)]
    assert [(one.name, one.files) for one in groups.artists] == [("Miles Davis", 4)]
    assert groups.album_of(rows[3]) is None and groups.album_of(rows[1]).files == 3


def test_compilation_is_one_album():
    rows = [row(f"/m/hits/disc {i % 2 + 1}/{i}", f"Artist {i}", "Hits") for i in range(6)]
    others = [row("/m/other/1", "Artist 1", "Hits"), row("/m/va/1", "Various Artists", "Mix")]
    assert titles(Groups(rows + others)) == [
        ("Hits", "Artist 1", None, 1),
        ("Hits", None, "/m/hits", 6),
        ("Mix", None, "/m/va", 1),
    ]
    two = [row(f"/m/hits/x{i}", "Artist 1", "Hits") for i in range(2)]
    assert titles(Groups(rows + two))[0] == ("Hits", None, "/m/hits", 8)


def test_guest_is_on_the_album_of_the_main_artist():
    rows = [row(f"/m/a/{i}", "Main", "X") for i in range(5)] + [row("/m/a/6", "Guest", "X")]
    groups = Groups([*rows, row("/m/a/7", None, "X")])
    assert titles(groups) == [("X", "Main", None, 7)]
    assert {one.name: one.files for one in groups.artists} == {"Main": 5, "Guest": 1}


def test_albums_with_the_same_title_in_one_folder():
    rows = [row(f"/m/{a}{i}", a, "Greatest Hits") for a in ("Queen", "ABBA") for i in range(4)]
    assert titles(Groups(rows)) == [
        ("Greatest Hits", "ABBA", None, 4),
        ("Greatest Hits", "Queen", None, 4),
    ]


def test_correction_of_most_files_applies_to_the_group():
    rows = [row(f"/m/{i}", "A", "X", corrected="salsa" if i < 2 else None) for i in range(3)]
    groups = Groups(rows)
    (album,), (artist,) = groups.albums, groups.artists
    assert album.corrected == artist.corrected == album.final_genre == "salsa"
    assert album.verdict.genre == "jazz"
    (half,) = Groups([*rows, row("/m/4", "A", "X")]).albums
    assert half.corrected is None and half.final_genre == "jazz"


def test_failed_files_are_counted_without_weight():
    failed = Row("/m/2", 1, 1.0, artist="A", album="X", error="is damaged")
    (album,) = Groups([row("/m/1", "A", "X"), failed]).albums
    assert (album.files, album.failed, album.verdict.genre) == (2, 1, "jazz")
    (album,) = Groups([failed]).albums
    assert album.verdict is None and album.final_genre is None


def test_rest_of_album_excludes_the_track():
    rows = [row(f"/m/{i}", "A", "X", JAZZ) for i in range(3)] + [row("/m/4", "A", "X", FOLK, 50)]
    groups = Groups(rows)
    assert groups.rest_of_album(rows[3]).probabilities == pytest.approx(JAZZ)
    assert Groups(rows[3:]).rest_of_album(rows[3]) is None


NAMES = st.sampled_from([None, "", "A", "a ", "B", "C; A", "Various Artists", "ß"])
ROWS = st.lists(
    st.builds(
        row,
        st.sampled_from(["/m/1", "/m/x/1", "/m/x/CD 1/2", "/m/x/CD 2/2"]),
        NAMES,
        NAMES,
        st.sampled_from([JAZZ, FOLK]),
        music=st.sampled_from([0.0, 1.0, 60.0]),
        silence=st.sampled_from([0.5, 30.0]),
        error=st.sampled_from([None, None, "is damaged"]),
    )
)


@given(ROWS)
@settings(max_examples=30)
def test_every_row_with_a_title_is_in_one_album(rows):
    groups = Groups(rows)
    found = [groups.album_of(one) for one in rows]
    for one, album in zip(rows, found, strict=True):
        assert (album is None) == (not (one.album or "").strip())
    for album in groups.albums:
        assert album.files == sum(one is album for one in found) > 0
        if album.verdict is not None:
            assert sum(album.verdict.probabilities.values()) == pytest.approx(1)
