"""Shared fixtures: the bundled model, real music, and an exported package."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import settings
from support import browser
from support.paths import EXAMPLES

import streamgenre

# Python runs these modules at the start of some processes. On the path, all would run them.
collect_ignore_glob = ["support/*/sitecustomize.py"]
os.environ.pop("PYTHONUNBUFFERED", None)  # it hides errors of the last write
# Files that take longest, first, so that no worker is left with one of them at the end.
_LONG = ("test_training.py", "test_live.py", "test_package.py", "test_scan.py", "test_web.py")
settings.register_profile("untimed", deadline=None)  # machines are slow at times
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {name: number for number, name in enumerate(_LONG)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@pytest.fixture(scope="session")
def model() -> streamgenre.Model:
    return streamgenre.load()


@pytest.fixture(scope="session")
def clip() -> Path:
    return EXAMPLES / "classical-brandenburg-2.ogg"


@pytest.fixture(scope="session")
def music(clip: Path) -> tuple[np.ndarray, int]:
    """Twelve seconds of stereo at 44.1 kHz, float32 (n, 2)."""
    samples, rate = soundfile.read(clip, frames=12 * 44_100, dtype="float32", always_2d=True)
    assert rate == 44_100
    return np.repeat(samples, 2 // samples.shape[1], axis=1), rate


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The embedded package of the bundled model, shared by all test processes; read only."""
    pytest.importorskip("onnx", reason="needs the `export` extra")
    from filelock import FileLock

    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    target = shared / "package"
    with FileLock(f"{target}.lock"):
        if not target.exists():
            from streamgenre.model.model import read_model
            from streamgenre.package.export import export_package

            export_package(*read_model(None), target)
    return target


@pytest.fixture(scope="module")  # not longer: its event loop runs in this thread
def chromium() -> Iterator[Callable[..., AbstractContextManager[Any]]]:
    """Starts Chromium with more flags: see support.browser."""
    yield from browser.starters()


@pytest.fixture(scope="module", name="browser")
def running_browser(chromium: Callable[..., AbstractContextManager[Any]]) -> Iterator[Any]:
    """Chromium without more flags."""
    with chromium() as running:
        yield running
