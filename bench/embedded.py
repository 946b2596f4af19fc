"""The embedded package: size, time, memory and accuracy of each of its files.

The package is made anew from the bundled model. Steps are timed in processes of their own, one
thread, files in turn. With labelled music (`--data`) every file hears the test split, step by step
with a carried state, and is held against model.onnx: nothing was chosen by what comes out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
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
_TIMES = ("load_ms", "p50_ms", "p99_ms")


def measure(options: Options) -> dict[str, Any]:
    """Files, their costs, and what they say of the test split."""
    try:
        from streamgenre.package.export import export_package
    except ImportError as error:
        raise Skipped(f"needs pip install '.[export]' ({error.name} is missing)") from None
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "package"
        name, data = read_model(None)
        card = export_package(name, data, folder, dtypes=("fp16", "int8"))
        return {
            "hop": card["hop"]["seconds"],
            "files": _files(folder, card, options.quick),
            "test": None if options.data is None else _on_test(folder, card, options),
        }


def _files(folder: Path, card: Mapping[str, Any], quick: bool) -> dict[str, Any]:
    from streamgenre.package.probe import cost

    files = {variant["file"]: dict(variant) for variant in card["variants"]}
    rounds: dict[str, list[dict[str, Any]]] = {file: [] for file in files}
    for _ in range(1 if quick else _ROUNDS):
        for file, found in rounds.items():
            found.append(cost(folder / file, 50 if quick else _STEPS))
    for file, found in rounds.items():
        best = min(found, key=lambda one: one["p99_ms"])
        files[file] |= best | {"every_p99_ms": [one["p99_ms"] for one in found]}
    return files


def _on_test(folder: Path, card: Mapping[str, Any], options: Options) -> dict[str, Any]:
    from streamgenre.package.contents import shape_of
    from streamgenre.package.run import run

    from .peers.accuracy import test_tracks

    assert options.data is not None
    labels = [label["name"] for label in card["labels"]]
    tracks = test_tracks(options.data, labels, 1 if options.quick else None)
    shape = shape_of(dict(card))
    files = [variant["file"] for variant in card["variants"]]
    engines = {file: session(folder / file) for file in files}
    steps: dict[str, list[NDArray[np.floating]]] = {file: [] for file in files}
    truth = []
    for track in tracks:
        samples = decode_mono(track.path, RATE)
        rest = -len(samples) % shape.hop  # the last step is padded, as at a stream's end
        samples = np.pad(samples, (0, rest))
        truth.append(track.genre)
        for file, engine in engines.items():
            steps[file].append(run(engine, shape, samples[None]).probabilities[:, 0])
    return {
        "tracks": len(tracks),
        "steps": sum(map(len, steps[files[0]])),
        "files": {file: _against(steps[file], steps[files[0]], truth, labels) for file in files},
    }


def _against(
    ours: list[NDArray[np.floating]],
    reference: list[NDArray[np.floating]],
    truth: list[str],
    labels: list[str],
) -> dict[str, float]:
    said, wanted = np.concatenate(ours), np.concatenate(reference)
    verdicts = np.array([labels[int(track.mean(0).argmax())] for track in ours])
    before = np.array([labels[int(track.mean(0).argmax())] for track in reference])
    return {
        "same": float((said.argmax(1) == wanted.argmax(1)).mean()),
        "difference": float(np.abs(said - wanted).max()),
        "mean_difference": float(np.abs(said - wanted).mean()),
        "accuracy": float((verdicts == np.array(truth)).mean()),
        "verdicts_same": float((verdicts == before).mean()),
    }


def report(found: dict[str, Any]) -> list[str]:
    """Costs, then accuracy."""
    files = found["files"]
    rows = [
        [
            file,
            f"{one['bytes'] / 1e6:.2f} MB",
            f"{one['multiply_adds'] / 1e6:.1f} M" if one["multiply_adds"] else "–",
            *(f"{one[key]:.{0 if key == 'load_ms' else 2}f}" for key in _TIMES),
            ", ".join(f"{p99:.2f}" for p99 in one["every_p99_ms"]),
            f"{one['peak_mb']:.0f} MB ({one['bare_mb']:.0f})" if one["peak_mb"] else "–",
            f"{one['difference']:.1e}",
        ]
        for file, one in files.items()
    ]
    head = ["file", "size", "multiply-adds", "load, ms", "step p50, ms", "p99", "every p99"]
    head += ["memory at most (Python and runtime)", "differs from the model, 500 steps"]
    lines = [
        f"A step is {found['hop']:g} s, front end inside; one thread, the best of rounds in turn "
        "by p99:",
        "",
        *table(head, rows),
    ]
    if found["test"] is None:
        return [*lines, "", "Accuracy was not measured: it needs labelled music (`--data`)."]
    test = found["test"]
    rows = [
        [
            file,
            f"{one['same']:.2%}",
            f"{one['difference']:.3f}",
            f"{one['mean_difference']:.5f}",
            f"{one['accuracy']:.3f}",
            f"{one['verdicts_same']:.1%}",
        ]
        for file, one in test["files"].items()
    ]
    head = ["file", "steps with the same label", "largest difference", "mean", "accuracy by track"]
    return [
        *lines,
        "",
        f"On the {test['tracks']} tracks of the test split, {test['steps']} steps, held against "
        "model.onnx; a track's label is that of its steps' mean:",
        "",
        *table([*head, "same label by track"], rows),
    ]
