"""`python -m training`: see cli."""

from __future__ import annotations

import sys

from streamgenre.errors import StreamgenreError, one_line

from .cli import main

try:
    main(prog_name="python -m training")
except StreamgenreError as error:
    print(f"training: {one_line(error)}", file=sys.stderr)
    sys.exit(error.exit_code)
