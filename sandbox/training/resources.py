"""What training uses of the machine: processor cores and memory, with all processes below this one."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

EVERY = 1.0
"""Seconds between two measurements at the least: each reads two small files a process, some 30 µs."""

GROUP = "system/"
CORES, MEMORY, SPEED = (f"{GROUP}{name}" for name in ("cores", "memory_gb", "steps_per_second"))

_PROC = Path("/proc")


class ResourceMeter:
    """Measures what was used since the last measurement.

    On Linux the processes below this one count, by ``/proc``; memory that processes share, such as
    libraries, counts once in each. Elsewhere it is this process alone, and memory is its peak so far.
    """

    def __init__(self) -> None:
        self._at, self._used, self._steps = time.perf_counter(), _usage()[0], -1

    def figures(self, steps: int) -> dict[str, float]:
        """Cores in use, memory in 10⁹ bytes, and steps a second since the last call.

        Args:
            steps: Training steps so far.

        Returns:
            By `CORES`, `MEMORY` and `SPEED`; nothing before `EVERY` has passed, and no speed the first time.
        """
        now = time.perf_counter()
        passed = now - self._at
        if passed < EVERY:
            return {}
        used, memory = _usage()
        figures = {CORES: max(used - self._used, 0.0) / passed, MEMORY: memory / 1e9}
        if 0 <= self._steps <= steps:
            figures[SPEED] = (steps - self._steps) / passed
        self._at, self._used, self._steps = now, used, steps
        return figures


def _usage() -> tuple[float, float]:
    """Processor time in seconds and resident memory in bytes."""
    if sys.platform != "linux" or not (_PROC / "self" / "stat").is_file():
        return _own_usage()
    seconds = memory = 0.0
    for pid in _family(os.getpid()):
        try:
            fields = (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
            pages = int((_PROC / str(pid) / "statm").read_bytes().split()[1])
        except (OSError, IndexError):  # it has ended meanwhile
            continue
        # utime, stime, and those of children that were waited for: what ends does not vanish.
        seconds += sum(map(int, fields[11:15])) / _TICKS
        memory += pages * _PAGE
    return seconds, memory


def _family(pid: int) -> Iterator[int]:
    """A process and all below it."""
    waiting = [pid]
    while waiting:
        member = waiting.pop()
        yield member
        try:
            for children in (_PROC / str(member) / "task").glob("*/children"):
                waiting += map(int, children.read_bytes().split())
        except OSError:
            continue


def _own_usage() -> tuple[float, float]:
    if sys.platform == "win32":
        return time.process_time(), 0.0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return time.process_time(), float(peak if sys.platform == "darwin" else peak * 1024)


_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
