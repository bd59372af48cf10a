"""Which code decides about a claim's figures, and a digest that stands for it.

A measurement is kept by its content. What it is made of are the claim's module and, followed from import to
import, all modules of the same top-level package; other distributions take part by their versions, which
are recorded.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from sandbox.api.claim import Claim
from sandbox.registry.resolve import resolve

WORDS = ("sentence", "idea", "switch")
"""What a claim says in words."""


def digest_of_claim(claim: Claim) -> str:
    """SHA-256 over the sources that measure a claim."""
    measure = resolve(claim.measure)
    return _digest(measure.__module__)


def packages_of_claim(claim: Claim) -> frozenset[str]:
    """Top-level packages from which the sources that measure a claim import anything."""
    sources = sources_of(resolve(claim.measure).__module__)
    return frozenset(
        imported.partition(".")[0] for name, file in sources.items() for imported in _imports(file, name)
    )


@cache
def _digest(module: str) -> str:
    total = hashlib.sha256()
    for name, file in sorted(sources_of(module).items()):
        total.update(f"{name}\0{meaning(file)}\n".encode())
    return total.hexdigest()


def meaning(file: Path) -> str:
    """A file as Python reads it, without what decides about no figure: comments, layout, docstrings, and the
    words of a claim.
    """
    tree = ast.parse(file.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for part in node.body if not _is_text(part)] or [ast.Pass()]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Claim":
            node.keywords = [keyword for keyword in node.keywords if keyword.arg not in WORDS]
    return ast.dump(tree)


def _is_text(node: ast.stmt) -> bool:
    """Whether a statement is a string and nothing else."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def sources_of(module: str) -> dict[str, Path]:
    """By name, the files of a module and of what it imports from its own top-level package."""
    top = module.partition(".")[0]
    files: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        file = _file_of(name)
        if name in files or file is None:
            continue
        files[name] = file
        waiting += [found for found in _imports(file, name) if found.partition(".")[0] == top]
    return files


def _file_of(module: str) -> Path | None:
    loaded = sys.modules.get(module)
    file = getattr(loaded, "__file__", None)
    if file is None and loaded is None:
        try:
            spec = importlib.util.find_spec(module)
        except (ImportError, ValueError):  # an attribute of a module, not a module
            return None
        file = spec.origin if spec is not None else None
    return Path(file) if file and file.endswith(".py") else None


def _imports(file: Path, module: str) -> Iterator[str]:
    """Names of modules that a file imports, anywhere in it; of ``from a import b`` both a and a.b."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = importlib.util.resolve_name("." * node.level + base, package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
