"""Runs workers until a budget of CPU time is used up, and sums up what they did."""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from filelock import FileLock

HERE = Path(__file__).resolve().parent
COUNTS, FINDINGS, CORPUS = HERE / "counts.csv", HERE / "findings", HERE / "corpus"
SLICE = 300.0  # s of wall time for one worker
_CORPUS_BYTES = 150_000  # of inputs kept for a target


@dataclass
class Count:
    """What was done for a target so far."""

    target: str
    inputs: int = 0
    cpu_seconds: float = 0.0
    crashes: int = 0
    """Workers that died: by a signal, a time limit or a memory limit."""
    findings: int = 0
    """Exceptions and failed assertions, once for each place in the code."""
    peak_mb: float = 0.0
    """Highest resident memory of a worker."""

    def add(self, other: Count) -> None:
        """Include another count."""
        self.inputs += other.inputs
        self.cpu_seconds = round(self.cpu_seconds + other.cpu_seconds, 1)
        self.crashes += other.crashes
        self.findings += other.findings
        self.peak_mb = max(self.peak_mb, round(other.peak_mb))


def fuzz(
    name: str, engine: str, cpu_seconds: float, folder: Path, seed: int, record: bool
) -> Count:
    """Fuzz a target; findings are in `folder/found`."""
    folder.mkdir(parents=True, exist_ok=True)
    total, saved = Count(name), len(_saved(folder))
    while total.cpu_seconds < cpu_seconds:
        seconds = min(SLICE, cpu_seconds - total.cpu_seconds + 5)
        part = _slice(name, engine, seconds, folder, seed + total.crashes + int(time.time()))
        part.findings, saved = len(_saved(folder)) - saved, len(_saved(folder))
        total.add(part)
        print(f"{part} {time.strftime('%H:%M')}", flush=True)
        if record:
            _add(part)
        if not part.inputs:
            raise SystemExit(f"{name}: the worker did not start; see {folder}/output")
    return total


def _saved(folder: Path) -> list[Path]:
    found = folder / "found"
    return [path for path in found.iterdir() if not path.suffix] if found.exists() else []


def _slice(name: str, engine: str, seconds: float, folder: Path, seed: int) -> Count:
    command = [sys.executable, HERE, name, "--worker", engine, "--folder", folder]
    command += ["--seconds", str(seconds), "--seed", str(seed % (1 << 31))]
    with (folder / "output").open("wb") as output:
        worker = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        _, status, usage = os.wait4(worker.pid, 0)
    worker.returncode = code = os.waitstatus_to_exitcode(status)
    inputs = int.from_bytes((folder / "count").read_bytes(), "little")
    part = Count(name, inputs, usage.ru_utime + usage.ru_stime, peak_mb=usage.ru_maxrss / 1024)
    if code:
        part.crashes = 1
        data = (folder / "current").read_bytes()
        key = f"crash-{hashlib.sha256(data).hexdigest()[:12]}"
        (folder / "found" / key).write_bytes(data)
        shutil.copy(folder / "output", folder / "found" / f"{key}.txt")
    return part


def counts() -> list[Count]:
    """The sums of all recorded runs."""
    if not COUNTS.exists():
        return []
    kinds = {field.name: field.type for field in fields(Count)}
    convert = {"int": int, "float": float, "str": str}
    with COUNTS.open(encoding="utf-8", newline="") as file:
        return [
            Count(**{name: convert[str(kinds[name])](value) for name, value in row.items()})
            for row in csv.DictReader(file)
        ]


def table(about: Mapping[str, str]) -> str:
    """The recorded runs as a Markdown table, with what each target reads."""
    lines = [
        "| target | input | inputs tried | CPU hours | crashes, hangs | errors, mended | memory |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| `{one.target}` | {about[one.target]} | {one.inputs:,} | {one.cpu_seconds / 3600:.2f} | "
        f"{one.crashes} | {one.findings} | {one.peak_mb:.0f} MB |"
        for one in counts()
    ]
    return "\n".join(lines)


def _add(part: Count) -> None:
    with FileLock(f"{COUNTS}.lock"):
        known = {count.target: count for count in counts()}
        known.setdefault(part.target, Count(part.target)).add(part)
        temporary = COUNTS.with_suffix(".part")
        with temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [field.name for field in fields(Count)])
            writer.writeheader()
            writer.writerows(asdict(known[name]) for name in sorted(known))
        temporary.replace(COUNTS)


def kept(name: str) -> dict[str, bytes]:
    """Inputs that earlier runs kept, because each reached other code."""
    path = CORPUS / f"{name}.zip"
    if not path.exists():
        return {}
    with zipfile.ZipFile(path) as archive:
        return {entry: archive.read(entry) for entry in archive.namelist()}


def keep(name: str, folder: Path) -> int:
    """Keep the smallest inputs of the corpus of a run; returns how many are kept in all."""
    inputs = {hashlib.sha256(data).hexdigest()[:12]: data for data in kept(name).values()}
    for path in (folder / "corpus").iterdir():
        data = path.read_bytes()
        inputs[hashlib.sha256(data).hexdigest()[:12]] = data
    CORPUS.mkdir(exist_ok=True)
    size = 0
    with zipfile.ZipFile(CORPUS / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (key, data) in enumerate(sorted(inputs.items(), key=lambda i: len(i[1]))):
            size += len(data)
            if size > _CORPUS_BYTES:
                return number
            archive.writestr(zipfile.ZipInfo(key), data)
    return len(inputs)


def findings(name: str) -> dict[str, bytes]:
    """Inputs that once failed, by name."""
    folder = FINDINGS / name
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*"))}
