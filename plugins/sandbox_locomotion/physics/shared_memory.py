"""Arrays in memory that several processes share through a file without a name."""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import BinaryIO, cast

import numpy as np

from sandbox_locomotion.arrays import Floats

Shapes = dict[str, tuple[int, ...]]


class SharedArrays:
    """Arrays of float64 in one block of shared memory.

    Args:
        file: An open file that holds them; see `anonymous_file`.
        shapes: Shape by name.
    """

    def __init__(self, file: BinaryIO, shapes: Shapes) -> None:
        self._file = file
        self._memory = mmap.mmap(file.fileno(), size_of(shapes))
        self.arrays: dict[str, Floats] = {}
        offset = 0
        for name, shape in shapes.items():
            count = int(np.prod(shape, dtype=int))
            self.arrays[name] = np.frombuffer(self._memory, np.float64, count, offset).reshape(shape)
            offset += 8 * count


def size_of(shapes: Shapes) -> int:
    """Size of arrays of these shapes, bytes; at least one."""
    return max(1, sum(8 * int(np.prod(shape, dtype=int)) for shape in shapes.values()))


def anonymous_file(size: int) -> BinaryIO:
    """A file of ``size`` bytes without a name, in memory where the system has such files.

    Raises:
        OSError: If there is not enough space.
    """
    folder = "/dev/shm" if os.path.isdir("/dev/shm") else None
    file = cast(BinaryIO, tempfile.TemporaryFile(dir=folder))  # noqa: SIM115 - its owner closes it
    # Space is allocated now: on a full disk, touching a page later would kill the process.
    file.write(bytes(size))
    file.flush()
    return file
