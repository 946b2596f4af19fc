"""Build the page in a folder that any static server can serve.

python build.py PACKAGE SITE

PACKAGE is a folder written by `streamgenre export`. SITE is a new folder, or one built by this
script. The page and the inference loop are copied. ONNX Runtime for WebAssembly is downloaded from
npm once, into the folder STREAMGENRE_CACHE (default: `cache` in a checkout, else the user's cache).
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
HOST = HERE.parent / "javascript"
CARD, MODEL = "card.json", "model.int8.onnx"
FROM_HOST = ("streamgenre.mjs", "decide.mjs")
PAGE = (".html", ".css", ".mjs", ".svg", ".txt")

RUNTIME = "onnxruntime-web@1.30.0"
RUNTIME_SHA512 = (
    "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
)
LOADER, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"


class BuildError(Exception):
    """The page cannot be built. The message names the cause and a remedy."""


def runtime(cache: Path) -> Path:
    """The npm package of ONNX Runtime in the cache, after verification of its hash."""
    archive = cache / f"{RUNTIME.replace('@', '-')}.tgz"
    if not archive.exists():
        npm = shutil.which("npm")
        if npm is None:
            raise BuildError(f"npm is needed to download {RUNTIME}; install Node.js")
        cache.mkdir(parents=True, exist_ok=True)
        pack = [npm, "pack", RUNTIME, "--silent", "--pack-destination", str(cache)]
        done = subprocess.run(pack, capture_output=True, text=True, check=False)
        if done.returncode or not archive.exists():
            raise BuildError(f"npm could not download {RUNTIME}: {done.stderr.strip()[-200:]}")
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != RUNTIME_SHA512:
        raise BuildError(f"{archive}: is damaged (its hash differs); delete it and try again")
    return archive


def build(package: Path, site: Path, cache: Path) -> int:
    """Build `site`; returns the number of bytes that a visitor downloads."""
    card = _checked_card(package)
    built_before = (site / f"{WASM}.gz").exists()
    if site.exists() and any(site.iterdir()) and not built_before:
        raise BuildError(f"{site}: contains other files; choose a new folder")
    archive = runtime(cache)
    site.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{site.name}.", dir=site.parent) as made:
        folder = Path(made)
        pages = [path for path in HERE.iterdir() if path.suffix in PAGE]
        for path in [*pages, *(HOST / name for name in FROM_HOST), package / MODEL]:
            shutil.copyfile(path, folder / path.name)
        _unpack_runtime(archive, folder)
        card.pop("test", None)  # not served
        (folder / CARD).write_text(json.dumps(card, ensure_ascii=False), encoding="utf-8")
        files = sorted(folder.iterdir())
        size = sum(path.stat().st_size for path in files if path.name != "licences.txt")
        site.mkdir(exist_ok=True)
        for path in files:
            path.replace(site / path.name)
    return size


def _checked_card(package: Path) -> dict[str, Any]:
    """The card of the package. Raises BuildError if the page could not run the model."""
    try:
        card: dict[str, Any] = json.loads((package / CARD).read_text(encoding="utf-8"))
        hashes = {entry["file"]: entry["sha256"] for entry in card["variants"]}
        batch = card["batch"]
    except OSError as error:
        raise BuildError(f"{package}: {CARD}: {error.strerror}; is it a package?") from None
    except (ValueError, KeyError, TypeError) as error:
        raise BuildError(f"{package}: {CARD} is invalid ({error}); export it again") from None
    if MODEL not in hashes or batch != 1:
        raise BuildError(f"{package}: has no {MODEL} for one stream; export with --dtype int8")
    if not (package / MODEL).is_file():
        raise BuildError(f"{package}: {MODEL} is missing; export it again")
    if hashlib.sha256((package / MODEL).read_bytes()).hexdigest() != hashes[MODEL]:
        raise BuildError(f"{package}: {MODEL} is damaged (its hash differs); export it again")
    return card


def _unpack_runtime(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        for name in (LOADER, WASM):
            member = tar.extractfile(f"package/dist/{name}")
            assert member is not None
            data = member.read()
            if name == WASM:  # compressed here, since simple servers do not compress
                (folder / f"{name}.gz").write_bytes(gzip.compress(data, 9, mtime=0))
            else:
                (folder / name).write_bytes(data)


def _user_cache() -> Path:
    """A cache outside of packages, which must not change."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return Path(base) / "streamgenre" if base else Path.home() / ".cache" / "streamgenre"


def main() -> int:
    """Run the command. Returns the exit code."""
    if len(sys.argv) != 3 or sys.argv[1] in ("-h", "--help"):
        asked = sys.argv[1:] in (["-h"], ["--help"])
        print(__doc__, file=sys.stdout if asked else sys.stderr)
        return 0 if asked else 2
    checkout = HERE.parents[1] / "pyproject.toml"
    default = checkout.parent / "cache" if checkout.exists() else _user_cache()
    cache = Path(os.environ.get("STREAMGENRE_CACHE") or default)
    try:
        size = build(Path(sys.argv[1]), Path(sys.argv[2]), cache)
    except (BuildError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(
        f"{sys.argv[2]}: {size / 1e6:.1f} MB; serve it with: python -m http.server -d {sys.argv[2]}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
