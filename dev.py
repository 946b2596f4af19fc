#!/usr/bin/env python3
"""Sets up what it needs and runs one thing: `python3 dev.py demo` or `python3 dev.py test`.

Both make their own environment in `.venv` from `constraints.txt`; nothing else is touched.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
DURATION = ENVIRONMENT / "test-seconds"  # of the last run that passed
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
TEST_TOOLS = (
    "pytest",
    "pytest-timeout",
    "pytest-xdist",
    "hypothesis",
    "ruff",
    "codespell",
    "mypy",
    "hatchling",
    "beets",  # runs its plugin
    "pandas",  # what tables of results are read with
    "playwright",  # drives the Chromium that is installed; brings none
)


def install(extra: str = "", *tools: str) -> None:
    """The package, editable, in the environment; skipped where nothing has changed since."""
    wanted = (ROOT / "constraints.txt").read_bytes() + (ROOT / "pyproject.toml").read_bytes()
    key = hashlib.sha256(wanted + f"{extra} {tools} {sys.version}".encode()).hexdigest()
    stamp = ENVIRONMENT / f"installed{extra}"
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == key:
        return
    if not PYTHON.exists():
        print("making .venv ...", file=sys.stderr)
        venv.create(ENVIRONMENT, with_pip=True)
    print("installing (minutes, the first time) ...", file=sys.stderr)
    pip = [str(PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    constraints = ["-c", str(ROOT / "constraints.txt")]
    if extra:  # by its exact version, on its own: the CPU build
        subprocess.run([*pip, "torch==2.13.0"], check=True)
    subprocess.run([*pip, *constraints, "-e", f"{ROOT}{extra}", *tools], check=True)
    stamp.write_text(key)


def demo() -> int:
    """The genre through the bundled mix."""
    install()
    return subprocess.call([PYTHON, "-m", "streamgenre", "examples/mix.ogg"], cwd=ROOT)


def expected() -> str:
    """How long all tests will take: as long as the last time that they passed here."""
    if DURATION.exists():
        return f"about {float(DURATION.read_text()) / 60:.0f} minutes, as the last time"
    return "10 to 20 minutes on two cores, more if they are busy"


def test(arguments: list[str]) -> int:
    """Lint, spelling, types and every fast test; or, with arguments, pytest with those."""
    install("[train,library,osc,websocket,mqtt]", *TEST_TOOLS)
    steps = [["pytest", "-m", "not slow", "-rs", *arguments]]  # -rs: reasons of skipped tests
    if not arguments:
        print(f"running all checks and tests: {expected()} ...", file=sys.stderr)
        # A file a worker, one more of them than cores: the live tests mostly wait.
        steps[0] += ["-n", str((os.cpu_count() or 1) + 1), "--dist", "loadfile"]
        steps = [
            ["ruff", "check", "."],
            ["ruff", "format", "--check", "."],
            ["codespell_lib"],
            ["mypy"],
            *steps,
        ]
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # All steps run, so that one call shows all there is to mend; pytest's lines close the output.
    began = time.monotonic()
    codes = [subprocess.call([PYTHON, "-m", *step], cwd=ROOT) for step in steps]
    if not arguments and not any(codes):
        DURATION.write_text(f"{time.monotonic() - began:.0f}")
    return int(any(codes))  # a step that a signal ended has a negative code


def main() -> int:
    """Run what the first argument names."""
    if sys.version_info < (3, 11):
        print(f"streamgenre needs Python 3.11 or newer, this is {sys.version.split()[0]}")
        return 2
    what, *rest = sys.argv[1:] or [""]
    try:
        if what == "demo":
            return demo()
        if what == "test":
            return test(rest)
    except subprocess.CalledProcessError:
        print("setting up .venv failed; see above (on Debian: apt install python3-venv)")
        return 1
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main())
