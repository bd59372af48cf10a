"""Writes ``progress.jsonl``: the one file of a run that grows, each line with a checksum over all before."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from sandbox.api.errors import RunFailedError
from sandbox.records.checkpoint import ProgressMark
from sandbox.records.progress import make_row
from sandbox.runs.checksums import chain


class ProgressLog:
    """The log of a run; opened with the first record.

    Args:
        path: The file.
        mark: Its end, where it goes on from a checkpoint: what comes after is cut off first.
    """

    def __init__(self, path: Path, mark: ProgressMark | None = None) -> None:
        self._path = path
        self._checksum = mark.sum if mark else 0
        self._file: TextIO | None = None
        if path.exists():
            os.truncate(path, min(mark.bytes if mark else 0, path.stat().st_size))

    def append(self, row: Mapping[str, float | None]) -> None:
        """Add a record; figures that are not finite become null.

        Raises:
            RunFailedError: If an entry is no number.
        """
        try:
            line, checksum = chain(self._checksum, make_row(row))
        except ValueError as error:
            raise RunFailedError(f"Training reported a figure that cannot be logged: {error}.") from error
        if self._file is None:
            self._file = self._path.open("a", encoding="utf-8")
        self._file.write(line)
        self._file.flush()
        self._checksum = checksum

    def mark(self) -> ProgressMark:
        """The present end, which is on the disk when this returns."""
        if self._file is None:
            size = self._path.stat().st_size if self._path.exists() else 0
            return ProgressMark(bytes=size, sum=self._checksum)
        os.fsync(self._file.fileno())
        return ProgressMark(bytes=os.fstat(self._file.fileno()).st_size, sum=self._checksum)

    def close(self) -> None:
        """Close the file; it opens again with the next record."""
        if self._file is not None:
            self._file.close()
            self._file = None
