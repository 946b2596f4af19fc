"""`streamgenre correct`: corrections, messages, and training data for adapt."""

from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import replace

import pytest
from support.library import write_sound

import streamgenre
from streamgenre.cli.main import run
from streamgenre.library.corrections import (
    Correction,
    Corrections,
    Target,
    locked_corrections,
    write_corrections,
)
from streamgenre.library.results import write_results
from streamgenre.library.row import Row, system_path

LABELS = ("classical", "hiphop", "jazz")


def row(path, artist, album):
    return Row(
        str(path), 1, 1.0, 3.0, "genre", "classical", confidence=0.8,
        probabilities={"classical": 0.8, "hiphop": 0.1, "jazz": 0.1}, styles={}, music=1.0,
        speech=0.0, segments=(), artist=artist, album=album, model="m 1 0",
    )  # fmt: skip


@pytest.fixture
def library(tmp_path):
    """Results of six recordings by three artists."""
    rows = []
    for number in range(6):
        path = tmp_path / f"{number} a, b.wav"
        rows.append(row(path, f"Artist {number % 3}", "Hits" if number < 3 else "Blue"))
        write_sound(path, number)
    write_results(tmp_path / "g.csv", rows, LABELS)
    return tmp_path / "g.csv"


def corrected(library):
    return [one.corrected for one in streamgenre.read_results(library)]


def column(library):
    with library.open(encoding="utf-8", newline="") as file:
        return [one["corrected"] or None for one in csv.DictReader(file)]


def call(library, *arguments):
    return run(["correct", str(library), *arguments])


def test_add_and_remove_a_correction(library, capsys):
    assert call(library, "album:hits", "Jazz", "--artist", "Artist 1") == 0
    out, err = capsys.readouterr()
    assert out == "album:hits: jazz, 1 file\n" and err == ""
    assert corrected(library) == column(library) == [None, "jazz", None, None, None, None]
    assert [one.genre for one in streamgenre.read_results(library)] == ["classical"] * 6
    assert call(library, "artist:Artist 0", "Hip-Hop") == 0
    assert corrected(library)[0] == "hiphop"
    capsys.readouterr()
    assert call(library, "--list") == 0
    assert capsys.readouterr().out.splitlines() == [
        "album:hits (artist Artist 1): jazz",
        "artist:Artist 0: hiphop",
    ]
    assert call(library, "album:HITS", "--artist", "artist 1", "--remove") == 0
    assert call(library, "artist:Artist 0", "--remove") == 0
    assert corrected(library) == column(library) == [None] * 6


def test_paths_are_relative_to_the_working_directory(library, monkeypatch):
    monkeypatch.chdir(library.parent)
    assert call(library, "path:2 a, b.wav", "jazz") == 0
    assert corrected(library) == [None, None, "jazz", None, None, None]
    assert call(library, "path:.", "hiphop") == 0  # all files below the folder
    assert corrected(library) == ["hiphop", "hiphop", "jazz", "hiphop", "hiphop", "hiphop"]


def test_genre_that_the_model_lacks_prints_a_hint(library, capsys):
    assert call(library, "glob:*.wav", "  gypsy   swing ") == 0
    out, err = capsys.readouterr()
    assert out == "glob:*.wav: gypsy swing, 6 files\n"
    assert "not a genre of the model" in err and "classical, hiphop, jazz" in err
    assert err.count("\n") == 1
    assert call(library, "glob:0*", "Gypsy-Swing") == 0  # in the existing spelling
    assert set(corrected(library)) == {"gypsy swing"}


def test_album_title_of_several_artists_prints_a_hint(library, capsys):
    rows = [replace(one, artist=f"{one.artist}") for one in streamgenre.read_results(library)]
    more = [row(f"/x/{i}.mp3", artist, "Hits") for i in range(3) for artist in ("Queen", "ABBA")]
    write_results(library, [*rows, *more], LABELS)
    assert call(library, "album:Hits", "jazz") == 0
    err = capsys.readouterr().err
    assert "3 albums have this title" in err and "Queen, ABBA" in err and "--artist" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["album:Hits", "jaz"], "did you mean 'jazz'"),
        (["album:Hits", "clasical"], "did you mean 'classical'"),
        (["album:Hit", "jazz"], "did you mean 'Hits'"),
        (["artist:Artits 1", "jazz"], "did you mean 'Artist 1'"),
        (["artist:Nobody", "jazz"], "no file of the results has the artist 'Nobody'"),
        (["path:nowhere", "jazz"], "no file of the results matches"),
        (["glob:*.mp4", "jazz"], "no file of the results matches"),
        (["Hits", "jazz"], "album:TITLE"),
        (["album:Hits"], "pass a GENRE"),
        (["album:Hits", " "], "printable"),
        (["album:Hits", "a\nb\x07"], "printable"),
        (["album:Hits", "unsure"], "is a status, not a genre"),
        (["artist:Artist 1", "jazz", "--artist", "x"], "only be added to an album"),
        ([], "pass a TARGET"),
        (["--list", "--remove"], "use only one of"),
        (["--list", "album:Hits"], "take only RESULTS"),
        (["album:Hits", "--remove"], "there is no correction"),
    ],
)
def test_rejected_calls_change_nothing(library, capsys, arguments, words):
    before = library.read_bytes()
    assert call(library, *arguments) == 2
    assert words in capsys.readouterr().err
    assert library.read_bytes() == before
    assert not library.with_name("g.csv.corrections").exists()


@pytest.mark.parametrize("kind", ["album", "artist"])
def test_without_such_tags_the_message_names_other_targets(library, capsys, kind):
    rows = [replace(row, album=None, artist=None) for row in streamgenre.read_results(library)]
    write_results(library, rows, LABELS)
    assert call(library, f"{kind}:Hits", "jazz") == 2
    error = capsys.readouterr().err
    assert f"no file of the results has an {kind} tag" in error
    assert "path:" in error and "glob:" in error


def test_no_correction_is_lost_if_processes_correct_at_the_same_time(library):
    """Each reads all corrections, and writes them with its own."""
    targets = [f"path:{library.parent / f'{number} a, b.wav'}" for number in range(6)]
    command = [sys.executable, "-m", "streamgenre", "correct", str(library)]
    running = [
        subprocess.Popen([*command, target, "jazz"], stdout=subprocess.PIPE, text=True)
        for target in targets
    ]
    printed = [process.communicate(timeout=120)[0] for process in running]
    assert all(text.endswith("jazz, 1 file\n") for text in printed)
    assert corrected(library) == column(library) == ["jazz"] * 6


def test_a_correction_waits_for_the_lock(library):
    """The one that is being made is kept, too."""
    command = [sys.executable, "-m", "streamgenre", "correct", str(library), "artist:Artist 0"]
    with locked_corrections(library):
        process = subprocess.Popen([*command, "jazz"], stdout=subprocess.DEVNULL)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(3)
        other = Correction(Target.parse("artist:Artist 1"), "tango")
        write_corrections(library, Corrections([other]))
    assert process.wait(60) == 0
    assert corrected(library) == column(library) == ["jazz", "tango", None] * 2


def test_new_accepts_a_similar_genre(library):
    assert call(library, "album:Hits", "jaz", "--new") == 0
    assert corrected(library)[0] == "jaz"


def test_additional_columns_are_kept(library):
    lines = library.read_text("utf-8").splitlines()
    library.write_text("\n".join([lines[0] + ",mine", *(one + ",7" for one in lines[1:])]) + "\n")
    before = library.read_bytes()
    assert call(library, "album:Hits", "jazz") == 0
    assert library.read_bytes() == before and corrected(library)[0] == "jazz"


def test_manifest_is_a_dataset_for_adapt(library, capsys):
    pytest.importorskip("pydantic", reason="needs the adapt extra")
    from training.cli.adapt import chosen
    from training.data import open_dataset

    manifest = library.with_name("music.csv")
    assert call(library, "--manifest", str(manifest)) == 3
    assert "has a correction" in capsys.readouterr().err and not manifest.exists()
    assert call(library, "album:Hits", "tango") == call(library, "album:Blue", "salsa") == 0
    gone = row("/gone.wav", "x", "Hits")
    bad = replace(row(library.parent / "0 a, b.wav", "x", "Hits"), error="is damaged")
    write_results(library, [*streamgenre.read_results(library), gone, bad], LABELS)
    capsys.readouterr()
    assert call(library, "--manifest", str(manifest)) == 0
    out, err = capsys.readouterr()
    assert out == f"{manifest}: 6 files of 2 genres\n"
    assert "it does not exist" in err and "could not be read" in err

    dataset = open_dataset(manifest)
    tracks = chosen(dataset)
    assert dataset.labels == ["salsa", "tango"] and len(tracks) == 6
    assert {track.artist for track in tracks} == {"Artist 0", "Artist 1", "Artist 2"}
    assert {track.path for track in tracks} == {*library.parent.glob("*.wav")}
    assert dataset.warnings == ()


def test_paths_that_are_not_utf8(tmp_path):
    name = b"a\xff%41.wav"
    try:
        (tmp_path / name.decode("utf-8", "surrogateescape")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system has no such names")
    shown = f"{tmp_path}/a%FF%41.wav"
    assert system_path(shown) == f"{tmp_path}/" + name.decode("utf-8", "surrogateescape")
    assert system_path(f"{tmp_path}/other%FF.wav") == f"{tmp_path}/other%FF.wav"
