"""Silence, noise, speech, and speech over music."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

pytest.importorskip("sklearn", reason="evaluation needs the train extra")
pytest.importorskip("mir_eval", reason="evaluation needs the train extra")
pytest.importorskip("matplotlib", reason="evaluation needs the train extra")

from support.engines import Deep, NoMusic, timelines_of
from support.tones import LIVE, SECOND, Tones, tone

from streamgenre.model.model import Model
from training.data.record import DataError
from training.evaluation.probes import non_music
from training.evaluation.probes.non_music import MusicShares, NonMusic, laid_over
from training.evaluation.probes.sounds import generated, recorded, synthesised


def test_silence_is_always_detected_and_music_is_not(heard, tmp_path):
    scored, audio = heard
    (tmp_path / "books").mkdir()
    soundfile.write(tmp_path / "talk.wav", tone("low", 12), SECOND)
    for i in range(6):
        tone("high", 3, i).tofile(tmp_path / "books" / f"{i}.s16")
    (tmp_path / "README.txt").write_text("none")
    single = timelines_of(Tones(), scored, audio)
    found = non_music.measure(Model(Tones()), scored, audio, single, LIVE, tmp_path)
    silence = found.sounds["digital silence"]
    assert silence.no_music == 1 and silence.steps == 240 and silence.genre == 0
    assert found.sounds["talk.wav"].steps == 24
    books = found.sounds["books (folder)"]
    assert books.streams == 6 and books.no_music_interval == (0, 0)
    assert found.music.all.no_music == 0 and found.music.all.streams == 16
    assert {g: s.streams for g, s in found.music.genres.items()} == {
        "low": 6, "middle": 5, "high": 5,
    }  # fmt: skip
    assert found.speech_over_music["music alone"].streams == 15
    # All of it, where everything is taken for no music.
    single = timelines_of(NoMusic(), scored, audio)
    found = non_music.measure(Model(NoMusic()), scored, audio, single, LIVE)
    assert {s.no_music for s in found.sounds.values()} == {1.0}
    assert found.music.all.no_music == 1
    assert "--speech" in found.skipped["recorded speech"]


def test_steps_classified_as_speech_are_counted(heard, tmp_path):
    scored, audio = heard
    for name, seconds in (("low", 12), ("high", 6)):
        soundfile.write(tmp_path / f"{name}.wav", tone(name, seconds), SECOND)
    single = timelines_of(Deep(), scored, audio)
    sounds = non_music.measure(Model(Deep()), scored, audio, single, LIVE, tmp_path).sounds
    assert sounds["low.wav"].speech == 1 and sounds["high.wav"].speech == 0
    silent = non_music.measure(Model(Tones()), scored, audio, single, LIVE, tmp_path).sounds
    assert not any(sound.speech for sound in silent.values())
    music = MusicShares(all=silent["low.wav"], genres={})
    for shown, columns in ((sounds, 1), (silent, 0)):
        found = NonMusic(hop=0.5, sounds=shown, skipped={}, music=music)
        assert "\n".join(non_music.section(found)).count("called speech") == columns


def test_without_a_synthesiser_the_reason_is_given(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert synthesised() == "espeak-ng is not installed"


def test_a_folder_without_speech_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no recordings in it"):
        recorded(tmp_path)
    (tmp_path / "a.wav").write_text("no audio")
    with pytest.raises(DataError, match=r"a\.wav: .*; remove it"):
        recorded(tmp_path)


def test_generated_sounds_have_the_levels_of_their_names():
    for name, samples in generated().items():
        assert len(samples) == 120 * SECOND
        if "dBFS" in name:
            level = 20 * np.log10(np.std(samples / 32768))
            assert level == pytest.approx(float(name.split()[-2]), abs=0.3)
    assert (generated()["pink noise, -30 dBFS"] == generated()["pink noise, -30 dBFS"]).all()


@pytest.mark.parametrize("level", [0.0, -10.0])
def test_speech_lies_over_music_at_its_level(level):
    rng = np.random.default_rng(0)
    music, speech = tone("low", 2), (rng.standard_normal(2 * SECOND) * 500).astype(np.int16)
    rest = laid_over(music, speech, level) - music.astype(float)
    assert 20 * np.log10(rest.std() / music.std()) == pytest.approx(level, abs=0.1)
    full = np.full(SECOND, 32767, np.int16)
    assert laid_over(full, full, 0.0).max() == 32767
