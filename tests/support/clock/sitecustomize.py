"""Set the wall clock of Python: it reads the difference in seconds from the file WALL_CLOCK."""

import datetime
import os
import time

_true = time.time
_file = os.environ["WALL_CLOCK"]


def _offset():
    with open(_file) as file:  # noqa: PTH123
        return float(file.read())


class _DateTime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(_true() + _offset(), tz)


time.time = lambda: _true() + _offset()
time.time_ns = lambda: int((_true() + _offset()) * 1e9)
datetime.datetime = _DateTime
