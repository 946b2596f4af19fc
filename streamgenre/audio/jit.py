"""Compile with Numba, with a cache on disk if possible.

`numba.njit(cache=True)` raises if neither the source folder nor the user's cache folder is writable
(in a read-only container, for example), and fails on the first call if a full disk or a power cut
left a damaged cache file. The kernels are then compiled again in each process.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile on first call. A call holds the GIL, so it is atomic to other threads."""
    try:
        compiled: Any = numba.njit(cache=True)(function)
    except RuntimeError:  # no writable cache folder
        compiled = numba.njit(function)
    proven = False

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        nonlocal compiled, proven
        if not proven:
            try:
                result: R = compiled(*args, **kwargs)
            except Exception:  # reading a damaged cache raises almost anything
                compiled = numba.njit(function)
                result = compiled(*args, **kwargs)
            proven = True
            return result
        return compiled(*args, **kwargs)  # type: ignore[no-any-return]

    return run


def cache_folder(function: Callable[..., object]) -> str | None:
    """The folder that a kernel of this function is cached in, or None if there is none."""
    try:
        compiled: Any = numba.njit(cache=True)(getattr(function, "__wrapped__", function))
    except RuntimeError:
        return None
    return str(compiled._cache.cache_path)
