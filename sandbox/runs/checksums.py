"""Sums that tell every changed byte: sealed JSON documents, chained lines, manifests of folders."""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_OPEN = b'"sha256": "'
_BLANK = b"0" * 64
_SEAL = re.compile(rb'"sha256": "([0-9a-f]{64})"\n\}\n\Z')
_LINE = re.compile(r', "crc": "([0-9a-f]{8})"\}$')

MANIFEST = "manifest.json"


class BrokenSealError(ValueError):
    """Content that is not what was written."""


def seal(document: Mapping[str, Any]) -> bytes:
    """A JSON document that ends with the SHA-256 sum of its own bytes, the sum's digits taken as zeros."""
    text = json.dumps({**document, "sha256": _BLANK.decode()}, indent=2, ensure_ascii=False, allow_nan=False)
    content = text.encode() + b"\n"
    digest = hashlib.sha256(content).hexdigest().encode()
    head, _, tail = content.rpartition(_OPEN + _BLANK)
    return head + _OPEN + digest + tail


def unseal(content: bytes) -> dict[str, Any]:
    """The document that `seal` sealed, without the sum.

    Raises:
        BrokenSealError: If any byte was changed, lost or added.
    """
    found = _SEAL.search(content)
    if found is None:
        raise BrokenSealError("it does not end with its sum")
    start, end = found.span(1)
    if hashlib.sha256(content[:start] + _BLANK + content[end:]).hexdigest().encode() != found[1]:
        raise BrokenSealError("its content is not what was written")
    document: dict[str, Any] = json.loads(content)
    del document["sha256"]
    return document


def is_sealed(content: bytes) -> bool:
    """Whether a document claims to carry its own sum at its end."""
    return b'"sha256"' in content[-100:]


def chain(previous: int, record: Mapping[str, Any]) -> tuple[str, int]:
    """A record as one line of a log, with a sum over it and all lines before.

    Args:
        previous: The sum of the line before; 0 for the first.
        record: Strict JSON.

    Returns:
        The line with its end, and its sum.
    """
    text = json.dumps(record, allow_nan=False)
    total = zlib.crc32(text.encode(), previous)
    separator = ", " if record else ""
    return f'{text[:-1]}{separator}"crc": "{total:08x}"}}\n', total


def unchain(previous: int, line: str) -> tuple[dict[str, Any], int]:
    """The record of a line that `chain` wrote, and its sum.

    Raises:
        BrokenSealError: If the line, or one before it, is not what was written.
    """
    found = _LINE.search(line)
    if found is None:
        raise BrokenSealError("it does not end with its sum")
    text = line[: found.start()] + "}"
    total = zlib.crc32(text.encode(), previous)
    if f"{total:08x}" != found[1]:
        raise BrokenSealError("it, or a line before it, is not what was written")
    record: dict[str, Any] = json.loads(text)
    return record, total


def sum_of(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, facts: Mapping[str, Any], before: Path | None = None) -> None:
    """List every file below ``folder`` with its sum in ``manifest.json``.

    Args:
        folder: A folder that is complete but for its manifest.
        facts: What else the manifest says.
        before: A folder with a manifest; sums of files that are hard links into it are taken over.
    """
    known = _sums(before) if before is not None else {}
    sums = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            twin = before / name if before is not None else None
            same = twin is not None and name in known and twin.exists() and twin.samefile(path)
            sums[name] = known[name] if same else sum_of(path)
    (folder / MANIFEST).write_bytes(seal({**facts, "files": sums}))


def check_manifest(folder: Path) -> dict[str, Any]:
    """A folder's manifest, once every file has proved to be what was written.

    Raises:
        BrokenSealError: Names the file that is missing, changed or was not there.
    """
    try:
        document = unseal((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise BrokenSealError(f"{MANIFEST} is missing, so it is not complete") from None
    except OSError as error:
        raise BrokenSealError(f"{MANIFEST} cannot be read: {error.strerror}") from error
    except BrokenSealError as error:
        raise BrokenSealError(f"{MANIFEST} is damaged: {error}") from error
    for name, wanted in document["files"].items():
        try:
            if sum_of(folder / name) != wanted:
                raise BrokenSealError(f"{name} is not what was written")
        except FileNotFoundError:
            raise BrokenSealError(f"{name} is missing") from None
        except OSError as error:
            raise BrokenSealError(f"{name} cannot be read: {error.strerror}") from error
    return document


def _sums(folder: Path) -> dict[str, str]:
    try:
        sums: dict[str, str] = unseal((folder / MANIFEST).read_bytes())["files"]
    except (OSError, BrokenSealError):
        return {}
    return sums
