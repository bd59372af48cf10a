"""The compiled loop of an episode: built where there is a compiler, called through ctypes.

SUMO's wheels hold its C++ headers, and the extension module its functions, so a compiler is all that is
needed. Without one, everything runs in Python with the same results.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.sumo.files import cache_folder
from sandbox_traffic.sumo.interface import SimulationSpec
from sandbox_traffic.sumo.library import import_libsumo

VARIABLE = "SANDBOX_COMPILED"
"""Environment variable that keeps everything in Python where it is ``0``."""

COMPILERS = ("c++", "g++", "clang++")

COMPILE_WITHIN = 120.0
"""Seconds that a compiler may take."""

FLAGS = ("-std=c++17", "-O2", "-fPIC", "-shared", "-ffp-contract=off")
"""No fused multiplications: sums are those of Python to the last bit."""

SOURCES = Path(__file__).parent / "native"

MODULES = ("libsumo._libsumo", "_libsumo")
"""Names of SUMO's extension module; the second one where the package is not imported as one."""

LOOP, POOL = "loop", "pool"
"""Names of the two libraries: the loop, and the allocator that is preloaded."""


@cache
def library(name: str) -> Path | None:
    """Path of a library, built on first use and kept in the cache; None where it cannot be built.

    Folders that others may write to are left alone.
    """
    if os.environ.get(VARIABLE) == "0" or sys.platform != "linux" or sys.byteorder != "little":
        return None
    headers = _headers()
    source = SOURCES / f"{name}.cpp"
    compiler = next(filter(None, map(shutil.which, (os.environ.get("CXX", ""), *COMPILERS))), None)
    if headers is None or compiler is None or not source.is_file():
        return None
    code = source.read_bytes()
    parts = (code, compiler, FLAGS, importlib.metadata.version("libsumo"), os.uname().machine)
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
    for folder in _folders():
        target = folder / f"{name}-{digest}.so"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not only_mine(folder):
                continue
            if target.is_file():
                return target
            with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as temporary:
                made = Path(temporary) / target.name
                if not _compile(compiler, headers, source, made):
                    return None
                os.replace(made, target)
        except OSError:
            continue
        return target
    return None


def only_mine(folder: Path) -> bool:
    """Whether nobody else can put a library there, which would then run as this user."""
    stat = folder.stat()
    return stat.st_uid == os.getuid() and not stat.st_mode & 0o022


def _headers() -> Path | None:
    """SUMO's headers, if they are of the same version as libsumo."""
    spec = importlib.util.find_spec("sumo")
    if spec is None or spec.origin is None:
        return None
    headers = Path(spec.origin).parent / "include"
    versions = {importlib.metadata.version(name) for name in ("eclipse-sumo", "libsumo")}
    return headers if len(versions) == 1 and (headers / "libsumo" / "Simulation.h").is_file() else None


def _folders() -> tuple[Path, Path]:
    return cache_folder(), Path(tempfile.gettempdir()) / f"sandbox-rl-traffic-{os.getuid()}"


def _compile(compiler: str, headers: Path, source: Path, target: Path) -> bool:
    command = [compiler, *FLAGS, f"-I{headers}", str(source), "-o", str(target)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=COMPILE_WITHIN, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and target.is_file()


class CompiledLoop:
    """The loop of one simulation; see ``native/loop.cpp``.

    Args:
        path: The library.
        spec: What to simulate and to read.
        loops: Ids of the induction loops.
        values: Where values are put, shape ``(spec.size,)``.

    Raises:
        OSError: If the library cannot be loaded.
    """

    def __init__(
        self, path: Path, spec: SimulationSpec, loops: Sequence[str], values: NDArray[np.float64]
    ) -> None:
        self._library = _load(path)
        areas = tuple(dict.fromkeys(area for _, areas in spec.crossings for area in areas))
        crossings = [edge for edge, _ in spec.crossings]
        named = (spec.lanes, spec.edges, loops, [signal.id for signal in spec.signals], areas, crossings)
        lanes, *others = map(_texts, named)
        limits = np.array(spec.limits, dtype=np.float64)
        lengths = (ctypes.c_long * 6)(*map(len, named))
        flags = (ctypes.c_int * 3)(spec.every_vehicle, spec.emissions, not spec.trip_output)
        self._values = values
        self._handle = ctypes.c_void_p(
            self._library.loop_new(
                lengths, lanes, ctypes.c_void_p(limits.ctypes.data), *others,
                ctypes.c_double(spec.step_length), flags, ctypes.c_void_p(values.ctypes.data),
            )
        )  # fmt: skip
        for index, signal in enumerate(spec.signals):
            for state, phase in signal.states.items():
                self._library.loop_state(self._handle, ctypes.c_long(index), state.encode(), phase)

    def begin(self, time: float) -> None:
        """Begin an episode at ``time``, s."""
        self._check(self._library.loop_begin(self._handle, ctypes.c_double(time)))

    def read(self) -> None:
        """Read all values."""
        self._check(self._library.loop_read(self._handle))

    def follow(self) -> None:
        """Read from now on what signals show."""
        self._check(self._library.loop_follow(self._handle))

    def step(self, until: float) -> None:
        """Simulate to time ``until``, s."""
        self._check(self._library.loop_step(self._handle, ctypes.c_double(until)))

    def advance(self, request: bytes) -> None:
        """Carry out an encoded request to advance."""
        self._check(self._library.loop_advance(self._handle, request))

    def serve(self, socket: int) -> bytes:
        """Answer requests to advance until another one comes.

        Returns:
            That request.

        Raises:
            EOFError: At the end of the connection.
            LoopError: If SUMO fails in a request to advance.
        """
        length = self._library.loop_serve(self._handle, socket)
        if length == 0:
            raise EOFError
        self._check(min(length, 0))
        return ctypes.string_at(self._library.loop_message(self._handle), length)

    @property
    def seconds(self) -> float:
        """Processor time inside SUMO's steps, s."""
        return float(self._library.loop_seconds(self._handle))

    def arrived(self) -> NDArray[np.float64]:
        """As `TripLog.arrived`."""
        rows = np.empty((self._library.loop_arrived(self._handle, None), 6))
        self._library.loop_arrived(self._handle, ctypes.c_void_p(rows.ctypes.data))
        return rows

    def loaded(self) -> dict[str, float]:
        """All vehicles that have been loaded, in order, and what emergency stops add to their waiting, s."""
        number = self._library.loop_loaded(self._handle, None, None)
        names, stopped = (ctypes.c_char_p * max(number, 1))(), (ctypes.c_double * max(number, 1))()
        self._library.loop_loaded(self._handle, names, stopped)
        pairs = zip(names[:number], stopped[:number], strict=True)
        return {name.decode(): seconds for name, seconds in pairs if name is not None}

    def _check(self, code: int) -> None:
        if code:
            raise LoopError(self._library.loop_error(self._handle).decode(errors="replace"))


class LoopError(Exception):
    """An error of SUMO's, with its text."""


def _texts(names: Sequence[str]) -> Any:
    return (ctypes.c_char_p * max(len(names), 1))(*(name.encode() for name in names))


def loads(path: Path | None) -> bool:
    """Load the library for forked processes to have; whether it can be loaded beside this libsumo.

    Only for processes that play SUMO and nothing else: what SUMO brings along, Arrow among it, is then seen
    by all that is loaded later, and pyarrow aborts.
    """
    try:
        return path is not None and bool(_load(path))
    except (OSError, StopIteration):
        return False


@cache
def _load(path: Path) -> ctypes.CDLL:
    import_libsumo()
    module = next(found for name in MODULES if (found := sys.modules.get(name)) is not None)
    assert module.__file__ is not None
    # Its functions become visible to the library. This is the module that Python has loaded, no second one.
    ctypes.CDLL(module.__file__, mode=ctypes.RTLD_GLOBAL)
    loaded = ctypes.CDLL(str(path))
    for name, kind in (
        ("loop_new", ctypes.c_void_p), ("loop_message", ctypes.c_void_p), ("loop_error", ctypes.c_char_p),
        ("loop_seconds", ctypes.c_double), ("loop_serve", ctypes.c_long), ("loop_arrived", ctypes.c_long),
        ("loop_loaded", ctypes.c_long),
    ):  # fmt: skip
        getattr(loaded, name).restype = kind
    return loaded
