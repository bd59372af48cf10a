"""The reading order that the README gives is the order of imports."""

import ast
import re
from pathlib import Path

import pytest

import sandbox_locomotion

ROOT = Path(sandbox_locomotion.__file__).parent
ROWS = [
    re.findall(r"`([\w/]+(?:\.py|/))`", row.split("|")[1])
    for row in (ROOT / "README.md").read_text("utf-8").splitlines()
    if re.match(r"\| `[\w/]+(\.py|/)`", row)
]
PLACE = {name: index for index, row in enumerate(ROWS) for name in row}
FILES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def place_of(path):
    part = path.relative_to(ROOT).parts[0]
    return PLACE[part if part.endswith(".py") else f"{part}/"]


def imported_files(path):
    """Files of the plugin that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sandbox_locomotion"):
            package = ROOT.joinpath(*node.module.split(".")[1:])
            names = [package / alias.name for alias in node.names]
            modules = [name.with_suffix(".py") for name in names if name.with_suffix(".py").is_file()]
            yield from modules or [package.with_suffix(".py")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_is_in_the_readme_and_imports_only_what_stands_above_it(path):
    for imported in imported_files(path):
        assert place_of(imported) <= place_of(path), imported.relative_to(ROOT)
    assert place_of(path) >= 0


def test_the_only_part_of_the_core_that_is_imported_is_the_contract():
    names = {
        node.module
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "sandbox"
    }
    assert names
    assert all(name.startswith("sandbox.api") for name in names)
