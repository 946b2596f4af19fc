"""The Ray engine returns the rows of the local one, on two nodes, even if processes are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from support.library import FAULTS, agree, write_broken, write_sound

import streamgenre
from streamgenre.errors import ConfigError
from streamgenre.library import cluster as clusters

FILES = 32  # blocks of 8 for the two actors
_SCAN = """
import sys, streamgenre
for row in streamgenre.scan(sys.argv[1], output=sys.argv[2], engine="ray"):
    print(row.path, flush=True)
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A cluster of two nodes with one core each, as environment variables."""
    pytest.importorskip("ray", reason="needs the ray extra")
    if os.name != "posix":
        pytest.skip("needs POSIX signals")
    from ray.cluster_utils import Cluster

    log = tmp_path_factory.mktemp("cluster") / "opened"
    paths = os.pathsep.join([str(FAULTS), *(path for path in sys.path if path)])
    own = {"PYTHONPATH": paths, "OPENED": str(log), "RAY_USAGE_STATS_ENABLED": "0"}
    own["RAY_worker_niceness"] = "0"  # otherwise the tests starve on a busy machine
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(FAULTS))  # for the local scan
        for name, value in own.items():
            patched.setenv(name, value)  # the nodes inherit it
        nodes = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 100_000_000}
        started = Cluster(initialize_head=True, head_node_args=nodes)
        started.add_node(num_cpus=1, object_store_memory=100_000_000)
        yield {**os.environ, "RAY_ADDRESS": started.address}
        started.shutdown()


@pytest.fixture
def music(tmp_path):
    folder = tmp_path / "music"
    folder.mkdir()
    for i in range(FILES - 2):
        write_sound(folder / f"{i}.{('wav', 'flac', 'ogg', 'mp3')[i % 4]}", i, 1.0 + i % 3)
    write_broken(folder / "broken.mp3", 2)
    write_sound(folder / "abort.wav", 50)  # ends the process that opens it
    return folder


def opened(environment):
    """(process, file) of each file that was opened so far."""
    try:
        lines = Path(environment["OPENED"]).read_text().splitlines()
    except FileNotFoundError:
        return []
    return [line.split(" ", 1) for line in lines]


def rows_of(environment, *arguments):
    results = arguments[-1]
    call = [sys.executable, "-m", "streamgenre", "scan", "--engine", "ray", *arguments[:-1]]
    done = subprocess.run(
        [*call, "-o", results], env=environment, capture_output=True, text=True, timeout=1_200
    )
    assert done.returncode == 0, done.stderr
    shown = [line for line in done.stderr.splitlines() if " files, " not in line]
    assert all(line.startswith("streamgenre: ") for line in shown), shown  # no output of Ray
    return list(streamgenre.read_results(results)), done.stdout


@pytest.mark.slow
def test_rows_equal_those_of_the_local_engine_after_kills(cluster, music, tmp_path):
    local = list(streamgenre.scan(music, jobs=1))
    assert len(local) == FILES
    results = tmp_path / "results.jsonl"
    before = len(opened(cluster))
    driver = subprocess.Popen(
        [sys.executable, "-c", _SCAN, music, results], env=cluster, stdout=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    until(lambda: len(opened(cluster)) > before + 3 or driver.poll() is not None, 900)
    worker = int(opened(cluster)[-1][0])
    os.kill(parent_of(worker), signal.SIGKILL)  # the actor, while it processes a block
    kept = [Path(driver.stdout.readline().strip()).name for _ in range(5)]
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    assert not results.exists()
    before = len(opened(cluster))
    rows, output = rows_of(cluster, music, results)
    agree(rows, local)
    assert "SIGABRT" in next(row.error for row in rows if row.path.endswith("abort.wav"))
    assert "unchanged since an earlier run" in output
    read_again = {name for _, name in opened(cluster)[before:]}
    assert not {repr(name.encode()) for name in kept} & read_again

    found, _ = rows_of(cluster, "--include", "*.flac", f"file://{music}", tmp_path / "again.csv")
    assert all(row.path.startswith("file:///") for row in found)
    by_path = [replace(row, path=row.path.removeprefix("file://")) for row in found]
    agree(by_path, [row for row in local if row.path.endswith(".flac")])


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_missing_ray_is_reported_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(clusters, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install .*\[ray\]"):
        next(streamgenre.scan(tmp_path, engine="ray"))
    with pytest.raises(ConfigError, match="local or ray"):
        next(streamgenre.scan(tmp_path, engine="dask"))
