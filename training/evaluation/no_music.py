"""Does the product know what is no music, and does it take music for that?

Shares of steps by what is decided at the live hop, each sound a stream of its own, every step from
its first on: "no music" means that the smoothed probability of music is below the card's threshold,
or the level below that of silence. Of what is no music, "genre" is the share of steps that wrongly
get one; "speech" is the share that the model itself calls speech, where it says that at all. Speech
over music is a talker over a record: the level is the speech's RMS against the music's; it is
reported what is said of it, there is no right answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from streamgenre.model.card import Hop
from streamgenre.model.model import Model
from streamgenre.model.timeline import Timeline

from ..data.record import SAMPLE_RATE
from ..inference import Audio, Progress, no_progress, stream_tracks
from .bootstrap import ratio_draws, with_interval
from .replay import Timelines, replay_all
from .scored import Scored
from .sounds import Samples, generated, recorded, stretches, synthesised

SPEECH = 0.5  # probability from which the product says so
SPEECH_LEVELS = (0.0, -10.0)  # dB against the music
_TRACKS, _SECONDS = 40, 20.0  # of music under speech
_SHORTEST = 10.0  # s
_STATUSES = {"no_music": "no-music", "unsure": "unsure", "genre": "genre"}


def no_music(
    model: Model,
    scored: Scored,
    audio: Audio,
    timelines: Timelines,
    hop: Hop,
    speech: Path | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Shares for each sound, for speech over music, and for the music of the split by genre.

    Args:
        timelines: of the split's tracks, at `hop`.
        speech: a folder of recorded speech. Raises DataError where it holds none.
    """
    found: dict[str, Any] = {"hop": hop.seconds, "sounds": {}, "skipped": {}}
    sounds = {name: [samples] for name, samples in generated().items()}
    talk: dict[str, list[Samples]] = {}
    if speech is None:
        found["skipped"]["recorded speech"] = "no folder of it was given (--speech)"
    else:
        talk = recorded(speech)
        sounds |= talk
    voices = synthesised()
    if isinstance(voices, str):
        found["skipped"]["synthesised speech"] = voices
    else:
        sounds |= voices
        talk = talk or voices
    heard = _streams(model, sounds, hop, progress, "what is no music")
    for name, streams in heard.items():
        found["sounds"][name] = shares(streams)
        if (called := speech_share(model, sounds[name], hop)) is not None:
            found["sounds"][name]["speech"] = round(called, 4)
    found["music"] = _of_music(scored, timelines)
    if talk:
        found["speech_over_music"] = _over_music(model, scored, audio, talk, hop, progress)
    else:
        found["skipped"]["speech over music"] = "there is no speech"
    return found


def shares(streams: Sequence[Timeline]) -> dict[str, Any]:
    """Shares of all steps by status; the interval of "no music" is over streams, from five on."""
    counts = np.array([_counts(timeline) for timeline in streams])
    steps, total = counts.sum(1), int(counts.sum())
    found: dict[str, Any] = {"streams": len(streams), "steps": total}
    for column, name in enumerate(_STATUSES):
        found[name] = round(float(counts[:, column].sum()) / total, 4)
    if len(streams) >= 5:
        drawn = ratio_draws(counts[:, 0], steps)
        found["no_music_interval"] = with_interval(found["no_music"], drawn)[1:]
    probability = sum(t.verdict().music * len(t.updates) for t in streams)
    return found | {"mean_music": round(float(probability / total), 4)}


def speech_share(model: Model, sounds: Sequence[Samples], hop: Hop) -> float | None:
    """Share of the steps of all sounds that the model calls speech; None where it never says."""
    said: list[float] = []
    for samples in sounds:
        # Listened to once more: timelines do not keep what is said of speech.
        stream = model.stream(hop.seconds)
        for update in [*stream.feed(samples, SAMPLE_RATE), *stream.flush()]:
            if update.speech is None:
                return None
            said.append(update.speech)
    return float(np.mean(np.array(said) >= SPEECH)) if said else None


def _counts(timeline: Timeline) -> list[int]:
    said = [update.status for update in timeline.updates]
    return [said.count(status) for status in _STATUSES.values()]  # type: ignore[arg-type]


def _streams(
    model: Model, sounds: Mapping[str, Sequence[Samples]], hop: Hop, progress: Progress, doing: str
) -> dict[str, list[Timeline]]:
    """The timelines of each name's streams."""
    flat = {f"{name}\n{i}": s for name, streams in sounds.items() for i, s in enumerate(streams)}
    flat = {key: samples for key, samples in flat.items() if len(samples)}
    runs = stream_tracks(model.engine, flat, list(flat), hop, progress=progress, doing=doing)
    timelines = replay_all(runs, flat, hop, model.card)
    found: dict[str, list[Timeline]] = {}
    for key in flat:
        found.setdefault(key.partition("\n")[0], []).append(timelines[key])
    return found


def _of_music(scored: Scored, timelines: Timelines) -> dict[str, Any]:
    by_genre: dict[str, list[Timeline]] = {}
    for track in scored.tracks:
        by_genre.setdefault(track.genre, []).append(timelines[track.key])
    return {
        "all": shares([timelines[key] for key in scored.keys]),
        "genres": {genre: shares(members) for genre, members in sorted(by_genre.items())},
    }


def _over_music(
    model: Model,
    scored: Scored,
    audio: Audio,
    talk: dict[str, list[Samples]],
    hop: Hop,
    progress: Progress,
) -> dict[str, Any]:
    """Tracks of the split, the first 20 s of each, without and with a talker over them."""
    long = [key for key in scored.keys if len(audio[key]) >= _SHORTEST * SAMPLE_RATE]
    chosen = np.random.default_rng(0).permutation(long)[:_TRACKS].tolist()
    if not chosen:
        return {}
    count = round(_SECONDS * SAMPLE_RATE)
    music = [audio[key][:count] for key in chosen]
    voices = [
        next_piece[: len(m)]
        for m, next_piece in zip(music, stretches(talk, count), strict=False)
    ]  # fmt: skip
    sounds = {"music alone": music}
    for level in SPEECH_LEVELS:
        pairs = zip(music, voices, strict=True)
        sounds[f"speech at {level:g} dB"] = [laid_over(m, voice, level) for m, voice in pairs]
    heard = _streams(model, sounds, hop, progress, "speech over music")
    return {"speech": sorted(talk), **{name: shares(streams) for name, streams in heard.items()}}


def laid_over(music: Samples, speech: Samples, level: float) -> Samples:
    """Speech over music at `level` dB against its RMS, the sum brought back into full scale."""
    own, other = (float(np.sqrt(np.mean(s.astype(np.float64) ** 2))) for s in (speech, music))
    gain = other / own * 10 ** (level / 20) if own else 0.0
    mixed = music.astype(np.float64) + gain * speech
    loudest = float(np.abs(mixed).max())
    return np.rint(mixed * min(1.0, 32767 / loudest) if loudest else mixed).astype(np.int16)
