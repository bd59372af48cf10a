"""Make the tables and pictures of the systems of the course.

    python -m benchmarks.course_systems [SYSTEM [OPTION…]]

A system is a module of this package with a function ``main(arguments)`` that returns an exit code. Without
one all are made, one after the other, with their defaults: hours of processor time.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

SYSTEMS = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))


def main(arguments: list[str]) -> int:
    """Hand over to a system, or to each of them."""
    if arguments and arguments[0] not in SYSTEMS:
        print(f"usage: python -m benchmarks.course_systems [{{{','.join(SYSTEMS)}}} …]", file=sys.stderr)
        return 2
    worst = 0
    for name in arguments[:1] or SYSTEMS:
        if not arguments:
            print(f"\n## {name}\n", file=sys.stderr)
        code: int = import_module(f"benchmarks.course_systems.{name}").main(arguments[1:])
        worst = max(worst, code)
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
