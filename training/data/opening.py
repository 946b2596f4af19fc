"""Opens a data set of any known layout: recognises it, reads it, checks it, completes its split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from streamgenre.errors import one_line

from . import ballroom, checks, fma, gtzan, same_files, tags
from .dataset import DataSet
from .folders import read_folders
from .manifest import read_manifest
from .record import DataError
from .split import SIDES, with_split

MANIFEST = "manifest.csv"


def open_dataset(
    root: Path,
    *,
    kind: str = "auto",
    subset: str = "",
    lists: Path | None = None,
    seed: int = 0,
    for_training: bool = True,
) -> DataSet:
    """The data set in a folder, or of a manifest file; raises DataError where it cannot be used.

    `subset` is FMA's, `lists` the folder of GTZAN's fault-filtered lists; `seed` decides the split
    of a layout that has none. Tracks whose audio is missing are left out, with a warning. Not
    `for_training`, a data set may also be too small to learn from; without a split, all is test.
    """
    try:
        return _opened(root, kind, subset, lists, seed, for_training)
    except OSError as error:
        where, reason = checks.short(error.filename or root), error.strerror or error
        raise DataError(f"{where}: cannot be read: {reason}; check its owner and mode") from None


def _opened(
    root: Path, kind: str, subset: str, lists: Path | None, seed: int, for_training: bool
) -> DataSet:
    if not root.exists():
        raise DataError(f"{root}: no such folder; give the data set's folder or its manifest")
    kind = recognise(root) if kind == "auto" else kind
    if subset and kind != "fma":
        raise DataError(f"{root}: a subset is chosen of FMA only, and this is read as {kind}")
    if lists and kind != "gtzan":
        raise DataError(
            f"{root}: lists are for GTZAN only, and this is read as {kind}; if it "
            "is GTZAN with other files, give --kind gtzan"
        )
    dataset = _read(root, kind, subset, lists)
    checks.check_rows(dataset.tracks)
    there, warnings = checks.present(dataset)
    warnings = dataset.warnings + warnings
    if kind == "folders":
        there, links = same_files.without_links(root, there)
        warnings += links
    dataset = replace(dataset, tracks=there)
    own = not any(t.split for t in there)
    try:
        checks.check_labels(dataset)
        tracks = with_split(there, seed) if own else there
    except DataError:
        if for_training or not dataset.labels:
            raise
        tracks = there
    if own and not for_training and {t.split for t in tracks} != {*SIDES}:
        own, tracks = False, tuple(replace(t, split="test") for t in there)
        warnings += ("too few tracks to divide: all are in test",)
    warnings += checks.alike_warnings(dataset.labels) if dataset.task == "genre" else ()
    warnings += () if kind == "folders" else same_files.same_file_warnings(tracks)
    warnings += checks.split_warnings(tracks, own=own)
    return replace(
        dataset, tracks=tracks, drawn=own, warnings=tuple(one_line(text) for text in warnings)
    )


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
    return "gtzan" if gtzan.is_gtzan(root) else "folders"


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
