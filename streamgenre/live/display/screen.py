"""The display on a terminal: draws frames and restores the terminal at the end.

Each frame is a single write of the rows that changed, marked as a synchronized update, so that
terminals that support it show the frame at once. rich converts styles to the colours that the
terminal supports.
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
_REPAINT = 3.0  # s after which all rows are sent again, in case a C library printed
_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"  # alternate screen, no cursor, no wrapping
_LEAVE = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
_HOME, _CLEAR = "\x1b[H", "\x1b[2J"
_ASCII = str.maketrans(
    "█▉▊▋▌▍▎▏▕┃░▒▓·▸●◌✕■‖…─│╭╮╰╯↑↓━┏┓┗┛┣┫┳┻╋╸╹╺╻", "#######|||.+#.>*ox#|.-|++++^v-++++||++--|-|"
)


def possible(console: rich.console.Console) -> bool:
    """Whether the console is a terminal that supports the display."""
    return console.is_terminal and not console.is_dumb_terminal and not console.legacy_windows


class Screen:
    """Context manager for the terminal of a console; without a terminal, draws nothing."""

    def __init__(self, console: rich.console.Console) -> None:
        self._console = console
        # Renders like the console, but to memory; capture() would also write to the terminal.
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
        self._last_update: object = None
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
            leave.callback(self._restore)
            leave.enter_context(before_stopping(self._restore))
            self._leave = leave.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.close()

    def key(self, key: str) -> bool:
        """Handle f and ?, and close the help at any key; returns whether the key was handled."""
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
        """Whether `draw` would draw now, so that a view is needed."""
        return time.monotonic() - self._drawn >= SHORTEST and self._available()

    def draw(self, view: View) -> bool:
        """Draw the view; False if it is too early or nothing has changed."""
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
        if entered and not self._entered:  # the process was stopped in between: start over
            return False
        self._entered, self._size, self._rows, self._drawn = True, (width, height), rows, now
        if everything:
            self._painted = now
        self._write(f"{_BEGIN}{start}{moves}{_HOME}{_END}")
        return True

    def _measured(self) -> tuple[int, int]:
        """Size of the terminal itself, because an exported COLUMNS does not follow it."""
        if self._file is not None:
            with suppress(OSError):
                return os.get_terminal_size(self._file)
        return self._console.size

    def _sorted(self, view: View) -> tuple[str, ...]:
        """The order of the bars, which changes with updates, not with frames."""
        if self._order is None or {*self._order.labels} != {*view.card.label_names}:
            self._order, self._last_update = Order(view.card.label_names), None
        if view.update is None or view.update is self._last_update:
            return self._order.labels
        self._last_update = view.update
        return self._order.update(view.probabilities)

    def _text(self, rows: list[Line]) -> list[str]:
        """The rows as text with style codes."""
        paper = StringIO()
        self._ink.file = paper
        self._ink.print(Frame(rows), end="", crop=False, no_wrap=True)
        text = paper.getvalue()
        if not self._console.encoding.lower().startswith("utf"):
            text = text.translate(_ASCII)
        return text.split("\n")

    def _available(self) -> bool:
        if not possible(self._console):
            return False
        if self._file is None or sys.platform == "win32":
            return True
        # A terminal that accepts no data now (Ctrl-S, a slow line) must not block listening.
        ready = select.select([], [self._file], [], 0)[1]
        return bool(ready) and in_foreground(self._file)

    def _restore(self) -> None:
        """Restore the terminal; the next frame takes it over again."""
        if self._entered:
            self._write(_LEAVE)
            self._entered = False

    def _write(self, text: str) -> None:
        """Write at once, bypassing Python's buffer, which would split the text."""
        file = self._console.file
        if self._file is None or sys.platform == "win32":
            file.write(text)
            file.flush()
            return
        file.flush()
        data = text.encode(self._console.encoding, "replace")
        while data:  # repeats only if a signal interrupts it
            data = data[os.write(self._file, data) :]
