"""Finds the files that a configuration names, and checks them."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sandbox.api import BrokenFileError, InvalidValueError, MissingExtraError
from sandbox_traffic.config import GENERATED, SUMO_RL, SignalConfig
from sandbox_traffic.network.flows import MAX_VEHICLES, departing
from sandbox_traffic.sumo.configuration import NUMBERS, Configuration, read_configuration
from sandbox_traffic.sumo.demand_scan import DemandScan, scan_demand
from sandbox_traffic.sumo.safety import check_routes_file


@dataclass(frozen=True, slots=True)
class DemandFiles:
    """Routes and additional files, checked.

    Attributes:
        routes: Empty where the demand is generated.
        additional: Additional files as the user wrote them.
        scan: What they hold.
    """

    routes: tuple[Path, ...]
    additional: tuple[Path, ...]
    scan: DemandScan


def expanded(config: SignalConfig) -> SignalConfig:
    """A configuration whose ``net`` is a ``.sumocfg``, with what that file gives in its place.

    Routes that are given beside it replace those of the file. The episode lies within the file's hours: it
    begins with them unless ``begin`` is given, and ends with them at the latest.

    Raises:
        BrokenFileError: As `read_configuration`, and for a number that no scenario may have; names the
            option.
        InvalidValueError: If the file has no routes and none are given, or the episode lies outside its
            hours.
    """
    if not config.configured:
        return config
    path = Path(config.net)
    content = read_configuration(path)
    changes: dict[str, Any] = {"net": str(content.net)}
    if config.routes.startswith(GENERATED):
        if not content.routes:
            raise InvalidValueError(f"{path} names no routes.", "Give them: config.routes=FILE.")
        changes["routes"] = _joined(content.routes)
    if config.additional is None and content.additional:
        changes["additional"] = _joined(content.additional)
    changes |= _hours(config, content, path)
    for name, option in (
        ("step_length", content.step_length),
        ("lateral_resolution", content.lateral_resolution),
        ("depart_jitter", _whole(content.depart_jitter)),
        ("junction_blockers", _whole(content.junction_blockers)),
        ("sumo_seed", content.seed),
        ("options", content.options or None),
    ):
        if option is not None and name not in config.model_fields_set:
            changes[name] = option
    if content.scale is not None:
        changes["demand"] = config.demand * content.scale
    try:
        return type(config).model_validate(config.model_dump() | changes)
    except ValidationError as error:
        raise _refused(path, content, changes, error) from None


FIELDS = {name: name for name, _ in NUMBERS.values()} | {
    "duration": "end",
    "sumo_seed": "seed",
    "demand": "scale",
}
"""Parameters that a configuration's numbers decide, and the field of `Configuration` behind each."""


def _refused(
    path: Path, content: Configuration, changes: dict[str, Any], error: ValidationError
) -> BrokenFileError:
    """A number of a configuration that no scenario may have, by the option and the line that give it."""
    problem = error.errors(include_url=False)[0]
    reason = str(problem["msg"]).removeprefix("Value error, ")
    named = [name for name in changes if name in FIELDS and name in (*problem["loc"], *reason.split())]
    if not named:
        return BrokenFileError(path, f"cannot be taken over: {reason[0].lower()}{reason[1:]}.")
    name = named[0]
    option = next(option for option, (known, _) in NUMBERS.items() if known == FIELDS[name])
    return BrokenFileError(
        path,
        f"{option} gives {name} = {changes[name]:g}: {reason[0].lower()}{reason[1:]}.",
        content.lines.get(FIELDS[name]),
        "Change it." if name == "duration" else f"Change it, or set config.{name} beside the file.",
    )


def find_file(name: str) -> Path:
    """Path of a network or routes file given as a path or as ``sumo-rl:PATH``.

    Raises:
        BrokenFileError: If there is no such file.
        MissingExtraError: If the file is one of sumo-rl's and sumo-rl is not installed.
        InvalidValueError: If the path leaves sumo-rl's folder.
    """
    if not name.startswith(SUMO_RL):
        path = Path(name).expanduser().resolve()
    else:
        spec = importlib.util.find_spec("sumo_rl")
        if spec is None or spec.origin is None:
            raise MissingExtraError("This scenario's map", ["sumo-rl"], "traffic")
        folder = (Path(spec.origin).parent / "nets").resolve()
        path = (folder / name.removeprefix(SUMO_RL)).resolve()
        if not path.is_relative_to(folder):
            raise InvalidValueError(f"'{name}' lies outside sumo-rl's networks.")
    if not path.is_file():
        raise BrokenFileError(name, "no such file.")
    return path


def find_demand(config: SignalConfig) -> DemandFiles:
    """The routes and additional files that a configuration names, checked.

    Raises:
        BrokenFileError: If a file cannot be read; names file and line.
        InvalidValueError: If no vehicle departs within the time of the episodes.
    """
    additional = tuple(map(find_file, _split(config.additional or "")))
    if config.routes.startswith(GENERATED):
        return DemandFiles((), additional, scan_demand((), additional))
    routes = tuple(map(find_file, _split(config.routes)))
    scan = check_routes(routes, config.begin, config.begin + config.window + config.duration, additional)
    return DemandFiles(routes, additional, scan)


def check_routes(
    routes: Path | Sequence[Path], begin: float, end: float, additional: Sequence[Path] = ()
) -> DemandScan:
    """Check that routes files are well-formed and have a departure between ``begin`` and ``end`` (s).

    SUMO reads routes piece by piece and stops without a message where the XML breaks off.

    Raises:
        BrokenFileError: If a file is not XML (names the line), holds anything but demand, or has departures
            that are not in order of time; if no file has vehicles, or together they have more than
            `MAX_VEHICLES` in the episode.
        InvalidValueError: If no vehicle departs within the episode.
    """
    paths = (routes,) if isinstance(routes, Path) else tuple(routes)
    for path in paths:
        check_routes_file(path)
    scan = scan_demand(paths, additional)
    _require_bearable(scan, end)
    names = ", ".join(map(str, paths))
    if not scan.departures:
        raise BrokenFileError(names, "holds no trip, vehicle or flow.")
    if not any(first < end and last >= begin for first, last in scan.departures):
        raise InvalidValueError(
            f"No vehicle of {names} departs between begin = {begin} s and {end} s.",
            f"The first departs at {min(scan.departures)[0]:g} s: set begin and duration to match.",
        )
    return scan


def _require_bearable(scan: DemandScan, end: float) -> None:
    vehicles = float(len(scan.departures) + len(scan.triggered) - len(scan.flows))
    for flow in scan.flows:
        vehicles += departing(flow.attributes, end)
        if not vehicles <= MAX_VEHICLES:
            raise BrokenFileError(
                flow.path, f"asks for more than {MAX_VEHICLES:,} vehicles in the episode.", flow.line
            )
    if vehicles > MAX_VEHICLES:
        raise BrokenFileError(scan.paths[0], f"asks for more than {MAX_VEHICLES:,} vehicles in the episode.")


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def _hours(config: SignalConfig, content: Configuration, path: Path) -> dict[str, int]:
    """Begin, duration and window of the episode, s."""
    first = int(content.begin or 0)
    begin = config.begin or first
    if content.end is None or content.end < 0:
        return {"begin": begin}
    last = int(content.end)
    if not first <= begin < last:
        raise InvalidValueError(
            f"begin = {config.begin} s lies outside the hours of {path}, {first} to {last} s."
        )
    duration = min(config.duration, last - begin)
    return {"begin": begin, "duration": duration, "window": min(config.window, last - begin - duration)}


def _joined(paths: Sequence[Path]) -> str:
    return ",".join(map(str, paths))


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)
