"""SUMO's error messages, with the file and line that they are about and what can be done."""

from __future__ import annotations

import re
from pathlib import Path

from sandbox.api import BrokenFileError, RunFailedError
from sandbox_traffic.sumo.files import line_of
from sandbox_traffic.sumo.interface import SimulationSpec

ADDITIONAL = "Name the file that defines it: config.additional=FILE, several separated by commas."

HINTS = (
    (("vehicle type", "not known"), ADDITIONAL),
    (("vtype", "not known"), ADDITIONAL),
    (("taz", "not known"), ADDITIONAL),
    (("stop definition",), f"If it names a stop or parking area: {ADDITIONAL[0].lower()}{ADDITIONAL[1:]}"),
    (("busstop", "not known"), ADDITIONAL),
    (("parkingarea", "not known"), ADDITIONAL),
    (("the route '", "not known"), f"Put it before its vehicles. {ADDITIONAL}"),
    (
        ("no connection between",),
        "The route cannot be driven on this network; SUMO's duarouter finds routes between edges.",
    ),
    (
        ("no valid route",),
        "The route cannot be driven on this network; SUMO's duarouter finds routes between edges.",
    ),
    (
        ("with id '", "already exists"),
        "Vehicles that are on the way at the same time need different ids; give one of them another.",
    ),
    (("edge '", "not known"), "The demand seems to belong to another network: check config.net."),
)
"""Parts of SUMO's messages, and what to do."""


def explain(text: str, spec: SimulationSpec, routes: str) -> BrokenFileError | RunFailedError:
    """Turn SUMO's error message into an error that names the file and, where possible, the line.

    Args:
        text: What SUMO printed.
        spec: What was simulated.
        routes: Paths of the routes files, separated by commas.
    """
    hint = _hint(text)
    files = [path for path in routes.split(",") if path]
    for kind in ("trip", "vehicle", "flow", "route", "person"):
        named = re.search(rf"\b{kind}(?: with id)? '([^']*)'", text, re.IGNORECASE)
        if not named:
            continue
        lines = {path: _line_of(Path(path), kind, named[1]) for path in files}
        path = next((path for path, line in lines.items() if line is not None), routes)
        return BrokenFileError(path, f"SUMO says: {text}", lines.get(path), hint)
    for copy, original in spec.additional:
        if copy in text:
            return BrokenFileError(original, f"SUMO says: {text.replace(copy, original)}", hint=hint)
    for path in (*files, spec.net):
        if path in text:
            return BrokenFileError(path, f"SUMO says: {text}", hint=hint)
    return RunFailedError(
        f"SUMO stopped: {text}", hint or f"The network was {spec.net}, the demand {routes}."
    )


def _line_of(path: Path, kind: str, name: str) -> int | None:
    """Line of an element; what SUMO calls a vehicle may stand in the file as a trip, or be one of a flow."""
    elements = [(kind, name)]
    if kind in ("trip", "vehicle"):
        elements += [("trip", name), ("vehicle", name), ("flow", name.rpartition(".")[0])]
    lines = (line_of(path, element, known) for element, known in elements if known)
    return next((line for line in lines if line is not None), None)


def _hint(text: str) -> str:
    """What to do about a message, empty where nothing is known."""
    message = text.lower()
    return next((hint for parts, hint in HINTS if all(part in message for part in parts)), "")
