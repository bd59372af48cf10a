"""Copies what cells leave to a shared folder or an object store, named by an fsspec URL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sandbox.api.errors import InvalidValueError, MissingExtraError, StorageError
from sandbox.comparison.records import RECORD, cell_folder
from sandbox.registry.resolve import missing_modules
from sandbox.runs.guard import RUN, folder_below


def check_target(url: str) -> None:
    """Refuse a URL that cannot be written to, before anything runs.

    Raises:
        MissingExtraError: If fsspec, or what it needs for this kind of URL, is not installed.
        InvalidValueError: If the kind of URL is unknown.
        StorageError: If nothing can be written there.
    """
    if missing_modules(("fsspec",)):
        raise MissingExtraError("--artifacts", ("fsspec",), "ray")
    import fsspec

    try:
        system, root = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise InvalidValueError(f"--artifacts {url[:80]} needs a package: {error}") from error
    except (ValueError, TypeError) as error:
        raise InvalidValueError(
            f"--artifacts takes a URL such as s3://bucket/folder, not '{url[:80]}': {error}"
        ) from error
    try:
        system.makedirs(root, exist_ok=True)
        system.pipe_file(f"{root}/.sandbox", b"")
    except Exception as error:  # every store has exceptions of its own
        raise StorageError(f"Nothing can be written to '{url[:200]}': {error}") from error


def copy_cell(root: Path, cell: str, run_dir: str | None, url: str) -> None:
    """Copy a finished cell's folder and run directory below ``url``, laid out as in the runs directory.

    The cell's record comes last: what has a record is whole. Doing it twice leaves the same files.

    Raises:
        StorageError: If it cannot be copied.
    """
    import fsspec

    folder = cell_folder(root, cell)
    files = [file for file in sorted(folder.iterdir()) if file.is_file() and file.name != RECORD]
    if run_dir is not None:
        below = folder_below(root, *Path(run_dir).parts, what=RUN)
        files += [file for file in sorted(below.rglob("*")) if file.is_file()]
    plain = [file for file in files if not any(part.startswith(".") for part in file.relative_to(root).parts)]
    try:
        system: Any
        system, base = fsspec.core.url_to_fs(url)
        for file in [*plain, folder / RECORD]:
            target = f"{base}/{file.relative_to(root).as_posix()}"
            system.makedirs(target.rpartition("/")[0], exist_ok=True)
            system.put_file(str(file), target)
    except Exception as error:  # every store has exceptions of its own
        raise StorageError(
            f"The cell {cell[:12]} could not be copied to '{url[:200]}': {error}",
            "It is whole in the runs directory.",
        ) from error
