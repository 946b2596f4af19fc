"""Non-music: is it recognised as such, and is music taken for it?

Shares of steps by what is decided at the live hop, each sound a stream of its own, every step from
its first on, weighted by its new audio: "no music" means that the smoothed probability of music is
below the card's threshold, or the level below that of silence. Of what is no music, "genre" is the
share of steps that wrongly get one; "speech" is the share that the model itself calls speech, where
it has that output. Speech over music is a talker over a record: the level is the speech's RMS
against the music's; there is no right answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from streamgenre.model.card import Hop
from streamgenre.model.model import Model
from streamgenre.model.timeline import Timeline

from ...data.record import SAMPLE_RATE
from ...inference import Audio, Progress, no_progress, stream_tracks
from ..inputs import Scored
from ..metrics import Estimate, Result, ratio_draws, with_interval
from ..presentation import number, table
from .replay import Timelines, replay_all
from .sounds import Samples, excerpts, generated, recorded, synthesised

SPEECH = 0.5  # probability from which the product says so
SPEECH_LEVELS = (0.0, -10.0)  # dB against the music
_TRACKS, _SECONDS = 40, 20.0  # of music under speech
_SHORTEST = 10.0  # s
_STATUSES = {"no_music": "no-music", "unsure": "unsure", "genre": "genre"}


class Shares(Result):
    """Shares of steps by what is decided."""

    streams: int
    steps: int
    no_music: float
    unsure: float
    genre: float
    no_music_interval: tuple[float, float] | None = None  # over streams, from five on
    mean_music: float
    speech: float | None = None  # called speech, where the model has that output


class MusicShares(Result):
    """Of the split's tracks."""

    all: Shares
    genres: Mapping[str, Shares]


class NonMusic(Result):
    """By name of the sound; what could not be measured with its reason."""

    hop: float  # s
    sounds: Mapping[str, Shares]
    skipped: Mapping[str, str]
    music: MusicShares
    speech_over_music: Mapping[str, Shares | tuple[str, ...]] | None = None
    """By level; "speech" holds the names of the voices."""


def measure(
    model: Model,
    scored: Scored,
    audio: Audio,
    timelines: Timelines,
    hop: Hop,
    speech: Path | None = None,
    progress: Progress = no_progress,
) -> NonMusic:
    """Shares for each sound, for speech over music, and for the music of the split by genre.

    Args:
        timelines: of the split's tracks, at `hop`.
        speech: a folder of recorded speech. Raises DataError where it holds none.
    """
    skipped: dict[str, str] = {}
    sounds = {name: [samples] for name, samples in generated().items()}
    talk: dict[str, list[Samples]] = {}
    if speech is None:
        skipped["recorded speech"] = "no folder of it was given (--speech)"
    else:
        talk = recorded(speech)
        sounds |= talk
    voices = synthesised()
    if isinstance(voices, str):
        skipped["synthesised speech"] = voices
    else:
        sounds |= voices
        talk = talk or voices
    by_sound = {}
    for name, streams in _streams(model, sounds, hop, progress, "non-music").items():
        called = speech_share(model, sounds[name], hop)
        by_sound[name] = shares(streams, **({} if called is None else {"speech": round(called, 4)}))
    over_music = {}
    if talk:
        over_music["speech_over_music"] = _over_music(model, scored, audio, talk, hop, progress)
    else:
        skipped["speech over music"] = "there is no speech"
    return NonMusic(
        hop=hop.seconds,
        sounds=by_sound,
        skipped=skipped,
        music=_of_music(scored, timelines),
        **over_music,
    )


def shares(streams: Sequence[Timeline], **more: float) -> Shares:
    """Shares of all steps by status; `more` fields are taken over."""
    seconds = np.array([_seconds(timeline) for timeline in streams])
    lengths, total = seconds.sum(1), float(seconds.sum())
    by_status: dict[str, Any] = {
        name: round(float(seconds[:, column].sum()) / total, 4)
        for column, name in enumerate(_STATUSES)
    }
    if len(streams) >= 5:
        drawn = ratio_draws(seconds[:, 0], lengths)
        by_status["no_music_interval"] = with_interval(by_status["no_music"], drawn)[1:]
    mean = round(sum(t.verdict().music * t.duration for t in streams) / total, 4)
    steps = sum(len(t.updates) for t in streams)
    return Shares(streams=len(streams), steps=steps, **by_status, mean_music=mean, **more)


def speech_share(model: Model, sounds: Sequence[Samples], hop: Hop) -> float | None:
    """Share of the steps of all sounds that the model calls speech; None without that output."""
    speech = total = 0.0  # s
    for samples in sounds:
        # Streamed once more: timelines do not keep the probability of speech.
        stream, last = model.stream(hop.seconds), 0.0
        for update in [*stream.feed(samples, SAMPLE_RATE), *stream.flush()]:
            if update.speech is None:
                return None
            speech += (update.time - last) * (update.speech >= SPEECH)
            total += update.time - last
            last = update.time
    return speech / total if total else None


def _seconds(timeline: Timeline) -> list[float]:
    """New audio of the steps of each status, s."""
    seconds = dict.fromkeys(_STATUSES.values(), 0.0)
    last = 0.0
    for update in timeline.updates:
        seconds[update.status] += update.time - last
        last = update.time
    return list(seconds.values())


def _streams(
    model: Model, sounds: Mapping[str, Sequence[Samples]], hop: Hop, progress: Progress, doing: str
) -> dict[str, list[Timeline]]:
    """The timelines of each name's streams."""
    flat = {f"{name}\n{i}": s for name, streams in sounds.items() for i, s in enumerate(streams)}
    flat = {key: samples for key, samples in flat.items() if len(samples)}
    runs = stream_tracks(model.engine, flat, list(flat), hop, progress=progress, doing=doing)
    timelines = replay_all(runs, flat, hop, model.card)
    by_name: dict[str, list[Timeline]] = {}
    for key in flat:
        by_name.setdefault(key.partition("\n")[0], []).append(timelines[key])
    return by_name


def _of_music(scored: Scored, timelines: Timelines) -> MusicShares:
    by_genre: dict[str, list[Timeline]] = {}
    for track in scored.tracks:
        by_genre.setdefault(track.genre, []).append(timelines[track.key])
    return MusicShares(
        all=shares([timelines[key] for key in scored.keys]),
        genres={genre: shares(members) for genre, members in sorted(by_genre.items())},
    )


def _over_music(
    model: Model,
    scored: Scored,
    audio: Audio,
    talk: dict[str, list[Samples]],
    hop: Hop,
    progress: Progress,
) -> dict[str, Shares | tuple[str, ...]]:
    """Tracks of the split, the first 20 s of each, without and with a talker over them."""
    long = [key for key in scored.keys if len(audio[key]) >= _SHORTEST * SAMPLE_RATE]
    chosen = np.random.default_rng(0).permutation(long)[:_TRACKS].tolist()
    if not chosen:
        return {}
    count = round(_SECONDS * SAMPLE_RATE)
    music = [audio[key][:count] for key in chosen]
    voices = [
        excerpt[: len(m)]
        for m, excerpt in zip(music, excerpts(talk, count), strict=False)
    ]  # fmt: skip
    sounds = {"music alone": music}
    for level in SPEECH_LEVELS:
        pairs = zip(music, voices, strict=True)
        sounds[f"speech at {level:g} dB"] = [laid_over(m, voice, level) for m, voice in pairs]
    timelines = _streams(model, sounds, hop, progress, "speech over music")
    measured = {name: shares(streams) for name, streams in timelines.items()}
    return {"speech": tuple(sorted(talk)), **measured}


def laid_over(music: Samples, speech: Samples, level: float) -> Samples:
    """Speech over music at `level` dB against its RMS, the sum brought back into full scale."""
    own, other = (float(np.sqrt(np.mean(s.astype(np.float64) ** 2))) for s in (speech, music))
    gain = other / own * 10 ** (level / 20) if own else 0.0
    mixed = music.astype(np.float64) + gain * speech
    loudest = float(np.abs(mixed).max())
    return np.rint(mixed * min(1.0, 32767 / loudest) if loudest else mixed).astype(np.int16)


def section(n: NonMusic | None) -> list[str]:
    """Sounds that are no music, speech over music, and music."""
    if not n:
        return []
    parts = [
        "## What is no music",
        f"Shares of all steps of {n.hop} s by what is decided, from the first step on.",
        _table(n.sounds),
        "Of the split's tracks, which are all music:",
        _table({"all genres": n.music.all, **n.music.genres}),
    ]
    if n.speech_over_music:
        over = {name: s for name, s in n.speech_over_music.items() if isinstance(s, Shares)}
        parts += [
            "Speech over music, its level against the music's; no answer is the right one here:",
            _table(over),
        ]
    if n.skipped:
        left = "; ".join(f"{what}: {why}" for what, why in n.skipped.items())
        parts.append(f"Left out: {left}.")
    return parts


def _table(sounds: Mapping[str, Shares]) -> str:
    """With a column for what is called speech where the model has that output."""
    header = ["what", "streams", "steps", "no music", "unsure", "a genre", "probability of music"]
    speech = any(s.speech is not None for s in sounds.values())
    rows = [
        (
            name,
            s.streams,
            s.steps,
            Estimate(s.no_music, *s.no_music_interval)
            if s.no_music_interval
            else number(s.no_music),
            number(s.unsure),
            number(s.genre),
            number(s.mean_music),
            *([number(s.speech)] if speech else []),
        )
        for name, s in sounds.items()
    ]
    return table([*header, "called speech"] if speech else header, rows)
