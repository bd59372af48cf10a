"""Checks network and routes files from untrusted sources before SUMO reads them.

SUMO's readers accept more than roads and trips: a network may define detectors that write to any path
(``file="…"``), routes may include other files (``<include href="…">``) or enable devices that write
(``device.ssm.file``), and its XML parser follows document types and external entities. So only the
elements of roads, signals and demand are allowed, and no attribute that names a file.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.parsers import expat

from sandbox.api import BrokenFileError
from sandbox_traffic.sumo.files import parse_xml

MAX_DEPTH = 32
"""Nesting limit of elements."""

NETWORK = frozenset({
    "net", "location", "type", "restriction", "stopOffset", "edge", "lane", "neigh", "param", "tlLogic",
    "phase", "conditions", "condition", "assignments", "assignment", "function", "functions", "junction",
    "request", "connection", "prohibition", "roundabout", "crossing", "walkingArea", "split", "bidi",
})  # fmt: skip
"""Elements of a network, as netconvert writes them."""

ROUTES = frozenset({
    "routes", "additional", "vType", "vTypeDistribution", "route", "routeDistribution", "vehicle", "trip",
    "flow", "person", "personFlow", "personTrip", "walk", "ride", "stop", "access", "param", "interval",
    "container", "containerFlow", "transport", "tranship",
})  # fmt: skip
"""Elements of demand: vehicles, people, containers, and their plans."""


def check_network_file(path: Path) -> None:
    """Check that a network file holds roads, junctions and signals only.

    Raises:
        BrokenFileError: If it holds anything else; names the line and the element or attribute.
    """
    _check(path, _fingerprint(path), "network")


def check_routes_file(path: Path) -> None:
    """Check that a routes file holds demand only.

    Raises:
        BrokenFileError: If it holds anything else; names the line and the element or attribute.
    """
    _check(path, _fingerprint(path), "routes")


def _fingerprint(path: Path) -> tuple[int, int]:
    """Size and time of change, which tell cheaply whether a file is as it was when it was checked."""
    try:
        stat = path.stat()
    except OSError as error:
        raise BrokenFileError(path, f"cannot be read: {error.strerror}.") from None
    if not path.is_file():
        raise BrokenFileError(path, "is not a regular file.")
    return stat.st_size, stat.st_mtime_ns


@lru_cache(maxsize=64)
def _check(path: Path, fingerprint: tuple[int, int], kind: str) -> None:
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
        if depth > MAX_DEPTH:
            refuse(f"is nested deeper than {MAX_DEPTH} levels.")
        _check_element(kind, allowed, tag, attributes, refuse)

    def on_end(tag: str) -> None:
        nonlocal depth
        depth -= 1

    def on_doctype(*declaration: Any) -> None:
        refuse("document types and entities are refused.")

    parser.StartElementHandler, parser.EndElementHandler = on_start, on_end
    parser.StartDoctypeDeclHandler = on_doctype
    parse_xml(path, parser)


def _check_element(
    kind: str,
    allowed: frozenset[str],
    tag: str,
    attributes: dict[str, str],
    refuse: Callable[[str], None],
) -> None:
    # SUMO 0.x nested the car-following model's parameters in an element of its own.
    if tag not in allowed and not (kind == "routes" and tag.startswith("carFollowing-")):
        refuse(f"<{tag}> does not belong in a {kind} file and is refused.")
    for name in attributes:
        if _names_a_file(name):
            refuse(f"the attribute {name} of <{tag}> names a file and is refused.")
    if tag == "param" and _names_a_file(attributes.get("key", "")):
        refuse(f"the parameter {attributes['key'][:80]} names a file and is refused.")


def _names_a_file(name: str) -> bool:
    last = name.lower().rpartition(".")[2].rpartition("-")[2]
    return last.endswith(("file", "files", "output", "href")) or "output" in name.lower()
