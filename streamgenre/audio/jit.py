"""Numba's compiler with its cache where one can be kept, and without where none can.

`numba.njit(cache=True)` raises where neither the source folder nor the user's cache folder can be
written (a read-only container, say), and fails at the first call on a cache file that a full disk
or a power cut left in pieces; the kernels then compile anew in each process.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile on first call. The GIL is held all along: a call is one step to other threads."""
    try:
        compiled: Any = numba.njit(cache=True)(function)
    except RuntimeError:  # no cache folder can be written
        compiled = numba.njit(function)
    proven = False

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        nonlocal compiled, proven
        if not proven:
            try:
                result: R = compiled(*args, **kwargs)
            except Exception:  # whatever reading a broken cache raises
                compiled = numba.njit(function)
                result = compiled(*args, **kwargs)
            proven = True
            return result
        return compiled(*args, **kwargs)  # type: ignore[no-any-return]

    return run


def cache_folder(function: Callable[..., object]) -> str | None:
    """Where a kernel of that function is cached, None where it cannot be."""
    try:
        compiled: Any = numba.njit(cache=True)(getattr(function, "__wrapped__", function))
    except RuntimeError:
        return None
    return str(compiled._cache.cache_path)
