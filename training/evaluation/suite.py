"""All measurements of one model on one split, in the order in which a report tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streamgenre.model.card import Hop
from streamgenre.model.model import Model
from streamgenre.model.timeline import model_to_dict

from ..data.record import SAMPLE_RATE, DataError, Track
from ..inference import Audio, Progress, no_progress, stream_tracks
from .baseline import against_baseline, baseline_of
from .calibration import calibration
from .cautions import cautions
from .curve import mean_over_steps, streaming_figures
from .gates import GatesOver, gates_over_genres, gates_summary
from .joined import joined
from .measures import Floats, classes, confusion, roc_auc, scored_figures
from .minutes import minutes
from .mixes import make_mixes, mixable, usual_count
from .no_music import no_music
from .recovery import recovery
from .replay import Timelines, replay_all
from .road import road_in
from .scored import Scored, scored_tracks
from .spoken import spoken
from .switches import switches
from .timeline import measure_mixes


@dataclass(frozen=True)
class Plan:
    """What to measure."""

    split: str = "test"
    hops: tuple[float, ...] = ()  # s; none: all of the model's
    mixes: int | None = None  # none: as many as the music is worth
    originals: Path | None = None  # a folder of full-quality audio files
    speech: Path | None = None  # a folder of recorded speech
    predictions_only: bool = False
    baseline: Path | None = None  # predictions of a baseline on the same split
    data: str = ""  # hash of the data set
    audio: str = ""  # hash of what was decoded


@dataclass(frozen=True)
class Evaluation:
    """Everything found, ready for JSON, and the predictions behind it."""

    found: dict[str, Any]
    scored: Scored
    labels: tuple[str, ...]
    means: Mapping[str, Floats] = field(default_factory=dict)
    """Hop as text -> mean probabilities of each track (tracks, C)."""
    gates: GatesOver | None = None


def evaluate(
    model: Model,
    tracks: Sequence[Track],
    audio: Audio,
    plan: Plan,
    progress: Progress = no_progress,
) -> Evaluation:
    """All measurements of the plan. Raises DataError and ConfigError."""
    card = model.card
    if card.sample_rate != SAMPLE_RATE:
        raise DataError(f"the model listens at {card.sample_rate} Hz, the data is {SAMPLE_RATE} Hz")
    hops = [card.hop(seconds) for seconds in plan.hops] or list(card.hops)
    scored = scored_tracks(tracks, plan.split, card.label_names, audio)
    found: dict[str, Any] = {
        "split": plan.split,
        "model": model_to_dict(card),
        "data": plan.data,
        "audio": plan.audio,
        "tracks": len(scored.tracks),
        "without_genre": scored.without_genre,
        "without_audio": scored.without_audio,
        "other_genres": dict(scored.other_genres),
        "cautions": cautions(card, scored, tracks, plan.split, plan.audio),
        "hops": {},
    }
    means, timelines = {}, {}
    for hop in hops:
        name = f"{hop.seconds:g}"
        found["hops"][name], means[name], timelines[hop.seconds] = _at_hop(
            model, scored, audio, hop, plan, progress
        )
    if plan.predictions_only:
        return Evaluation(found, scored, card.label_names, means)
    live = card.hop(card.live_hop)
    single = timelines.get(live.seconds) or _timelines(model, scored, audio, live, progress)
    _over_time(model, scored, audio, plan, found, progress)
    found["joined"] = joined(model, scored, audio, hops, live, progress)
    found["switches"] = switches(single)
    found["no_music"] = no_music(model, scored, audio, single, live, plan.speech, progress)
    gates = gates_over_genres(model.engine, scored, audio, live)
    found["gates"] = None if gates is None else gates_summary(gates)
    return Evaluation(found, scored, card.label_names, means, gates)


def _timelines(
    model: Model, scored: Scored, audio: Audio, hop: Hop, progress: Progress
) -> Timelines:
    doing = f"{len(scored.tracks)} tracks in steps of {hop.seconds:g} s"
    runs = stream_tracks(model.engine, audio, scored.keys, hop, progress=progress, doing=doing)
    return replay_all(runs, audio, hop, model.card)


def _at_hop(
    model: Model, scored: Scored, audio: Audio, hop: Hop, plan: Plan, progress: Progress
) -> tuple[dict[str, Any], Floats, Timelines]:
    engine, card = model.engine, model.card
    doing = f"{len(scored.tracks)} tracks in steps of {hop.seconds:g} s"
    carried = stream_tracks(engine, audio, scored.keys, hop, progress=progress, doing=doing)
    mean = mean_over_steps(carried, scored)
    beside: dict[str, Any] = {}
    if plan.baseline is not None:
        plain = baseline_of(plan.baseline, scored, card.label_names)
        beside["baseline"] = against_baseline(mean, plain, scored)
    if plan.predictions_only:
        tracks = scored_figures(mean, scored)
        return {"hop": hop.seconds, "track_mean": tracks, **beside}, mean, {}
    doing += ", state reset"
    alone = stream_tracks(
        engine, audio, scored.keys, hop, carry=False, progress=progress, doing=doing
    )
    trust = calibration(carried, scored, card, hop.seconds)
    timelines = replay_all(carried, audio, hop, card)
    found = {
        "hop": hop.seconds,
        **streaming_figures(carried, alone, scored, audio, hop),
        **beside,
        "roc_auc": roc_auc(mean, scored.true),
        "classes": classes(mean, scored.true, card.label_names),
        "confusion": confusion(mean, scored.true, card.label_names),
        "expected_calibration_error": trust["expected_calibration_error"],
        "calibration": trust,
        "spoken": spoken(timelines, scored),
    }
    return found, mean, timelines


def _over_time(
    model: Model,
    scored: Scored,
    audio: Audio,
    plan: Plan,
    found: dict[str, Any],
    progress: Progress,
) -> None:
    """What happens over changes of music and over minutes, at the card's hop for live audio."""
    live = model.card.hop(model.card.live_hop)
    count = usual_count(scored.tracks, audio) if plan.mixes is None else plan.mixes
    if count and mixable(scored.tracks, audio):
        mixes = make_mixes(scored.tracks, audio, count)
        found["mixes"] = measure_mixes(
            model, mixes, live.seconds, lambda n: progress("timelines of mixes", n, count)
        )
    found["recovery"] = recovery(model.engine, scored, audio, live, progress=progress)
    found["minutes"] = minutes(model.engine, scored, audio, live, progress)
    if plan.originals is not None:
        found["road"] = road_in(model, plan.originals, model.card.file_hop)
