"""Kill the `streamgenre` command at a step: Python runs this if the folder is on its path.

KILL_AT: number of the step at which the process gets SIGKILL. KILL_UNDER: only steps that touch
this folder count. A step is a Python operation that opens, creates, renames or removes a file.
"""

import os
import signal
import sys

_STEPS = {"open", "os.rename", "os.remove", "os.truncate", "os.mkdir", "os.rmdir", "os.chmod"}

if "KILL_AT" in os.environ and "streamgenre.library.worker" not in sys.orig_argv:
    _left = int(os.environ["KILL_AT"])
    _under = os.environ["KILL_UNDER"]

    def _kill(event, arguments):
        global _left
        if event in _STEPS and _under in str(arguments[0]):
            _left -= 1
            if not _left:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(_kill)
