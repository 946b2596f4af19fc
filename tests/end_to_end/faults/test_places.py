"""No home folder, and folders for caches, settings and temporary files that cannot be written."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from support.commands import PROGRAM, environment, run, scratch
from support.paths import ROOT

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX users")
NOBODY = 54_321  # no entry in /etc/passwd


@pytest.fixture
def somewhere(scanned):
    """A folder that any user can write to, with the table of a scan and its music."""
    folder = scratch()
    shutil.copytree(scanned / "music", folder / "music")
    shutil.copy(scanned / "genres.csv", folder / "genres.csv")
    for path in [*folder.iterdir(), *(folder / "music").iterdir()]:
        path.chmod(0o777 if path.is_dir() else 0o666)
    yield folder
    shutil.rmtree(folder)


def as_nobody(*arguments, cwd, **further):
    """Run the command as a user without an entry, home or cache."""
    if os.geteuid():
        pytest.skip("needs root, to become another user")
    program = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
    if shutil.which("setpriv") is None:
        pytest.skip("needs setpriv")
    if subprocess.run([*program, PROGRAM[0], "-c", "import click"], cwd="/").returncode:
        pytest.skip("other users cannot read this environment")
    left = ("HOME", "USER", "LOGNAME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "NUMBA_CACHE_DIR")
    env = {name: value for name, value in environment(**further).items() if name not in left}
    env |= further
    return subprocess.run(
        [*program, *PROGRAM, *arguments], cwd=cwd, env=env, capture_output=True, text=True
    )


FILES = {
    "text": ("music/0.flac",),
    "png": ("-o", "out.png", "music/0.flac"),
    "scan": ("scan", "music", "-o", "out.csv", "--jobs", "1"),
    "report": ("report", "genres.csv", "-o", "out.html"),
    "correct": ("correct", "genres.csv", "glob:0.flac", "rock"),
    "live": ("live", "--play", "music/0.flac", "--format", "jsonl"),
    "doctor": ("doctor",),
}
FAST = ("png",)
SOME = [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in FILES]


@pytest.mark.parametrize("name", SOME)
def test_a_user_without_entry_and_home(somewhere, name):
    if name == "png":
        pytest.importorskip("matplotlib", reason="needs the plot extra")
    done = as_nobody(*FILES[name], cwd=somewhere)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" or done.stderr.startswith("streamgenre: listened for")


def test_the_home_of_another_user_has_unreadable_settings(somewhere):
    home = somewhere / "home"
    home.mkdir(mode=0o700)
    done = as_nobody("live", "--play", "none.mp3", cwd=somewhere, HOME=str(home))
    assert done.returncode == 3
    first, second = done.stderr.splitlines()
    assert "config.toml: Permission denied; continuing without it" in first
    assert "none.mp3: no such file" in second


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) for name in FILES])
@pytest.mark.parametrize("kind", ["HOME", "NUMBA_CACHE_DIR", "TMPDIR", "MPLCONFIGDIR"])
def test_a_folder_that_is_a_file(somewhere, name, kind):
    """Not even root can write there."""
    file = somewhere / "file"
    file.touch()
    code, _, error = run(*FILES[name], cwd=somewhere, env={kind: str(file / "x")})
    assert code == 0 and (error == "" or error.startswith("streamgenre: listened for")), error


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_read_only_system(somewhere, name):
    """Only the working folder can be written: no temporary folder, home or cache."""
    if shutil.which("unshare") is None or os.geteuid():
        pytest.skip("needs root and unshare")
    script = (
        'mount --bind "$PWD" "$PWD" && mount -o remount,ro,bind / && '
        'mount -o remount,rw,bind "$PWD" && cd "$PWD" && exec "$@"'
    )
    call = ["unshare", "--mount", "sh", "-c", script, "sh", *PROGRAM, *FILES[name]]
    if subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", "true"], cwd=somewhere,
                      capture_output=True).returncode:  # fmt: skip
        pytest.skip("mounts are not possible here")
    done = subprocess.run(
        call, cwd=somewhere, capture_output=True, text=True, env=environment(ROOT)
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" or done.stderr.startswith("streamgenre: listened for")
