"""Download ONNX Runtime for building this example, to a folder for CMake's ONNXRUNTIME_ROOT.

python fetch_runtime.py FOLDER [x64|arm64] [VERSION]

The library is from the wheel on PyPI. Its headers and those of nlohmann-json are from Debian 13.
The headers may be older than the library, which supports all earlier versions of its API. VERSION
is one of WHEELS, by default the newest. Everything is unpacked into FOLDER and nothing is
installed. Needs pip and Debian's apt. On other systems, use a release archive of ONNX Runtime.
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
MACHINES = {"x64": "x86_64", "arm64": "aarch64"}  # architecture -> name in wheels
WHEELS = {  # version and architecture -> SHA-256 of the wheel
    (VERSION, "x64"): "1f3dea47f2f0e5117c2404cea7d21fd253ae7836a3bf167a501cdfbb2600d536",
    (VERSION, "arm64"): "0b9a492176886992e0e875f06bc0367e333f5fff11711a2d642e18b02f3009cc",
    ("1.21.1", "x64"): "2742935d6610fe0f58e1995018d9db7e8239d0201d9ebbdb7964a61386b5390a",
    ("1.21.1", "arm64"): "79dfb1f47386c4edd115b21015354b2f05f5566c40c98606251f15a64add3cbe",
}
HEADERS = {  # Debian's package=version -> SHA-256; headers do not depend on the architecture
    "libonnxruntime-dev=1.21.0+dfsg-1": (
        "14f7d959d5deacbcf1504830d4189f91fc67382b399ed9ae9d3aa9c4050ced08"
    ),
    "nlohmann-json3-dev=3.11.3-2.1": (
        "741a6a32f61a14eaf9560ba1814b27da8e78fa3b9bed9e8867ab46316ddf3793"
    ),
}
MIRROR, SUITE = "http://deb.debian.org/debian", "trixie"
KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
ELSEWHERE = "or unpack a release archive of ONNX Runtime and use it as ONNXRUNTIME_ROOT"


class FetchError(Exception):
    """A download failed. The message names the cause and a remedy."""


def fetch(folder: Path, architecture: str, version: str = VERSION) -> None:
    """Create `folder` atomically as an ONNXRUNTIME_ROOT. Raises FetchError."""
    if (version, architecture) not in WHEELS:
        known = " or ".join(" ".join(reversed(each)) for each in WHEELS)
        raise FetchError(f"unknown architecture and version {architecture} {version}; use {known}")
    folder = folder.absolute()  # pip and apt run in other folders
    stamp = f"onnxruntime {version} {architecture}\n"
    if (folder / "fetched").exists() and (folder / "fetched").read_text() == stamp:
        return
    if folder.exists() and any(folder.iterdir()):
        raise FetchError(f"{folder}: contains other files; choose a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        root = Path(scratch, "root")
        _unpack_library(_wheel(Path(scratch), architecture, version), root, version)
        for package in _debian_packages(Path(scratch)):
            _unpack_headers(package, root)
        _check_versions(root, version)
        (root / "fetched").write_text(stamp)
        if folder.exists():
            folder.rmdir()
        root.rename(folder)


def _run(what: str, *command: str | Path, cwd: Path) -> None:
    """Run a program. If it fails, its last line of output is the reason."""
    done = subprocess.run(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        reason = (done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise FetchError(f"{what}: cannot be downloaded: {reason}; check the network, {ELSEWHERE}")


def _checked(path: Path, sha256: str) -> Path:
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise FetchError(f"{path.name}: is damaged (its hash differs); try again")
    return path


def _wheel(scratch: Path, architecture: str, version: str) -> Path:
    """Download the wheel with the library."""
    platform_tag = f"manylinux_2_28_{MACHINES[architecture]}"
    target = scratch / "wheel"
    _run(
        f"onnxruntime {version} from PyPI",
        *(sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps"),
        *("--only-binary=:all:", "--python-version=3.12", f"--platform={platform_tag}"),
        *("--dest", target, f"onnxruntime=={version}"),
        cwd=scratch,
    )
    (wheel,) = target.glob("*.whl")
    return _checked(wheel, WHEELS[version, architecture])


def _unpack_library(wheel: Path, root: Path, version: str) -> None:
    """Unpack the library, with the names for linker and loader, and its licences."""
    (root / "lib").mkdir(parents=True)
    library = f"libonnxruntime.so.{version}"
    with zipfile.ZipFile(wheel) as archive:
        for name in (f"capi/{library}", "LICENSE", "ThirdPartyNotices.txt"):
            target = root / ("lib" if name.endswith(library) else "") / Path(name).name
            target.write_bytes(archive.read(f"onnxruntime/{name}"))
    (root / "lib" / "libonnxruntime.so.1").symlink_to(library)
    (root / "lib" / "libonnxruntime.so").symlink_to(library)


def _debian_packages(scratch: Path) -> list[Path]:
    """Download the packages with the headers, with an isolated apt configuration."""
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise FetchError(f"{program} is missing; run this on Debian, {ELSEWHERE}")
    if not KEYS.exists():
        raise FetchError(f"{KEYS} is missing; install debian-archive-keyring, {ELSEWHERE}")
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
        "APT::Sandbox::User": "root",  # other users may have no access to the folder
        "Acquire::Languages": "none",
        "APT::Update::Error-Mode": "any",  # a missing list is an error instead of a warning
    }
    apt = ["apt-get", *(f"-o{key}={value}" for key, value in options.items())]
    _run(f"the package list from {MIRROR}", *apt, "update", cwd=own)
    _run(f"headers from {MIRROR}", *apt, "download", *HEADERS, cwd=own)
    packages = []
    for package, sha256 in HEADERS.items():
        (file,) = own.glob(f"{package.split('=')[0]}_*.deb")
        packages.append(_checked(file, sha256))
    return packages


def _unpack_headers(package: Path, root: Path) -> None:
    """Copy the headers to include/, and the copyright notices."""
    tree = package.with_suffix("")
    _run(package.name, "dpkg-deb", "-x", package, tree, cwd=package.parent)
    for headers in (tree / "usr/include/onnxruntime", tree / "usr/include"):
        if headers.exists():
            shutil.copytree(headers, root / "include", dirs_exist_ok=True)
            break
    for notice in tree.glob("usr/share/doc/*/copyright"):
        shutil.copy(notice, root / f"copyright-{notice.parent.name}")


def _check_versions(root: Path, version: str) -> None:
    """Raise FetchError if the headers are newer than the library."""
    text = (root / "include" / "onnxruntime_c_api.h").read_text(encoding="utf-8")
    found = re.search(r"#define ORT_API_VERSION (\d+)", text)
    if found is None or int(found[1]) > int(version.split(".")[1]):
        wanted = found[1] if found else "an unknown version"
        raise FetchError(
            f"the headers need API version {wanted}, which ONNX Runtime {version} does not have"
        )


def main() -> int:
    """Run the command. Returns exit code 0, 1 (failure) or 2 (usage)."""
    this = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(
        platform.machine().lower(), platform.machine()
    )
    if not 2 <= len(sys.argv) <= 4 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        fetch(Path(sys.argv[1]), *(sys.argv[2:] or [this]))
    except (FetchError, OSError) as error:
        print(f"fetch_runtime: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
