"""Checksums that detect every changed byte of a run directory.

Four kinds of files:

* A JSON document carries the SHA-256 sum of its own bytes as its last entry: `seal`, `unseal`.
* A log that grows carries in every line a CRC-32 over it and all lines before: `chain`, `unchain`.
* The files of a checkpoint, which never change, are listed in its sealed ``manifest.json``:
  `write_manifest`, `check_manifest`.
* Files of the run directory that are written whole, and replaced whole, are listed in its sealed
  ``artifacts.json``: `add_artifact`, `read_artifact`.
"""

from __future__ import annotations

import errno
import hashlib
import json
import re
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sandbox.api.errors import DamagedRunError
from sandbox.records.base import encode_json, parse_json, read_bytes
from sandbox.records.sums import ABSENT, ArtifactList, Manifest
from sandbox.runs.atomic import write_atomically

MANIFEST = "manifest.json"
ARTIFACTS = "artifacts.json"

_OPEN = b'"sha256": "'
_BLANK = b"0" * 64
_SEAL = re.compile(rb'"sha256": "([0-9a-f]{64})"\n\}\n\Z')
_LINE = re.compile(r', "crc": "([0-9a-f]{8})"\}$')


class ChecksumError(ValueError):
    """Content that is not what was written."""


def seal(document: Mapping[str, Any]) -> bytes:
    """A JSON document that ends with the SHA-256 sum of its own bytes, the sum's digits taken as zeros."""
    content = encode_json({**document, "sha256": _BLANK.decode()}, indent=2)
    digest = hashlib.sha256(content).hexdigest().encode()
    head, _, tail = content.rpartition(_OPEN + _BLANK)
    return head + _OPEN + digest + tail


def unseal(content: bytes, file: Path = Path("the document")) -> dict[str, Any]:
    """The document that `seal` sealed, without the sum.

    Raises:
        ChecksumError: If any byte was changed, lost or added.
        DamagedRunError: If it is no strict JSON although its sum fits; names ``file``.
    """
    end = _SEAL.search(content)
    if end is None:
        raise ChecksumError("it does not end with its sum")
    start, stop = end.span(1)
    if hashlib.sha256(content[:start] + _BLANK + content[stop:]).hexdigest().encode() != end[1]:
        raise ChecksumError("its content is not what was written")
    document: dict[str, Any] = parse_json(content, file)
    del document["sha256"]
    return document


def is_sealed(content: bytes) -> bool:
    """Whether a document claims to carry its own sum at its end."""
    return b'"sha256"' in content[-100:]


def chain(previous: int, record: Mapping[str, Any]) -> tuple[str, int]:
    """A record as one line of a log, with a checksum over it and all lines before.

    Args:
        previous: The checksum of the line before; 0 for the first.
        record: Strict JSON.

    Returns:
        The line with its end, and its checksum.
    """
    text = json.dumps(record, allow_nan=False)
    total = zlib.crc32(text.encode(), previous)
    separator = ", " if record else ""
    return f'{text[:-1]}{separator}"crc": "{total:08x}"}}\n', total


def unchain(previous: int, line: str, file: Path) -> tuple[Any, int]:
    """The content of a line that `chain` wrote, and its checksum.

    Raises:
        ChecksumError: If the line, or one before it, is not what was written.
        DamagedRunError: If it is no strict JSON although its checksum fits.
    """
    end = _LINE.search(line)
    if end is None:
        raise ChecksumError("it does not end with its sum")
    text = line[: end.start()] + "}"
    total = zlib.crc32(text.encode(), previous)
    if f"{total:08x}" != end[1]:
        raise ChecksumError("it, or a line before it, is not what was written")
    return parse_json(text.encode(), file), total


def sum_of(path: Path) -> str:
    """SHA-256 of a regular file's content.

    Raises:
        OSError: If it cannot be read, or is a pipe, a device or a folder.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is not a regular file")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, steps: int, before: Path | None = None) -> None:
    """List every file below ``folder`` with its sum in ``manifest.json``.

    Args:
        folder: A folder that is complete but for its manifest.
        steps: Steps that had been done.
        before: A folder with a manifest; sums of files that are hard links into it are taken over.
    """
    known = _known_sums(before) if before is not None else {}
    sums = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            twin = before / name if before is not None else None
            same = twin is not None and name in known and twin.exists() and twin.samefile(path)
            sums[name] = known[name] if same else sum_of(path)
    (folder / MANIFEST).write_bytes(seal(Manifest(steps=steps, files=sums).to_json()))


def check_manifest(folder: Path) -> Manifest:
    """A folder's manifest, once every file has proved to be what was written.

    Raises:
        ChecksumError: Names the file that is missing, changed or was not there.
    """
    file = folder / MANIFEST
    if not file.exists():
        raise ChecksumError(f"{MANIFEST} is missing, so it is not complete")
    try:
        manifest = Manifest.check(unseal(read_bytes(file), file), file)
    except ChecksumError as error:
        raise ChecksumError(f"{MANIFEST} is damaged: {error}") from error
    except DamagedRunError as error:
        raise ChecksumError(error.message.rstrip(".")) from error
    for name, wanted in manifest.files.items():
        try:
            if sum_of(folder / name) != wanted:
                raise ChecksumError(f"{name} is not what was written")
        except FileNotFoundError:
            raise ChecksumError(f"{name} is missing") from None
        except OSError as error:
            raise ChecksumError(f"{name} cannot be read: {error.strerror}") from error
    return manifest


def add_artifact(path: Path, name: str, content: bytes) -> None:
    """Write a file of a run directory, and list its sum, by which `read_artifact` knows it.

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
    write_sums(path, {**listed, name: (*listed.get(name, (ABSENT,)), new)})
    write_atomically(path / name, content)
    write_sums(path, {**listed, name: (new,)})


def read_artifact(path: Path, name: str, unlisted: bool = False) -> bytes:
    """Content of a file that `add_artifact` wrote.

    Args:
        path: The run directory.
        name: Path below it.
        unlisted: Whether the run is of the first format, which had no sums.

    Raises:
        DamagedRunError: If it is missing or not what was written.
    """
    content = read_bytes(path / name)
    if unlisted and not (path / ARTIFACTS).exists():
        return content
    if hashlib.sha256(content).hexdigest() not in listed_sums(path).get(name, ()):
        raise DamagedRunError(f"{path / name} is damaged: it is not what was written.")
    return content


def listed_sums(path: Path) -> dict[str, tuple[str, ...]]:
    """Sums that the content of each listed file of a run directory may have.

    Raises:
        DamagedRunError: If the list is damaged.
    """
    file = path / ARTIFACTS
    if not file.exists():
        return {}
    try:
        return ArtifactList.check(unseal(read_bytes(file), file), file).files
    except ChecksumError as error:
        raise DamagedRunError(f"{file} is damaged: {error}.") from error


def write_sums(path: Path, files: Mapping[str, tuple[str, ...]], *, last: bool = True) -> None:
    """Replace the list of sums; ``last`` as for `sandbox.runs.atomic.write_atomically`."""
    listed = ArtifactList(files=dict(sorted(files.items())))
    write_atomically(path / ARTIFACTS, seal(listed.to_json()), last=last)


def relist(file: Path) -> None:
    """Renew the sum of a listed file that the user has replaced; files that are not listed stay so.

    Raises:
        DamagedRunError: If the list of sums cannot be read.
    """
    for folder in list(file.absolute().parents)[:2]:
        if (folder / ARTIFACTS).is_file():
            listed, name = listed_sums(folder), file.absolute().relative_to(folder).as_posix()
            if name in listed:
                write_sums(folder, {**listed, name: (hashlib.sha256(file.read_bytes()).hexdigest(),)})
            return


def unlist(path: Path, which: Callable[[str], bool]) -> None:
    """Drop the sums of files that are to grow again."""
    listed = listed_sums(path)
    kept = {name: sums for name, sums in listed.items() if not which(name)}
    if kept != listed:
        write_sums(path, kept)


def _known_sums(folder: Path) -> dict[str, str]:
    file = folder / MANIFEST
    try:
        return Manifest.check(unseal(read_bytes(file), file), file).files
    except (ChecksumError, DamagedRunError):
        return {}
