"""Measuring what a user meets: one long stream, steadiness, verdicts, speech and silence, gates."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="evaluation needs the train extra")
pytest.importorskip("mir_eval", reason="evaluation needs the train extra")
pytest.importorskip("matplotlib", reason="evaluation needs the train extra")

import soundfile
from tones import CARD, LIVE, PITCHES, SECOND, Tones, tone, track

from streamgenre.audio.files import decode_mono
from streamgenre.model.engine import Step
from streamgenre.model.model import Model
from streamgenre.model.timeline import Timeline
from streamgenre.update import Update
from training.cli.compare import tables
from training.data.decoding import to_int16
from training.data.record import DataError
from training.evaluation import (
    Plan,
    compare_systems,
    evaluate,
    gates_over,
    scored_tracks,
    write_evaluation,
    write_predictions,
)
from training.evaluation.bootstrap import median_draws
from training.evaluation.gates import gates_over_genres, gates_summary
from training.evaluation.join import LEVEL, cut, join, lay_out
from training.evaluation.joined import JOINTS, joined
from training.evaluation.measures import differences, figures
from training.evaluation.no_music import laid_over, no_music
from training.evaluation.protocols import ELEVEN, GTZAN_TEN, protocol_figures
from training.evaluation.replay import replay, replay_all
from training.evaluation.report_product import no_music_section
from training.evaluation.scored import Scored
from training.evaluation.sounds import generated, recorded, synthesised
from training.evaluation.spoken import coverage_table, spoken
from training.evaluation.switches import switches
from training.inference import stream_tracks


class Gated(Tones):
    """Two gates: the first never moves, the second follows the state."""

    def step(self, samples, state):
        step = super().step(samples, state)
        gates = np.stack([np.full(len(state), 0.5), state[:, 0]], 1).astype(np.float32)
        return step._replace(gates=gates)


class Deep(Tones):
    """Calls all that is deep speech."""

    def step(self, samples, state):
        step = super().step(samples, state)
        return step._replace(speech=step.probabilities[:, 0])


class NoMusic(Tones):
    """Says of everything that it is no music."""

    def step(self, samples, state):
        step = super().step(samples, state)
        return Step(step.probabilities, np.zeros(len(samples), np.float32), step.next_state)


@pytest.fixture(scope="module")
def heard():
    """Five tracks of 12 to 36 s of each pitch, and one of 4 s."""
    audio = {f"{g}{i}": tone(g, 12 + 6 * i, i) for g in PITCHES for i in range(5)}
    audio["low9"] = tone("low", 4)
    tracks = [track(key, key[:-1]) for key in audio]
    return scored_tracks(tracks, "test", CARD.label_names, audio), audio


def timelines_of(engine, scored, audio):
    runs = stream_tracks(engine, audio, scored.keys, LIVE)
    return replay_all(runs, audio, LIVE, engine.card)


@pytest.mark.parametrize("hop", [2.5, 0.5])
def test_a_replayed_timeline_is_the_products_own(model, clip, hop):
    samples = to_int16(decode_mono(clip, SECOND)[: round(11.3 * SECOND)])
    samples[2 * SECOND : 8 * SECOND] = 0  # silence is decided by level alone
    run = stream_tracks(model.engine, {"a": samples}, ["a"], model.card.hop(hop))["a"]
    ours, theirs = (
        replay(run, samples, model.card.hop(hop), model.card),
        model.classify((samples, SECOND), hop),
    )
    assert [(u.time, u.status, u.genre) for u in ours.updates] == [
        (u.time, u.status, u.genre) for u in theirs.updates
    ]
    assert "no-music" in {u.status for u in ours.updates}
    assert ours.genre == theirs.genre
    assert ours.confidence == pytest.approx(theirs.confidence, abs=1e-4)
    assert ours.updates[0].level == pytest.approx(theirs.updates[0].level, abs=1e-3)


def test_joined_tracks_are_whole_level_and_the_same_whatever_the_joint(heard):
    scored, audio = heard
    cuts, fades = (join(scored, audio, fade) for fade in JOINTS.values())
    assert cuts.keys == fades.keys and sorted(cuts.keys) == sorted(set(scored.keys) - {"low9"})
    for start, end in cuts.edges:
        part = cuts.samples[start:end] / 32768
        assert 10 * SECOND <= end - start <= 30 * SECOND
        assert 10 * np.log10((part**2).mean()) == pytest.approx(LEVEL, abs=0.1)
    for stream in (cuts, fades):
        assert stream.edges[0][0] == 0 and stream.edges[-1][1] == len(stream.samples)
        assert all(a[1] == b[0] for a, b in zip(stream.edges, stream.edges[1:], strict=False))
    assert len(cuts.samples) - len(fades.samples) == 4 * SECOND * (len(cuts.keys) - 1)
    again = join(scored, audio, 0.0)
    assert (again.samples == cuts.samples).all()
    # What is not in the first fade is in both; the loudest there is does not wrap around.
    assert (cuts.samples[: 6 * SECOND] == fades.samples[: 6 * SECOND]).all()
    loud = cut(np.full(20 * SECOND, 32767, np.int16), 10, 0)
    spiky = np.where(np.arange(20 * SECOND) % SECOND, 0, 32767).astype(np.int16)
    both = lay_out([cut(spiky, 20, 0)] * 2 + [loud], ("a", "b", "c"), np.zeros(3, int), 4.0)
    assert both.samples.min() >= 0


def test_one_stream_of_all_tracks_costs_a_forgetful_engine_nothing_and_a_sticky_one_much(heard):
    scored, audio = heard
    hops = [CARD.hop(2.5), LIVE]
    good, sticky = (
        joined(Model(Tones(memory)), scored, audio, hops, LIVE) for memory in (0.0, 0.99)
    )
    assert good["tracks"] == 15 and set(good["hops"]) == {"2.5", "0.5"}
    for joints in good["hops"].values():
        for f in joints.values():
            assert f["tracks"] == 15
            assert f["one_stream"]["accuracy"] == f["fresh"]["accuracy"] == [1, 1, 1]
            assert f["difference"]["accuracy"] == [0, 0, 0]
    for joint in JOINTS:
        change = good["changes"][joint]
        assert change["fresh_right"] == change["changes"] > 5
        assert change["one_stream"]["never_reached"][0] == 0
        assert change["one_stream"]["median_delay"][0] <= 2 * LIVE.seconds
    # Fades are left out: what begins in the middle of one first hears both tracks, and sticks.
    late, beside = sticky["changes"]["cuts"], sticky["hops"]["0.5"]["cuts"]
    assert beside["fresh"]["accuracy"] == [1, 1, 1] and beside["difference"]["accuracy"][2] < 0
    assert late["one_stream"]["never_reached"][0] > 0.3 and late["fresh"]["never_reached"][0] == 0


def test_one_genre_alone_is_not_joined(heard):
    scored, audio = heard
    assert joined(Model(Tones()), scored.at(scored.true == 0), audio, [LIVE], LIVE) is None


def made_timeline(genres, hop=0.5):
    """Steps that were decided as said: a genre, "?" for unsure, "-" for no music."""
    timeline = Timeline(CARD, hop)
    words = {"?": "unsure", "-": "no-music"}
    even = dict.fromkeys(CARD.label_names, 1 / 3)
    for i, genre in enumerate(genres):
        status = words.get(genre, "genre")
        named = genre if status == "genre" else None
        timeline.append(Update((i + 1) * hop, status, named, "low", 0.4, 1.0, even, -20.0, {}, ()))
    return timeline


def test_changes_within_a_track_are_counted_by_the_minute():
    steady = made_timeline(["?"] * 4 + ["low"] * 56)  # to begin unsure is no change
    wild = made_timeline((["low"] * 5 + ["?"] * 5 + ["high"] * 5 + ["-"] * 5) * 3)
    found = switches({"a": steady, "b": wild, "short": made_timeline(["low", "high"] * 5)})
    assert found["tracks"] == 2 and found["minutes"] == 1.0
    assert found["changes_between_genres"] == 5 and found["changes_with_unsure"] == 11
    assert found["between_genres_a_minute"][0] == 5
    assert found["tracks_without_change"][0] == 0.5
    assert switches({"short": made_timeline(["low"])}) is None


def test_a_steady_engine_never_changes_its_mind(heard):
    found = switches(timelines_of(Tones(), *heard))
    assert found["between_genres_a_minute"] == found["with_unsure_a_minute"] == [0, 0, 0]


def test_what_is_said_of_tracks_is_their_timelines_verdict(heard):
    scored, audio = heard
    found = spoken(timelines_of(Tones(), scored, audio), scored)
    assert found["said"] == found["right_where_said"] == found["said_and_right"] == [1, 1, 1]
    silent = spoken(timelines_of(NoMusic(), scored, audio), scored)
    assert silent["said"] == [0, 0, 0] and silent["right_where_said"] is None
    assert silent["no_music"] == silent["tracks"] == 16
    engine = Tones()
    engine.card = dataclasses.replace(
        CARD, thresholds=dataclasses.replace(CARD.thresholds, unsure=1.1)
    )
    assert spoken(timelines_of(engine, scored, audio), scored)["unsure"] == 16


def test_the_most_confident_tracks_come_first():
    confidence = np.linspace(0, 1, 100)
    right = confidence > 0.4
    rows = coverage_table(confidence, right, right, np.arange(len(right)))
    assert [row["tracks"] for row in rows] == [50, 60, 70, 80, 90, 100]
    assert rows[0]["right"][0] == 1 and rows[-1]["right"][0] == pytest.approx(0.6)
    assert rows[0]["threshold"] == pytest.approx(confidence[50], abs=1e-3)


def test_silence_is_always_caught_and_music_is_not(heard, tmp_path):
    scored, audio = heard
    (tmp_path / "books").mkdir()
    soundfile.write(tmp_path / "talk.wav", tone("low", 12), SECOND)
    for i in range(6):
        tone("high", 3, i).tofile(tmp_path / "books" / f"{i}.s16")
    (tmp_path / "README.txt").write_text("none")
    single = timelines_of(Tones(), scored, audio)
    found = no_music(Model(Tones()), scored, audio, single, LIVE, tmp_path)
    silence = found["sounds"]["digital silence"]
    assert silence["no_music"] == 1 and silence["steps"] == 240 and silence["genre"] == 0
    assert found["sounds"]["talk.wav"]["steps"] == 24
    books = found["sounds"]["books (folder)"]
    assert books["streams"] == 6 and books["no_music_interval"] == [0, 0]
    assert found["music"]["all"]["no_music"] == 0 and found["music"]["all"]["streams"] == 16
    assert {g: s["streams"] for g, s in found["music"]["genres"].items()} == {
        "low": 6, "middle": 5, "high": 5,
    }  # fmt: skip
    assert found["speech_over_music"]["music alone"]["streams"] == 15
    # All of it, where everything is taken for no music.
    single = timelines_of(NoMusic(), scored, audio)
    found = no_music(Model(NoMusic()), scored, audio, single, LIVE)
    assert {s["no_music"] for s in found["sounds"].values()} == {1.0}
    assert found["music"]["all"]["no_music"] == 1
    assert "--speech" in found["skipped"]["recorded speech"]


def test_what_the_model_calls_speech_is_counted(heard, tmp_path):
    scored, audio = heard
    for name, seconds in (("low", 12), ("high", 6)):
        soundfile.write(tmp_path / f"{name}.wav", tone(name, seconds), SECOND)
    single = timelines_of(Deep(), scored, audio)
    sounds = no_music(Model(Deep()), scored, audio, single, LIVE, tmp_path)["sounds"]
    assert sounds["low.wav"]["speech"] == 1 and sounds["high.wav"]["speech"] == 0
    silent = no_music(Model(Tones()), scored, audio, single, LIVE, tmp_path)["sounds"]
    assert not any("speech" in sound for sound in silent.values())
    shown = {"hop": 0.5, "sounds": sounds, "skipped": {}, "music": {"all": silent["low.wav"]}}
    shown["music"]["genres"] = {}
    text = "\n".join(no_music_section({"no_music": shown}))
    assert "called speech" in text and text.count("called speech") == 1
    shown["sounds"] = silent
    assert "called speech" not in "\n".join(no_music_section({"no_music": shown}))


def test_without_a_synthesiser_the_reason_is_given(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert synthesised() == "espeak-ng is not installed"


def test_a_folder_without_speech_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no recordings in it"):
        recorded(tmp_path)
    (tmp_path / "a.wav").write_text("no audio")
    with pytest.raises(DataError, match=r"a\.wav: not a recording"):
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


def of_sets(rows):
    labels = (*sorted(ELEVEN), "folk", "soul", "ambient")
    tracks = tuple(
        dataclasses.replace(track(f"t{i}", genre), set=name) for i, (name, genre) in enumerate(rows)
    )
    true = np.array([labels.index(t.genre) for t in tracks])
    return Scored(tracks, true, np.full_like(true, -1), 0, 0, {}), labels


def test_groups_of_genres_are_figures_over_their_tracks_alone():
    rows = [(s, g) for s in ("gtzan", "gtzan-short", "songs") for g in sorted(GTZAN_TEN)]
    rows += [("songs", "electronic"), ("songs", "folk")]
    scored, labels = of_sets(rows)
    guess = scored.true.copy()
    guess[0] = labels.index("folk")  # any genre may be predicted: here a wrong one
    found = protocol_figures(np.eye(14)[guess], scored)
    assert {name: (f["tracks"], f["genres"]) for name, f in found.items()} == {
        "eleven genres (without ambient, folk, soul)": (31, 11),
        "eleven genres, songs alone": (11, 11),
        "eleven genres, without songs": (20, 10),
        "GTZAN's ten genres alone": (20, 10),
        "GTZAN's ten genres alone, 30 s": (10, 10),
    }
    assert found["GTZAN's ten genres alone"]["macro_recall"][0] == 0.95
    assert found["eleven genres, songs alone"]["macro_recall"][0] == 1
    scored, _ = of_sets([row for row in rows if row[1] != "electronic" and row[0] == "songs"])
    assert protocol_figures(np.eye(14)[scored.true], scored) == {}


def test_compare_takes_the_difference_over_groups_too(tmp_path):
    rows = [(s, g) for s in ("gtzan", "debian") for g in sorted(ELEVEN) for _ in range(4)]
    rows = [row for row in rows if row != ("gtzan", "electronic")]
    scored, labels = of_sets([*rows, ("debian", "folk")])
    for name, wrong in (("good", []), ("bad", range(0, 40, 4))):
        guess = scored.true.copy()
        guess[list(wrong)] = labels.index("folk")
        write_predictions(tmp_path / f"{name}.csv", scored.tracks, labels, np.eye(14)[guess])
    found = compare_systems({name: [tmp_path / f"{name}.csv"] for name in ("good", "bad")})
    ten = found["groups"]["GTZAN's ten genres alone"]
    assert ten["tracks"] == 40 and ten["genres"] == 10
    assert ten["differences"]["bad"]["macro_recall"]["difference"][0] == -0.25
    eleven = found["groups"]["eleven genres (without ambient, folk, soul)"]
    assert eleven["tracks"] == 84 and "songs" not in " ".join(found["groups"])
    assert "| GTZAN's ten genres alone: bad | 40 | 10 | 0.750" in tables(found)


def test_paired_differences_cancel_what_is_hard_for_both():
    rng = np.random.default_rng(0)
    true = rng.integers(0, 3, 200)
    base = np.eye(3)[np.where(rng.random(200) < 0.5, true, (true + 1) % 3)]
    better = base.copy()
    better[:20] = np.eye(3)[true[:20]]
    assert differences(base, base, true)["macro_recall"] == [0, 0, 0]
    value, low, high = differences(better, base, true)["accuracy"]
    assert 0 < low < value < high < 0.1
    single = figures(base, true)["accuracy"]
    assert high - low < (single[2] - single[1]) / 2


def test_the_interval_of_a_median_is_that_of_medians_of_draws():
    rng = np.random.default_rng(1)
    for count in (1, 4, 31):
        values = rng.exponential(size=count)
        drawn = median_draws(values)
        plain = [np.median(rng.choice(values, count)) for _ in range(4000)]
        assert set(np.round(drawn, 9)) <= {
            round(float((a + b) / 2), 9) for a in values for b in values
        }
        assert np.quantile(drawn, 0.5) == pytest.approx(np.quantile(plain, 0.5), rel=0.15)


def test_gates_show_what_the_state_does(heard):
    scored, audio = heard
    over = gates_over_genres(Gated(0.5), scored, audio, LIVE)
    found = gates_summary(over)
    assert [part["genre"] for part in found["parts"]] == [g for _, g in over.changes]
    assert len({p["genre"] for p in found["parts"]}) == 3
    still, moved = found["blocks"]
    assert still["difference_to_zero_state"] == still["spread_over_time"] == 0
    assert still["mean"] == 0.5 and moved["difference_to_zero_state"] > 0.1
    alone = gates_over(Gated(), audio["low0"].astype(np.float32) / 32768, LIVE)
    assert alone.gates.shape == (24, 2) and alone.changes == ()
    assert gates_over(Tones(), audio["low0"], LIVE) is None
    assert gates_over_genres(Gated(), scored.at(scored.true == 0), audio, LIVE) is None


def test_an_evaluation_tells_all_of_it_and_draws_the_gates(heard, tmp_path):
    scored, audio = heard
    evaluation = evaluate(Model(Gated(0.5)), list(scored.tracks), audio, Plan(mixes=0))
    written = {path.name for path in write_evaluation(evaluation, tmp_path)}
    assert "test-gates.png" in written
    found = json.loads((tmp_path / "test.json").read_text())
    assert found == evaluation.found
    text = (tmp_path / "test.md").read_text()
    for heading in (
        "All tracks as one stream", "Steadiness within a track", "What is said of a track",
        "What is no music", "The gates over time",
    ):  # fmt: skip
        assert f"\n## {heading}" in text
    assert "digital silence | 1 | 240 | 1.000" in text and "macro recall after" in text
    # The same again, and without the live hop among those asked for.
    again = evaluate(Model(Gated(0.5)), list(scored.tracks), audio, Plan(hops=(2.5,), mixes=0))
    for name in ("switches", "no_music", "gates"):
        assert again.found[name] == found[name]
    assert again.found["joined"]["changes"] == found["joined"]["changes"]
