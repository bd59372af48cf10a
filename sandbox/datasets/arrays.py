"""Datasets as plain NumPy archives: ``.npz`` files whose arrays are named as those of `sandbox.api.Dataset`.

``observations`` (or ``observations.KEY`` for each part of a Dict space), ``actions``, ``rewards``,
``terminated``, ``truncated`` and ``lengths``; optionally ``masks`` and ``probabilities``.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from sandbox.api.data import Dataset
from sandbox.api.errors import BrokenFileError
from sandbox.api.types import Array, Json
from sandbox.datasets.build import build, flat_columns
from sandbox.datasets.digest import digest_of

_PART = "observations."


def read_arrays(path: Path) -> Dataset:
    """Read what `write_arrays`, or anybody, wrote.

    Raises:
        BrokenFileError: If it is not such an archive.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            columns: Json = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise BrokenFileError(path, f"is no whole .npz archive of numbers: {error}") from error
    parts = {name.removeprefix(_PART): columns.pop(name) for name in list(columns) if name.startswith(_PART)}
    if parts:
        columns["observations"] = parts
    return build(path, digest_of(path), columns, {})


def write_arrays(path: Path, dataset: Dataset) -> None:
    """Write a dataset so that `read_arrays` reads it back."""
    columns: dict[str, Array] = flat_columns(dataset.observations) | {
        "actions": dataset.actions,
        "rewards": dataset.rewards,
        "terminated": dataset.terminated,
        "truncated": dataset.truncated,
        "lengths": dataset.lengths,
    }
    if dataset.masks is not None:
        columns["masks"] = dataset.masks
    if dataset.probabilities is not None:
        columns["probabilities"] = dataset.probabilities
    np.savez_compressed(path, **columns)  # type: ignore[arg-type]
