"""Measure the cost of a variant in a separate process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ModelFileError


def cost(model: Path, steps: int) -> dict[str, float | None]:
    """Measure the time and memory of `steps` steps on one thread in a new process.

    Returns `load_ms`, `p50_ms` and `p99_ms` of a step, and the peak resident memory in MB,
    `bare_mb` before the model is loaded and `peak_mb` at the end. Memory is None if the system does
    not report it.
    """
    command = [sys.executable, "-m", __name__, str(model), str(steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise ModelFileError(f"{model.name}: cannot be run: {reason}; export it again")
    measured: dict[str, float | None] = json.loads(done.stdout)
    return measured


def _measure(model: Path, steps: int) -> dict[str, float | None]:
    from ..model.session import session

    bare = _peak()
    began = time.perf_counter()
    loaded = session(model)
    load = time.perf_counter() - began
    given: dict[str, Any] = {i.name: np.zeros(i.shape, np.float32) for i in loaded.get_inputs()}
    rng = np.random.default_rng(0)
    given["samples"] = rng.uniform(-0.1, 0.1, given["samples"].shape).astype(np.float32)
    seconds = []
    for _ in range(steps):
        began = time.perf_counter()
        given["state"] = loaded.run(["next_state"], given)[0]
        seconds.append(time.perf_counter() - began)
    p50, p99 = np.percentile(seconds, [50, 99])
    return {
        "load_ms": 1e3 * load,
        "p50_ms": 1e3 * float(p50),
        "p99_ms": 1e3 * float(p99),
        "bare_mb": bare,
        "peak_mb": _peak(),
    }


def _peak() -> float | None:
    """Peak resident memory of this process in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux, getrusage includes the parent process
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS: bytes
    return most / 1e6 if sys.platform == "darwin" else most * 1024 / 1e6


if __name__ == "__main__":
    print(json.dumps(_measure(Path(sys.argv[1]), int(sys.argv[2])), allow_nan=False))
