"""Training state as files: a tree of plain values in JSON, its arrays in an ``.npz``. No pickle.

For algorithms and environments that save what they need to go on exactly. What comes back is equal
bit by bit: floats are written with all their digits, NaN and infinities by name, integers of any size.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sandbox.api.errors import DamagedRunError
from sandbox.api.types import Array

_ARRAY, _FLOAT = "__array__", "__float__"


def write_state(folder: Path, name: str, tree: Mapping[str, Any]) -> None:
    """Write a tree as ``<name>.json`` and, if it holds arrays, ``<name>.npz``.

    Args:
        folder: An existing folder.
        name: Stem of the files.
        tree: Nested mappings with ``str`` keys and lists or tuples (which come back as lists) of
            NumPy arrays without objects, NumPy scalars (which come back as arrays of no dimension),
            ``int``, ``float``, ``str``, ``bool`` and ``None``.

    Raises:
        TypeError: If the tree holds anything else; names where.
    """
    arrays: dict[str, Array] = {}
    document = _packed(tree, arrays, name)
    if arrays:
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]
        _write(folder / f"{name}.npz", buffer.getvalue())
    _write(folder / f"{name}.json", json.dumps(document, allow_nan=False).encode())


def read_state(folder: Path, name: str) -> dict[str, Any]:
    """Read back what `write_state` wrote.

    Raises:
        DamagedRunError: If a file is missing or not what it should be.
    """
    file = folder / f"{name}.json"
    arrays: dict[str, Array] = {}
    try:
        document = json.loads(file.read_bytes())
        if (folder / f"{name}.npz").exists():
            with np.load(folder / f"{name}.npz", allow_pickle=False) as archive:
                arrays = {key: archive[key] for key in archive.files}
        tree = _unpacked(document, arrays)
    except (OSError, ValueError, KeyError, TypeError, EOFError, RecursionError, zipfile.BadZipFile) as error:
        raise DamagedRunError(f"The training state {file} cannot be read: {error}.") from error
    if not isinstance(tree, dict):
        raise DamagedRunError(f"The training state {file} is no mapping.")
    return tree


def _packed(value: Any, arrays: dict[str, Array], where: str) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.hasobject:
            raise TypeError(f"{where} is an array of Python objects, which cannot be saved")
        key = f"a{len(arrays)}"
        arrays[key] = array
        return {_ARRAY: key}
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else {_FLOAT: repr(value)}
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value) or {_ARRAY, _FLOAT} & set(value):
            raise TypeError(f"{where} has keys that are no plain text")
        return {key: _packed(item, arrays, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_packed(item, arrays, f"{where}[{index}]") for index, item in enumerate(value)]
    raise TypeError(f"{where} is a {type(value).__name__}, which cannot be saved")


def _unpacked(value: Any, arrays: Mapping[str, Array]) -> Any:
    if isinstance(value, dict):
        if _ARRAY in value:
            return arrays[value[_ARRAY]]
        if _FLOAT in value:
            return float(value[_FLOAT])
        return {key: _unpacked(item, arrays) for key, item in value.items()}
    if isinstance(value, list):
        return [_unpacked(item, arrays) for item in value]
    return value


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)  # it may be a hard link into an older checkpoint
    path.write_bytes(content)
