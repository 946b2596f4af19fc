"""A wall clock that tests can set for a child process, while its monotonic clock goes on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

_CUSTOMIZED = Path(__file__).parent / "clock"
_LIBRARIES = ("usr/lib/*/faketime", "usr/lib/faketime", "usr/local/lib/faketime")


class WallClock:
    """`settings` are arguments of `support.commands.start`.

    `libc`: also for C libraries, by libfaketime, with which time.sleep fails; skips the test
    without it.
    """

    def __init__(self, folder: Path, libc: bool = False) -> None:
        self._libc = libc
        self._file = folder / "wall clock"
        self.set(0)
        self.settings: dict[str, Any] = {
            "folders": [_CUSTOMIZED],
            "env": {"WALL_CLOCK": str(self._file)},
        }
        if libc:
            places = [Path("/").glob(f"{place}/libfaketime.so.1") for place in _LIBRARIES]
            found = [path for place in places for path in place]
            if not found:
                pytest.skip("needs libfaketime")
            variables = {
                "LD_PRELOAD": str(found[0]),
                "FAKETIME_TIMESTAMP_FILE": str(self._file),
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "NO_FAKE_STAT": "1",
            }
            self.settings = {"env": variables}

    def set(self, seconds: float) -> None:
        """Set the difference from the true time."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+.0f}{'s' * self._libc}\n")
        os.replace(new, self._file)  # noqa: PTH105
