"""Start-up time in wall-clock seconds of whole processes.

The cases are importing the package, `--help`, and a clip of 20 s as text and as `jsonl`, until the
process ends and until the first byte of output. They run warm, and with empty caches: without
compiled Python files and kernels, as after installation (the file cache of the system stays warm).
The time is broken down by library, each imported in a new process, and by steps of the start-up
inside one process. Cases are interleaved.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from .common import EXAMPLES, ROOT, Options, Spread, in_turn, run_quietly, table

TITLE = "start-up time of commands"

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


@dataclass(frozen=True)
class StartUp:
    """The result of this measurement: seconds by case."""

    warm: dict[str, Spread]
    empty: dict[str, Spread]  # with empty caches
    libraries: dict[str, Spread]
    steps: dict[str, Spread]


def measure(options: Options) -> StartUp:
    """Measure every case warm and with empty caches, the libraries, and the steps."""
    rounds = 1 if options.quick else 5
    warm, empty, libraries = _Cases(), _Cases(), _Cases()
    for name, command in _CASES.items():
        empty[name] = partial(_with_empty_caches, run_quietly, command)
        warm[name] = partial(run_quietly, command)
        if command[-1] == _CLIP:
            warm[f"{name}, first byte"] = partial(_first_byte, command)
            empty[f"{name}, first byte"] = partial(_with_empty_caches, _first_byte, command)
    for name in _LIBRARIES:
        libraries[name] = partial(run_quietly, (sys.executable, "-c", f"import {name}"))
    taken: list[list[float]] = []
    in_turn({"steps": lambda: taken.append(_steps())}, rounds)
    return StartUp(
        warm=_spreads(in_turn(warm, rounds)),
        empty=_spreads(in_turn(empty, rounds, warm=0)),
        libraries=_spreads(in_turn(libraries, rounds)),
        steps=_spreads(dict(zip(_STEP_NAMES, zip(*taken[1:], strict=True), strict=True))),
    )


def _first_byte(command: Sequence[str], **environment: str) -> None:
    """Run a command until its first output, then kill it."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, **environment}
    ) as process:
        assert process.stdout is not None
        if not process.stdout.read(1):
            raise RuntimeError(f"{' '.join(command)} gave nothing")
        process.kill()


def _with_empty_caches(run: Callable[..., None], command: Sequence[str]) -> None:
    """Run without compiled Python files and kernels, and without storing them."""
    with tempfile.TemporaryDirectory() as folder:
        names = ("NUMBA_CACHE_DIR", "PYTHONPYCACHEPREFIX", "XDG_CACHE_HOME")
        run(command, **dict.fromkeys(names, folder), PYTHONDONTWRITEBYTECODE="1")


def _steps() -> list[float]:
    """Seconds of each step of the start-up, in a new process."""
    done = subprocess.run(
        [sys.executable, "-c", _STEPS, _CLIP], check=True, stdout=subprocess.PIPE, cwd=ROOT
    )
    seconds: list[float] = json.loads(done.stdout)
    return seconds


def _spreads(seconds: Mapping[str, Sequence[float]]) -> dict[str, Spread]:
    return {name: Spread.of(values) for name, values in seconds.items()}


def report(result: StartUp) -> list[str]:
    """Two tables."""
    rows = [[name, *_both(warm), *_both(result.empty[name])] for name, warm in result.warm.items()]
    python = result.warm["Python alone"]
    parts = [
        *([f"`import {name}`, without Python alone", *_both(one, python.best)]
          for name, one in result.libraries.items()),
        *([name, *_both(one)] for name, one in result.steps.items()),
    ]  # fmt: skip
    return [
        f"Wall-clock seconds of {python.count} runs each; the clip lasts 20 s:",
        table(("command", "warm, best", "spread", "empty caches, best", "spread"), rows),
        "By part: libraries, each in a new process (some import others), and the steps of the "
        "start-up in one process, warm:",
        table(("part", "best", "spread"), parts),
    ]


def _both(spread: Spread, less: float = 0.0) -> list[str]:
    """The best value, and the range, after subtracting `less`."""
    best, worst = spread.best - less, spread.worst - less
    return [f"{best:.3f}", f"{best:.3f} to {worst:.3f}"]
