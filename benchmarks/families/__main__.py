"""What the families of learning cost and reach, a table at a time.

    python -m benchmarks.families [TABLE [OPTION…]]

A table is a module of this package with a function ``main(arguments)`` that returns an exit code; a name that
begins with an underscore is shared by several. Without a table all are made, one after the other, with their
defaults: hours of processor time.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

TABLES = sorted(path.stem.replace("_", "-") for path in Path(__file__).parent.glob("[a-z]*.py"))


def main(arguments: list[str]) -> int:
    """Hand over to a table, or to each of them."""
    if arguments and arguments[0] not in TABLES:
        print(f"usage: python -m benchmarks.families [{{{','.join(TABLES)}}} …]", file=sys.stderr)
        return 2
    worst = 0
    for name in arguments[:1] or TABLES:
        if not arguments:
            print(f"\n## {name}\n", file=sys.stderr)
        code: int = import_module(f"benchmarks.families.{name.replace('-', '_')}").main(arguments[1:])
        worst = max(worst, code)
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
