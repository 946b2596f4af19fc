"""Opening a data set: detects its layout, reads it, checks it, and completes its split."""

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
    """Read the data set in a folder or of a manifest file.

    Args:
        kind: layout; "auto" detects it.
        subset: of FMA.
        lists: folder with the fault-filtered lists of GTZAN.
        seed: of the generated split, for layouts without one.
        for_training: if False, also accept a data set that is too small to train on. If it cannot
            be split, all tracks are in test.

    Tracks without audio are left out with a warning. Raises DataError if the data cannot be used.
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
        raise DataError(f"{root}: a subset requires FMA, but the layout is {kind}")
    if lists and kind != "gtzan":
        raise DataError(
            f"{root}: lists require GTZAN, but the layout is {kind}; if it is GTZAN with "
            "additional files, give --kind gtzan"
        )
    dataset = _read(root, kind, subset, lists)
    checks.check_rows(dataset.tracks)
    available, warnings = checks.present(dataset)
    warnings = dataset.warnings + warnings
    if kind == "folders":
        available, links = same_files.without_links(root, available)
        warnings += links
    dataset = replace(dataset, tracks=available)
    own = not any(t.split for t in available)
    try:
        checks.check_labels(dataset)
        tracks = with_split(available, seed) if own else available
    except DataError:
        if for_training or not dataset.labels:
            raise
        tracks = available
    if own and not for_training and {t.split for t in tracks} != {*SIDES}:
        own, tracks = False, tuple(replace(t, split="test") for t in available)
        warnings += ("too few tracks to split: all are in test",)
    warnings += checks.similar_label_warnings(dataset.labels) if dataset.task == "genre" else ()
    warnings += () if kind == "folders" else same_files.same_file_warnings(tracks)
    warnings += checks.split_warnings(tracks, own=own)
    return replace(
        dataset, tracks=tracks, drawn=own, warnings=tuple(one_line(text) for text in warnings)
    )


def recognise(root: Path) -> str:
    """Detect the layout by its characteristic files."""
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
    raise DataError(f"unknown kind of data set {kind!r}; omit it for automatic detection")
