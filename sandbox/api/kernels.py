"""Functions that Numba compiles once and keeps on disk, until anything in their package changes.

Numba keeps a compiled function as long as the file that defines it stays as it is. What it calls in other
files is compiled into it, so that after a change there the old code would go on running, without a word.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function, package: str | None = None, **options: Any) -> Function:
    """Compile ``function`` in nopython mode when it is first called; its annotations are for readers.

    Args:
        function: The function, of a module that lies in a package.
        package: Changes in this one count; the top one of the function's module if absent.
        options: Of ``numba.njit`` beside ``cache`` and ``nogil``, which are on.
    """
    import numba

    made: Any = numba.njit(cache=True, nogil=True, **options)(function)
    kept = made._cache._cache_file  # Numba has no public way to say what else the code depends on
    kept._source_stamp = (kept._source_stamp, _sources(package or function.__module__.partition(".")[0]))
    return cast(Function, made)


@cache
def _sources(package: str) -> tuple[tuple[str, int, int], ...]:
    """Every source file of a package with its time of change and its size."""
    file = getattr(sys.modules.get(package), "__file__", None)
    if file is None:
        return ()
    root = Path(file).parent
    stats = ((path, path.stat()) for path in sorted(root.rglob("*.py")))
    return tuple((path.relative_to(root).as_posix(), stat.st_mtime_ns, stat.st_size) for path, stat in stats)
