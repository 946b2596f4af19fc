"""Numba's compiler with its cache where one can be kept, and without where none can.

`numba.njit(cache=True)` raises where neither the source folder nor the user's cache folder can be
written (a read-only container, say); the kernels then compile anew in each process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Compile on first call. The GIL is held all along: a call is one step to other threads."""
    try:
        return cast(F, numba.njit(cache=True)(function))
    except RuntimeError:  # no cache folder can be written
        return cast(F, numba.njit(function))
