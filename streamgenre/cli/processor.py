"""Check for the instructions that NumPy and ONNX Runtime need on x86-64 (Linux only).

Without them, the process would be killed with SIGILL and no message.
"""

from __future__ import annotations

import platform
import sys

from ..errors import StreamgenreError

NEEDED = ("cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3")
"""The flags of x86-64-v2 in /proc/cpuinfo; "pni" is SSE3."""
_CPUINFO = "/proc/cpuinfo"
_ENOUGH = 1 << 14  # bytes, which contain the flags of the first core


class ProcessorError(StreamgenreError):
    """The processor lacks instructions."""


def missing(cpuinfo: str) -> tuple[str, ...]:
    """The needed flags that are absent; empty if the text lists no flags.

    >>> missing("flags\\t\\t: fpu pni ssse3 cx16 sse4_1 lahf_lm")
    ('popcnt', 'sse4_2')
    >>> missing("Features : fp asimd")
    ()
    """
    line = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), None)
    if line is None:
        return ()
    flags = set(line.partition(":")[2].split())
    return tuple(flag for flag in NEEDED if flag not in flags)


def check() -> None:
    """Raise ProcessorError if the processor of this machine is known to lack instructions."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return
    try:
        with open(_CPUINFO, encoding="ascii", errors="replace") as file:  # noqa: PTH123
            absent = missing(file.read(_ENOUGH))
    except OSError:
        return
    if absent:
        raise ProcessorError(
            f"this processor lacks {', '.join(absent)}, which NumPy and ONNX Runtime need "
            '(x86-64-v2); in a virtual machine, select the processor type "host" or x86-64-v2'
        )
