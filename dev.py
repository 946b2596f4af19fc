#!/usr/bin/env python3
"""Sets up what it needs and runs one thing: `python3 dev.py demo` or `python3 dev.py test`.

Both make their own environment in `.venv` from `constraints.txt`; nothing else is touched. With the
variable STREAMGENRE_LOCKED, `test` installs the files of `requirements.lock` instead, whose hashes
are checked. `python3 dev.py lock` writes that list again from `constraints.txt`.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
DURATION = ENVIRONMENT / "test-seconds"  # of the last run that passed
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
LOCK = ROOT / "requirements.lock"
TEST_EXTRAS = "[train,library,osc,websocket,mqtt]"
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
# torch is not in the lock: its builds for CPUs come from different indexes, with other hashes.
TORCH_NEEDS = ("filelock", "fsspec", "jinja2", "networkx", "setuptools", "sympy")
LOCK_HEADER = """\
# Versions and hashes of everything that the tests need, except torch. Written by
# `python3 dev.py lock` from constraints.txt and pyproject.toml; do not edit.
"""


def torch() -> str:
    """The requirement of torch in constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    (pin,) = (line for line in lines if line.startswith("torch=="))
    return pin


def install(extra: str = "", *tools: str) -> None:
    """The package, editable, in the environment; skipped where nothing has changed since."""
    wanted = (ROOT / "constraints.txt").read_bytes() + (ROOT / "pyproject.toml").read_bytes()
    locked = bool(extra and os.environ.get("STREAMGENRE_LOCKED"))
    wanted += LOCK.read_bytes() if locked else b""
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
    if locked:
        steps = [
            ["--no-deps", "--require-hashes", "-r", str(LOCK)],
            ["--no-deps", torch()],
            ["--no-deps", "--no-build-isolation", "-e", str(ROOT)],
        ]
    else:
        steps = [[*constraints, "-e", f"{ROOT}{extra}", *tools]]
        if extra:  # by its exact version, on its own: the CPU build
            steps.insert(0, [torch()])
    for step in steps:
        subprocess.run([*pip, *step], check=True)
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
    install(TEST_EXTRAS, *TEST_TOOLS)
    steps = [["pytest", "-m", "not slow", "-rs", *arguments]]  # -rs: reasons of skipped tests
    if not arguments:
        print(f"running all checks and tests: {expected()} ...", file=sys.stderr)
        # A file a worker, one more of them than cores: the live tests mostly wait.
        workers = str((os.cpu_count() or 1) + 1)
        steps[0] += ["-n", workers, "--dist", "loadfile", "--no-loadscope-reorder"]
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


def lock() -> int:
    """Write requirements.lock."""
    if not PYTHON.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    subprocess.run([PYTHON, "-m", "pip", "install", "-q", "uv"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        tools, no_torch, made = (Path(folder, name) for name in ("tools.in", "no.txt", "made.txt"))
        tools.write_text("\n".join((*TEST_TOOLS, *TORCH_NEEDS)), encoding="utf-8")
        no_torch.write_text("torch ; python_version < '3'", encoding="utf-8")
        extras = [f"--extra={name}" for name in TEST_EXTRAS.strip("[]").split(",")]
        command = [
            *(PYTHON, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--upgrade"),
            *("--python-version", "3.11", "--generate-hashes", "--no-annotate", "--no-header"),
            *("--constraint", "constraints.txt", "--override", no_torch, "--output-file", made),
            *(*extras, "pyproject.toml", tools),
        ]
        subprocess.run(command, cwd=ROOT, check=True)
        LOCK.write_text(LOCK_HEADER + made.read_text(encoding="utf-8"), encoding="utf-8")
    return 0


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
        if what == "lock":
            return lock()
    except subprocess.CalledProcessError:
        print("setting up .venv failed; see above (on Debian: apt install python3-venv)")
        return 1
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main())
