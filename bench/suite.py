"""The measurements by name, and the file that keeps what they found.

A measurement is a module with `TITLE`, `measure(options)`, which gives what JSON can hold, and
`report(found)`, which gives lines of Markdown. RESULTS.md is made from results.json alone, so a
measurement can be repeated without the others.
"""

from __future__ import annotations

import datetime
import importlib
import json
import subprocess
from pathlib import Path
from typing import Any, Protocol, cast

from streamgenre.timing import machine, speed_kernel

from .common import Options

NAMES = ("step", "floor", "delay", "file", "start", "streams", "scan", "memory", "live", "peers",
         "embedded", "framing", "ring", "training", "gpu")  # fmt: skip
"""All of them, in the order of the report."""
LONG = ("scan", "memory", "live", "training", "gpu", "peers", "embedded")
"""Run by name only: hours, a sound server, another extra, other machines or other models."""


class Measurement(Protocol):
    """What a module of this folder offers."""

    TITLE: str

    def measure(self, options: Options) -> dict[str, Any]: ...

    def report(self, found: dict[str, Any]) -> list[str]: ...


def measurement(name: str) -> Measurement:
    """By its name."""
    return cast(Measurement, importlib.import_module(f"{__package__}.{name}"))


def run(name: str, options: Options) -> dict[str, Any]:
    """One measurement with the machine, its speed and the commit beside it."""
    before = speed_kernel()
    found = measurement(name).measure(options)
    return {
        "machine": machine(),
        "calibration_ms": [before * 1e3, speed_kernel() * 1e3],
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "quick": options.quick,
        "found": found,
    }


def lines(name: str, entry: dict[str, Any]) -> list[str]:
    """A section of the report."""
    one = measurement(name)
    before, after = entry["calibration_ms"]
    about = (
        f"{entry['machine']}; calibration kernel {before:.1f} ms before, {after:.1f} ms after; "
        f"commit {entry['commit']}, {entry['time'][:10]}{'; quick' if entry['quick'] else ''}"
    )
    return [f"## {name}: {one.TITLE}", "", *one.report(entry["found"]), "", f"({about})", ""]


def read(path: Path) -> dict[str, Any]:
    """What was kept; nothing where there is no file."""
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return kept


def keep(folder: Path, name: str, entry: dict[str, Any]) -> None:
    """Put one measurement's entry into results.json and write RESULTS.md anew."""
    kept = read(folder / "results.json") | {name: entry}
    (folder / "results.json").write_text(json.dumps(kept, indent=1) + "\n")
    (folder / "RESULTS.md").write_text(render(kept))


def render(kept: dict[str, Any]) -> str:
    """RESULTS.md."""
    parts = [
        "# Measured",
        "",
        "Each section is what `python -m bench NAME` found; the figures are in `results.json`. "
        "Times are of the machine named below them: hold them against its calibration kernel (FFTs "
        "and a matrix product, best of five), or use the ratios, whose sides were taken in turn in "
        "one run. What was tried to make it faster, with what came of it: [LOG.md](LOG.md).",
        "",
    ]
    for name in NAMES:
        if name in kept:
            parts += lines(name, kept[name])
    return "\n".join(parts)


def _commit() -> str:
    """The checkout's commit, "+" behind it where files were changed since."""
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
