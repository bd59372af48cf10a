"""Packages of benchmarks whose modules are called by name, each with a function ``main(arguments)``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path


def names_of(package: str) -> list[str]:
    """Names of the modules of a package, with hyphens; those that begin with an underscore have none."""
    folder = Path(__file__).parents[1].joinpath(*package.split("."))
    return sorted(path.stem.replace("_", "-") for path in folder.glob("[a-z]*.py"))


def hand_over(package: str, arguments: Sequence[str]) -> int:
    """Call the module that the first argument names, or all of them where there is none.

    Args:
        package: Name of the package.
        arguments: The command line; the first is a module with hyphens, the rest are for it.

    Returns:
        The largest exit code; 2 for a name that is not there.
    """
    names = names_of(package)
    if arguments and arguments[0] not in names:
        print(f"usage: python -m {package} [{{{','.join(names)}}} …]", file=sys.stderr)
        return 2
    worst = 0
    for name in arguments[:1] or names:
        if not arguments:
            print(f"\n## {name}\n", file=sys.stderr)
        code: int = import_module(f"{package}.{name.replace('-', '_')}").main(list(arguments[1:]))
        worst = max(worst, code)
    return worst
