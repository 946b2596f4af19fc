"""Read keys as they are pressed, without waiting.

POSIX: the terminal is in cbreak mode (no echo, no line buffering; Ctrl-C and Ctrl-Z stay signals),
which is reset at the end and while the process is stopped. Windows: functions of the console.
"""

from __future__ import annotations

import codecs
import os
import select
import sys
import time
from contextlib import ExitStack
from typing import Self

from .terminal import before_stopping, in_foreground

_ESCAPE = "\x1b"
_ARROWS = {"A": "up", "B": "down", "C": "right", "D": "left"}
_NAMED = {"\r": "enter", "\n": "enter"}
_ESCAPE_TIMEOUT = 0.05  # s after which a lone escape character is the escape key
_WINDOWS_ARROWS = {"H": "up", "P": "down", "M": "right", "K": "left"}


class Keys:
    """Context manager for the keyboard of the terminal; without a terminal, reads nothing."""

    def __init__(self) -> None:
        self._file: int | None = None
        self._modes: list[object] | None = None  # the modes to restore; None if they are set
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""
        self._since = 0.0
        self._leave = ExitStack()

    def __enter__(self) -> Self:
        if sys.platform != "win32":
            with ExitStack() as leave:
                self._file = _terminal(leave)
                if self._file is not None:
                    leave.callback(self._restore)
                    leave.enter_context(before_stopping(self._restore))
                    self._listen()
                self._leave = leave.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.close()
        self._file = None

    def read(self) -> list[str]:
        """Keys pressed since the last call: "q", " ", "up", "enter", "escape"; never waits."""
        if sys.platform == "win32":
            return _windows()
        if self._file is None or not self._listen():
            return []
        data = b""
        try:
            while select.select([self._file], [], [], 0)[0]:
                new = os.read(self._file, 1024)
                if not new:  # hung up
                    break
                data += new
        except OSError:
            self._file = None
            return []
        now = time.monotonic()
        if data:
            self._pending += self._decoder.decode(data)
            self._since = now
        keys, self._pending = decode(self._pending, now - self._since >= _ESCAPE_TIMEOUT)
        return keys

    def _listen(self) -> bool:
        """Set the terminal to send each key if it is ours; returns whether it is."""
        if sys.platform == "win32" or self._file is None or not in_foreground(self._file):
            return False
        if self._modes is None:
            import termios

            modes = termios.tcgetattr(self._file)
            self._modes = [*modes[:6], list(modes[6])]
            modes[3] &= ~(termios.ICANON | termios.ECHO)
            modes[6][termios.VMIN], modes[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self._file, termios.TCSANOW, modes)
        return True

    def _restore(self) -> None:
        if sys.platform == "win32" or self._file is None or self._modes is None:
            return
        import termios

        modes, self._modes = self._modes, None
        try:
            # Discard unread keys, so that the shell does not get them.
            termios.tcsetattr(self._file, termios.TCSAFLUSH, modes)  # type: ignore[arg-type]
        except termios.error:  # the terminal is gone
            return


def decode(text: str, complete: bool) -> tuple[list[str], str]:
    r"""Decode keys; returns them, and the start of an incomplete sequence.

    `complete`: whether the input is complete, so that a trailing escape is the escape key.

    >>> decode("q\x1b[A\x1b[15~ ", False)
    (['q', 'up', ' '], '')
    >>> decode("\x1b", False), decode("\x1b", True)
    (([], '\x1b'), (['escape'], ''))
    """
    keys = []
    at = 0
    while at < len(text):
        char = text[at]
        if char != _ESCAPE:
            if char in _NAMED or char.isprintable():
                keys.append(_NAMED.get(char, char))
            at += 1
            continue
        end = _sequence_end(text, at)
        if end is None:
            if not complete:
                return keys, text[at:]
            if at + 1 == len(text):
                keys.append("escape")
            break
        sequence = text[at:end]
        if sequence == _ESCAPE:
            keys.append("escape")
        elif sequence[1] in "[O" and sequence[-1] in _ARROWS and len(sequence) > 2:
            keys.append(_ARROWS[sequence[-1]])
        at = end
    return keys, ""


def _sequence_end(text: str, start: int) -> int | None:
    """End of the escape sequence at `start`, None if it is incomplete."""
    if start + 1 >= len(text):
        return None
    if text[start + 1] == _ESCAPE:
        return start + 1
    if text[start + 1] == "O":  # SS3: one letter
        return start + 3 if start + 2 < len(text) else None
    if text[start + 1] != "[":  # Alt plus a key
        return start + 2
    for i in range(start + 2, len(text)):  # CSI: parameters, then a final character
        if "@" <= text[i] <= "~":
            return i + 1
        if text[i] < " ":
            return i
    return None


def _terminal(leave: ExitStack) -> int | None:
    """A file descriptor of the keyboard: standard input, or else the controlling terminal."""
    try:
        if os.isatty(0):
            return 0
        file = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return None
    leave.callback(os.close, file)
    return file


def _windows() -> list[str]:
    keys: list[str] = []
    if sys.platform == "win32":
        import msvcrt

        while msvcrt.kbhit():
            char = msvcrt.getwch()
            if char == "\x03":
                raise KeyboardInterrupt
            if char in "\x00\xe0":
                if name := _WINDOWS_ARROWS.get(msvcrt.getwch()):
                    keys.append(name)
            elif char == _ESCAPE:
                keys.append("escape")
            elif char in _NAMED or char.isprintable():
                keys.append(_NAMED.get(char, char))
    return keys
