"""The memory allocator of the processes that run SUMO.

SUMO makes and frees a great number of small objects, and glibc's allocator takes a tenth of its time.
Nothing needs to be installed: an allocator that is on the machine is preloaded, or the small one in
``native/pool.cpp`` where there is a compiler; otherwise glibc is asked for large pages. Results are the same
with each.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from sandbox_traffic.sumo.compiled import POOL, library

VARIABLE = "SANDBOX_ALLOCATOR"
"""Environment variable: the path of an allocator's library to preload, or ``none``."""

LIBRARIES = ("libtcmalloc_minimal.so.4", "libtcmalloc.so.4", "libtcmalloc_minimal.so", "libtcmalloc.so")
"""Allocators that are preloaded where they are found, the first first."""

SECOND_LIBRARIES = ("libjemalloc.so.2",)
"""The same, where the pool cannot be built."""

LARGE_PAGES = "glibc.malloc.hugetlb=1"


def allocator_settings(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables of the environment in which SUMO's processes start.

    Args:
        environment: That of this process. An allocator that is preloaded here is kept.
    """
    chosen = environment.get(VARIABLE, "")
    if sys.platform != "linux" or chosen == "none" or environment.get("LD_PRELOAD"):
        return {}
    path = Path(chosen) if chosen else _found(LIBRARIES) or library(POOL) or _found(SECOND_LIBRARIES)
    if path is not None and path.is_file():
        return {"LD_PRELOAD": str(path)}
    tunables = environment.get("GLIBC_TUNABLES", "")
    return (
        {} if "hugetlb" in tunables else {"GLIBC_TUNABLES": ":".join(filter(None, (tunables, LARGE_PAGES)))}
    )


def _found(names: tuple[str, ...]) -> Path | None:
    machine = os.uname().machine
    folders = [Path(sys.prefix) / "lib", Path(f"/usr/lib/{machine}-linux-gnu"), Path("/usr/lib64"),
               Path("/usr/lib"), Path("/usr/local/lib")]  # fmt: skip
    paths = (folder / name for name in names for folder in folders)
    return next((path for path in paths if path.is_file()), None)
