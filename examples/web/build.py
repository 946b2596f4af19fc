"""Puts the page into a folder that any static server can serve.

python build.py PACKAGE SITE

PACKAGE is what `streamgenre export` wrote, SITE a folder that is new or was made by this. The page
and the loop around the model are copied; ONNX Runtime's WebAssembly comes from npm, once, into the
folder that STREAMGENRE_CACHE names (default: `cache` in a checkout, else the user's cache).
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
    """The page cannot be made; the message says what to do."""


def runtime(cache: Path) -> Path:
    """ONNX Runtime's package as npm has it, in the cache; its hash is checked."""
    archive = cache / f"{RUNTIME.replace('@', '-')}.tgz"
    if not archive.exists():
        npm = shutil.which("npm")
        if npm is None:
            raise BuildError(f"npm is needed to fetch {RUNTIME}: install Node.js")
        cache.mkdir(parents=True, exist_ok=True)
        pack = [npm, "pack", RUNTIME, "--silent", "--pack-destination", str(cache)]
        done = subprocess.run(pack, capture_output=True, text=True, check=False)
        if done.returncode or not archive.exists():
            raise BuildError(f"npm could not fetch {RUNTIME}: {done.stderr.strip()[-200:]}")
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != RUNTIME_SHA512:
        raise BuildError(f"{archive} is damaged (its hash is another): delete it, then try again")
    return archive


def build(package: Path, site: Path, cache: Path) -> int:
    """Fill `site`; the bytes that a visitor downloads. Other files in it are left alone."""
    card = _whole_card(package)
    made_here = (site / f"{WASM}.gz").exists()
    if site.exists() and any(site.iterdir()) and not made_here:
        raise BuildError(f"{site}: holds other files; name a new folder")
    archive = runtime(cache)
    site.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{site.name}.", dir=site.parent) as made:
        folder = Path(made)
        pages = [path for path in HERE.iterdir() if path.suffix in PAGE]
        for path in [*pages, *(HOST / name for name in FROM_HOST), package / MODEL]:
            shutil.copyfile(path, folder / path.name)
        _unpack_runtime(archive, folder)
        card.pop("test", None)  # which is not served
        (folder / CARD).write_text(json.dumps(card, ensure_ascii=False), encoding="utf-8")
        files = sorted(folder.iterdir())
        size = sum(path.stat().st_size for path in files if path.name != "licences.txt")
        site.mkdir(exist_ok=True)
        for path in files:
            path.replace(site / path.name)
    return size


def _whole_card(package: Path) -> dict[str, Any]:
    """The package's card; raises BuildError where the page could not run the model."""
    try:
        card: dict[str, Any] = json.loads((package / CARD).read_text(encoding="utf-8"))
        hashes = {entry["file"]: entry["sha256"] for entry in card["variants"]}
        batch = card["batch"]
    except OSError as error:
        raise BuildError(f"{package}: {CARD}: {error.strerror}; is it a package?") from None
    except (ValueError, KeyError, TypeError) as error:
        raise BuildError(f"{package}: {CARD} cannot be read ({error}); export anew") from None
    if MODEL not in hashes or batch != 1:
        raise BuildError(f"{package}: has no {MODEL} for one stream: export with --dtype int8")
    if not (package / MODEL).is_file():
        raise BuildError(f"{package}: {MODEL} is missing; export anew")
    if hashlib.sha256((package / MODEL).read_bytes()).hexdigest() != hashes[MODEL]:
        raise BuildError(f"{package}: {MODEL} is damaged (its hash is another); export anew")
    return card


def _unpack_runtime(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        for name in (LOADER, WASM):
            member = tar.extractfile(f"package/dist/{name}")
            assert member is not None
            data = member.read()
            if name == WASM:  # packed, and unpacked by the page: plain servers do not compress
                (folder / f"{name}.gz").write_bytes(gzip.compress(data, 9, mtime=0))
            else:
                (folder / name).write_bytes(data)


def _user_cache() -> Path:
    """Where a package lies, nothing is to be added."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return Path(base) / "streamgenre" if base else Path.home() / ".cache" / "streamgenre"


def main() -> int:
    """Build what the command line names."""
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
