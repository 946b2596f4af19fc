"""Processes that keep other cores busy with matrix products."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Ends with its parent, however that ends.
_WORK = """
import os, numpy as np
parent = os.getppid()
a = np.random.default_rng(0).standard_normal((512, 512))
print("busy", flush=True)
while os.getppid() == parent:
    a = np.tanh(a @ a)
"""
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Run `processes` busy processes, after all of them have started."""
    running: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(processes):
            running.append(
                subprocess.Popen(
                    [sys.executable, "-c", _WORK],
                    stdout=subprocess.PIPE,
                    env={**os.environ, **_ONE_THREAD},
                )
            )
        for process in running:
            assert process.stdout is not None
            process.stdout.readline()
        yield
    finally:
        for process in running:
            process.kill()
            process.communicate()
