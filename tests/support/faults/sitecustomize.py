"""Real faults of scan workers: Python runs this in each child that has the folder on its path.

A worker that opens a file named abort*, hang* or once* aborts, hangs, or aborts the first time.
Each file that a worker opens is noted in the file OPENED, if that is set.
"""

import os
import sys
import time
from pathlib import Path


def _fault(event, arguments):
    if event != "open" or not isinstance(arguments[0], str):
        return
    path = Path(arguments[0])
    name = path.name
    if path.parent.name != "music":
        return
    if log := os.environ.get("OPENED"):
        note = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(note, f"{os.getpid()} {name.encode(errors='backslashreplace')!r}\n".encode())
        os.close(note)
    if name.startswith("abort"):
        os.abort()
    if name.startswith("hang"):
        time.sleep(1e6)
    if name.startswith("once"):
        try:
            (path.parents[1] / f"{name} was opened").mkdir()
        except FileExistsError:
            return
        os.abort()


if "streamgenre.library.worker" in sys.orig_argv:
    if os.name == "posix":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.addaudithook(_fault)
