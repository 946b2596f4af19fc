"""A machine with one core."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from support.library import write_sound
from support.paths import ROOT

from streamgenre.library.results import read_results

_SCAN = """
import os, sys
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.cpu_count = lambda: 1
os.process_cpu_count = lambda: 1
from streamgenre.cli.main import run
sys.exit(run(["scan", "music", "-o", "genres.csv"]))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one-core")
    (folder / "music").mkdir()
    for number in range(4):
        write_sound(folder / "music" / f"{number}.wav", number)
    return folder


def test_a_scan_is_complete(library):
    done = subprocess.run(
        [sys.executable, "-c", _SCAN],
        cwd=library,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = list(read_results(library / "genres.csv"))
    assert len(rows) == 4 and all(row.error is None for row in rows)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs CPU affinity, as on Linux")
def test_a_pool_steps_on_one_core(model, music):
    samples, rate = music
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(mine)})
    try:
        pool = model.pool(hop=2.5, batch=4)
        streams = [pool.stream() for _ in range(3)]
        for stream in streams:
            stream.feed(samples, rate)
        updates = pool.collect(everything=True)
    finally:
        os.sched_setaffinity(0, mine)
    assert {id(stream) for stream, _ in updates} == {id(stream) for stream in streams}
    alone = model.stream(2.5).feed(samples, rate)
    for stream in streams:
        mine = [update for one, update in updates if one is stream]
        assert [update.top for update in mine] == [update.top for update in alone]
        for pooled, single in zip(mine, alone, strict=True):
            assert np.allclose([*pooled.probabilities.values()], [*single.probabilities.values()],
                               atol=1e-4)  # fmt: skip
