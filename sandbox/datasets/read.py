"""Reads a dataset from a path, whatever its format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sandbox.api.data import Dataset
from sandbox.api.errors import BrokenFileError, SandboxError
from sandbox.datasets.arrays import read_arrays
from sandbox.datasets.minari_files import data_folder, read_minari

HINT = "A dataset is a folder that sandbox record or Minari wrote, or an .npz file."


def read_dataset(path: str | Path) -> Dataset:
    """The episodes that a path holds.

    Args:
        path: A folder that Minari wrote (``NAME-v0``, or ``data`` in it), or an ``.npz`` file.

    Raises:
        BrokenFileError: If it is no dataset, empty, cut off or damaged; says what is wrong where.
        MissingExtraError: If reading its format needs a package that is not installed.
    """
    source = Path(path)
    read: Callable[[Path], Dataset]
    if source.suffix == ".npz" and source.is_file():
        read = read_arrays
    elif data_folder(source) is not None:
        read = read_minari
    else:
        reason = "is no dataset" if source.exists() else "does not exist"
        raise BrokenFileError(source, reason, hint=HINT)
    try:
        return read(source)
    except SandboxError:
        raise
    except MemoryError as error:
        raise BrokenFileError(source, "is larger than the memory") from error
    except Exception as error:  # readers of binary formats raise whatever a damaged file leads them to
        reason = f"cannot be read: {type(error).__name__}: {error}"
        raise BrokenFileError(source, reason, hint=HINT) from error
