"""A worker process that classifies files: `python -m streamgenre.library.worker`.

process.py starts it. It reads JSON lines from standard input: first its settings, then one line per
file. It writes one JSON line per answer to standard output. It exits at the end of its input, and
therefore with its parent process.
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
    """Hash of the model, to detect that the file was replaced in the meantime."""


def main() -> None:
    """Classify files until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process handles Ctrl-C
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "w", encoding="ascii")
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):  # keep C libraries from using the pipes
        os.dup2(null, number)
    try:
        _serve(requests, answers)
    except BrokenPipeError:
        pass
    except BaseException as error:
        known = isinstance(error, StreamgenreError)
        text = str(error) if known else f"a worker failed: {type(error).__name__}: {error}"
        _send(answers, {"failed": one_line(text), "kind": type(error).__name__ if known else ""})
    os._exit(0)  # the decoding thread may be inside a C library


def _serve(requests: IO[bytes], answers: IO[str]) -> None:
    settings = Settings(**json.loads(requests.readline()))

    from ..model.model import load
    from .reading import AudioRead, FileQueue, classify_files
    from .row import LibraryFile

    model = load(settings.model, settings.compute)  # type: ignore[arg-type]  # checked before
    if model.card.sha256 != settings.sha256:
        raise ModelFileError("the model file was replaced during the scan; run the command again")
    _send(answers, {"ready": True})
    files: FileQueue = queue.SimpleQueue()

    def read() -> None:
        for line in requests:
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
    answers.write(json.dumps(message, allow_nan=False) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
