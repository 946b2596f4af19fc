"""The package's own README, and the table of what was measured."""

from __future__ import annotations

from typing import Any


def readme(card: dict[str, Any]) -> str:
    """For whoever opens the folder without knowing this project."""
    model, hop = card["model"], card["hop"]
    files = "\n".join(
        f"| `{entry['file']}` | {entry['bytes'] / 1e6:.2f} MB | {entry['dtype']} |"
        for entry in card["variants"]
    )
    memory = card["test"]["memory"]["shape"][-1]
    return f"""# {model["name"]} {model["version"]}: which genre of music is playing, step by step

One step of a network that keeps a memory. Every {hop["seconds"]:g} s give it the last
{card["window"]} samples at {card["sample_rate"]} Hz, mono, in -1 to 1, of which the last
{hop["samples"]} are new, with the state that it gave before (zeros at first, and zeros for samples
from before the beginning); it gives the probability of each of {len(card["labels"])} genres, that
of music, and the next state. {card["batch"]} stream(s) a step.

| file | size | weights |
|---|---|---|
{files}

All files compute in 32 bits and take and give the same. `model.ort` is for reduced builds of ONNX
Runtime, with the operators of `model.required_operators.config`. `card.json` holds labels, sizes,
thresholds of the decision, hashes, accuracy and licence. `test/` holds a sound and what every step
must give for it: raw numbers, little-endian, shapes in the card; of the state, its first {memory}
numbers after each step and all of it at the end. `examples/` holds hosts in Python, C++ and
JavaScript that read PCM from standard input and print a line of JSON a step, and a page that does it
in a browser:

    ffmpeg -v error -i song.mp3 -f s16le -ar {card["sample_rate"]} -ac 1 - |
        python examples/python/main.py .

`sha256sum --check SHA256SUMS` tells whether a file was damaged, `streamgenre export --verify .`
whether all of it still does what it should. Licence of the model:
{model.get("licence", "not stated")}.
"""


def rows(measured: dict[str, dict[str, Any]], card: dict[str, Any]) -> list[list[str]]:
    """The table of figures: a column for each file, their names in the first row."""
    files = [variant["file"] for variant in card["variants"]]
    every = [measured[file] for file in files]
    sizes = [f"{variant['bytes'] / 1e6:.2f}" for variant in card["variants"]]
    table = [
        ["", *files],
        ["size, MB", *sizes],
        ["weights", *(variant["dtype"] for variant in card["variants"])],
        ["differs by at most", *(f"{one['difference']:.1e}" for one in every)],
        ["same label", *(f"{one['same_label']:.1%}" for one in every)],
        ["on the test vector by", *(f"{one['test_difference']:.1e}" for one in every)],
        ["million multiply-adds", *(_millions(one["multiply_adds"]) for one in every)],
        ["load, ms", *(f"{one['load_ms']:.0f}" for one in every)],
        ["step p50, ms", *(f"{one['p50_ms']:.2f}" for one in every)],
        ["step p99, ms", *(f"{one['p99_ms']:.2f}" for one in every)],
    ]
    if all(one["peak_mb"] for one in every):
        table.append(["bare memory, MB", *(f"{one['bare_mb']:.0f}" for one in every)])
        table.append(["peak memory, MB", *(f"{one['peak_mb']:.0f}" for one in every)])
    if all("clips" in one for one in every):
        right = (f"{one['clips_right']} of {one['clips']}" for one in every)
        table.append(["clips told right", *right])
        table.append(["same label in clips", *(_steps(one) for one in every)])
    return table


def _steps(one: dict[str, Any]) -> str:
    return f"{one['clip_steps_same']:.1%}"


def _millions(count: int | None) -> str:
    return f"{count / 1e6:.1f}" if count else "–"
