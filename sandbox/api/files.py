"""Files that may come from a stranger: regular ones only, and never more of them than a limit.

A pipe is never waited for, a device is never opened, an endless file is never read to its end, and arrays
take no more memory than their file has bytes. Errors are `OSError` and `ValueError` with a reason that
completes "FILE cannot be read: ...".
"""

from __future__ import annotations

import errno
import os
import zipfile
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import IO, TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from sandbox.api.types import Array

# Flags that Windows does not have.
_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)


def open_regular(path: Path, links: bool = True) -> BufferedReader:
    """Open a regular file for reading.

    Args:
        path: The file.
        links: Whether it may be a symbolic link to one.

    Raises:
        OSError: If it cannot be opened, is no regular file, or is a link where none is allowed.
    """
    # Looked at before it is opened: opening a device may already do something.
    _require_regular(os.stat(path, follow_symlinks=links).st_mode)
    handle = os.open(path, _FLAGS | (0 if links else _NO_LINKS))
    try:
        _require_regular(os.fstat(handle).st_mode)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_regular(path: Path, limit: int, links: bool = True) -> bytes:
    """Content of a regular file of at most ``limit`` bytes.

    Raises:
        OSError: As `open_regular`, and if the file is larger.
    """
    with open_regular(path, links) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise OSError(errno.EFBIG, f"it is larger than {_size(limit)}")
        return file.read(size)


def stored_arrays(file: BinaryIO) -> Iterator[tuple[str, Array]]:
    """Names and arrays of an ``.npz`` file that ``numpy.savez`` wrote, one after the other.

    ``savez`` does not compress, so all arrays together are smaller than the file. A compressed file, a few
    bytes of which may unpack to gigabytes, is refused, as is an array that claims more than is there.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no such file, or holds objects.
    """
    import numpy as np

    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(f"it holds no arrays ({error})") from error
    with archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("its arrays are compressed")
        if sum(member.file_size for member in members) > size:
            raise ValueError("it claims more content than it has bytes")
        for member in members:
            try:
                with archive.open(member) as stream:
                    _require_honest(stream, member.file_size)
                with archive.open(member) as stream:
                    array: Array = np.lib.format.read_array(stream, allow_pickle=False)
            except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, TypeError) as error:
                raise ValueError(f"{member.filename[:80]!r} is no array ({error})") from error
            yield member.filename.removesuffix(".npy"), array


def _require_honest(stream: IO[bytes], size: int) -> None:
    """Refuse an array whose header states another size than follows it: NumPy reserves what is stated.

    Raises:
        ValueError: If it is not what it says.
    """
    import numpy as np

    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"it has version {version} of the array format")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    count = 1
    for length in shape:
        count *= length
    if min(shape, default=0) < 0 or count * dtype.itemsize != size - stream.tell():
        raise ValueError("it claims another size than it has")


def _require_regular(mode: int) -> None:
    if S_ISLNK(mode):
        raise OSError(errno.ELOOP, "it is a link")
    if S_ISDIR(mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is not a regular file")


def _size(limit: int) -> str:
    return f"{limit // 2**20} MiB" if limit >= 2**20 else f"{limit:,} bytes"
