"""Reads a dataset from a path, whatever its format."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from sandbox.api.data import Dataset
from sandbox.api.errors import BrokenFileError, InvalidValueError, SandboxError
from sandbox.datasets.arrays import read_arrays
from sandbox.datasets.minari_files import data_folder, read_minari
from sandbox.datasets.tables import read_table

HINT = (
    "A dataset is a folder that sandbox record or Minari wrote, an .npz file, "
    "or a CSV or Parquet file with a mapping (see docs/how-to/improve-from-logs.md)."
)
TABLES = (".csv", ".tsv", ".parquet", ".pq")
MAPPINGS = (".yaml", ".yml")


def read_dataset(path: str | Path, mapping: str | Path | None = None) -> Dataset:
    """The episodes that a path holds.

    Args:
        path: A folder that Minari wrote (``NAME-v0``, or ``data`` in it), an ``.npz`` file, a CSV or Parquet
            file, or a mapping (``.yaml``) that names one.
        mapping: Which columns of a table are which part of a step.

    Raises:
        BrokenFileError: If it is no dataset, empty, cut off or damaged; says what is wrong where.
        MissingExtraError: If reading its format needs a package that is not installed.
    """
    source = Path(path)
    read: Callable[[Path], Dataset]
    suffix = source.suffix.lower()
    if mapping is not None and suffix not in (*TABLES, *MAPPINGS):
        raise InvalidValueError(
            f"A mapping belongs to a table, and {source} is none.", "Tables end in .csv, .tsv or .parquet."
        )
    if suffix == ".npz" and source.is_file():
        read = read_arrays
    elif suffix in MAPPINGS and source.is_file():
        read = partial(read_table, mapping=source)
    elif suffix in TABLES and source.is_file():
        if mapping is None:
            raise InvalidValueError(
                f"{source} is a table, and nothing says what its columns are.", "Add --mapping FILE.yaml."
            )
        read = partial(read_table, mapping=Path(mapping))
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
