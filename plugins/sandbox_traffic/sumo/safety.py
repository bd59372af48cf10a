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
from xml.parsers import expat

from sandbox.api import BrokenFileError
from sandbox_traffic.sumo.files import fingerprint, parse_xml, refuse_doctypes

MAX_DEPTH = 32
"""Nesting limit of elements."""

NO_FILE = frozenset({"", "NUL", "NULL"})
"""What SUMO takes for no file."""

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
    _check(path, fingerprint(path), "network")


def check_routes_file(path: Path) -> None:
    """Check that a routes file holds demand only.

    Raises:
        BrokenFileError: If it holds anything else; names the line and the element or attribute.
    """
    _check(path, fingerprint(path), "routes")


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

    parser.StartElementHandler, parser.EndElementHandler = on_start, on_end
    refuse_doctypes(path, parser)
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
    for name, value in attributes.items():
        if names_a_file(name) and value not in NO_FILE:
            refuse(f"the attribute {name} of <{tag}> names a file and is refused.")
    key, value = attributes.get("key", ""), attributes.get("value", "")
    if tag == "param" and names_a_file(key) and value not in NO_FILE:
        refuse(
            f"the parameter {key[:80]} names a file and is refused; without it or with the value NUL "
            "the file can be used."
        )


def names_a_file(name: str) -> bool:
    """Whether an attribute or parameter of this name has a file as its value."""
    last = name.lower().rpartition(".")[2].rpartition("-")[2]
    return last.endswith(("file", "files", "output", "href")) or "output" in name.lower()
