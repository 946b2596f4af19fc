"""All measurements of one model on one split, in the order in which a report presents them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field

from streamgenre.model.card import Hop
from streamgenre.model.model import Model
from streamgenre.model.timeline import model_to_dict

from ..data.record import SAMPLE_RATE, DataError, Track
from ..inference import Audio, Progress, no_progress, stream_tracks
from .inputs import FREE_MUSIC, Scored, cautions, scored_tracks
from .metrics import Floats, Result, scored_metrics
from .probes import (
    baseline,
    calibration,
    carry_over,
    codec,
    coverage,
    curve,
    drift,
    gates,
    genres,
    mixes,
    non_music,
    recovery,
    stability,
)
from .probes.baseline import Baseline
from .probes.calibration import Calibration
from .probes.carry_over import CarryOver
from .probes.codec import CodecRobustness
from .probes.coverage import Coverage
from .probes.curve import Streaming
from .probes.drift import Drift
from .probes.gates import Gates, GatesOver
from .probes.genres import Genres
from .probes.mixes import MixMetrics
from .probes.non_music import NonMusic
from .probes.recovery import Recovery
from .probes.replay import Timelines, replay_all
from .probes.stability import Stability


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


class ModelIdentity(Result):
    """Which model was measured."""

    name: str = ""
    version: str = ""
    sha256: str


class HopMetrics(Streaming, Genres):
    """Everything measured at one hop."""

    hop: float  # s
    baseline: Baseline | None = None
    expected_calibration_error: float | None = None
    calibration: Calibration | None = None
    coverage: Coverage | None = Field(default=None, alias="spoken")

    def for_card(self) -> dict[str, float]:
        """The figures of one hop that a model card carries."""
        whole = self.track_mean
        carried = {
            "tracks": whole.tracks,
            "accuracy": whole.accuracy.value,
            "accuracy_low": whole.accuracy.low,
            "accuracy_high": whole.accuracy.high,
            "macro_recall": whole.macro_recall.value,
            "top2": whole.top2.value,
        }
        if whole.either_accuracy is not None:
            carried["either_accuracy"] = whole.either_accuracy.value
        if FREE_MUSIC in self.sets:
            carried["accuracy_on_free_music"] = self.sets[FREE_MUSIC].accuracy.value
        return carried


class Measured(Result):
    """What of an evaluation a model card needs."""

    split: str
    model: ModelIdentity
    hops: Mapping[str, HopMetrics]


class EvaluationMetrics(Measured):
    """What `evaluate` writes as SPLIT.json."""

    data: str
    audio: str
    tracks: int
    without_genre: int
    without_audio: int
    other_genres: Mapping[str, int]
    cautions: tuple[str, ...]
    mixes: MixMetrics | None = None
    recovery: Recovery | None = None
    drift: Drift | None = Field(default=None, alias="minutes")
    codec: CodecRobustness | None = Field(default=None, alias="road")
    carry_over: CarryOver | None = Field(default=None, alias="joined")
    stability: Stability | None = Field(default=None, alias="switches")
    non_music: NonMusic | None = Field(default=None, alias="no_music")
    gates: Gates | None = None


@dataclass(frozen=True)
class Evaluation:
    """The metrics, and the predictions behind them."""

    metrics: EvaluationMetrics
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
    at_hops, means, timelines = {}, {}, {}
    for hop in hops:
        name = f"{hop.seconds:g}"
        at_hops[name], means[name], timelines[hop.seconds] = _at_hop(
            model, scored, audio, hop, plan, progress
        )
    metrics = EvaluationMetrics(
        split=plan.split,
        model=ModelIdentity(**model_to_dict(card)),
        data=plan.data,
        audio=plan.audio,
        tracks=len(scored.tracks),
        without_genre=scored.without_genre,
        without_audio=scored.without_audio,
        other_genres=dict(scored.other_genres),
        cautions=tuple(cautions(card, scored, tracks, plan.split, plan.audio)),
        hops=at_hops,
    )
    if plan.predictions_only:
        return Evaluation(metrics, scored, card.label_names, means)
    live = card.hop(card.live_hop)
    single = timelines.get(live.seconds) or _timelines(model, scored, audio, live, progress)
    over = gates.over_genres(model.engine, scored, audio, live)
    measured = {
        **_optional(model, scored, audio, plan, live, progress),
        "recovery": recovery.measure(model.engine, scored, audio, live, progress=progress),
        "drift": drift.measure(model.engine, scored, audio, live, progress),
        "carry_over": carry_over.measure(model, scored, audio, hops, live, progress),
        "stability": stability.measure(single),
        "non_music": non_music.measure(model, scored, audio, single, live, plan.speech, progress),
        "gates": None if over is None else gates.summarise(over),
    }
    metrics = metrics.model_copy(update=measured)
    return Evaluation(metrics, scored, card.label_names, means, over)


def _timelines(
    model: Model, scored: Scored, audio: Audio, hop: Hop, progress: Progress
) -> Timelines:
    doing = f"{len(scored.tracks)} tracks in steps of {hop.seconds:g} s"
    runs = stream_tracks(model.engine, audio, scored.keys, hop, progress=progress, doing=doing)
    return replay_all(runs, audio, hop, model.card)


def _at_hop(
    model: Model, scored: Scored, audio: Audio, hop: Hop, plan: Plan, progress: Progress
) -> tuple[HopMetrics, Floats, Timelines]:
    engine, card = model.engine, model.card
    doing = f"{len(scored.tracks)} tracks in steps of {hop.seconds:g} s"
    carried = stream_tracks(engine, audio, scored.keys, hop, progress=progress, doing=doing)
    mean = curve.mean_over_steps(carried, scored)
    beside = {}
    if plan.baseline is not None:
        plain = baseline.baseline_of(plan.baseline, scored, card.label_names)
        beside["baseline"] = baseline.against_baseline(mean, plain, scored)
    if plan.predictions_only:
        whole = scored_metrics(mean, scored)
        return HopMetrics(hop=hop.seconds, track_mean=whole, **beside), mean, {}
    doing += ", state reset"
    alone = stream_tracks(
        engine, audio, scored.keys, hop, carry=False, progress=progress, doing=doing
    )
    trust = calibration.measure(carried, scored, card, hop.seconds)
    timelines = replay_all(carried, audio, hop, card)
    metrics = HopMetrics(
        hop=hop.seconds,
        **curve.measure(
            carried, alone, scored, audio, hop, genres.protocols(mean, scored)
        ).fields(),
        **genres.measure(mean, scored, card.label_names).fields(),
        expected_calibration_error=trust.expected_calibration_error,
        calibration=trust,
        coverage=coverage.measure(timelines, scored),
        **beside,
    )
    return metrics, mean, timelines


def _optional(
    model: Model, scored: Scored, audio: Audio, plan: Plan, live: Hop, progress: Progress
) -> dict[str, Result]:
    """What needs two genres of music, or files of its own."""
    measured: dict[str, Result] = {}
    count = mixes.usual_count(scored.tracks, audio) if plan.mixes is None else plan.mixes
    if count and mixes.mixable(scored.tracks, audio):
        made = mixes.make_mixes(scored.tracks, audio, count)
        measured["mixes"] = mixes.measure(model, made, count, live.seconds, progress)
    if plan.originals is not None:
        measured["codec"] = codec.measure(model, plan.originals, model.card.file_hop)
    return measured
