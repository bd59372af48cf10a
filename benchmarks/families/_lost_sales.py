"""What the tables of the families share: the task with a known optimum, and how a table is printed."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from sandbox_course.lost_sales import BaseStock, average_cost_of, best_level, gap, lost_sales, solved

__all__ = ["BaseStock", "average_cost_of", "best_level", "gap", "lost_sales", "options", "show", "solved"]


def show(document: dict[str, Any], lines: list[str]) -> int:
    """Print the table as Markdown on stderr and everything as JSON on stdout."""
    print("\n".join(lines), file=sys.stderr)
    print(json.dumps(document, indent=2))
    return 0


def options(
    arguments: list[str], description: str, *, seeds: int = 3, steps: int | None = None
) -> argparse.Namespace:
    """``--seeds``, and ``--steps`` where a table has them."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seeds", type=int, default=seeds)
    if steps is not None:
        parser.add_argument("--steps", type=int, default=steps)
    return parser.parse_args(arguments)
