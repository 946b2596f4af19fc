"""What can go wrong, one type for each remedy. `exit_code` is what the command ends with."""

from __future__ import annotations


def one_line(text: object) -> str:
    r"""A message or a name on one line, whatever characters it has.

    >>> one_line("a\nb")
    'a\\nb'
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))


def first_line(error: BaseException) -> str:
    r"""What a library's error says, without what it says below; its type where it says nothing.

    >>> first_line(ValueError("no such node\nin graph.cc:12")), first_line(MemoryError())
    ('no such node', 'MemoryError')
    """
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


class StreamgenreError(Exception):
    """Base of all errors of this package; its message names cause and remedy in one line."""

    exit_code = 1


class InputError(StreamgenreError):
    """An input could not be read as audio."""

    exit_code = 3


class DeviceError(StreamgenreError):
    """No such audio or compute device, or it is lost for good."""

    exit_code = 4


class ModelFileError(StreamgenreError):
    """The model file is damaged, of another kind, or needs something that is not there."""

    exit_code = 5


class OptionError(StreamgenreError):
    """What an option asks for cannot be."""

    exit_code = 2


class SignalError(StreamgenreError, ValueError):
    """Samples were fed that a stream cannot take: their shape, type, rate or order is wrong."""

    exit_code = 2
