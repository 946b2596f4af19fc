"""Opens a data set of any known layout: recognises it, reads it, checks it, completes its split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from . import ballroom, checks, fma, gtzan, tags
from .dataset import DataSet
from .folders import read_folders
from .manifest import read_manifest
from .record import DataError
from .split import with_split

MANIFEST = "manifest.csv"


def open_dataset(
    root: Path, *, kind: str = "auto", subset: str = "", lists: Path | None = None, seed: int = 0
) -> DataSet:
    """The data set in a folder, or of a manifest file; raises DataError where it cannot be used.

    `subset` is FMA's, `lists` the folder of GTZAN's fault-filtered lists; `seed` decides the split
    of a layout that has none. Tracks whose audio is missing are left out, with a warning.
    """
    if not root.exists():
        raise DataError(f"{root}: no such folder; give the data set's folder or its manifest")
    kind = recognise(root) if kind == "auto" else kind
    if subset and kind != "fma":
        raise DataError(f"{root}: a subset is chosen of FMA only, and this is read as {kind}")
    if lists and kind != "gtzan":
        raise DataError(f"{root}: lists are for GTZAN only, and this is read as {kind}")
    dataset = _read(root, kind, subset, lists)
    checks.check_rows(dataset.tracks)
    there, warnings = checks.present(dataset)
    dataset = replace(dataset, tracks=there, warnings=dataset.warnings + warnings)
    checks.check_labels(dataset)
    if not any(t.split for t in there):
        dataset = replace(dataset, tracks=with_split(there, seed))
    found = checks.split_warnings(dataset.tracks)
    return replace(dataset, warnings=dataset.warnings + found)


def recognise(root: Path) -> str:
    """The kind of a data set, by the files that only its layout has."""
    if root.is_file() or (root / MANIFEST).is_file():
        return "manifest"
    if fma.metadata_folder(root):
        return "fma"
    if (root / ballroom.XML).is_file():
        return "ballroom"
    if (root / tags.ANNOTATIONS).is_file():
        return "magnatagatune"
    if tags.msd_table(root):
        return "msd"
    return "gtzan" if gtzan.genre_folder(root) else "folders"


def _read(root: Path, kind: str, subset: str, lists: Path | None) -> DataSet:
    if kind == "manifest":
        return read_manifest(root if root.is_file() else root / MANIFEST)
    if not root.is_dir():
        raise DataError(f"{root}: is a file; give the folder of the data set")
    if kind == "fma":
        return fma.read_fma(root, subset)
    if kind == "gtzan":
        return gtzan.read_gtzan(root, lists)
    if kind == "ballroom":
        return ballroom.read_ballroom(root)
    if kind == "magnatagatune":
        return tags.read_magnatagatune(root)
    if kind == "msd":
        return tags.read_msd(root)
    if kind == "folders":
        return read_folders(root)
    raise DataError(f"unknown kind of data set {kind!r}; leave it out to have it recognised")
