"""Reads configurations of SUMO (``.sumocfg``): which files, which hours, which options.

A configuration gives what `SignalConfig` otherwise names one by one. Options that change nothing of the
traffic, such as outputs, are left out; any other option is refused by name, because without it the simulation
would not be the user's.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.parsers import expat

from sandbox.api import BrokenFileError
from sandbox_traffic.sumo.files import fingerprint, parse_xml, refuse_doctypes
from sandbox_traffic.sumo.options import OPTION_VALUE, SUMO_OPTIONS
from sandbox_traffic.sumo.times import seconds

NAMES = {
    "net": "net-file", "n": "net-file", "route": "route-files", "routes": "route-files", "r": "route-files",
    "additional": "additional-files", "a": "additional-files", "b": "begin", "e": "end",
    "lateral-resolution": "lateral-resolution",
}  # fmt: skip
"""Other names of options."""

SET_HERE = frozenset({
    "time-to-teleport", "time-to-teleport.highways", "time-to-teleport.disconnected", "max-depart-delay",
    "pedestrian.striping.jamtime", "junction-taz", "random", "threads", "save-configuration",
    "configuration-file",
})  # fmt: skip
"""Options that the environment sets by itself, for every scenario alike."""

REPORTS = (
    "output", "log", "verbose", "v", "no-warnings", "w", "no-step-log", "human-readable-time", "precision",
    "print-options", "xml-validation", "gui-settings-file", "start", "quit-on-end", "delay", "language",
    "write-license", "tracker-interval", "breakpoints", "demo", "registry-viewport", "window", "game",
    "summary", "tripinfo", "fcd", "netstate", "vehroute", "statistic", "duration-log", "message-log",
    "error-log", "aggregate-warnings", "emergencydecel.warning-threshold", "remote-port", "num-clients",
)  # fmt: skip
"""Options with one of these names, or a name that begins with it and goes on after - or ., only report."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a configuration says; None where it says nothing, or what SUMO takes for nothing.

    Attributes:
        net: Network file.
        routes, additional: In order.
        begin, end: s.
        step_length: s.
        seed: SUMO's seed.
        scale: Factor on the number of vehicles.
        depart_jitter: Departures are delayed by U[0, this], s.
        junction_blockers: See `SignalConfig.junction_blockers`, s.
        lateral_resolution: Width of sublanes, m.
        options: Further options, as `SignalConfig.options` has them.
        lines: Where each option with a number stands, by its field.
    """

    net: Path
    routes: tuple[Path, ...]
    additional: tuple[Path, ...]
    begin: float | None = None
    end: float | None = None
    step_length: float | None = None
    seed: int | None = None
    scale: float | None = None
    depart_jitter: float | None = None
    junction_blockers: float | None = None
    lateral_resolution: float | None = None
    options: str = ""
    lines: Mapping[str, int] = field(default_factory=dict)


NUMBERS: dict[str, tuple[str, Callable[[str], float]]] = {
    "begin": ("begin", seconds),
    "end": ("end", seconds),
    "step-length": ("step_length", seconds),
    "seed": ("seed", int),
    "scale": ("scale", float),
    "random-depart-offset": ("depart_jitter", seconds),
    "ignore-junction-blocker": ("junction_blockers", seconds),
    "lateral-resolution": ("lateral_resolution", float),
}
"""Field of `Configuration` and reader of each option that is a number."""

OFF_BELOW_ZERO = frozenset({"junction_blockers", "lateral_resolution"})
"""Fields that a negative number switches off, as SUMO writes its defaults into a template."""


def read_configuration(path: Path) -> Configuration:
    """Read a ``.sumocfg``.

    Raises:
        BrokenFileError: If it is not one, names no network, names a file outside its folder, or sets an
            option that environments cannot take over; names the option and the way out.
    """
    return _read(path, fingerprint(path))


@lru_cache(maxsize=16)
def _read(path: Path, stamp: tuple[int, int]) -> Configuration:
    files: dict[str, tuple[Path, ...]] = {}
    numbers: dict[str, Any] = {}
    lines: dict[str, int] = {}
    further: list[str] = []
    for option, value, line in _options(path):
        if option in ("net-file", "route-files", "additional-files"):
            files[option] = tuple(_beside(path, part, line) for part in value.replace(",", " ").split())
        elif option in NUMBERS:
            name, _ = NUMBERS[option]
            number = _number(path, option, value, line)
            numbers[name] = None if name in OFF_BELOW_ZERO and number < 0 else number
            lines[name] = line
        elif option in SUMO_OPTIONS:
            if not OPTION_VALUE.fullmatch(value):
                raise BrokenFileError(path, f"{option} is '{value[:80]}'.", line)
            further.append(f"{option}={value}")
        elif option not in SET_HERE and not _reports(option):
            raise BrokenFileError(
                path,
                f"the option {option} is not supported.",
                line,
                "Remove it, or give the files one by one: config.net, config.routes, config.additional.",
            )
    if len(files.get("net-file", ())) != 1:
        raise BrokenFileError(path, "names no network (<net-file>).")
    return Configuration(
        files["net-file"][0],
        files.get("route-files", ()),
        files.get("additional-files", ()),
        **numbers,
        options=" ".join(further),
        lines=lines,
    )


def _number(path: Path, option: str, value: str, line: int) -> float:
    _, read = NUMBERS[option]
    try:
        number = read(value)
    except ValueError:
        raise BrokenFileError(path, f"{option} is '{value[:80]}', no number.", line) from None
    if not math.isfinite(number):
        raise BrokenFileError(path, f"{option} is {value[:80]}, not finite.", line)
    return number


def _options(path: Path) -> list[tuple[str, str, int]]:
    """Name, value and line of every option of a configuration."""
    options: list[tuple[str, str, int]] = []
    parser = expat.ParserCreate()
    refuse_doctypes(path, parser)
    depth = 0

    def on_start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth == 1 and tag not in ("configuration", "sumoConfiguration"):
            raise BrokenFileError(
                path, f"not a SUMO configuration: its root is <{tag}>.", parser.CurrentLineNumber
            )
        value = attributes.get("value", attributes.get("v"))
        if depth > 1 and value is not None:
            options.append((NAMES.get(tag, tag), value, parser.CurrentLineNumber))

    def on_end(tag: str) -> None:
        nonlocal depth
        depth -= 1

    parser.StartElementHandler, parser.EndElementHandler = on_start, on_end
    parse_xml(path, parser)
    return options


def _reports(option: str) -> bool:
    return option.endswith(("-output", ".output")) or any(
        option == name or option.startswith((f"{name}-", f"{name}.")) for name in REPORTS
    )


def _beside(path: Path, name: str, line: int) -> Path:
    """A file that the configuration names, which lies beside or below it."""
    folder = path.parent.resolve()
    file = (folder / name).resolve()
    if not file.is_relative_to(folder):
        raise BrokenFileError(
            path,
            f"names '{name[:80]}', outside its folder.",
            line,
            "Give the files one by one: config.net, config.routes, config.additional.",
        )
    return file


def digest(net: str) -> str:
    """SHA-256 over the content of the files that the configuration ``net`` names."""
    configuration = read_configuration(Path(net))
    total = hashlib.sha256()
    for file in (configuration.net, *configuration.routes, *configuration.additional):
        try:
            with file.open("rb") as content:
                total.update(hashlib.file_digest(content, "sha256").digest())
        except OSError as error:
            raise BrokenFileError(net, f"names {file.name}: {error.strerror}.") from None
    return total.hexdigest()
