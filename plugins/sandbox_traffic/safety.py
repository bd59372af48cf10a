"""Looks at a network or routes file of a stranger before SUMO does.

SUMO's readers of networks and routes understand more than roads and trips: a network may hold detectors that
write to any path (``file="…"``), routes may include other files (``<include href="…">``) or switch on devices
that write (``device.ssm.file``), and its XML parser follows document types and external entities. So only the
elements of roads, signals and demand are let through, and nothing that names a file.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.parsers import expat

from sandbox.api import BrokenFileError

LARGEST = 512 * 2**20
"""Bytes of a file, unpacked: twenty times the largest city that is in use for signal control."""

DEEPEST = 32

NETWORK = frozenset({
    "net", "location", "type", "restriction", "stopOffset", "edge", "lane", "neigh", "param", "tlLogic",
    "phase", "conditions", "condition", "assignments", "assignment", "function", "functions", "junction",
    "request", "connection", "prohibition", "roundabout", "crossing", "walkingArea", "split", "bidi",
})  # fmt: skip
"""Elements of a network as netconvert writes them."""

ROUTES = frozenset({
    "routes", "additional", "vType", "vTypeDistribution", "route", "routeDistribution", "vehicle", "trip",
    "flow", "person", "personFlow", "personTrip", "walk", "ride", "stop", "access", "param", "interval",
    "container", "containerFlow", "transport", "tranship",
})  # fmt: skip
"""Elements of demand: vehicles, people, containers, and what they do."""


def check_network_file(path: Path) -> None:
    """Refuse a network file that holds anything but roads, junctions and signals.

    Raises:
        BrokenFileError: With the line and what is refused.
    """
    _checked(path, _stamp(path), "network")


def check_routes_file(path: Path) -> None:
    """Refuse a routes file that holds anything but demand.

    Raises:
        BrokenFileError: With the line and what is refused.
    """
    _checked(path, _stamp(path), "routes")


def _stamp(path: Path) -> tuple[int, int]:
    """What tells one content of a file from another, cheaply."""
    try:
        facts = path.stat()
    except OSError as error:
        raise BrokenFileError(path, f"cannot be read: {error.strerror}.") from None
    if not path.is_file():
        raise BrokenFileError(path, "is not a regular file.")
    return facts.st_size, facts.st_mtime_ns


@lru_cache(maxsize=64)
def _checked(path: Path, stamp: tuple[int, int], kind: str) -> None:
    allowed = NETWORK if kind == "network" else ROUTES
    root = "net" if kind == "network" else "routes"
    parser = expat.ParserCreate()
    depth = 0

    def refuse(reason: str) -> None:
        raise BrokenFileError(path, reason, parser.CurrentLineNumber)

    def on_start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth == 1 and tag != root and not (kind == "routes" and tag == "additional"):
            refuse(f"not a SUMO {kind} file: its root is <{tag}>, not <{root}>.")
        if depth > DEEPEST:
            refuse(f"is nested deeper than {DEEPEST} levels.")
        _check_element(kind, allowed, tag, attributes, refuse)

    def on_end(tag: str) -> None:
        nonlocal depth
        depth -= 1

    def on_doctype(*declaration: Any) -> None:
        refuse("document types and entities are refused.")

    parser.StartElementHandler, parser.EndElementHandler = on_start, on_end
    parser.StartDoctypeDeclHandler = on_doctype
    _feed(path, parser)


def _check_element(
    kind: str,
    allowed: frozenset[str],
    tag: str,
    attributes: dict[str, str],
    refuse: Callable[[str], None],
) -> None:
    # SUMO 0.x nested the car-following model's parameters in an element of its own.
    if tag not in allowed and not (kind == "routes" and tag.startswith("carFollowing-")):
        refuse(f"<{tag}> does not belong into a {kind} file and is refused.")
    for name in attributes:
        if _names_a_file(name):
            refuse(f"the attribute {name} of <{tag}> names a file and is refused.")
    if tag == "param" and _names_a_file(attributes.get("key", "")):
        refuse(f"the parameter {attributes['key'][:80]} names a file and is refused.")


def _names_a_file(name: str) -> bool:
    last = name.lower().rpartition(".")[2].rpartition("-")[2]
    return last.endswith(("file", "files", "output", "href")) or "output" in name.lower()


def _feed(path: Path, parser: Any) -> None:
    read = 0
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            while block := file.read(2**20):
                read += len(block)
                if read > LARGEST:
                    raise BrokenFileError(path, f"is larger than {LARGEST:,} bytes.")
                parser.Parse(block, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        reason = f"not well-formed XML ({expat.errors.messages[error.code]})."
        raise BrokenFileError(path, reason, error.lineno) from None
    except (OSError, EOFError, zlib.error) as error:
        raise BrokenFileError(path, f"cannot be read ({error}).") from None
    except (LookupError, UnicodeError, ValueError) as error:  # an encoding that nobody knows
        raise BrokenFileError(path, f"not well-formed XML ({error}).") from None
