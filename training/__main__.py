"""`python -m training`: see cli."""

from __future__ import annotations

import signal
import sys

import click

from streamgenre.errors import StreamgenreError, one_line

from .cli import main

try:
    main(prog_name="python -m training", standalone_mode=False)
except click.ClickException as error:
    error.show()
    sys.exit(error.exit_code)
except StreamgenreError as error:
    print(f"training: {one_line(error)}", file=sys.stderr)
    sys.exit(error.exit_code)
except (click.Abort, KeyboardInterrupt):
    sys.exit(128 + signal.SIGINT)
