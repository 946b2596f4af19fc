"""The wheel and the source archive: reproducible, complete, and nothing else in them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from support.paths import EXAMPLES, ROOT

pytest.importorskip("hatchling", reason="building needs hatchling")
pytestmark = pytest.mark.slow

EXTRAS = ("torch", "onnx", "mutagen", "pyarrow", "sklearn", "matplotlib", "ray", "pandas", "scipy")
NOT_COPIED = shutil.ignore_patterns(".*cache", ".venv*", ".git", ".hypothesis", "cache", "runs")
TOP = {
    *("streamgenre", "beetsplug", "training", "bench", "tests", "examples", "docs", "LICENSES"),
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "MODEL_CARD.md", "SECURITY.md"),
    *("CITATION.cff", "LICENSE", "dev.py", "constraints.txt", "requirements.lock", "mkdocs.yml"),
    *("pyproject.toml", "PKG-INFO", ".pre-commit-config.yaml", ".gitignore"),
}
SUFFIXES = {
    *(
        ".py",
        ".md",
        ".toml",
        ".txt",
        ".csv",
        ".json",
        ".jsonl",
        ".gz",
        ".onnx",
        ".ogg",
        ".svg",
        ".png",
    ),
    *(".html", ".js", ".mjs", ".css", ".cpp", ".h", ".cmake", ".srt", ".vtt"),
    *(".cff", ".lock", ".yml", ".yaml", ".service"),
}
NAMES = {"LICENSE", "PKG-INFO", "METADATA", "RECORD", "WHEEL", ".gitignore", "Containerfile"}


def build(folder: Path, target: Path, umask: int, time: int) -> None:
    """Build a copy of the checkout whose files have this time and the permissions of a umask."""
    shutil.copytree(ROOT, folder, ignore=NOT_COPIED)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (time, time))
            path.chmod((0o777 if path.is_dir() else 0o666) & ~umask)
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(target)]
    environment = {k: v for k, v in os.environ.items() if k != "SOURCE_DATE_EPOCH"}
    before = os.umask(umask)
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, env=environment)
    finally:
        os.umask(before)


@pytest.fixture(scope="module")
def builds(tmp_path_factory):
    """Files of two builds: in another folder, at another time, with another umask."""
    base = tmp_path_factory.mktemp("builds")
    build(base / "first", base / "1", 0o022, 1_000_000_000)
    build(base / "elsewhere" / "second", base / "2", 0o077, 1_700_000_000)
    return [sorted((base / number).iterdir()) for number in "12"]


def test_two_builds_are_identical(builds):
    first, second = ([(p.name, hashlib.sha256(p.read_bytes()).digest()) for p in b] for b in builds)
    assert len(first) == 2 and first == second


def names_of(path: Path) -> list[str]:
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    with tarfile.open(path) as archive:
        members = archive.getmembers()
    assert all(member.isfile() and member.mode & 0o022 == 0 for member in members)
    assert {(member.uid, member.gid, member.uname) for member in members} == {(0, 0, "")}
    return [member.name for member in members]


def test_nothing_unneeded_is_in_them(builds):
    for path in builds[0]:
        names = names_of(path)
        assert len(names) == len(set(names)) > 300
        for name in map(PurePosixPath, names):
            assert not name.is_absolute() and ".." not in name.parts
            assert "__pycache__" not in name.parts
            if not {"LICENSES", "findings"} & {*name.parts}:  # findings: inputs of any name
                assert name.suffix in SUFFIXES or name.name in NAMES, name
        parts = [PurePosixPath(name).parts for name in names]
        if path.suffix == ".whl":
            top = {part[0] for part in parts}
            assert {name for name in top if "dist-info" not in name} == {"streamgenre", "beetsplug"}
        else:
            assert {part[1] for part in parts} <= TOP
            assert {"SECURITY.md", "requirements.lock", "LICENSE"} <= {part[1] for part in parts}


@pytest.fixture(scope="module")
def installed(builds, tmp_path_factory):
    """Python of an environment with the wheel and the libraries of this one, without the extras."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    (wheel,) = (path for path in builds[0] if path.suffix == ".whl")
    pip = ["-m", "pip", "install", "-q", "--no-deps", "--no-index", "--disable-pip-version-check"]
    subprocess.run([python, *pip, str(wheel)], check=True, capture_output=True)
    show = "import sysconfig; print(sysconfig.get_path('purelib'))"
    done = subprocess.run([python, "-c", show], check=True, capture_output=True, text=True)
    site = Path(done.stdout.strip())
    # Comes after the wheel; .pth files in it, as of an editable installation, are not read.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    (site / "sitecustomize.py").write_text(
        f"import sys\nfor name in {EXTRAS!r}:\n    sys.modules[name] = None\n",
        encoding="utf-8",
    )
    return python


def test_the_installed_wheel_runs_outside_of_the_checkout(installed, tmp_path):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}

    def run(*arguments, codes=(0,)):
        done = subprocess.run(
            [str(argument) for argument in arguments], cwd=tmp_path, env=environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode in codes and "Traceback" not in done.stderr, done.stderr
        return done.stdout

    where = run(installed, "-c", "import streamgenre; print(streamgenre.__file__)")
    assert Path(where.strip()).is_relative_to(installed.parents[1])
    command = installed.with_name("streamgenre.exe" if os.name == "nt" else "streamgenre")
    clip = shutil.copy(EXAMPLES / "classical-brandenburg-2.ogg", tmp_path)
    assert "scan" in run(command, "--help")
    assert "classical" in run(command, clip)
    assert "sha256" in run(command, "info")
    assert "streamgenre" in run(command, "doctor", codes=(0, 1))
    run(installed, "-c", "import streamgenre; streamgenre.load()")
