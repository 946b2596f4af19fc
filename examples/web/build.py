"""Puts the page into a folder that any static server can serve.

python build.py PACKAGE SITE

PACKAGE is what `streamgenre export` wrote, SITE a folder that is new or was made by this. The page
and the loop around the model are copied; ONNX Runtime's WebAssembly comes from npm, once, into the
folder that STREAMGENRE_CACHE names (default: `cache` in the checkout).
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
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOST = HERE.parent / "javascript"
FROM_PACKAGE = ("card.json", "model.int8.onnx")
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
    """Fill `site`; the bytes that a visitor downloads."""
    for name in FROM_PACKAGE:
        if not (package / name).is_file():
            raise BuildError(f"{package}: has no {name}; make it with `streamgenre export`")
    made_here = (site / f"{WASM}.gz").exists()
    if site.exists() and any(site.iterdir()) and not made_here:
        raise BuildError(f"{site}: holds other files; name a new folder")
    archive = runtime(cache)
    if made_here:
        shutil.rmtree(site)
    site.mkdir(parents=True, exist_ok=True)
    pages = [path for path in HERE.iterdir() if path.suffix in PAGE]
    for path in [
        *pages,
        *(HOST / name for name in FROM_HOST),
        *(package / n for n in FROM_PACKAGE),
    ]:
        shutil.copyfile(path, site / path.name)
    with tarfile.open(archive) as tar:
        for name in (LOADER, WASM):
            member = tar.extractfile(f"package/dist/{name}")
            assert member is not None
            data = member.read()
            if name == WASM:  # packed, and unpacked by the page: plain servers do not compress
                (site / f"{name}.gz").write_bytes(gzip.compress(data, 9, mtime=0))
            else:
                (site / name).write_bytes(data)
    _short_card(site / "card.json")
    return sum(path.stat().st_size for path in site.iterdir() if path.name != "licences.txt")


def _short_card(path: Path) -> None:
    """Without the test vector, which is not served."""
    card = json.loads(path.read_text(encoding="utf-8"))
    card.pop("test", None)
    path.write_text(json.dumps(card, ensure_ascii=False), encoding="utf-8")


def main() -> int:
    """Build what the command line names."""
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    cache = Path(os.environ.get("STREAMGENRE_CACHE") or HERE.parents[1] / "cache")
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
