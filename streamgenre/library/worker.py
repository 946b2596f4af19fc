"""A worker process that classifies files: `python -m streamgenre.library.worker`.

It is started by process.py. It reads one line of JSON with its settings and one line per file from
standard input, and writes one line per answer to standard output. It ends when its input ends, and
so with its parent process.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import threading
from dataclasses import asdict, dataclass
from typing import IO, Any

from ..errors import ModelFileError, StreamgenreError, one_line


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a worker."""

    model: str | None
    compute: str
    hop: float
    sha256: str
    """Hash of the model, to detect that the file was replaced meanwhile."""


def main() -> None:
    """Answer until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process handles Ctrl-C
    given, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "w", encoding="ascii")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):  # C libraries must not read or write messages
        os.dup2(nothing, number)
    try:
        _answer(given, answers)
    except BrokenPipeError:
        pass
    except BaseException as error:
        known = isinstance(error, StreamgenreError)
        text = str(error) if known else f"a worker cannot run: {type(error).__name__}: {error}"
        _send(answers, {"failed": one_line(text), "kind": type(error).__name__ if known else ""})
    os._exit(0)  # the decoding thread may be inside a C library


def _answer(given: IO[bytes], answers: IO[str]) -> None:
    settings = Settings(**json.loads(given.readline()))

    from ..model.model import load
    from .reading import AudioRead, Supply, classify_files
    from .row import LibraryFile

    model = load(settings.model, settings.compute)  # type: ignore[arg-type]  # checked before
    if model.card.sha256 != settings.sha256:
        raise ModelFileError("the model file was replaced during the scan; run the command again")
    _send(answers, {"ready": True})
    files: Supply = queue.SimpleQueue()

    def read() -> None:
        for line in given:
            files.put(LibraryFile(**json.loads(line)))
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    labels = model.card.label_names
    for answer in classify_files(model, files, settings.hop):
        if isinstance(answer, AudioRead):
            _send(answers, {"seconds": answer.seconds})
        else:
            file, row = answer
            _send(answers, {"file": asdict(file), "row": row.to_dict(labels)})


def _send(answers: IO[str], message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
