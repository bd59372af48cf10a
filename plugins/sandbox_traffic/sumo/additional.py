"""Copies additional files of users without what writes or reads elsewhere.

Vehicle types, routes, stops, zones, detectors and programs of signals are kept. Detectors and programs lose
the file that they would write; what only writes or decorates is left out; anything else is refused by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from sandbox.api import BrokenFileError
from sandbox_traffic.sumo.files import parse_xml, refuse_doctypes
from sandbox_traffic.sumo.safety import MAX_DEPTH, ROUTES, names_a_file

DETECTORS = frozenset({
    "e1Detector", "inductionLoop", "e2Detector", "laneAreaDetector", "e3Detector", "entryExitDetector",
})  # fmt: skip
"""Detectors, which measure without a file."""

KEPT = ROUTES | DETECTORS | frozenset({
    "add", "detEntry", "detExit",
    "busStop", "trainStop", "containerStop", "chargingStation", "parkingArea", "parkingSpace", "access",
    "tazs", "taz", "tazSource", "tazSink",
    "tlLogic", "phase", "condition", "assignment", "conditions", "assignments", "function", "functions",
    "WAUT", "wautSwitch", "wautJunction",
    "rerouter", "closingReroute", "closingLaneReroute", "destProbReroute", "routeProbReroute",
    "parkingAreaReroute", "variableSpeedSign", "step",
})  # fmt: skip
"""Elements that decide about the traffic or measure it."""

LEFT_OUT = frozenset({
    "edgeData", "laneData", "instantInductionLoop", "instantE1Detector", "routeProbe", "timedEvent",
    "vTypeProbe", "poly", "polygon", "poi", "viewsettings", "location",
})  # fmt: skip
"""Elements that only write or decorate."""

NOWHERE = "NUL"
"""SUMO's name of no file."""


def copy_additional(files: Sequence[Path], folder: Path) -> tuple[Path, ...]:
    """Copy additional files into ``folder`` with what may be used of them.

    Raises:
        BrokenFileError: If a file cannot be read, is no additional file, or holds an element that is neither
            used nor left out; names line and element.
    """
    copies = []
    for number, file in enumerate(files):
        copy = folder / f"additional-{number}.add.xml"
        copy.write_text(_filtered(file))
        copies.append(copy)
    return tuple(copies)


def _filtered(file: Path) -> str:
    """The text of an additional file without what is left out."""
    parser = expat.ParserCreate()
    refuse_doctypes(file, parser)
    lines: list[str] = ["<additional>"]
    open_tags: list[str] = []
    skipped = 0  # depth of the element that is left out, 0 for none

    def on_start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal skipped
        open_tags.append(tag)
        depth = len(open_tags)
        if depth == 1:
            _check_root(file, tag, parser.CurrentLineNumber)
            return
        if skipped:
            return
        if depth > MAX_DEPTH:
            raise BrokenFileError(
                file, f"is nested deeper than {MAX_DEPTH} levels.", parser.CurrentLineNumber
            )
        if tag in LEFT_OUT or (tag == "param" and names_a_file(attributes.get("key", ""))):
            skipped = depth
            return
        _check_element(file, tag, parser.CurrentLineNumber)
        kept = {name: value for name, value in attributes.items() if not names_a_file(name)}
        if tag in DETECTORS:
            kept["file"] = NOWHERE
        elif len(kept) < len(attributes):
            _refuse_file(file, tag, parser.CurrentLineNumber)
        lines.append(f"<{tag}" + "".join(f" {name}={quoteattr(value)}" for name, value in kept.items()) + ">")

    def on_end(tag: str) -> None:
        nonlocal skipped
        depth = len(open_tags)
        open_tags.pop()
        if skipped == depth:
            skipped = 0
        elif depth > 1 and not skipped:
            lines.append(f"</{tag}>")

    parser.StartElementHandler, parser.EndElementHandler = on_start, on_end
    parse_xml(file, parser)
    return "\n".join([*lines, "</additional>\n"])


def _check_root(file: Path, tag: str, line: int) -> None:
    if tag not in ("additional", "add", "routes", "tlLogics", "tazs"):
        raise BrokenFileError(file, f"not a SUMO additional file: its root is <{tag}>.", line)


def _check_element(file: Path, tag: str, line: int) -> None:
    if tag not in KEPT and not tag.startswith("carFollowing-"):
        raise BrokenFileError(
            file,
            f"<{tag}> is not supported in an additional file and is refused.",
            line,
            "Remove it; vehicle types, routes, stops, zones, detectors and programs of signals are used.",
        )


def _refuse_file(file: Path, tag: str, line: int) -> None:
    raise BrokenFileError(
        file, f"<{tag}> takes its content from another file.", line, "Put that content into the element."
    )
