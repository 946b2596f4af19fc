"""The contents of a package: reading and writing its card and the hashes of its files."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import PackageError, reason
from ..files import exists
from ..model.card import Hop, ModelCard
from ..model.onnxfile import LARGEST_FILE
from ..parse import DEEPEST, parse_json
from .limits import DTYPES, LARGEST_BATCH, Dtype
from .run import Shape

FORMAT = 1
CARD, SUMS, README, TEST, EXAMPLES = "card.json", "SHA256SUMS", "README.md", "test", "examples"
ORT, OPERATORS = "model.ort", "model.required_operators.config"
REFERENCE = "model.onnx"
STEPS = 50  # length of the test vector
_LARGEST_CARD = 2**20  # bytes, and also of the hashes
_MOST_STEPS = 10_000  # of a test vector
_TYPES: dict[str, np.dtype[Any]] = {"int16": np.dtype("<i2"), "float32": np.dtype("<f4")}


def file_of(dtype: Dtype) -> str:
    """The file name of a variant."""
    return REFERENCE if dtype == "fp32" else f"model.{dtype}.onnx"


def package_card(card: ModelCard, hop: Hop, outputs: dict[str, list[int]]) -> dict[str, Any]:
    """The package card of an exported step, without `variants` and `test`."""
    (batch, _) = outputs["probabilities"]
    about = card.about
    return {
        "format": FORMAT,
        "model": {
            "name": card.name,
            "version": card.version,
            "sha256": about["exported_from"],
            **{key: about[key] for key in ("licence", "use", "credits") if key in about},
            "accuracy": dict(hop.accuracy),
        },
        "labels": [asdict(label) for label in card.labels],
        "styles": [asdict(style) for style in card.styles],
        "gates": list(card.gates),
        "sample_rate": card.sample_rate,
        "hop": {"seconds": hop.seconds, "samples": hop.samples},
        "window": hop.window,
        "batch": batch,
        "state": card.state_size,
        "thresholds": asdict(card.thresholds),
        "inputs": {"samples": [batch, hop.window], "state": [batch, card.state_size]},
        "outputs": outputs,
    }


def shape_of(card: Mapping[str, Any]) -> Shape:
    """The sizes that a host needs, from a package card."""
    return Shape(card["hop"]["samples"], card["window"], card["batch"], card["state"])


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write JSON with each list of numbers on one line, for readability."""
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)
    flat = re.sub(r"\[[^\[\]{}\"]*\]", lambda match: " ".join(match[0].split()), text)
    path.write_text(flat + "\n", encoding="utf-8")


def write_array(folder: Path, name: str, values: NDArray[np.generic], kind: str) -> dict[str, Any]:
    """Write raw little-endian numbers to a file in TEST; returns its entry in the card."""
    file = _test_file(name, kind)
    (folder / TEST).mkdir(exist_ok=True)
    (folder / file).write_bytes(values.astype(_TYPES[kind]).tobytes())
    return {"file": file, "type": kind, "shape": list(values.shape)}


def read_array(folder: Path, entry: dict[str, Any]) -> NDArray[Any]:
    """Read the numbers of an entry; raises PackageError."""
    kind, shape = _TYPES[entry["type"]], tuple(entry["shape"])
    data = read_limited(folder, entry["file"], kind.itemsize * math.prod(shape))
    if len(data) != kind.itemsize * math.prod(shape):
        raise PackageError(
            f"{folder}: the size of {entry['file']} does not match {CARD}; export it again"
        )
    return np.frombuffer(data, kind).reshape(shape)


def write_sums(folder: Path) -> None:
    """Write the hash of every other file, in the format of `sha256sum --check`."""
    lines = [f"{_hash(folder / name)}  {name}\n" for name in _files(folder)]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def check_sums(folder: Path) -> None:
    """Raise PackageError if a file is missing, damaged, or has no hash.

    Additional files in the examples, such as build outputs, are allowed.
    """
    if not folder.is_dir():
        raise PackageError(f"{folder}: no such folder; check the path")
    for name in (CARD, SUMS):
        if not (folder / name).is_file():
            raise PackageError(
                f"{folder}: is not a complete package ({name} is missing); export it again"
            )
    sums = _read_sums(folder)
    inside = folder.resolve()
    for name, digest in sums.items():
        path = folder / name
        if not exists(path) or not path.is_file():
            raise PackageError(f"{folder}: {name} is missing; export it again")
        if not path.resolve().is_relative_to(inside):
            raise PackageError(
                f"{folder}: {name} is a link that leads out of the package; copy the file instead"
            )
        if path.stat().st_size > LARGEST_FILE:
            raise PackageError(f"{folder}: {name} is too large; export it again")
        if _hash(path) != digest:
            raise PackageError(f"{folder}: {name} is damaged (its hash differs); export it again")
    for name in _files(folder):
        if name not in sums and not name.startswith(f"{EXAMPLES}/"):
            raise PackageError(f"{folder}: {name} has no hash in {SUMS}; remove it or export again")


def not_exported(folder: Path) -> list[str]:
    """Names of files that export did not write or that have changed. They must be kept."""
    if not (folder / CARD).is_file() or not (folder / SUMS).is_file():
        return _files(folder)
    sums = _read_sums(folder)
    return [name for name in _files(folder) if sums.get(name) != _hash(folder / name)]


def _files(folder: Path) -> list[str]:
    """Relative names of all files but SUMS."""
    paths = (path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    return sorted({path.relative_to(folder).as_posix() for path in paths} - {SUMS})


def read_limited(folder: Path, name: str, most: int) -> bytes:
    """The content of a file of a package. Raises PackageError if it is larger or unreadable."""
    try:
        with (folder / name).open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise PackageError(f"{folder}: {name} cannot be read: {reason(error)}") from None
    if len(data) > most:
        raise PackageError(f"{folder}: {name} is too large; export it again")
    return data


def _read_sums(folder: Path) -> dict[str, str]:
    sums = {}
    text = read_limited(folder, SUMS, _LARGEST_CARD).decode("utf-8", "replace")
    for line in text.splitlines():
        digest, _, name = line.partition("  ")
        if not re.fullmatch("[0-9a-f]{64}", digest) or not is_inside(name):
            raise PackageError(f"{folder}: {SUMS} is damaged; export it again")
        sums[name] = digest
    return sums


def is_inside(name: str) -> bool:
    r"""Whether a relative path stays in its folder on every system.

    >>> [is_inside(name) for name in ("a/b", "../a", "a/../../b", "/a", "C:a", "a\b", "")]
    [True, False, False, False, False, False, False]
    """
    if not name or not name.isprintable() or any(character in name for character in "\\:"):
        return False
    return not name.startswith("/") and ".." not in name.split("/")


def read_package_card(folder: Path) -> dict[str, Any]:
    """Read the card of a package and check its form; raises PackageError."""
    try:
        data = read_limited(folder, CARD, _LARGEST_CARD)
        card: dict[str, Any] = parse_json(data, deepest=DEEPEST)
        if card["format"] != FORMAT:
            raise PackageError(f"{folder}: {CARD} has another format version; update streamgenre")
        shape, test, labels = shape_of(card), card["test"], len(card["labels"])
        steps = test["steps"]
        numbers = [*shape, card["sample_rate"], labels, steps]
        if not all(type(number) is int and number > 0 for number in numbers):
            raise ValueError("sizes")
        if shape.batch > LARGEST_BATCH or steps > _MOST_STEPS:
            raise ValueError("batch or steps out of range")
        files = {}
        for variant in card["variants"]:
            files[variant["file"]] = variant["dtype"]
            if variant["file"] not in (ORT, file_of(variant["dtype"])):
                raise ValueError(f"{variant['file']} as {variant['dtype']}")
            _ = variant["bytes"], variant["sha256"]
        if REFERENCE not in files or not {*files.values()} <= {*DTYPES}:
            raise ValueError("variants")
        memory = test["memory"]["shape"][-1]
        shapes = {
            "samples": [shape.batch, steps * shape.hop],
            "probabilities": [steps, shape.batch, labels],
            "music": [steps, shape.batch],
            "memory": [steps, shape.batch, memory],
            "state": [shape.batch, shape.state],
        }
        for name, wanted in shapes.items():
            kind = "int16" if name == "samples" else "float32"
            if test[name] != {"file": _test_file(name, kind), "type": kind, "shape": wanted}:
                raise ValueError(f"test {name}")
        return card
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise PackageError(
            f"{folder}: {CARD} cannot be read ({reason(error)}); export it again"
        ) from None


def _test_file(name: str, kind: str) -> str:
    return f"{TEST}/{name}.{'s16' if kind == 'int16' else 'f32'}"


def sizes(entry: Any) -> list[int]:
    """The static shape of an input or output of an ONNX graph."""
    return [size.dim_value for size in entry.type.tensor_type.shape.dim]


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def variant_entry(folder: Path, file: str, dtype: Dtype) -> dict[str, Any]:
    """The entry of a variant in the card, before it is measured."""
    path = folder / file
    return {"file": file, "dtype": dtype, "bytes": path.stat().st_size, "sha256": _hash(path)}
