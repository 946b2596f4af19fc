"""The errors of streamgenre: one type per remedy, all under StreamgenreError.

A message names cause and remedy on one line. `exit_code` is the exit code of the command.
"""

from __future__ import annotations


def one_line(text: object) -> str:
    r"""The text on one line, with non-printable characters escaped.

    >>> one_line("a\nb")
    'a\\nb'
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))


def first_line(error: BaseException) -> str:
    r"""The first line of an error's message, or its type if it has no message.

    >>> first_line(ValueError("no such node\nin graph.cc:12")), first_line(MemoryError())
    ('no such node', 'MemoryError')
    """
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def reason(error: BaseException) -> str:
    """The cause of an error on one line, without the number and path of an OSError.

    >>> reason(FileNotFoundError(2, "No such file or directory", "x"))
    'No such file or directory'
    """
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return one_line(text or type(error).__name__)


class StreamgenreError(Exception):
    """Base class of all errors that streamgenre raises."""

    exit_code = 1


class ConfigError(StreamgenreError, ValueError):
    """An option, argument or setting has a value that is not possible, such as an unknown hop."""

    exit_code = 2


class SignalError(StreamgenreError, ValueError):
    """Samples of an unsupported shape, type or rate, no recording at all, or a feed after flush."""

    exit_code = 2


class InputError(StreamgenreError):
    """An input could not be read as audio."""

    exit_code = 3


class OutputError(StreamgenreError):
    """An output cannot be opened, written or sent."""


class DeviceError(StreamgenreError):
    """There is no such audio or compute device, or it is lost for good."""

    exit_code = 4


class ModelFileError(StreamgenreError):
    """A model file is damaged, of another format, or needs something that is missing."""

    exit_code = 5


class PackageError(ModelFileError):
    """An embedded package is incomplete, or does not do what its card states."""
