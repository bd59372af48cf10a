"""Temporary folders, and XML files read with Expat."""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import tempfile
import weakref
import zlib
from pathlib import Path
from xml.parsers import expat

from sandbox.api import BrokenFileError

MAX_BYTES = 512 * 2**20
"""Size limit of a file, unpacked, bytes: twenty times the largest city in use for signal control."""

_BLOCK = 2**20


class TemporaryFolder:
    """A temporary folder, removed by `close` or with the object, and only by the process that made it.

    A forked worker inherits the object, and its copy must not remove the parent's folder.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="sandbox-traffic-"))
        self.close = weakref.finalize(self, _remove, self.path, os.getpid())


def _remove(folder: Path, pid: int) -> None:
    if os.getpid() == pid:
        shutil.rmtree(folder, ignore_errors=True)


def cache_folder() -> Path:
    """Where generated networks and compiled code are kept: ``$SANDBOX_CACHE`` or the user's cache folder."""
    base = os.environ.get("SANDBOX_CACHE") or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "sandbox-rl" / "traffic"


def fingerprint(path: Path) -> tuple[int, int]:
    """Size and time of change, which tell cheaply whether a file is as it was when it was read.

    Raises:
        BrokenFileError: If it cannot be read or is not a regular file.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise BrokenFileError(path, f"cannot be read: {error.strerror}.") from None
    if not path.is_file():
        raise BrokenFileError(path, "is not a regular file.")
    return stat.st_size, stat.st_mtime_ns


def refuse_doctypes(path: Path, parser: expat.XMLParserType) -> None:
    """Let ``parser`` refuse document types and entities."""

    def on_doctype(*declaration: object) -> None:
        raise BrokenFileError(path, "document types and entities are refused.", parser.CurrentLineNumber)

    parser.StartDoctypeDeclHandler = on_doctype


def parse_xml(path: Path, parser: expat.XMLParserType) -> None:
    """Parse a file (plain or gzipped) with the handlers of ``parser``.

    Raises:
        BrokenFileError: If the file cannot be read, is not well-formed, or has more than `MAX_BYTES` bytes.
    """
    size = 0
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            while block := file.read(_BLOCK):
                size += len(block)
                if size > MAX_BYTES:
                    raise BrokenFileError(path, f"is larger than {MAX_BYTES:,} bytes.")
                parser.Parse(block, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        reason = f"not well-formed XML ({expat.errors.messages[error.code]})."
        raise BrokenFileError(path, reason, error.lineno) from None
    except (OSError, EOFError, zlib.error) as error:
        raise BrokenFileError(path, f"cannot be read ({error}).") from None
    except (LookupError, UnicodeError, ValueError) as error:  # an unknown encoding
        raise BrokenFileError(path, f"not well-formed XML ({error}).") from None


def line_of(path: Path, kind: str, name: str) -> int | None:
    """Line of the element ``kind`` with the id ``name`` in an XML file, None if there is none."""
    lines: list[int] = []
    parser = expat.ParserCreate()

    def on_start(tag: str, attributes: dict[str, str]) -> None:
        if not lines and attributes.get("id") == name and tag.lower() == kind:
            lines.append(parser.CurrentLineNumber)

    parser.StartElementHandler = on_start
    with contextlib.suppress(BrokenFileError):
        parse_xml(path, parser)
    return lines[0] if lines else None
