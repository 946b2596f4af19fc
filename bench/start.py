"""How long a user waits before anything happens, in wall-clock seconds of whole processes.

Importing the package, `--help`, and a clip of 20 s: until the process has ended, and until the
first byte of its result is there; as text, and as `jsonl`, which gives an update when it has one.
Warm, and with empty caches: no compiled Python files and no compiled kernels, as after installing
(the system's own cache of files stays). Beside it what the time goes to: the libraries, each alone
in a fresh process, and the parts of a start inside one process. Cases are taken in turn.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from .common import EXAMPLES, ROOT, Options, Spread, in_turn, table

TITLE = "seconds until a command answers"

_Cases = dict[str, Callable[[], object]]

_CLIP = str(EXAMPLES / "folk-celtic.ogg")
_COMMAND = (sys.executable, "-m", "streamgenre")
_CASES = {
    "Python alone": (sys.executable, "-c", "pass"),
    "`import streamgenre`": (sys.executable, "-c", "import streamgenre"),
    "`streamgenre --help`": (*_COMMAND, "--help"),
    "`streamgenre clip.ogg`": (*_COMMAND, _CLIP),
    "`streamgenre --format jsonl clip.ogg`": (*_COMMAND, "--format", "jsonl", _CLIP),
}
_LIBRARIES = ("numpy", "numba", "onnxruntime", "soundfile", "soxr", "av", "click", "rich")

_STEPS = """
import json, sys, time
times = [time.perf_counter()]
def done():
    times.append(time.perf_counter())
from streamgenre.model.model import load
done()
model = load()
done()
from streamgenre.audio.files import open_source
source = open_source(sys.argv[1])
second = [next(source.blocks()).copy() for _ in range(3)]
done()
stream = model.stream(0.5)
stream.feed(second[0][:1], source.sample_rate)
done()
assert len(stream.feed(second[1], source.sample_rate) + stream.feed(second[2], source.sample_rate))
done()
json.dump([b - a for a, b in zip(times, times[1:])], sys.stdout)
"""
_STEP_NAMES = (
    "import the package",
    "load the model",
    "open the clip, decode its first second",
    "the stream's first sample",
    "the stream's first step",
)


def measure(options: Options) -> dict[str, Any]:
    """Every case warm and with empty caches, the libraries, the steps of a start."""
    rounds = 1 if options.quick else 5
    warm, empty, libraries = _Cases(), _Cases(), _Cases()
    for name, command in _CASES.items():
        empty[name] = partial(_with_empty_caches, _whole, command)
        warm[name] = partial(_whole, command)
        if command[-1] == _CLIP:
            warm[f"{name}, first byte"] = partial(_first_byte, command)
            empty[f"{name}, first byte"] = partial(_with_empty_caches, _first_byte, command)
    for name in _LIBRARIES:
        libraries[name] = partial(_whole, (sys.executable, "-c", f"import {name}"))
    taken: list[list[float]] = []
    in_turn({"steps": lambda: taken.append(_steps())}, rounds)
    return {
        "warm": _spreads(in_turn(warm, rounds)),
        "empty": _spreads(in_turn(empty, rounds, warm=0)),
        "libraries": _spreads(in_turn(libraries, rounds)),
        "steps": _spreads(dict(zip(_STEP_NAMES, zip(*taken[1:], strict=True), strict=True))),
    }


def _whole(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    """Wait for all of it."""
    subprocess.run(
        command,
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
    )


def _first_byte(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    """Wait until it has written something; then end it."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, **(environment or {})}
    ) as process:
        assert process.stdout is not None
        if not process.stdout.read(1):
            raise RuntimeError(f"{' '.join(command)} gave nothing")
        process.kill()


def _with_empty_caches(
    run: Callable[[Sequence[str], Mapping[str, str]], None], command: Sequence[str]
) -> None:
    """Without compiled Python files and compiled kernels, and without keeping them."""
    with tempfile.TemporaryDirectory() as folder:
        names = ("NUMBA_CACHE_DIR", "PYTHONPYCACHEPREFIX", "XDG_CACHE_HOME")
        run(command, {**dict.fromkeys(names, folder), "PYTHONDONTWRITEBYTECODE": "1"})


def _steps() -> list[float]:
    """Seconds of each step of a start, in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", _STEPS, _CLIP], check=True, stdout=subprocess.PIPE, cwd=ROOT
    )
    seconds: list[float] = json.loads(done.stdout)
    return seconds


def _spreads(seconds: Mapping[str, Sequence[float]]) -> dict[str, dict[str, float]]:
    return {name: Spread.of(values).to_json() for name, values in seconds.items()}


def report(found: dict[str, Any]) -> list[str]:
    """Two tables."""
    rows = [
        [name, *_both(warm), *_both(found["empty"][name])] for name, warm in found["warm"].items()
    ]
    alone = found["warm"]["Python alone"]["best"]
    parts = [
        *([f"`import {name}`, Python alone taken off", *_both(one, alone)]
          for name, one in found["libraries"].items()),
        *([name, *_both(one)] for name, one in found["steps"].items()),
    ]  # fmt: skip
    count = found["warm"]["Python alone"]["count"]
    return [
        f"Wall-clock seconds of {count} runs each; the clip lasts 20 s:",
        "",
        *table(("command", "warm, best", "spread", "empty caches, best", "spread"), rows),
        "",
        "What it goes to: libraries, each in a process of its own (some import others), and the "
        "steps of a start in one process, warm:",
        "",
        *table(("part", "best", "spread"), parts),
    ]


def _both(spread: Mapping[str, float], less: float = 0.0) -> list[str]:
    """The best, and from best to worst."""
    best, worst = spread["best"] - less, spread["worst"] - less
    return [f"{best:.3f}", f"{best:.3f} to {worst:.3f}"]
