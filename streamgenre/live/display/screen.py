"""The display on a terminal: whole frames, each in one write, and the terminal put back at the end.

Only rows that changed are sent, between the marks of a synchronized update, so that terminals that
know them show a frame at once; the others get it in one piece. rich turns styles into what the
terminal knows of colours.
"""

from __future__ import annotations

import os
import select
import sys
import time
from contextlib import ExitStack, suppress
from io import StringIO
from typing import Self

import rich.console

from .bars import Order
from .frame import Frame, frame
from .line import Line
from .terminal import before_stopping, in_foreground
from .view import View

SHORTEST = 1 / 15  # s between two frames
_REPAINT = 3.0  # s after which every row is sent again: C libraries print where they like
_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"  # alternate screen, no cursor, no wrapping
_LEAVE = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
_HOME, _CLEAR = "\x1b[H", "\x1b[2J"
_ASCII = str.maketrans(
    "█▉▊▋▌▍▎▏▕┃░▒▓·▸●◌✕■‖…─│╭╮╰╯↑↓━┏┓┗┛┣┫┳┻╋╸╹╺╻", "#######|||.+#.>*ox#|.-|++++^v-++++||++--|-|"
)


def possible(console: rich.console.Console) -> bool:
    """Whether that console is a terminal that a display can be drawn on."""
    return console.is_terminal and not console.is_dumb_terminal and not console.legacy_windows


class Screen:
    """Context manager around a console's terminal; where it is none, draws nothing."""

    def __init__(self, console: rich.console.Console) -> None:
        self._console = console
        # Draws as the console would, but into memory; its own capture() writes emptiness besides.
        self._ink = rich.console.Console(
            file=StringIO(),
            force_terminal=True,
            color_system=console.color_system,  # type: ignore[arg-type]
            no_color=console.no_color,
            legacy_windows=False,
            width=80,
            height=24,
        )
        self._order: Order | None = None
        self._judged: object = None
        self._gates = self._help = False
        self._rows: list[Line] = []
        self._size = (0, 0)
        self._entered = False
        self._drawn = self._painted = -1e9
        self._leave = ExitStack()
        try:
            self._file: int | None = console.file.fileno()
        except (OSError, ValueError):
            self._file = None

    def __enter__(self) -> Self:
        with ExitStack() as leave:
            leave.callback(self._give_back)
            leave.enter_context(before_stopping(self._give_back))
            self._leave = leave.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.close()

    def key(self, key: str) -> bool:
        """Whether the display itself took the key: f and ? show and hide, any key ends the help."""
        if self._help:
            self._help = False
            return key in ("?", "escape", "enter", " ")
        if key == "?":
            self._help = True
        elif key in ("f", "F"):
            self._gates = not self._gates
        else:
            return False
        return True

    def due(self) -> bool:
        """Whether a frame could be drawn now: a view need not be gathered before."""
        return time.monotonic() - self._drawn >= SHORTEST and self._ours()

    def draw(self, view: View) -> bool:
        """Show the view; False where it is too early for that, or where nothing has changed."""
        if not self.due():
            return False
        now = time.monotonic()
        width, height = self._measured()
        picture = frame(
            view,
            self._sorted(view),
            width,
            height,
            show_gates=self._gates,
            show_help=self._help,
        )
        rows = list(picture.lines)
        entered, resized = self._entered, (width, height) != self._size
        everything = not entered or resized or now - self._painted >= _REPAINT
        changed = [i for i, row in enumerate(rows) if everything or row != self._rows[i]]
        if not changed:
            return False
        start = _ENTER if not entered else _CLEAR if resized else ""
        text = self._text([rows[i] for i in changed])
        moves = "".join(f"\x1b[{i + 1}H{row}" for i, row in zip(changed, text, strict=True))
        if entered and not self._entered:  # stopped and continued in between: begin anew
            return False
        self._entered, self._size, self._rows, self._drawn = True, (width, height), rows, now
        if everything:
            self._painted = now
        self._write(f"{_BEGIN}{start}{moves}{_HOME}{_END}")
        return True

    def _measured(self) -> tuple[int, int]:
        """Columns and rows of the terminal itself: COLUMNS, if exported, stays what it was."""
        if self._file is not None:
            with suppress(OSError):
                return os.get_terminal_size(self._file)
        return self._console.size

    def _sorted(self, view: View) -> tuple[str, ...]:
        """The order of the bars: it moves on with each update, not with each frame."""
        if self._order is None or {*self._order.labels} != {*view.card.label_names}:
            self._order, self._judged = Order(view.card.label_names), None
        if view.update is None or view.update is self._judged:
            return self._order.labels
        self._judged = view.update
        return self._order.update(view.probabilities)

    def _text(self, rows: list[Line]) -> list[str]:
        """The rows with the codes of their styles."""
        paper = StringIO()
        self._ink.file = paper
        self._ink.print(Frame(rows), end="", crop=False, no_wrap=True)
        text = paper.getvalue()
        if not self._console.encoding.lower().startswith("utf"):
            text = text.translate(_ASCII)
        return text.split("\n")

    def _ours(self) -> bool:
        if not possible(self._console):
            return False
        if self._file is None or sys.platform == "win32":
            return True
        # A terminal that takes nothing now (Ctrl-S, a slow line) must not hold listening up.
        ready = select.select([], [self._file], [], 0)[1]
        return bool(ready) and in_foreground(self._file)

    def _give_back(self) -> None:
        """The terminal as it was before; the next frame takes it again."""
        if self._entered:
            self._write(_LEAVE)
            self._entered = False

    def _write(self, text: str) -> None:
        """In one write, past the buffers of Python's file, which would cut it into pieces."""
        file = self._console.file
        if self._file is None or sys.platform == "win32":
            file.write(text)
            file.flush()
            return
        file.flush()
        data = text.encode(self._console.encoding, "replace")
        while data:  # more than once only where a signal came in between
            data = data[os.write(self._file, data) :]
