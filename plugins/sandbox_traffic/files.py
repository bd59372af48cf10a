"""Finds the files that a configuration names and checks them before SUMO reads them."""

from __future__ import annotations

import gzip
import importlib.util
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat

from sandbox.api import BrokenFileError, InvalidValueError, MissingExtraError
from sandbox_traffic.safety import check_routes_file

SUMO_RL = "sumo-rl:"
"""Scheme of the networks that the sumo-rl package brings along (RESCO's maps among them)."""

_DEMAND = {"trip", "vehicle", "flow", "person", "personFlow", "container", "containerFlow"}


class Scratch:
    """A temporary folder, removed when it is closed or forgotten, and only by its own process.

    A forked worker inherits the object; its copy must not take the folder away from the parent.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="sandbox-traffic-"))
        self.close = weakref.finalize(self, _remove, self.path, os.getpid())


def _remove(folder: Path, pid: int) -> None:
    if os.getpid() == pid:
        shutil.rmtree(folder, ignore_errors=True)


def resolve(name: str) -> Path:
    """Path of a network or routes file given as a path or as ``sumo-rl:PATH``.

    Raises:
        BrokenFileError: If there is no such file.
        MissingExtraError: If sumo-rl is asked for and not installed.
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


def check_routes(path: Path, begin: int, end: int) -> None:
    """Check that a routes file is well-formed and has a departure before ``end``.

    SUMO reads routes piece by piece and stops without a word where the XML breaks off.

    Raises:
        BrokenFileError: If it is not XML (with the line), holds what does not belong there, or has no
            vehicles.
        InvalidValueError: If nobody departs within the episode.
    """
    check_routes_file(path)
    departs: list[tuple[float, float]] = []

    def on_start(tag: str, attributes: dict[str, str]) -> None:
        if tag in _DEMAND:
            first = _seconds(attributes.get("depart") or attributes.get("begin") or "0")
            last = (
                _seconds(attributes["end"]) if "end" in attributes and "depart" not in attributes else first
            )
            departs.append((first, last if "depart" in attributes or "end" in attributes else float("inf")))

    _parse(path, on_start)
    if not departs:
        raise BrokenFileError(path, "holds no trip, vehicle or flow.")
    if not any(first < end and last >= begin for first, last in departs):
        raise InvalidValueError(
            f"No vehicle of {path} departs between begin = {begin} s and {end} s.",
            f"The first departs at {min(departs)[0]:g} s: set begin and duration to match.",
        )


def line_of(path: Path, kind: str, name: str) -> int | None:
    """Line of the element ``kind`` with id ``name`` in an XML file, None if it is not found."""
    found: list[int] = []
    parser: Any = None

    def on_start(tag: str, attributes: dict[str, str]) -> None:
        if not found and attributes.get("id") == name and tag.lower() == kind:
            found.append(parser.CurrentLineNumber)

    try:
        parser = expat.ParserCreate()
        parser.StartElementHandler = on_start
        with _open(path) as file:
            parser.ParseFile(file)
    except (expat.ExpatError, OSError):
        pass
    return found[0] if found else None


def _parse(path: Path, on_start: Any) -> None:
    parser = expat.ParserCreate()
    parser.StartElementHandler = on_start
    try:
        with _open(path) as file:
            parser.ParseFile(file)
    except expat.ExpatError as error:
        reason = f"not well-formed XML ({expat.errors.messages[error.code]})."
        raise BrokenFileError(path, reason, error.lineno) from None
    except (OSError, EOFError) as error:
        raise BrokenFileError(path, f"cannot be read ({error}).") from None


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        yield file  # type: ignore[misc]


def _seconds(text: str) -> float:
    """A SUMO time: seconds, or ``[days:]hours:minutes:seconds``; words such as ``triggered`` are 0."""
    try:
        total = 0.0
        parts = [float(part) for part in text.split(":")]
        for part, unit in zip(reversed(parts), (1.0, 60.0, 3600.0, 86_400.0), strict=False):
            total += part * unit
    except ValueError:
        return 0.0
    return total
