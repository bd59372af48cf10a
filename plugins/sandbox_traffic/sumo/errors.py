"""SUMO's error messages, with the file and line that they are about and what can be done."""

from __future__ import annotations

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
        _, marker, rest = text.partition(f"{kind} '")
        if not marker:
            continue
        name = rest.split("'")[0]
        lines = {path: line_of(Path(path), kind, name) for path in files}
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


def _hint(text: str) -> str:
    """What to do about a message, empty where nothing is known."""
    message = text.lower()
    return next((hint for parts, hint in HINTS if all(part in message for part in parts)), "")
