"""The README of a package."""

from __future__ import annotations

from typing import Any


def readme(card: dict[str, Any]) -> str:
    """The README of a package, for readers who do not know streamgenre."""
    model, hop = card["model"], card["hop"]
    files = "\n".join(
        f"| `{entry['file']}` | {entry['bytes'] / 1e6:.2f} MB | {entry['dtype']} |"
        for entry in card["variants"]
    )
    memory = card["test"]["memory"]["shape"][-1]
    return f"""# {model["name"]} {model["version"]}: streaming music genre classification

The model is one step of a recurrent network. Every {hop["seconds"]:g} s, run it with the last
{card["window"]} samples (mono, {card["sample_rate"]} Hz, -1 to 1), of which the last
{hop["samples"]} are new, and with the state of the previous step. At the start, the state and
missing samples are zeros. The outputs are the probability of each of {len(card["labels"])} genres,
the probability of music, and the next state. Streams per step: {card["batch"]}.

| file | size | weights |
|---|---|---|
{files}

All files compute in 32 bits and have the same inputs and outputs. `model.ort` is for reduced builds
of ONNX Runtime with the operators in `model.required_operators.config`. `card.json` has labels,
sizes, decision thresholds, hashes, accuracy and licence. `test/` has a sound and the expected
outputs of each step as raw little-endian numbers, with shapes in the card: of the state, the first
{memory} numbers after each step, and the complete state at the end. The programs in `examples/` read
16-bit samples from standard input and print one line of JSON per step. Each has the options
`--model FILE` and `--check`, which runs the test:

    ffmpeg -v error -i song.mp3 -f s16le -ar {card["sample_rate"]} -ac 1 - | python examples/python/main.py .

| program | needs |
|---|---|
{_hosts(card["batch"])}

`sha256sum --check SHA256SUMS` finds damaged files, and `streamgenre export --verify .` runs all
checks. Licence of the model: {model.get("licence", "not stated")}.
"""  # noqa: E501


_HOSTS = {
    "python": "`python examples/python/main.py .` | `pip install numpy onnxruntime`",
    "javascript": "`node examples/javascript/main.mjs .` | Node.js; `npm ci --ignore-scripts` in "
    "its folder",
    "cpp": "`streamgenre .` | CMake, a compiler and ONNX Runtime: `examples/cpp/README.md`",
    "web": "a page for browsers | a static web server: `examples/web/README.md`",
}


def hosts(batch: int) -> tuple[str, ...]:
    """Folders of the programs that support a batch size."""
    return tuple(_HOSTS) if batch == 1 else ("python",)


def _hosts(batch: int) -> str:
    return "\n".join(f"| {_HOSTS[host]} |" for host in hosts(batch))
