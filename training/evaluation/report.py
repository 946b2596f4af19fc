"""The files of an evaluation: metrics as JSON, a report, pictures, verdicts and predictions.

The report has one section a question, every figure with its number of tracks; each probe writes
its own. The verdicts show every track, right and wrong ones side by side.
"""

from __future__ import annotations

import gzip
import json
import tempfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from ..data.record import DataError, Track
from .metrics import COMMON, MEASURES, Floats
from .predictions import write_predictions
from .presentation import number, percent, table
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
from .suite import Evaluation, EvaluationMetrics, HopMetrics

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def make_folder(folder: Path) -> None:
    """Make a folder for results before minutes of work; DataError where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unwritable(folder, error) from None


def write_evaluation(evaluation: Evaluation, folder: Path) -> list[Path]:
    """SPLIT.json, SPLIT.md, SPLIT-verdicts.md, SPLIT-*.png, SPLIT-HOP.csv; gives their paths."""
    make_folder(folder)
    try:
        return _write(evaluation, folder)
    except OSError as error:
        raise _unwritable(folder, error) from None


def _write(evaluation: Evaluation, folder: Path) -> list[Path]:
    metrics, tracks, labels = evaluation.metrics, evaluation.scored.tracks, evaluation.labels
    split = metrics.split
    figures, text = folder / f"{split}.json", folder / f"{split}.md"
    # The pictures last: what took minutes to measure is safe should drawing fail.
    figures.write_text(
        json.dumps(metrics.to_json(), indent=1, allow_nan=False) + "\n", encoding="utf-8"
    )
    predictions = []
    for hop, mean in evaluation.means.items():
        predictions.append(folder / f"{split}-{hop}.csv")
        write_predictions(predictions[-1], tracks, labels, mean)
    text.write_text(report(metrics), encoding="utf-8")
    hop, mean = next(iter(evaluation.means.items()))
    listed = folder / f"{split}-verdicts.md"
    listed.write_text(verdicts(tracks, labels, mean, hop), encoding="utf-8")
    pictures = write_plots(metrics, labels, folder, evaluation.gates)
    text.write_text(report(metrics, pictures), encoding="utf-8")
    return [figures, text, listed, *(folder / name for name in pictures), *predictions]


def _unwritable(folder: Path, error: OSError) -> DataError:
    where = error.filename if isinstance(error.filename, str) else folder
    return DataError(f"{where}: cannot be written: {error.strerror or error}; give another folder")


def redraw(figures: Path, folder: Path) -> list[Path]:
    """The report and the pictures again from the SPLIT.json of an evaluation; gives their paths.

    Without the picture of the gates, whose steps are not kept. Raises DataError where the file is
    none.
    """
    try:
        data = figures.read_bytes()
        text = gzip.decompress(data) if figures.suffix == ".gz" else data
        metrics = EvaluationMetrics.model_validate_json(text)
    except OSError as error:
        raise DataError(f"{figures}: cannot be read: {error.strerror or error}") from None
    except (ValidationError, EOFError, zlib.error):
        raise DataError(f"{figures}: is not what evaluate wrote; give its SPLIT.json") from None
    make_folder(folder)
    labels = next((list(m.classes) for m in metrics.hops.values()), [])
    pictures = write_plots(metrics, labels, folder)
    written = folder / f"{metrics.split}.md"
    written.write_text(report(metrics, pictures), encoding="utf-8")
    return [written, *(folder / name for name in pictures)]


def write_plots(
    metrics: EvaluationMetrics,
    labels: Sequence[str],
    folder: Path,
    over: gates.GatesOver | None = None,
) -> list[str]:
    """Draw what was measured into `folder`; gives the names of the files."""
    import matplotlib as mpl

    calibrations = _calibrations(metrics)
    drawings: dict[str, Callable[[], Figure | None]] = {
        "curve": lambda: curve.plot(metrics.hops),
        "recovery": lambda: recovery.plot(metrics.recovery),
        "minutes": lambda: drift.plot(metrics.drift),
        "reliability": lambda: calibration.plot_reliability(calibrations),
        "risk-coverage": lambda: calibration.plot_risk_coverage(calibrations),
        "confusion": lambda: genres.plot_confusion(_by_genre(metrics), labels),
        "gates": lambda: gates.plot(over),
    }
    written = []
    # A genre's name is shown as it is, dollar signs too, which else begin a formula.
    with mpl.rc_context({"text.parse_math": False}):
        for name, draw in drawings.items():
            figure = draw()
            if figure is not None:
                written.append(f"{metrics.split}-{name}.png")
                figure.savefig(folder / written[-1], dpi=144)
    return written


def report(metrics: EvaluationMetrics, pictures: Sequence[str] = ()) -> str:
    """The whole report; `pictures` are the names of PNG files beside it."""
    hops = metrics.hops
    parts = [
        *_head(metrics),
        *(_tracks(metrics) if hops else []),
        *curve.section(hops),
        *genres.protocols_section({hop: m.protocols for hop, m in hops.items()}),
        *genres.section(_by_genre(metrics)),
        *carry_over.section(metrics.carry_over),
        *stability.section(metrics.stability),
        *mixes.section(metrics.mixes),
        *recovery.section(metrics.recovery),
        *drift.section(metrics.drift),
        *calibration.section(_calibrations(metrics)),
        *coverage.section({hop: m.coverage for hop, m in hops.items() if m.coverage}),
        *non_music.section(metrics.non_music),
        *gates.section(metrics.gates),
        *codec.section(metrics.codec),
    ]
    text = "\n\n".join(parts) + "\n"
    for name in pictures:
        mark = name.removesuffix(".png").split("-", 1)[1]
        text = text.replace(f"[picture: {mark}]", f"![{mark}]({name})")
    return "\n\n".join(p for p in text.split("\n\n") if not p.startswith("[picture: "))


def _calibrations(metrics: EvaluationMetrics) -> dict[str, calibration.Calibration]:
    return {hop: m.calibration for hop, m in metrics.hops.items() if m.calibration}


def _by_genre(metrics: EvaluationMetrics) -> dict[str, HopMetrics]:
    return {hop: m for hop, m in metrics.hops.items() if m.classes}


def _head(metrics: EvaluationMetrics) -> list[str]:
    model = metrics.model
    left = [f"{metrics.without_genre} without a genre", f"{metrics.without_audio} without audio"]
    left += [f"{n} {genre} (not a genre of the model)" for genre, n in metrics.other_genres.items()]
    rows = [
        ("model", f"{model.name} {model.version}, SHA-256 {model.sha256}"),
        ("data set, SHA-256", metrics.data or "not known"),
        ("decoded audio, SHA-256", metrics.audio or "not known"),
        ("split", metrics.split),
        ("tracks scored", metrics.tracks),
        ("tracks not scored", ", ".join(left)),
    ]
    parts = [
        f"# {model.name} {model.version} on {metrics.split}",
        "\n".join(f"- {line}" for line in _summary(metrics)),
        "\n".join(f"- Mind: {caution}." for caution in metrics.cautions),
        table(["what", "which"], rows),
        "Intervals are 95 % bootstrap intervals over artists, of mixes over mixes; 2,000 draws.",
    ]
    return [part for part in parts if part]


def _summary(metrics: EvaluationMetrics) -> list[str]:
    """A sentence or two for each question, at the first hop; none for what was not measured."""
    if not metrics.hops:
        return []
    hop, m = next(iter(metrics.hops.items()))
    value, low, high = map(percent, m.track_mean.accuracy)
    return [
        f"The genre of a track is right in {value} of {metrics.tracks} tracks (95 % "
        f"interval {low} to {high}), by the mean over its steps of {hop} s.",
        *genres.summary(m),
        *(coverage.summary(m.coverage) if m.coverage else []),
        *(carry_over.summary(metrics.carry_over, hop) if metrics.carry_over else []),
        *(stability.summary(metrics.stability) if metrics.stability else []),
        *(mixes.summary(metrics.mixes) if metrics.mixes else []),
        *(calibration.summary(m.calibration) if m.calibration else []),
    ]


def _tracks(metrics: EvaluationMetrics) -> list[str]:
    rows, either, common, areas, baselines = [], [], [], [], {}
    for hop, m in metrics.hops.items():
        whole = m.track_mean
        for kind, words in (
            (whole, "mean over steps"),
            (m.track_last_step, "last step"),
            (m.track_mean_without_state, "mean over steps, state reset"),
        ):
            if kind:
                name = f"{words}, steps of {hop} s"
                rows.append((name, kind.tracks, *(kind[measure] for measure in MEASURES)))
        if whole.either_accuracy:
            either.append(
                f"Accuracy with either acceptable genre, steps of {hop} s: {whole.either_accuracy}."
            )
        if whole.common:
            common.append(
                f"Macro recall of the {whole.common.genres} genres with {COMMON} tracks or more, "
                f"steps of {hop} s: {whole.common.macro_recall}."
            )
        if m.classes:
            areas.append(
                f"ROC-AUC (macro, one against the rest), steps of {hop} s: {number(m.roc_auc)}."
            )
        if m.baseline:
            baselines[hop] = m.baseline
    return [
        "## Whole tracks",
        table(["per track", "tracks", "accuracy", "macro recall", "top 2"], rows),
        f"`compare {metrics.split}-HOP.csv` computes the mean over steps from the predictions.",
        *either,
        *common,
        *areas,
        *baseline.section(baselines),
    ]


def verdicts(
    tracks: Sequence[Track], labels: Sequence[str], probabilities: Floats, hop: str
) -> str:
    """Markdown: a table a genre, the most confident mistakes first, then what was right.

    `probabilities` (tracks, C), the mean over a track's steps of `hop` seconds.
    """
    parts = [
        f"# Verdicts, mean over steps of {hop} s",
        "Wrong ones stand first, the most confident of them at the top.",
    ]
    best = np.argsort(-probabilities, 1)[:, :2]
    for label, genre in enumerate(labels):
        own = [i for i, track in enumerate(tracks) if track.genre == genre]
        if not own:
            continue
        own.sort(key=lambda i: (best[i, 0] == label, -probabilities[i].max()))
        rows = [
            (
                "" if best[i, 0] == label else "wrong",
                _title(tracks[i]),
                *(f"{labels[c]} {probabilities[i, c]:.2f}" for c in best[i]),
            )
            for i in own
        ]
        right = sum(best[i, 0] == label for i in own)
        parts += [
            f"## {genre}: {right} of {len(own)}",
            table(["", "track", "said", "second guess"], rows),
        ]
    return "\n\n".join(parts) + "\n"


def _title(track: Track) -> str:
    words = " – ".join(word for word in (track.artist, track.title) if word)
    return words or track.key
