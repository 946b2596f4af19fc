"""Kill `tags` at every n-th step: `python tag_kills.py FOLDER EVERY`.

FOLDER has `music`, a copy of it `kept`, and the results `r.csv`. Each run is a forked process that
is killed by SIGKILL at its n-th step that touches a file, for n = 1, 1 + EVERY, ...: once while it
writes and once while it undoes. Prints the number of steps that were tried.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

from support.tagged import decoded

from streamgenre.library.tagging.genre import read_genre
from streamgenre.library.tagging.write import tag_files, undo_tags

STEPS = {"open", "os.rename", "os.remove", "os.truncate", "shutil.copyfile", "shutil.copystat"}


def killed(call, step):
    """Run the call in a process that is killed at this step. False if it has fewer steps."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        return os.WIFSIGNALED(status)
    seen = 0

    def hook(event, arguments):
        nonlocal seen
        if event in STEPS and str(FOLDER) in str(arguments[0]):
            seen += 1
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    try:
        list(call())
        os._exit(0)
    finally:
        os._exit(1)


def state():
    """Genres and audio of each file."""
    return {
        path.name: [list(read_genre(path).names), decoded(path)]
        for path in sorted((FOLDER / "music").iterdir())
        if not path.name.startswith(".")
    }


def restart():
    """Restore the initial files and results, including times."""
    shutil.rmtree(FOLDER / "music")
    shutil.copytree(FOLDER / "kept", FOLDER / "music")
    for name in ("r.csv.tags", "r.csv.journal", "r.csv.journal-wal", "r.csv.journal-shm"):
        (FOLDER / name).unlink(missing_ok=True)


def write():
    """Write the genre of all files."""
    return tag_files(RESULTS, write=True)


def undo():
    """Restore the genre of all files."""
    return undo_tags(RESULTS)


def check(before):
    """Check that files are complete, and that a run and an undo restore them."""
    for name, (genres, audio) in state().items():
        assert audio == before[name][1], name
        assert genres in (before[name][0], ["Jazz"]), (name, genres)
    assert {change.outcome for change in write()} <= {"written", "same"}
    assert all(genres == ["Jazz"] for genres, _ in state().values())
    assert {change.outcome for change in undo()} <= {"restored", "same"}
    assert state() == before
    assert not [path for path in (FOLDER / "music").iterdir() if path.name.startswith(".")]


def main():
    """Kill at each step."""
    before = state()
    tried = 0
    step = 1
    while killed(write, step):
        check(before)
        restart()
        step, tried = step + EVERY, tried + 1
    restart()
    step = 1
    while True:
        list(write())
        if not killed(undo, step):
            break
        check(before)
        restart()
        step, tried = step + EVERY, tried + 1
    assert state() == before
    print(tried)


if __name__ == "__main__":
    FOLDER, EVERY = Path(sys.argv[1]), int(sys.argv[2])
    RESULTS = FOLDER / "r.csv"
    main()
