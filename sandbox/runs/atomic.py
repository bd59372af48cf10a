"""Files that are whole or absent, whatever happens: atomic writes, and what may go wrong, in words."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.api.errors import InvalidValueError, StorageError

_CAUSES = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "permission denied",
    errno.EIO: "the disk reports an input/output error",
    errno.EROFS: "the file system is read-only",
}

_LITTER = (".tmp", ".old")
"""Endings of the hidden names that files and folders have while they are written or replaced."""


@contextmanager
def storage_errors(path: Path, option: str = "--runs-dir") -> Iterator[None]:
    """Turn the operating system's refusals into sentences.

    Args:
        path: What is written.
        option: The option that chooses another place.

    Raises:
        StorageError: Names the path, the cause and what was kept.
        InvalidValueError: If a file stands where the path needs a folder.
    """
    try:
        yield
    except OSError as error:
        blocking = _file_on_the_way(path) if error.errno in (errno.ENOTDIR, errno.EEXIST) else None
        if blocking is not None:
            raise InvalidValueError(
                f"Cannot write to '{path}': '{blocking}' is a file, not a folder.",
                f"Nothing was written. Choose another place with {option}.",
            ) from error
        cause = _CAUSES.get(error.errno or 0, error.strerror or str(error))
        kept = "Everything written before is kept." if path.exists() else "Nothing was written."
        raise StorageError(
            f"Cannot write to '{path}': {cause}.", f"{kept} Choose another place with {option}."
        ) from error


def _file_on_the_way(path: Path) -> Path | None:
    """The file that stands where a path needs a folder."""
    return next((parent for parent in path.parents if parent.is_file()), None)


def write_atomically(path: Path, content: bytes, *, last: bool = True) -> None:
    """Write a file so that it is at all times either the old one or the new one, also after a crash.

    Args:
        path: The file.
        content: All of it.
        last: Whether the new name is to be on the disk when this returns. Where another file is written
            to the same folder next, one wait, after that one, is enough for both.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        _forget(temporary)
        raise
    if last:
        sync_folder(path.parent)


def replace_folder(target: Path, write: Callable[[Path], None], *, last: bool = True) -> None:
    """Fill a folder beside ``target`` and move it there; subfolders of an old ``target`` are kept.

    Args:
        target: The folder.
        write: Fills it.
        last: As for `write_atomically`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    temporary.mkdir()
    try:
        write(temporary)
        _sync_tree(temporary)
        if target.exists():
            old = target.with_name(f".{target.name}.{secrets.token_hex(4)}.old")
            target.rename(old)
            temporary.rename(target)
            for child in old.iterdir():
                if child.is_dir() and not (target / child.name).exists():
                    child.rename(target / child.name)
            shutil.rmtree(old)
        else:
            temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    if last:
        sync_folder(target.parent)


def remove_folder(folder: Path) -> None:
    """Remove a folder; a process that dies meanwhile leaves it whole or as litter, never half."""
    hidden = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.old")
    folder.rename(hidden)
    shutil.rmtree(hidden)


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file that will never be changed a second name; a copy where that is not possible."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def remove_litter(folder: Path) -> None:
    """Remove what a process that died in the middle of writing left in a folder and those below it."""
    for path in sorted(folder.rglob(".*"), reverse=True):
        if path.name.endswith(_LITTER):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                _forget(path)


def sync_file(path: Path) -> None:
    """Wait until a file's content is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Wait until a folder's entries are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            sync_file(path)
        elif path.is_dir():
            sync_folder(path)
    sync_folder(folder)


def _forget(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # the error that is under way says more
        return
