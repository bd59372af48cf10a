"""What compiling a user's model may cost. A model is small on disk and may be of any size in memory."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

MAX_COMPILE_BYTES = 2 << 30
"""Memory that reading and compiling may take, bytes, in addition to the interpreter and its modules."""
MAX_COMPILE_SECONDS = 30
"""Processor time of it, s."""
MAX_COMPILE_WAIT = 900.0
"""Time after which a compilation that uses no processor time either is given up, s."""
MAX_MODEL_BYTES = 512 << 20
"""Size of a compiled model, bytes: with drawn physics every environment has one."""
MAX_DATA_BYTES = 1 << 30
"""Size of the state of a simulation, bytes: every thread and process has one."""
MAX_BATCH_BYTES = 8 << 30
"""Size of the models of a batch whose environments have one each, bytes."""
MAX_DOFS = 2_000


def confine_this_process() -> None:
    """Leave this process the memory and time that a compilation may take, and no way to open a file.

    Files that are open stay open. Does nothing on systems without limits on resources.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + MAX_COMPILE_SECONDS
    limits = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 0,
    }
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        limits[resource.RLIMIT_AS] = pages * resource.getpagesize() + MAX_COMPILE_BYTES
    for kind, value in limits.items():
        _, hard = resource.getrlimit(kind)
        lowest = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (lowest, lowest))
