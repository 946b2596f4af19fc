"""Fetches ONNX Runtime for building this example: a folder to give CMake as ONNXRUNTIME_ROOT.

python fetch_runtime.py FOLDER [x64|arm64]

The library comes from PyPI (the wheel carries it), its headers and nlohmann-json's from Debian 13,
which older headers may be: the library serves every version of its interface up to its own. All is
unpacked into FOLDER and nothing is installed. Needs pip and Debian's apt; elsewhere take a release
archive of ONNX Runtime, which is such a folder as it is.
"""

from __future__ import annotations

import hashlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

VERSION = "1.31.1"
WHEELS = {  # architecture -> Python's name of it, SHA-256 of the wheel
    "x64": ("x86_64", "1f3dea47f2f0e5117c2404cea7d21fd253ae7836a3bf167a501cdfbb2600d536"),
    "arm64": ("aarch64", "0b9a492176886992e0e875f06bc0367e333f5fff11711a2d642e18b02f3009cc"),
}
HEADERS = {  # Debian's package=version -> SHA-256; headers are the same on every processor
    "libonnxruntime-dev=1.21.0+dfsg-1": (
        "14f7d959d5deacbcf1504830d4189f91fc67382b399ed9ae9d3aa9c4050ced08"
    ),
    "nlohmann-json3-dev=3.11.3-2.1": (
        "741a6a32f61a14eaf9560ba1814b27da8e78fa3b9bed9e8867ab46316ddf3793"
    ),
}
MIRROR, SUITE = "http://deb.debian.org/debian", "trixie"
KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
ELSEWHERE = "a release archive of ONNX Runtime, unpacked, is an ONNXRUNTIME_ROOT too"


class FetchError(Exception):
    """Something cannot be had; the message says what, why and what to do."""


def fetch(folder: Path, architecture: str) -> None:
    """Make `folder` an ONNXRUNTIME_ROOT; whole or not at all. Raises FetchError."""
    if architecture not in WHEELS:
        raise FetchError(f"no library for {architecture}, only for {' and '.join(WHEELS)}")
    folder = folder.absolute()  # pip and apt run elsewhere
    stamp = f"onnxruntime {VERSION} {architecture}\n"
    if (folder / "fetched").exists() and (folder / "fetched").read_text() == stamp:
        return
    if folder.exists() and any(folder.iterdir()):
        raise FetchError(f"{folder}: holds something else; give a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        root = Path(scratch, "root")
        _unpack_library(_wheel(Path(scratch), architecture), root)
        for package in _debian_packages(Path(scratch)):
            _unpack_headers(package, root)
        _check_versions(root)
        (root / "fetched").write_text(stamp)
        if folder.exists():
            folder.rmdir()
        root.rename(folder)


def _run(what: str, *command: str | Path, cwd: Path) -> None:
    """Run a program; its last line is the reason if it fails."""
    done = subprocess.run(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        reason = (done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise FetchError(f"{what}: cannot be had (is there a network?): {reason}; {ELSEWHERE}")


def _checked(path: Path, sha256: str) -> Path:
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise FetchError(f"{path.name}: is not the file that is expected (its hash is another)")
    return path


def _wheel(scratch: Path, architecture: str) -> Path:
    """The wheel with the library."""
    machine, sha256 = WHEELS[architecture]
    target = scratch / "wheel"
    _run(
        f"onnxruntime {VERSION} from PyPI",
        *(sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps"),
        *("--only-binary=:all:", "--python-version=3.12", f"--platform=manylinux_2_28_{machine}"),
        *("--dest", target, f"onnxruntime=={VERSION}"),
        cwd=scratch,
    )
    (wheel,) = target.glob("*.whl")
    return _checked(wheel, sha256)


def _unpack_library(wheel: Path, root: Path) -> None:
    """The library with the names that linker and loader ask for, and its licences."""
    (root / "lib").mkdir(parents=True)
    library = f"libonnxruntime.so.{VERSION}"
    with zipfile.ZipFile(wheel) as archive:
        for name in (f"capi/{library}", "LICENSE", "ThirdPartyNotices.txt"):
            target = root / ("lib" if name.endswith(library) else "") / Path(name).name
            target.write_bytes(archive.read(f"onnxruntime/{name}"))
    (root / "lib" / "libonnxruntime.so.1").symlink_to(library)
    (root / "lib" / "libonnxruntime.so").symlink_to(library)


def _debian_packages(scratch: Path) -> list[Path]:
    """The packages with the headers, by an apt that knows one source and its own folders only."""
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise FetchError(
                f"the headers come by Debian's {program}, which is not here; {ELSEWHERE}"
            )
    if not KEYS.exists():
        raise FetchError(f"{KEYS} is missing: install debian-archive-keyring; {ELSEWHERE}")
    own = scratch / "apt"
    (own / "lists" / "partial").mkdir(parents=True)
    (own / "cache" / "archives" / "partial").mkdir(parents=True)
    (own / "status").touch()
    (own / "list").write_text(f"deb [signed-by={KEYS}] {MIRROR} {SUITE} main\n")
    options = {
        "Dir::Etc::SourceList": own / "list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State": own,
        "Dir::State::Status": own / "status",
        "Dir::Cache": own / "cache",
        "APT::Architecture": "amd64",
        "APT::Architectures": "amd64",
        "APT::Sandbox::User": "root",  # the folder may be one that no other user can enter
        "Acquire::Languages": "none",
        "APT::Update::Error-Mode": "any",  # a list that cannot be had is an error, no warning
    }
    apt = ["apt-get", *(f"-o{key}={value}" for key, value in options.items())]
    _run(f"the list of Debian's packages from {MIRROR}", *apt, "update", cwd=own)
    _run(f"headers from {MIRROR}", *apt, "download", *HEADERS, cwd=own)
    found = []
    for package, sha256 in HEADERS.items():
        (file,) = own.glob(f"{package.split('=')[0]}_*.deb")
        found.append(_checked(file, sha256))
    return found


def _unpack_headers(package: Path, root: Path) -> None:
    """Headers into include/, copyright notices beside the library's."""
    tree = package.with_suffix("")
    _run(package.name, "dpkg-deb", "-x", package, tree, cwd=package.parent)
    for headers in (tree / "usr/include/onnxruntime", tree / "usr/include"):
        if headers.exists():
            shutil.copytree(headers, root / "include", dirs_exist_ok=True)
            break
    for notice in tree.glob("usr/share/doc/*/copyright"):
        shutil.copy(notice, root / f"copyright-{notice.parent.name}")


def _check_versions(root: Path) -> None:
    """Raise FetchError where the headers are newer than the library."""
    text = (root / "include" / "onnxruntime_c_api.h").read_text(encoding="utf-8")
    found = re.search(r"#define ORT_API_VERSION (\d+)", text)
    if found is None or int(found[1]) > int(VERSION.split(".")[1]):
        wanted = found[1] if found else "an unknown version"
        raise FetchError(f"the headers ask for interface {wanted}, the library is {VERSION}")


def main() -> int:
    """Exit code 0, 1 (it failed) or 2 (usage)."""
    this = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(
        platform.machine().lower(), platform.machine()
    )
    if not 2 <= len(sys.argv) <= 3 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        fetch(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) == 3 else this)
    except (FetchError, OSError) as error:
        print(f"fetch_runtime: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
