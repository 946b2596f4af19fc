"""Read arrays of NumPy's .npz files without pickle, and without trust in the sizes they state."""

from __future__ import annotations

import math
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file written by `numpy.savez`, by name.

    Raises OSError, or ValueError for a damaged file, compressed or pickled arrays, and arrays whose
    data does not have the stated size.
    """
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if entry.compress_type != zipfile.ZIP_STORED:  # it could be unpacked to gigabytes
                    raise ValueError(f"{entry.filename} is compressed")
                data = archive.read(entry)  # checks the CRC
                arrays[entry.filename.removesuffix(".npy")] = _array(data, entry.filename)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(str(error)) from None
    return arrays


def _array(data: bytes, name: str) -> np.ndarray:
    file = BytesIO(data)
    version = np.lib.format.read_magic(file)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise ValueError(f"{name} has an unknown version")
    shape, fortran, dtype = read_header(file)
    if dtype.hasobject:
        raise ValueError(f"{name} contains pickled objects")
    if dtype.itemsize * math.prod(shape) != len(data) - file.tell():
        raise ValueError(f"{name} does not have the size that it states")
    values = np.frombuffer(data, dtype, offset=file.tell())
    return values.reshape(shape, order="F" if fortran else "C").copy()
