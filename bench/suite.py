"""The measurements by name, and the file with their results.

A measurement is a module with `TITLE`, `measure(options)`, which returns a dataclass or a mapping
of dataclasses, and `report(result)`, which returns paragraphs of Markdown. A module can also have
`charts(result)`, which returns Matplotlib figures by file name. RESULTS.md and the charts are
generated from results.json alone, so a measurement can be repeated without the others.
"""

from __future__ import annotations

import datetime
import importlib
import io
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast, get_type_hints

from streamgenre.files import replace_bytes
from streamgenre.timing import machine, speed_kernel

from .common import Options
from .records import from_json, to_json

NAMES = ("step", "floor", "delay", "file", "start", "streams", "scan", "many", "report", "memory",
         "soak", "live", "peers", "embedded", "framing", "ring", "training", "gpu")  # fmt: skip
"""All measurements, in the order of the report."""
LONG = ("scan", "many", "report", "memory", "soak", "live", "training", "gpu", "peers",
        "embedded")  # fmt: skip
"""Run by name only: they take hours, or need a sound server, extras, a GPU or other models."""


class Measurement(Protocol):
    """The interface of a module of this package. A result has a type of its own in each."""

    TITLE: str

    def measure(self, options: Options) -> Any: ...

    def report(self, result: Any) -> list[str]: ...


@dataclass(frozen=True)
class Entry:
    """The result of one measurement, with its circumstances."""

    machine: str
    calibration_ms: tuple[float, float]  # speed kernel, before and after
    time: str
    commit: str
    quick: bool
    result: object = field(metadata={"key": "found"})  # as `measure` returns it


def measurement(name: str) -> Measurement:
    """Import a measurement by name."""
    return cast(Measurement, importlib.import_module(f"{__package__}.{name}"))


def run(name: str, options: Options) -> Entry:
    """Run one measurement; add the machine, its speed and the commit."""
    before = speed_kernel()
    result = measurement(name).measure(options)
    return Entry(
        machine=machine(),
        calibration_ms=(before * 1e3, speed_kernel() * 1e3),
        time=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        commit=_commit(),
        quick=options.quick,
        result=result,
    )


def section(name: str, entry: Entry) -> str:
    """A section of the report."""
    one = measurement(name)
    before, after = entry.calibration_ms
    about = (
        f"{entry.machine}; calibration kernel {before:.1f} ms before, {after:.1f} ms after; "
        f"commit {entry.commit}, {entry.time[:10]}{'; quick' if entry.quick else ''}"
    )
    return "\n\n".join([f"## {name}: {one.TITLE}", *one.report(entry.result), f"({about})"])


def read(path: Path) -> dict[str, Entry]:
    """Read results.json. A missing file is empty."""
    stored = json.loads(path.read_text()) if path.exists() else {}
    return {name: _entry(name, value) for name, value in stored.items()}


def _entry(name: str, value: dict[str, object]) -> Entry:
    kind = get_type_hints(measurement(name).measure)["return"]
    return cast(Entry, from_json(Entry, value | {"found": from_json(kind, value["found"])}))


def keep(folder: Path, name: str, entry: Entry) -> None:
    """Put the entry of one measurement into results.json, and rewrite RESULTS.md."""
    entries = read(folder / "results.json") | {name: entry}
    text = json.dumps(to_json(entries), indent=1, allow_nan=False) + "\n"
    replace_bytes(folder / "results.json", text.encode())
    replace_bytes(folder / "RESULTS.md", render(entries).encode())
    draw(folder, name, entry)


def draw(folder: Path, name: str, entry: Entry) -> list[Path]:
    """Write the charts of a measurement as PNG; returns their paths."""
    drawings = getattr(measurement(name), "charts", None)
    written = []
    for file, figure in (drawings(entry.result) if drawings else {}).items():
        picture = io.BytesIO()
        figure.savefig(picture, dpi=110)
        replace_bytes(folder / file, picture.getvalue())
        written.append(folder / file)
    return written


def render(entries: Mapping[str, Entry]) -> str:
    """The text of RESULTS.md."""
    parts = [
        "# Measured",
        "Each section is the output of `python -m bench NAME`; the figures are in `results.json`. "
        "Times depend on the machine, which is named below each section. Compare them with the "
        "time of its calibration kernel (FFTs and a matrix product, best of five), or use the "
        "ratios, which were measured interleaved in one run. [LOG.md](LOG.md) lists the "
        "optimisations that were tried.",
        *(section(name, entries[name]) for name in NAMES if name in entries),
    ]
    return "\n\n".join(parts) + "\n"


def _commit() -> str:
    """The commit of the checkout, with "+" if files were changed."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
            cwd=Path(__file__).parent,
            check=True,
            capture_output=True,
            text=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
