"""Make the tables and pictures of a system of the course.

    python -m benchmarks.course_systems SYSTEM [OPTION…]

A system is a module of this package with a function ``main(arguments)`` that returns an exit code.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

SYSTEMS = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))


def main(arguments: list[str]) -> int:
    """Hand over to a system."""
    if not arguments or arguments[0] not in SYSTEMS:
        print(f"usage: python -m benchmarks.course_systems {{{','.join(SYSTEMS)}}} …", file=sys.stderr)
        return 2
    result: int = import_module(f"benchmarks.course_systems.{arguments[0]}").main(arguments[1:])
    return result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
