"""Sums of the files in a run directory that have none inside, kept in ``artifacts.json``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from sandbox.api.errors import DamagedRunError
from sandbox.runs.atomic import write_atomically
from sandbox.runs.checksums import BrokenSealError, seal, unseal

ARTIFACTS = "artifacts.json"
ABSENT = "absent"
"""Stands among the sums of a file that may not be there yet."""


def add_artifact(path: Path, name: str, content: bytes) -> None:
    """Write a file of a finished run, and its sum, by which `read_artifact` knows it.

    Both the old and the new content are good while it is being replaced.

    Args:
        path: The run directory.
        name: Path below it.
        content: What the file is to hold.

    Raises:
        OSError: If it cannot be written; wrap it in `storage_errors`.
    """
    listed = listed_sums(path)
    new = hashlib.sha256(content).hexdigest()
    write_sums(path, {**listed, name: [*listed.get(name, [ABSENT]), new]})
    write_atomically(path / name, content)
    write_sums(path, {**listed, name: [new]})


def read_artifact(path: Path, name: str) -> bytes:
    """Content of a file that `add_artifact` wrote.

    Raises:
        DamagedRunError: If it is missing or not what was written.
    """
    file = path / name
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DamagedRunError(f"{file} cannot be read: {error.strerror}.") from error
    if not (path / ARTIFACTS).exists() and _has_no_sums(path):
        return content
    if hashlib.sha256(content).hexdigest() not in listed_sums(path).get(name, []):
        raise DamagedRunError(f"{file} is damaged: it is not what was written.")
    return content


def listed_sums(path: Path) -> dict[str, list[str]]:
    """Sums that the content of each listed file may have."""
    file = path / ARTIFACTS
    try:
        files: dict[str, list[str]] = unseal(file.read_bytes())["files"]
    except FileNotFoundError:
        return {}
    except BrokenSealError as error:
        raise DamagedRunError(f"{file} is damaged: {error}.") from error
    return files


def write_sums(path: Path, files: Mapping[str, list[str]], *, last: bool = True) -> None:
    """Replace the list of sums; ``last`` as for `sandbox.runs.atomic.write_atomically`."""
    write_atomically(path / ARTIFACTS, seal({"files": dict(sorted(files.items()))}), last=last)


def relist(file: Path) -> None:
    """Renew the sum of a listed file that the user has replaced; files that are not listed stay so.

    Raises:
        DamagedRunError: If the list of sums cannot be read.
    """
    for folder in list(file.absolute().parents)[:2]:
        if (folder / ARTIFACTS).is_file():
            listed, name = listed_sums(folder), file.absolute().relative_to(folder).as_posix()
            if name in listed:
                write_sums(folder, {**listed, name: [hashlib.sha256(file.read_bytes()).hexdigest()]})
            return


def unlist(path: Path, which: Callable[[str], bool]) -> None:
    """Forget the sums of files that are to grow again."""
    listed = listed_sums(path)
    kept = {name: sums for name, sums in listed.items() if not which(name)}
    if kept != listed:
        write_sums(path, kept)


def _has_no_sums(path: Path) -> bool:
    """Whether a run is of the format that had none."""
    try:
        return bool(json.loads((path / "run.json").read_bytes())["format"] == 1)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
