"""Data sets in the layouts that they are published in, their splits, and the decoded cache."""

from __future__ import annotations

import errno
import json
import os
import pickle
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from support import layouts
from support.paths import ROOT

pytest.importorskip("sklearn", reason="training needs the train extra")
pytest.importorskip("filelock", reason="training needs the train extra")
pytest.importorskip("platformdirs", reason="training needs the train extra")

from streamgenre.audio import files as sources
from streamgenre.errors import InputError
from training.data import (
    AudioCache,
    DataError,
    Track,
    decoding,
    default_cache,
    fma,
    folds,
    gtzan,
    open_dataset,
)
from training.data.audio_files import audio_files
from training.data.journal import digest_of, read_journal
from training.data.split import with_split
from training.streams.non_music import recordings


def by_key(dataset):
    return {t.key: t for t in dataset.tracks}


def sides(tracks):
    found = defaultdict(set)
    for t in tracks:
        found[t.group].add(t.split)
    return found


# Layouts


@pytest.fixture(scope="module")
def fma_root(tmp_path_factory):
    return layouts.fma(tmp_path_factory.mktemp("fma"))


def test_fma_has_its_official_split_artists_and_hierarchy(fma_root):
    data = open_dataset(fma_root)
    assert data.name == "fma-small" and data.task == "genre" and not data.warnings
    assert data.labels == ["Hip-Hop", "Rock"] and data.hierarchy == {"Indie-Rock": "Rock"}
    tracks = by_key(data)
    assert {k: t.split for k, t in tracks.items()} == {
        "000002": "train", "000005": "train", "000010": "valid", "000140": "test",
        "000141": "test",
    }  # fmt: skip
    assert tracks["000010"].artist == "Kurt, Vile" and tracks["000010"].group == "artist 3"
    assert tracks["000005"].tags == ("Rock", "Indie-Rock")
    assert tracks["000140"].path == fma_root / "fma_small" / "000" / "000140.mp3"


def test_fma_large_derives_a_genre_only_where_its_genres_agree(tmp_path):
    data = open_dataset(layouts.fma(tmp_path, "large"), subset="large")
    assert by_key(data)["155001"].genre == "Rock" and by_key(data)["155002"].genre == ""
    small = open_dataset(tmp_path, subset="small")  # its clips are in the larger folder, too
    assert small.name == "fma-small" and set(by_key(small)) < set(by_key(data))
    assert "155000" in by_key(open_dataset(tmp_path, subset="medium"))


def test_fma_is_found_from_its_metadata_folder(fma_root):
    assert len(open_dataset(fma_root / "fma_metadata").tracks) == 5


def test_fma_refuses_what_it_cannot_choose_or_read(fma_root, tmp_path):
    with pytest.raises(DataError, match=r"no FMA subset 'tiny'.*small, medium"):
        open_dataset(fma_root, subset="tiny")
    with pytest.raises(DataError, match=r"fma_large: no such folder.*fma_large\.zip"):
        open_dataset(fma_root, subset="large")
    layouts.fma(tmp_path, "small")
    (tmp_path / "fma_large").mkdir()
    with pytest.raises(DataError, match="choose one with --subset"):
        open_dataset(tmp_path)
    lines = (tmp_path / "fma_metadata" / "tracks.csv").read_text().splitlines()
    (tmp_path / "fma_metadata" / "tracks.csv").write_text("\n".join([*lines[:4], "5,Album"]))
    with pytest.raises(DataError, match="truncated at line 5"):
        open_dataset(tmp_path, subset="small")
    (tmp_path / "fma_metadata" / "tracks.csv").write_text("track_id,genre\n1,a\n")
    with pytest.raises(DataError, match="three header rows"):
        open_dataset(tmp_path, subset="small")
    with pytest.raises(DataError, match=r"tracks\.csv: no such file; unpack fma_metadata\.zip"):
        open_dataset(tmp_path / "fma_small", kind="fma")


@pytest.mark.parametrize(
    ("table", "old", "new", "said"),
    [
        ("tracks.csv", b"\n140,", b"\nx140,", r"tracks\.csv: 'x140' is not a number"),
        ("tracks.csv", b"[4]", b"[[4]]", ""),  # of the subset that is not read
        ("tracks.csv", b'"[12, 26]"', b"[12", "000005: genres_all '.12' is not a list"),
        ("tracks.csv", b'"[12, 26]"', b"[" * 9_000, "genres_all '.*' is not a list"),
        ("tracks.csv", b"Bit", b"B\xe9t", r"tracks\.csv: cannot be read as a table"),
        ("tracks.csv", b"Untitled", b"Untitled\r\n\r\n", ""),
        ("genres.csv", b"\n26,", b"\n2.6,", r"genres\.csv: '2\.6' is not a number"),
    ],
)
def test_fma_names_what_is_damaged_in_its_tables(tmp_path, table, old, new, said):
    path = layouts.fma(tmp_path) / "fma_metadata" / table
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    if not said:
        assert len(open_dataset(tmp_path).tracks) == 5
        return
    with pytest.raises(DataError, match=said) as refused:
        open_dataset(tmp_path)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 400


def test_fma_leaves_out_the_clips_that_its_wiki_lists():
    assert len(fma.BAD_CLIPS) == 21
    assert {98565, 98567, 98569, 99134, 108925, 133297} < fma.BAD_CLIPS  # those of fma_small


@pytest.mark.parametrize("place", [".", "genres", "genres_original", "Data/genres_original"])
def test_gtzan_is_recognised_where_its_copies_have_it(tmp_path, place):
    layouts.gtzan(tmp_path / place, {"blues": range(3), "rock": range(3)}, "au")
    data = open_dataset(tmp_path)
    assert data.name == "gtzan" and data.labels == ["blues", "rock"]
    assert {t.split for t in data.tracks} == {"train", "valid", "test"}


def test_gtzan_keeps_repetitions_and_parts_of_a_clip_together(tmp_path):
    layouts.gtzan(tmp_path, {"jazz": (*range(10), 33, 51), "reggae": (*range(10), 80, 81, 82)})
    for piece in ("jazz.00051.1.wav", "jazz.00051_seg2.wav", "jazz.00002.0.wav"):
        layouts.tone(tmp_path / "jazz" / piece)
    (tmp_path / "jazz" / "notes.wav").write_bytes(b"")  # none of GTZAN's
    data = open_dataset(tmp_path, kind="gtzan")
    assert data.warnings == ("audio files without a name of GTZAN, left out: 1",)
    tracks = by_key(data)
    same = ("jazz.00033", "jazz.00051", "jazz.00051.1", "jazz.00051_seg2")
    assert {tracks[key].group for key in same} == {"jazz.00033"} and "notes" not in tracks
    assert {tracks[f"reggae.000{n}"].group for n in (80, 81, 82)} == {"reggae.00080"}
    assert tracks["jazz.00002.0"].group == "jazz.00002"
    assert all(len(where) == 1 for where in sides(data.tracks).values())


def test_other_music_in_folders_of_gtzan_is_not_lost(tmp_path):
    layouts.gtzan(tmp_path, {"blues": range(3), "rock": range(3)})
    layouts.folders(tmp_path, ["ambient/a.wav", "ambient/b.wav", "ambient/c.wav"])
    data = open_dataset(tmp_path)
    assert data.name == "folders" and data.labels == ["ambient", "blues", "rock"]
    data = open_dataset(tmp_path, kind="gtzan")
    assert data.labels == ["blues", "rock"] and "left out: 3" in data.warnings[0]
    for path in (tmp_path / "ambient").iterdir():
        path.rename(tmp_path / "rock" / path.name)
    assert len(open_dataset(tmp_path).tracks) == 9


def test_the_list_of_repetitions_names_each_clip_once():
    named = [(g, n) for g, rows in gtzan.REPETITIONS.items() for row in rows for n in row]
    assert len(set(named)) == len(named) == 94
    assert all(0 <= n < 100 for _, n in named)
    assert gtzan.FIRST["rock.00016"] == gtzan.FIRST["metal.00058"]


def test_gtzan_takes_the_fault_filtered_lists(tmp_path):
    root = layouts.gtzan(tmp_path / "genres", {"blues": range(4), "rock": range(4)}).parent
    lists = tmp_path / "lists"
    lists.mkdir()
    for split, numbers in (("train", (0, 1)), ("valid", (2,)), ("test", (3, 9))):
        lines = [f"{g}/{g}.{n:05d}.wav" for g in ("blues", "rock") for n in numbers if n != 1]
        (lists / f"{split}_filtered.txt").write_text("\n".join(lines) + "\n")
    data = open_dataset(root, lists=lists)
    assert data.name == "gtzan-filtered" and "blues.00001" not in by_key(data)
    assert Counter(t.split for t in data.tracks) == {"train": 2, "valid": 2, "test": 2}
    assert data.warnings == ("2 of the 8 listed clips are missing",)
    (lists / "test_filtered.txt").write_text("  501\n")
    with pytest.raises(DataError, match=r"'501' is not a line like blues/blues\.00029\.wav"):
        open_dataset(root, lists=lists)
    (lists / "test_filtered.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"test_filtered\.txt: cannot be read"):
        open_dataset(root, lists=lists)
    (lists / "test_filtered.txt").unlink()
    with pytest.raises(DataError, match=r"test_filtered\.txt: no such file"):
        open_dataset(root, lists=lists)


def test_ballroom_joins_artists_and_recordings_that_occur_twice(tmp_path):
    data = open_dataset(layouts.ballroom(tmp_path))
    assert data.name == "ballroom" and data.labels == ["Chacha", "Waltz"]
    group = {t.key: t.group for t in data.tracks}
    assert group["100601"] == group["100602"] == "artist Herberman"
    assert group["106602"] == group["115727"] != group["100601"]  # not for a version
    assert group["100701"] == group["100702"] and group["100703"] == group["100704"]
    assert len(set(group.values())) == 5
    assert by_key(data)["100602"].title == "Evening & Song"
    (tmp_path / "extendedballroom_v1.1.xml").write_text("<ballroom><Waltz>")
    with pytest.raises(DataError, match="cannot be read as XML"):
        open_dataset(tmp_path)


def test_magnatagatune_has_its_fifty_tags_and_the_usual_split(tmp_path):
    data = open_dataset(layouts.magnatagatune(tmp_path))
    assert data.name == "magnatagatune" and data.task == "tags"
    assert data.labels == [f"tag {i}" for i in range(10, 60)]
    assert [t.split for t in data.tracks] == ["train"] * 4 + ["valid"] * 2 + ["test"] * 4
    assert data.tracks[0].tags == tuple(data.labels) and data.tracks[0].genre == ""
    assert data.tracks[0].group == "Band 0"
    (tmp_path / "clip_info_final.csv").unlink()
    first, second = open_dataset(tmp_path).tracks[:2]
    assert first.group == second.group == "0/band_0-album-01-song"


def test_msd_is_a_table_of_tags(tmp_path):
    data = open_dataset(layouts.msd(tmp_path))
    assert data.name == "msd" and data.task == "tags" and data.labels == ["rock", "chillout"]
    assert [t.tags for t in data.tracks] == [("rock",), ("rock", "chillout"), ()]
    assert [t.split for t in data.tracks] == ["train", "valid", "test"]
    assert data.tracks[1].artist == data.tracks[1].group == "Y"


def test_folders_are_genres_and_folders_in_them_artists(tmp_path):
    names = ["rock/a.wav", "rock/Queen/b.flac", "rock/Queen/Album 1/c.ogg", "pop/Queen/d.mp3"]
    names += ["pop/e.wav", "pop/.hidden.wav", ".git/f.wav", "loose.wav"]
    layouts.folders(tmp_path, names)
    (tmp_path / "pop" / "cover.jpg").write_bytes(b"")
    data = open_dataset(tmp_path)
    assert data.name == "folders" and data.labels == ["pop", "rock"]
    group = {t.key: t.group for t in data.tracks}
    assert group["rock/a.wav"] == "rock/a.wav" and len(group) == 5
    assert {key for key in group if group[key] == "Queen"} == {
        "rock/Queen/b.flac", "rock/Queen/Album 1/c.ogg", "pop/Queen/d.mp3",
    }  # fmt: skip
    assert "outside of genre folders, left out: 1" in data.warnings[0]


def test_links_to_folders_are_followed_but_not_in_circles(tmp_path):
    layouts.folders(tmp_path / "disk", ["rock/a.wav", "rock/b.wav"])
    layouts.folders(tmp_path / "root", ["pop/c.wav", "pop/d.wav"])
    (tmp_path / "root" / "rock").symlink_to(tmp_path / "disk" / "rock")
    (tmp_path / "root" / "pop" / "up").symlink_to(tmp_path / "root")
    assert len(open_dataset(tmp_path / "root").tracks) == 4
    # Two that point at each other, by way of another folder.
    (tmp_path / "disk" / "rock" / "back").symlink_to(tmp_path / "root")
    assert len(audio_files(tmp_path / "root")) == 4


def test_a_link_into_another_genre_does_not_remove_its_tracks(tmp_path):
    names = ["rock/a.wav", "rock/b.wav", "rock/c.wav", "pop/d.wav", "pop/e.wav", "pop/f.wav"]
    layouts.folders(tmp_path, names)
    (tmp_path / "pop" / "all rock").symlink_to(tmp_path / "rock")  # is walked first
    (tmp_path / "pop" / "x.wav").symlink_to(tmp_path / "pop" / "d.wav")
    (tmp_path / "rock" / "hard.wav").hardlink_to(tmp_path / "rock" / "a.wav")
    data = open_dataset(tmp_path)
    assert sorted(by_key(data)) == sorted(names)
    (warning,) = data.warnings
    assert warning.startswith("audio files that are links to others, 6 in all, left out: pop/all r")
    assert "pop/all rock/a.wav is rock/a.wav" in warning


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    layouts.folders(tmp_path, ["rock/a.wav", "rock/b.wav", "pop/c.wav", "pop/d.wav"])
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("pop"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(DataError, match=r"pop: cannot be read: Permission denied; check"):
        open_dataset(tmp_path)


def test_a_manifest_needs_three_columns_and_takes_more(tmp_path):
    rows = [(str(i), ("a", "b")[i % 2], f"{i}.wav", "loud; fast", f"X{i}") for i in range(8)]
    path = layouts.manifest(tmp_path, rows, ("key", "genre", "path", "tags", "artist"))
    for data in (open_dataset(tmp_path), open_dataset(path)):
        assert data.name == "manifest" and data.root == tmp_path
        first = data.tracks[0]
        assert (first.set, first.group, first.artist) == ("manifest", "X0", "X0")
        assert first.tags == ("loud", "fast") and first.split in {"train", "valid", "test"}


def test_a_manifest_is_read_without_spaces_and_names_in_one_form(tmp_path):
    rows = [(f" {i} ", ("Fado\u0301", " Fad\u00f3 ", "b")[i % 3], f"{i}.wav") for i in range(9)]
    path = layouts.manifest(tmp_path, [], ("key", "genre ", " path"))
    for _, _, name in rows:
        layouts.tone(tmp_path / name)
    layouts.table(path, [("key", "genre ", " path"), *rows])
    path.write_text(path.read_text() + "\n,,\n  \n")
    data = open_dataset(tmp_path)
    assert data.labels == ["Fad\u00f3", "b"] and sorted(by_key(data)) == list("012345678")
    assert data.tracks[0].group == "0"


# Refusals and warnings


ROWS = [
    (f"t{i}", "made", ("low", "high")[i % 2], f"g{i}", split, f"{i}.wav")
    for i, split in enumerate(["train"] * 4 + ["valid"] * 2 + ["test"] * 2)
]


def changed(number, **fields):
    """The rows with some fields of one changed."""
    row = dict(zip(layouts.MANIFEST, ROWS[number], strict=True)) | fields
    return [*ROWS[:number], tuple(row.values()), *ROWS[number + 1 :]]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (changed(1, split="training"), "t1: unknown split 'training'; use train, valid, test"),
        (changed(1, key="t0"), "duplicate keys: t0; give each"),
        (changed(1, split=""), "some tracks have no split: t1; assign a split"),
        (changed(7, genre="odd"), "genre 'odd' has no track in train; move some of its 1 tracks"),
        (
            [r for r in ROWS if r[2] == "low"],
            "at least two genres are required, but the data has low",
        ),
        ([], "has no rows"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused(tmp_path, rows, said):
    layouts.manifest(tmp_path, rows)
    with pytest.raises(DataError, match=said) as refused:
        open_dataset(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_manifest_is_refused(tmp_path):
    path = tmp_path / "manifest.csv"
    with pytest.raises(DataError, match=r"manifest\.csv: no such file; give the folder"):
        open_dataset(tmp_path, kind="manifest")
    with pytest.raises(DataError, match="no such folder"):
        open_dataset(tmp_path / "nowhere")
    path.write_text("key,genre\na,b\n")
    with pytest.raises(DataError, match="missing columns: path; it needs key, genre, path"):
        open_dataset(path)
    path.write_text("key,genre,path\na,b\n")
    with pytest.raises(DataError, match="line 2 has more or fewer fields"):
        open_dataset(path)
    path.write_bytes(b"key,genre,path\n\xff\xfe,b,c\n")
    with pytest.raises(DataError, match="cannot be read as a table"):
        open_dataset(path)


def test_folders_that_cannot_be_trained_are_refused(tmp_path):
    with pytest.raises(DataError, match="no audio files in genre folders"):
        open_dataset(tmp_path)
    layouts.folders(tmp_path, ["rock/a.wav", "rock/b.wav", "pop/c.wav"])
    with pytest.raises(DataError, match="genre 'pop' has one track, which is not enough"):
        open_dataset(tmp_path)


def test_options_of_another_layout_are_refused(tmp_path):
    layouts.folders(tmp_path, ["rock/a.wav", "rock/b.wav", "pop/c.wav", "pop/d.wav"])
    with pytest.raises(DataError, match=r"subset requires FMA.*folders"):
        open_dataset(tmp_path, subset="small")
    with pytest.raises(DataError, match="lists require GTZAN"):
        open_dataset(tmp_path, lists=tmp_path)
    for kind in ("gtzan", "ballroom", "magnatagatune", "msd", "fma", "manifest", "other"):
        with pytest.raises(DataError):
            open_dataset(tmp_path, kind=kind)


def test_missing_audio_is_left_out_and_named(tmp_path):
    layouts.manifest(tmp_path, ROWS)
    (tmp_path / "3.wav").unlink()
    data = open_dataset(tmp_path)
    assert "t3" not in by_key(data)
    assert "1 of 8 audio files are missing" in data.warnings[0] and "3.wav" in data.warnings[0]
    for path in tmp_path.glob("*.wav"):
        path.unlink()
    with pytest.raises(DataError, match=r"no audio file exists, for example .*0\.wav"):
        open_dataset(tmp_path)


def test_groups_on_two_sides_cause_a_warning_except_for_demos(tmp_path):
    layouts.manifest(tmp_path, [*changed(6, group="g0"), ("d", "", "low", "g1", "demo", "d.wav")])
    (warning,) = open_dataset(tmp_path).warnings
    assert warning.startswith("groups on two sides of the split, 1 in all: g0;")


def test_odd_names_files_and_artists_are_warned_of_in_one_line(tmp_path):
    header = (*layouts.MANIFEST, "artist")
    rows = [(*row, f"artist {i}") for i, row in enumerate(changed(3, genre="High"))]
    rows[0] = (*rows[0][:6], "The\nBand")
    rows[6] = (*rows[6][:6], " the\nband ")
    rows.append(("again", "", "low", "g9", "test", "1.wav", ""))
    layouts.manifest(tmp_path, rows, header)
    found = open_dataset(tmp_path).warnings
    assert "genres that differ in capitals or spaces only: 'High' and 'high'" in found
    assert any("on two sides" in w and "t1 and again are 1.wav" in w for w in found)
    assert any(
        w.startswith(r"artists on two sides of the split, 1 in all: the\nband;") for w in found
    )
    assert len(found) == 4 and not any("\n" in w for w in found)  # and High is not in the test


@pytest.mark.skipif(sys.platform != "linux", reason="needs names that are not UTF-8")
def test_names_that_are_not_utf8_are_refused(tmp_path):
    layouts.folders(tmp_path, ["rock/a.wav", "rock/b.wav", "pop/c.wav", "pop/d.wav"])
    (tmp_path / "pop" / "c.wav").rename(tmp_path / "pop" / os.fsdecode(b"\xe9.wav"))
    with pytest.raises(DataError, match=r"not valid UTF-8: pop/\\udce9\.wav; rename"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("path", "said"),
    [("x" * 5_000, "File name too long"), ("a\0b", "null"), ("locked/a.wav", "Permission denied")],
)
def test_inaccessible_audio_is_rejected(tmp_path, monkeypatch, path, said):
    layouts.manifest(tmp_path, ROWS)
    layouts.table(tmp_path / "manifest.csv", [layouts.MANIFEST, *changed(1, path=path)])
    look = Path.stat

    def refusing(self, **options):
        if "locked" in self.parts:
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return look(self, **options)

    monkeypatch.setattr(Path, "stat", refusing)
    with pytest.raises(DataError, match=said) as refused:
        open_dataset(tmp_path)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 400
    with pytest.raises(DataError, match=r"locked.*Permission denied"):
        open_dataset(tmp_path / "locked")


def test_a_data_set_too_small_for_training_can_be_evaluated(tmp_path):
    rows = [(*row[:4], "test", row[5]) for row in ROWS]
    for some_rows in (rows, rows[:1]):
        layouts.manifest(tmp_path / "given", some_rows)
        with pytest.raises(DataError, match=r"no track in train|at least two"):
            open_dataset(tmp_path / "given")
        data = open_dataset(tmp_path / "given", for_training=False)
        assert {t.split for t in data.tracks} == {"test"} and not data.warnings
    layouts.folders(tmp_path / "own", ["rock/a.wav", "rock/b.wav", "pop/c.wav"])
    data = open_dataset(tmp_path / "own", for_training=False)
    assert {t.split for t in data.tracks} == {"test"} and "all are in test" in data.warnings[0]
    layouts.folders(tmp_path / "own", [f"{g}/{i}.wav" for g in ("rock", "pop") for i in range(9)])
    data = open_dataset(tmp_path / "own", for_training=False)
    assert data.tracks == open_dataset(tmp_path / "own").tracks


def test_a_genre_that_is_not_measured_is_warned_of(tmp_path):
    names = [f"rock/{i}.wav" for i in range(4)] + ["pop/one artist/a.wav", "pop/one artist/b.wav"]
    valid, test = open_dataset(layouts.folders(tmp_path, names)).warnings
    assert "no track in valid: pop; at least three artists or tracks" in valid
    assert "no track in test: pop; at least three artists or tracks" in test
    layouts.folders(tmp_path / "two", [f"{g}/{i}.wav" for g in ("rock", "pop") for i in range(2)])
    (warning,) = open_dataset(tmp_path / "two").warnings
    assert warning.startswith("the split leaves no track in valid; at least three artists or tr")


# Splits


def made(genre, group, i):
    return Track(f"{genre}/{group}/{i}", "made", genre, group, "", Path("x.wav"))


single_genre = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 12), st.integers(1, 6)), min_size=1, max_size=40
).map(
    lambda rows: [
        made(f"genre {g}", f"artist {g}-{a}", f"{n}-{i}")
        for n, (g, a, count) in enumerate(rows)
        for i in range(count)
    ]
)
mixed_genres = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 9)), min_size=1, max_size=60
).map(lambda rows: [made(f"genre {g}", f"artist {a}", i) for i, (g, a) in enumerate(rows)])


@settings(deadline=None, max_examples=60)
@given(st.one_of(single_genre, mixed_genres), st.integers(0, 3), st.randoms())
def test_a_split_keeps_groups_whole_and_ignores_the_order(tracks, seed, random):
    split = with_split(tracks, seed)
    assert [replace(t, split="") for t in split] == tracks
    assert all(len(where) == 1 for where in sides(split).values())
    assert {t.genre for t in split if t.split == "train"} == {t.genre for t in tracks}
    shuffled = random.sample(tracks, len(tracks))
    assert {t.key: t.split for t in with_split(shuffled, seed)} == {t.key: t.split for t in split}


@settings(deadline=None, max_examples=60)
@given(single_genre, st.integers(0, 3))
def test_a_split_has_each_genre_of_three_groups_on_every_side(tracks, seed):
    split = with_split(tracks, seed)
    for genre in {t.genre for t in tracks}:
        of_genre = [t for t in split if t.genre == genre]
        if len({t.group for t in of_genre}) >= 3:
            assert {t.split for t in of_genre} == {"train", "valid", "test"}


def test_a_split_has_the_wanted_shares_and_follows_its_seed():
    tracks = [made(f"genre {g}", f"artist {g}-{a}", i) for g in range(5) for a in range(40)
              for i in range(1 + a % 3)]  # fmt: skip
    split = with_split(tracks, 0)
    for genre in range(5):
        counts = Counter(t.split for t in split if t.genre == f"genre {genre}")
        assert counts["train"] / counts.total() == pytest.approx(0.70, abs=0.03)
        assert counts["test"] / counts.total() == pytest.approx(0.15, abs=0.03)
    assert split == with_split(tracks, 0) != with_split(tracks, 1)


def test_folds_hold_every_track_out_once_and_no_group_on_two_sides():
    tracks = [made(f"genre {i % 3}", f"artist {i // 2}", i) for i in range(60)]
    parts = folds(tracks, 5, seed=0)
    assert sorted(t.key for _, held in parts for t in held) == sorted(t.key for t in tracks)
    for train, held in parts:
        assert not {t.group for t in train} & {t.group for t in held}
        assert {t.genre for t in held} == {"genre 0", "genre 1", "genre 2"}
        assert len(train) + len(held) == 60
    assert parts == folds(tracks[::-1], 5, seed=0) != folds(tracks, 5, seed=1)
    for count in (1, 31):
        with pytest.raises(DataError, match=f"cannot make {count} folds"):
            folds(tracks, count, 0)


# The cache


@pytest.fixture
def some(tmp_path):
    """Six tracks in the formats that libsndfile writes."""
    endings = ("wav", "flac", "ogg", "mp3", "au", "wav")
    paths = [layouts.tone(tmp_path / "audio" / f"{i}.{e}") for i, e in enumerate(endings)]
    return [Track(f"t{i}", "made", "a", f"g{i}", "train", p) for i, p in enumerate(paths)]


@pytest.fixture
def decoded(monkeypatch):
    """The names of the files that are decoded from now on."""
    names, decode = [], decoding.decode

    def count(path):
        names.append(Path(path).name)
        return decode(path)

    monkeypatch.setattr(decoding, "decode", count)
    return names


def test_the_cache_holds_int16_at_16_khz_and_goes_to_other_processes(some, tmp_path):
    cache = AudioCache.build(some, tmp_path / "cache")
    assert list(cache) == [t.key for t in some] and cache["t0"].dtype == np.int16
    assert len(cache["t0"]) == 8_000 and np.abs(cache["t0"]).max() > 5_000
    assert not cache["t0"].flags.writeable
    sent = pickle.dumps(cache)
    assert len(sent) < 1_000
    again = pickle.loads(sent)
    assert all(np.array_equal(again[key], cache[key]) for key in cache)
    assert again.source == cache.source


def test_broken_files_are_named_counted_and_skipped(some, tmp_path, capsys):
    bad = {"broken": b"RIFF nothing", "empty": b""}
    for name, content in bad.items():
        (tmp_path / f"{name}.wav").write_bytes(content)
    soundfile.write(tmp_path / "silent.wav", np.zeros(8_000), 8_000)
    layouts.tone(tmp_path / "short.wav", 0.1)
    names = [*bad, "silent", "short", "absent"]
    tracks = [Track(n, "", "a", n, "train", tmp_path / f"{n}.wav") for n in names]
    cache = AudioCache.build([*some, *tracks], tmp_path / "cache")
    said = capsys.readouterr().err
    assert set(cache) == {t.key for t in some} and set(cache.skipped) == set(names)
    assert said.splitlines()[-1] == "skipped 5 of 11 files" and "\nskipped 5" in said
    assert f"skipped {tmp_path / 'empty.wav'}: is empty (0 bytes)" in said
    assert cache.skipped["silent"] == "is silent throughout"
    assert cache.skipped["short"] == "is shorter than 0.3 s"
    assert cache.skipped["absent"] == "no such file"
    again = AudioCache.build([*some, *tracks], tmp_path / "cache")
    assert again.skipped == cache.skipped and "5 of 11" in capsys.readouterr().err
    with pytest.raises(DataError, match="none of the 5 tracks could be read"):
        AudioCache.build(tracks, tmp_path / "cache")


def test_one_folder_serves_several_data_sets(some, tmp_path, decoded):
    first = AudioCache.build(some[:3], tmp_path / "cache")
    assert decoded == ["0.wav", "1.flac", "2.ogg"]
    other = [replace(t, key=f"other {t.key}") for t in some[2:]]
    second = AudioCache.build(other, tmp_path / "cache")
    assert decoded[3:] == ["3.mp3", "4.au", "5.wav"]
    assert set(second) == {t.key for t in other} and first.source != second.source
    assert np.array_equal(first["t2"], second["other t2"])
    AudioCache.build(some, tmp_path / "cache")
    assert len(decoded) == 6


def test_a_changed_file_is_decoded_again(some, tmp_path, decoded):
    before = AudioCache.build(some, tmp_path / "cache")
    layouts.tone(some[1].path, 0.75)
    after = AudioCache.build(some, tmp_path / "cache")
    assert decoded[6:] == ["1.flac"] and len(after["t1"]) == 12_000
    assert len(before["t1"]) == 8_000 and before.source != after.source


def test_the_source_is_the_same_elsewhere(some, tmp_path):
    moved = [replace(t, path=tmp_path / "moved" / t.path.name) for t in some]
    for old, new in zip(some, moved, strict=True):
        new.path.parent.mkdir(exist_ok=True)
        new.path.write_bytes(old.path.read_bytes())
    here = AudioCache.build(some, tmp_path / "cache")
    assert here.source == AudioCache.build(moved[::-1], tmp_path / "other").source


def test_the_source_changes_with_the_samples(some, tmp_path):
    low = AudioCache.build(some[:1], tmp_path / "cache")
    size = some[0].path.stat().st_size
    layouts.tone(some[0].path, pitch=880)
    high = AudioCache.build(some[:1], tmp_path / "cache")
    assert size == some[0].path.stat().st_size and low.source != high.source


def test_a_folder_without_digests_is_read_and_not_changed(some, tmp_path, decoded):
    source = AudioCache.build(some, tmp_path / "cache").source
    index = tmp_path / "cache" / "index.jsonl"
    rows = [json.loads(line) for line in index.open()]
    assert {row.pop("digest") for row in rows} == {
        digest_of(samples.data) for samples in AudioCache.build(some, tmp_path / "cache").values()
    }
    old = "".join(f"{json.dumps(row)}\n" for row in rows)
    index.write_text(old)
    assert AudioCache.build(some, tmp_path / "cache").source == source
    assert index.read_text() == old and len(decoded) == 6


GARBAGE = [
    b"null", b"7", b'"x"', b"{}", b"[" * 100_000, b"\xff\xfe", b'{"path": 1}',
    *(
        json.dumps({"path": "x", "size": 1, "mtime_ns": 1, "start": 0, "end": 4, "error": ""} | odd)
        .encode()
        for odd in (
            {"path": ["x"]}, {"path": None}, {"size": "1"}, {"mtime_ns": 1.5}, {"start": -4},
            {"start": 9}, {"start": True}, {"end": 10**18}, {"end": 0}, {"error": None},
            {"error": "x"}, {"digest": 7}, {"digest": "no digest"},
        )
    ),
]  # fmt: skip


def test_invalid_lines_of_the_index_are_ignored(some, tmp_path, decoded):
    AudioCache.build(some, tmp_path / "cache")
    index = tmp_path / "cache" / "index.jsonl"
    before = read_journal(tmp_path / "cache")
    index.write_bytes(b"\n".join(GARBAGE) + b"\n" + index.read_bytes() + b"\n".join(GARBAGE))
    assert read_journal(tmp_path / "cache") == before
    assert len(AudioCache.build(some, tmp_path / "cache")) == len(decoded) == 6


def test_an_unusable_cache_folder_is_rejected(some, tmp_path):
    for name in ("index.jsonl", "samples.int16", "lock"):
        (tmp_path / name / name).mkdir(parents=True)
    for folder in (tmp_path / n for n in ("index.jsonl", "samples.int16", "lock")):
        with pytest.raises(DataError, match=r"cannot be (read|written).*--cache") as refused:
            AudioCache.build(some, folder)
        assert "\n" not in str(refused.value)
    for folder in (some[0].path, some[0].path / "x"):
        with pytest.raises(DataError, match=r"wav.*cannot be (read|written).*give another --cache"):
            AudioCache.build(some, folder)


def _caused() -> None:
    try:
        raise OSError(errno.ESTALE, "Stale file handle")
    except OSError:
        raise InputError("cannot be decoded") from None


def _refused() -> None:
    raise InputError("no permission to read it; check its owner and mode")


def _short() -> None:
    raise MemoryError


@pytest.mark.parametrize("fail", [_caused, _refused, _short])
def test_temporary_failures_are_retried(some, tmp_path, monkeypatch, capsys, fail):
    decode = sources.decode_mono

    def failing(path, rate):
        return fail() if path.endswith("1.flac") else decode(path, rate)

    monkeypatch.setattr(sources, "decode_mono", failing)
    assert set(AudioCache.build(some, tmp_path / "cache").skipped) == {"t1"}
    assert "1.flac: " in capsys.readouterr().err
    assert "1.flac" not in (tmp_path / "cache" / "index.jsonl").read_text()
    monkeypatch.setattr(sources, "decode_mono", decode)
    assert not AudioCache.build(some, tmp_path / "cache").skipped


KILLED = """
import os, signal, sys
from pathlib import Path
from training.data import AudioCache, Track, journal
add, count = journal.Journal.add, 0
def killing(self, stamp, samples, error):
    global count
    count += 1
    if count == 4:  # in the middle: the samples are there, the line is torn
        self._samples.write(samples[:1000]); self._samples.flush()
        self._index.write(b'{"path": "half a li'); self._index.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    add(self, stamp, samples, error)
journal.Journal.add = killing
paths = sorted(Path(sys.argv[1]).iterdir())
tracks = [Track(f"t{i}", "made", "a", f"g{i}", "train", p) for i, p in enumerate(paths)]
AudioCache.build(tracks, Path(sys.argv[2]))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_decoding_resumes_after_a_kill(some, tmp_path, decoded):
    folder = tmp_path / "cache"
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, some[0].path.parent, folder],
        cwd=ROOT,
        timeout=600,
    )
    assert ended.returncode == -signal.SIGKILL
    cache = AudioCache.build(some, folder)
    assert decoded == ["3.mp3", "4.au", "5.wav"]
    fresh = AudioCache.build(some, tmp_path / "fresh")
    assert all(np.array_equal(cache[key], fresh[key]) for key in fresh)
    AudioCache.build(some, folder)
    assert len(decoded) == 3 + 6
    # Samples that were lost are noticed, whatever the journal says.
    (folder / "samples.int16").write_bytes(b"")
    assert np.array_equal(AudioCache.build(some, folder)["t5"], fresh["t5"])


def test_files_are_decoded_in_processes_even_if_one_crashes(tmp_path, monkeypatch, capsys):
    paths = [layouts.tone(tmp_path / f"{i}.wav", pitch=200 + 20 * i) for i in range(17)]
    paths[5] = paths[5].rename(tmp_path / "deadly.wav")
    tracks = [Track(p.stem, "", "a", p.stem, "train", p) for p in paths]
    monkeypatch.setattr(decoding, "decode", layouts.dying)
    monkeypatch.setattr(decoding.os, "cpu_count", lambda: 2)
    cache = AudioCache.build(tracks, tmp_path / "cache")
    assert cache.skipped == {"deadly": "crashes the decoder"} and len(cache) == 16
    assert "skipped 1 of 17 files" in capsys.readouterr().err
    rows = [json.loads(line) for line in (tmp_path / "cache" / "index.jsonl").open()]
    assert sorted(Path(row["path"]).stem for row in rows) == sorted(t.key for t in tracks)
    for i in (0, 16):
        pitch = np.argmax(np.abs(np.fft.rfft(cache[f"{i}"]))) * 2
        assert pitch == pytest.approx(200 + 20 * i, abs=4)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_reported_in_one_line(some, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "samples.int16").symlink_to("/dev/full")
    with pytest.raises(DataError, match=r"the disk is full.*--cache"):
        AudioCache.build(some, tmp_path / "cache")


def test_concurrent_builds_of_a_cache_wait_for_each_other(some, tmp_path, capsys):
    import threading

    from filelock import FileLock

    (tmp_path / "cache").mkdir()
    with FileLock(tmp_path / "cache" / "lock"):
        other = threading.Thread(target=AudioCache.build, args=(some, tmp_path / "cache"))
        other.start()
        other.join(0.5)
        assert other.is_alive() and not (tmp_path / "cache" / "index.jsonl").exists()
    other.join(600)
    assert "waiting for another process" in capsys.readouterr().err
    assert len(AudioCache.build(some, tmp_path / "cache")) == 6


def test_the_default_cache_is_the_users_own(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    layouts.manifest(tmp_path / "music", ROWS)
    folder = default_cache(tmp_path / "music")
    assert folder.name.startswith("music-") and folder.parent.name == "streamgenre"
    assert folder == default_cache(tmp_path / "music" / "manifest.csv")
    layouts.tone(tmp_path / "b" / "music" / "x.wav")
    assert folder != default_cache(tmp_path / "b" / "music")
    if sys.platform == "linux":
        assert folder.is_relative_to(tmp_path / "home")


# What is no music


def test_only_audio_counts_as_speech(tmp_path):
    with pytest.raises(DataError, match="absent: cannot be read: No such file"):
        recordings(tmp_path / "absent")
    (tmp_path / "README.txt").write_text("by whom")
    with pytest.raises(DataError, match="contains no recordings"):
        recordings(tmp_path)
    layouts.tone(tmp_path / "a.wav")
    np.ones(16_000, np.int16).tofile(tmp_path / "b.s16")
    assert [len(clip.samples) for clip in recordings(tmp_path)] == [8_000, 16_000]
    (tmp_path / "c.mp3").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"c\.mp3: .*; remove it"):
        recordings(tmp_path)
