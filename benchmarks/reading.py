"""Figures about how the code reads: sizes, names, types, import circles.

    python -m benchmarks.reading [--check]

Prints one JSON document with the same figures for ``sandbox/`` and ``plugins/``: loose modules beside the
folders, lines of files and functions (median and 90th percentile), ``Any`` in annotations per 1,000 lines,
how often each of a few words that say nothing stands as an identifier per 10,000 lines, and circles of
imports between modules. Lines are those of the file, blank ones and comments included. ``--check`` exits
with 1 if a limit is passed.
"""

from __future__ import annotations

import argparse
import ast
import json
import statistics
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TREES = {"sandbox": ("sandbox",), "plugins": ("plugins",)}

WORDS = ("one", "found", "own", "told", "heard")
"""Identifiers that hide what a value is."""

LIMITS: Mapping[str, float] = {
    "loose_modules": 2,
    "any_per_1000_lines": 15,
    "identifiers_per_10000_lines": 5,
    "import_circles": 0,
}
"""What ``--check`` allows at most, in ``sandbox/`` and in ``plugins/``."""


@dataclass
class Reading:
    """What was counted in a tree of modules."""

    lines: int = 0
    files: list[int] = field(default_factory=list)
    functions: list[int] = field(default_factory=list)
    any_names: int = 0
    identifiers: Counter[str] = field(default_factory=Counter)
    imports: dict[str, set[str]] = field(default_factory=dict)


def read(folders: Iterable[str]) -> Reading:
    """Count in every module below ``folders``."""
    reading = Reading()
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            _read_module(path, reading)
    return reading


def _read_module(path: Path, reading: Reading) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    length = len(text.splitlines())
    reading.lines += length
    reading.files.append(length)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            reading.functions.append((node.end_lineno or node.lineno) - node.lineno + 1)
        if isinstance(node, ast.Name) and node.id == "Any":
            reading.any_names += 1
        reading.identifiers.update(name for name in _identifiers(node) if name.strip("_") in WORDS)
    reading.imports[_module_name(path)] = set(_imported(tree))


def _identifiers(node: ast.AST) -> Iterator[str]:
    """The names that a node itself writes, with their underscores."""
    match node:
        case ast.Name():
            yield node.id
        case ast.Attribute():
            yield node.attr
        case ast.arg():
            yield node.arg
        case ast.keyword() if node.arg:
            yield node.arg
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[1:] if parts[0] == "plugins" else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def circles(imports: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other in a circle, also inside functions."""
    graph = {
        name: {_module_of(target, imports) for target in targets} - {""} for name, targets in imports.items()
    }
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(name: str) -> None:  # Tarjan 1972: strongly connected components
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for target in graph[name]:
            if target not in order:
                visit(target)
                lowest[name] = min(lowest[name], lowest[target])
            elif target in stack:
                lowest[name] = min(lowest[name], order[target])
        if lowest[name] == order[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                groups.append(sorted(group))

    for name in graph:
        if name not in order:
            visit(name)
    return sorted(groups)


def _module_of(target: str, modules: Mapping[str, object]) -> str:
    """The module of the tree that defines an imported name; empty for a name from elsewhere."""
    while target and target not in modules:
        target = target.rpartition(".")[0]
    return target


def figures(tree: str) -> dict[str, object]:
    """The figures of one tree."""
    reading = read(TREES[tree])
    loose = [path.name for path in (ROOT / tree).glob("*.py")]
    return {
        "lines": reading.lines,
        "loose_modules": len(loose),
        "file_lines": _spread(reading.files),
        "function_lines": _spread(reading.functions),
        "any_per_1000_lines": round(1000 * reading.any_names / reading.lines, 1),
        "identifiers_per_10000_lines": {
            word: round(10_000 * sum(_counts(reading, word)) / reading.lines, 1) for word in WORDS
        },
        "import_circles": circles(reading.imports),
    }


def _counts(reading: Reading, word: str) -> Iterator[int]:
    return (count for name, count in reading.identifiers.items() if name.strip("_") == word)


def _spread(values: list[int]) -> dict[str, float]:
    return {"median": statistics.median(values), "p90": statistics.quantiles(values, n=10)[-1]}


def violations(tree: str, result: Mapping[str, object]) -> list[str]:
    """Sentences on every limit that a tree passes."""
    complaints = []
    for name, limit in LIMITS.items():
        value = result[name]
        values = (
            value if isinstance(value, dict) else {name: len(value) if isinstance(value, list) else value}
        )
        complaints += [
            f"{tree}: {key} is {number}, more than {limit:g}"
            for key, number in values.items()
            if number > limit
        ]
    return complaints


def main() -> int:
    """Print the figures; with ``--check`` say by the exit code whether all limits are kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="exit with 1 if a limit is passed")
    check = parser.parse_args().check
    results = {tree: figures(tree) for tree in TREES}
    print(json.dumps({"limits": dict(LIMITS), **results}, indent=2))
    complaints = [text for tree, result in results.items() for text in violations(tree, result)]
    for text in complaints:
        print(text, file=sys.stderr)
    return 1 if check and complaints else 0


if __name__ == "__main__":
    sys.exit(main())
