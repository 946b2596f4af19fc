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
of music, and the next state. Streams in one step: {card["batch"]}.

| file | size | weights |
|---|---|---|
{files}

All files compute in 32 bits and take and give the same. `model.ort` is for reduced builds of ONNX
Runtime, with the operators of `model.required_operators.config`. `card.json` holds labels, sizes,
thresholds of the decision, hashes, accuracy and licence. `test/` holds a sound and what every step
must give for it: raw numbers, little-endian, shapes in the card; of the state, its first {memory}
numbers after each step and all of it at the end. The programs in `examples/` read samples of 16 bits
from standard input and print a line of JSON a step; each has `--model FILE` and `--check`, which
replays the test:

    ffmpeg -v error -i song.mp3 -f s16le -ar {card["sample_rate"]} -ac 1 - | python examples/python/main.py .

| program | needs |
|---|---|
{_hosts(card["batch"])}

`sha256sum --check SHA256SUMS` tells whether a file was damaged, `streamgenre export --verify .`
whether all of it still does what it should. Licence of the model:
{model.get("licence", "not stated")}.
"""  # noqa: E501


_HOSTS = {
    "python": "`python examples/python/main.py .` | `pip install numpy onnxruntime`",
    "javascript": "`node examples/javascript/main.mjs .` | Node.js; `npm ci --ignore-scripts` in "
    "its folder",
    "cpp": "`streamgenre .` | CMake, a compiler and ONNX Runtime: `examples/cpp/README.md`",
    "web": "a page for browsers | a static server: `examples/web/README.md`",
}


def hosts(batch: int) -> tuple[str, ...]:
    """Folders of the programs that can run packages of that batch size."""
    return tuple(_HOSTS) if batch == 1 else ("python",)


def _hosts(batch: int) -> str:
    return "\n".join(f"| {_HOSTS[host]} |" for host in hosts(batch))
