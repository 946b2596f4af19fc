"""The embedded package: size, time, memory and accuracy of each of its files.

The package is exported from the bundled model. Steps are timed in new processes on one thread, with
the files interleaved. With labelled music (`--data`), every file is run on the test split with a
carried state and compared with model.onnx. Nothing was chosen by these results.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamgenre.audio.files import decode_mono
from streamgenre.model.model import read_model
from streamgenre.model.session import session

from .common import RATE, Options, Skipped, table

TITLE = "the embedded package: one step as files"

_ROUNDS, _STEPS = 5, 500


@dataclass(frozen=True)
class FileFigures:
    """An entry of a file in the card of the package, and the cost of its steps."""

    file: str
    dtype: str
    bytes: int
    sha256: str
    multiply_adds: int | None
    test_difference: float
    difference: float
    same_label: float
    clips: int
    clips_right: int
    clip_steps: int
    clip_steps_same: float
    load_ms: float
    p50_ms: float
    p99_ms: float
    bare_mb: float | None
    peak_mb: float | None
    every_p99_ms: tuple[float, ...]


@dataclass(frozen=True)
class Agreement:
    """Agreement of a file with model.onnx, and its accuracy."""

    same: float  # share of steps with the same label
    difference: float
    mean_difference: float
    accuracy: float  # per track
    verdicts_same: float  # share of tracks with the same label


@dataclass(frozen=True)
class OnTest:
    """Results on the test split."""

    tracks: int
    steps: int
    files: dict[str, Agreement]


@dataclass(frozen=True)
class Embedded:
    """The result of this measurement."""

    hop: float
    files: dict[str, FileFigures]
    test: OnTest | None


def measure(options: Options) -> Embedded:
    """Measure the cost of the files, and their accuracy on labelled music."""
    try:
        from streamgenre.package.export import export_package
    except ImportError as error:
        raise Skipped(f"needs pip install '.[export]' ({error.name} is missing)") from None
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "package"
        name, data = read_model(None)
        card = export_package(name, data, folder, dtypes=("fp16", "int8"))
        return Embedded(
            hop=card["hop"]["seconds"],
            files=_files(folder, card, options.quick),
            test=None if options.data is None else _on_test(folder, card, options.data, options),
        )


def _files(folder: Path, card: Mapping[str, Any], quick: bool) -> dict[str, FileFigures]:
    from streamgenre.package.probe import cost

    variants = {variant["file"]: variant for variant in card["variants"]}
    rounds: dict[str, list[dict[str, Any]]] = {file: [] for file in variants}
    for _ in range(1 if quick else _ROUNDS):
        for file, costs in rounds.items():
            costs.append(cost(folder / file, 50 if quick else _STEPS))
    figures = {}
    for file, costs in rounds.items():
        best = min(costs, key=lambda one: one["p99_ms"])
        every = tuple(one["p99_ms"] for one in costs)
        figures[file] = FileFigures(**variants[file], **best, every_p99_ms=every)
    return figures


def _on_test(folder: Path, card: Mapping[str, Any], data: Path, options: Options) -> OnTest:
    from streamgenre.package.contents import shape_of
    from streamgenre.package.run import run

    from .peers.accuracy import test_tracks

    labels = [label["name"] for label in card["labels"]]
    tracks = test_tracks(data, labels, 1 if options.quick else None)
    shape = shape_of(dict(card))
    files = [variant["file"] for variant in card["variants"]]
    engines = {file: session(folder / file) for file in files}
    steps: dict[str, list[NDArray[np.floating]]] = {file: [] for file in files}
    truth, lasts = [], []
    for track in tracks:
        samples = decode_mono(track.path, RATE)
        rest = -len(samples) % shape.hop  # pad the last step, as at the end of a stream
        samples = np.pad(samples, (0, rest))
        truth.append(track.genre)
        lasts.append(1 - rest / shape.hop)
        for file, engine in engines.items():
            steps[file].append(run(engine, shape, samples[None]).probabilities[:, 0])
    return OnTest(
        tracks=len(tracks),
        steps=sum(map(len, steps[files[0]])),
        files={
            file: _against(steps[file], steps[files[0]], lasts, truth, labels) for file in files
        },
    )


def _against(
    ours: Sequence[NDArray[np.floating]],
    reference: Sequence[NDArray[np.floating]],
    lasts: Sequence[float],
    truth: Sequence[str],
    labels: Sequence[str],
) -> Agreement:
    """`lasts`: share of each track's last step that is audio, by which it is weighted."""
    rows, wanted = np.concatenate(ours), np.concatenate(reference)
    predicted, before = (
        np.array(
            [
                labels[int((track[:-1].sum(0) + last * track[-1]).argmax())]
                for track, last in zip(tracks, lasts, strict=True)
            ]
        )
        for tracks in (ours, reference)
    )
    return Agreement(
        same=float((rows.argmax(1) == wanted.argmax(1)).mean()),
        difference=float(np.abs(rows - wanted).max()),
        mean_difference=float(np.abs(rows - wanted).mean()),
        accuracy=float((predicted == np.array(truth)).mean()),
        verdicts_same=float((predicted == before).mean()),
    )


def report(result: Embedded) -> list[str]:
    """Costs, then accuracy."""
    rows = [
        [
            file,
            f"{one.bytes / 1e6:.2f} MB",
            f"{one.multiply_adds / 1e6:.1f} M" if one.multiply_adds else "–",
            f"{one.load_ms:.0f}",
            f"{one.p50_ms:.2f}",
            f"{one.p99_ms:.2f}",
            ", ".join(f"{p99:.2f}" for p99 in one.every_p99_ms),
            f"{one.peak_mb:.0f} MB ({one.bare_mb:.0f})" if one.peak_mb else "–",
            f"{one.difference:.1e}",
        ]
        for file, one in result.files.items()
    ]
    head = ["file", "size", "multiply-adds", "load, ms", "step p50, ms", "p99", "every p99"]
    head += ["memory at most (Python and runtime)", "differs from the model, 500 steps"]
    lines = [
        f"A step is {result.hop:g} s, front end inside; one thread, the best of rounds in turn "
        "by p99:",
        table(head, rows),
    ]
    if result.test is None:
        return [*lines, "Accuracy was not measured: it needs labelled music (`--data`)."]
    test = result.test
    rows = [
        [
            file,
            f"{one.same:.2%}",
            f"{one.difference:.3f}",
            f"{one.mean_difference:.5f}",
            f"{one.accuracy:.3f}",
            f"{one.verdicts_same:.1%}",
        ]
        for file, one in test.files.items()
    ]
    head = ["file", "steps with the same label", "largest difference", "mean", "accuracy by track"]
    return [
        *lines,
        f"On the {test.tracks} tracks of the test split, {test.steps} steps, held against "
        "model.onnx; a track's label is that of its steps' mean:",
        table([*head, "same label by track"], rows),
    ]
