"""What the families of learning cost and reach, a table at a time.

    python -m benchmarks.families TABLE [OPTION…]

A table is a module of this package with a function ``main(arguments)`` that returns an exit code; a name that
begins with an underscore is shared by several.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

TABLES = sorted(path.stem.replace("_", "-") for path in Path(__file__).parent.glob("[a-z]*.py"))


def main(arguments: list[str]) -> int:
    """Hand over to a table."""
    if not arguments or arguments[0] not in TABLES:
        print(f"usage: python -m benchmarks.families {{{','.join(TABLES)}}} …", file=sys.stderr)
        return 2
    result: int = import_module(f"benchmarks.families.{arguments[0].replace('-', '_')}").main(arguments[1:])
    return result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
