"""Optional parts: whether they are installed, and how to install them."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

EXTRAS = {
    "library": "pyarrow",
    "tags": "mutagen",
    "ray": "ray",
    "osc": "pythonosc",
    "websocket": "websockets",
    "mqtt": "paho",
    "export": "onnx",
}
"""Extra -> a module that it installs."""


def installed(extra: str) -> bool:
    """Whether what an extra installs is there."""
    return find_spec(EXTRAS[extra]) is not None


def install_command(extra: str) -> str:
    """The command that installs an extra; streamgenre is installed from its source code."""
    root = Path(__file__).parents[1]
    pip = "pip" if _is_on_path("pip") else f"{sys.executable} -m pip"
    if (root / "pyproject.toml").is_file():
        return f"{pip} install '{root}[{extra}]'"
    return f"{pip} install '.[{extra}]' in the folder of streamgenre's source code"


def _is_on_path(command: str) -> bool:
    """Whether the shell runs the command of this environment."""
    where = shutil.which(command)
    return where is not None and Path(where).parent == Path(sys.executable).parent
