"""Copies of one recording: recognised by their sound, whatever the file."""

import io
import shutil

import numpy as np
import pytest
import soundfile
import soxr
from click.testing import CliRunner
from support.paths import EXAMPLES

from training.data.copies import copy_warnings, find_copies, grouped_copies
from training.data.record import Track

RATE = 16_000


def clip(name, start=0, seconds=None):
    samples, rate = soundfile.read(EXAMPLES / name, dtype="float32", always_2d=True)
    mono = soxr.resample(samples.mean(1), rate, RATE)
    return mono[round(start * RATE) :][: None if seconds is None else round(seconds * RATE)]


def int16(samples):
    return np.clip(np.rint(samples * 32767), -32768, 32767).astype(np.int16)


def lossy(samples):
    """Through MP3 at the lowest quality that libsndfile writes."""
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="MP3", compression_level=0.99)
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0]


NAMES = sorted(path.name for path in EXAMPLES.glob("*-*.ogg"))


@pytest.fixture(scope="module")
def originals():
    return {name: int16(clip(name)) for name in NAMES}


def test_different_recordings_are_not_copies(originals):
    # Excerpts of one recording that do not overlap are none either.
    first = {f"{name} first": samples[: 8 * RATE] for name, samples in originals.items()}
    last = {f"{name} last": samples[-8 * RATE :] for name, samples in originals.items()}
    for part in (first, last, {"silence": np.zeros(9 * RATE, np.int16),
                               "more silence": np.zeros(8 * RATE, np.int16)}):  # fmt: skip
        assert find_copies(part, list(part)) == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda x: x, id="the same samples"),
        pytest.param(lambda x: 0.1 * x, id="20 dB quieter"),
        pytest.param(lambda x: x[round(1.37 * RATE) :], id="starts later"),
        pytest.param(lambda x: x[3 * RATE : 9 * RATE], id="an excerpt"),
        pytest.param(lossy, id="MP3 at a low bit rate"),
        pytest.param(
            lambda x: np.concatenate([np.zeros(5 * RATE, np.float32), x]), id="silence first"
        ),
        pytest.param(
            lambda x: soxr.resample(soxr.resample(x, RATE, 8000), 8000, RATE), id="telephone"
        ),
        pytest.param(
            lambda x: (
                x + 0.02 * np.random.default_rng(0).standard_normal(len(x)).astype(np.float32)
            ),
            id="noise",
        ),
    ],
)
def test_a_copy_is_recognised(originals, change):
    audio = dict(originals)
    chosen = NAMES
    audio |= {f"copy of {name}": int16(change(clip(name))) for name in chosen}
    groups = find_copies(audio, list(audio))
    assert sorted(sorted(group) for group in groups) == sorted(
        sorted([f"copy of {name}", name]) for name in chosen
    )


def track(key, genre="jazz", group="", split=""):
    return Track(key, "set", genre, group or key, split, EXAMPLES / "none")


def test_groups_that_share_a_recording_are_joined():
    tracks = [track("a", group="x"), track("b", group="y"), track("c", group="y"), track("d")]
    joined = grouped_copies(tracks, [["a", "b"]])
    assert [t.group for t in joined] == ["x", "x", "x", "d"]


def test_each_kind_of_copy_has_its_warning():
    tracks = [track("a"), track("b", "pop"), track("c", split="train"), track("d", split="test"),
              track("e"), track("f")]  # fmt: skip
    lines = copy_warnings(tracks, [["a", "b"], ["c", "d"], ["e", "f"], ["gone", "away"]])
    assert len(lines) == 3
    assert "different genres" in lines[0]
    assert "a = b" in lines[0]
    assert "different splits" in lines[1]
    assert "c = d" in lines[1]
    assert "e = f" in lines[2]
    _, same = copy_warnings(tracks, [["a", "b"], ["c", "d"], ["e", "f"]], by_split=False)
    assert "they stay together in cross-validation: c = d, e = f" in same


def run(command, *arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


@pytest.fixture
def folders(tmp_path):
    """Two genres of three recordings each; the names say nothing."""
    root = tmp_path / "music"
    for genre, names in (("x", NAMES[:3]), ("y", NAMES[3:6])):
        (root / genre).mkdir(parents=True)
        for number, name in enumerate(names):
            shutil.copy(EXAMPLES / name, root / genre / f"{number}.ogg")
    return root


def test_adapt_refuses_a_genre_of_one_recording(tmp_path):
    pytest.importorskip("sklearn")
    from training.cli.adapt import command

    root = tmp_path / "music"
    for genre, name in (("x", NAMES[0]), ("y", NAMES[3])):
        (root / genre).mkdir(parents=True)
        for number in range(4):
            shutil.copy(EXAMPLES / name, root / genre / f"{number}.ogg")
    result = run(command, root, "-o", tmp_path / "m.onnx", "--cache", tmp_path / "cache")
    assert result.exit_code != 0
    assert "at least two are needed" in str(result.exception)
    assert not (tmp_path / "m.onnx").exists()


@pytest.mark.slow
def test_adapt_names_a_recording_under_two_genres(folders, tmp_path):
    pytest.importorskip("sklearn")
    from training.cli.adapt import command

    samples, rate = soundfile.read(folders / "x" / "0.ogg")
    soundfile.write(folders / "y" / "other.flac", samples[rate:] / 2, rate)
    result = run(command, folders, "-o", tmp_path / "m.onnx", "--cache", tmp_path / "cache")
    assert "1 recording in the data more than once under different genres" in result.stderr
    assert "x/0.ogg = y/other.flac" in result.stderr


def test_a_split_that_is_drawn_keeps_copies_on_one_side(folders, tmp_path):
    from training.cli.options import open_data

    for number in range(12):
        shutil.copy(folders / "x" / "0.ogg", folders / "x" / f"copy{number}.ogg")
    dataset, audio = open_data(folders, "auto", "", None, tmp_path / "cache", for_training=False)
    copies = [t for t in dataset.tracks if t.key == "x/0.ogg" or "copy" in t.key]
    assert len({t.split for t in copies}) == 1
    assert len(audio) == len(dataset.tracks)
