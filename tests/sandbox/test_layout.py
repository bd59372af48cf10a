"""The layout of the source tree: rooms, and who may import what."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from benchmarks import reading

ROOT = Path(__file__).resolve().parents[2]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
PLUGIN_FILES = sorted((ROOT / "plugins").rglob("*.py"))


def test_the_core_holds_one_loose_module_beside_its_folders() -> None:
    assert {path.name for path in (ROOT / "sandbox").glob("*.py")} == {"__init__.py", "workflow.py"}


@pytest.mark.parametrize("path", PLUGIN_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_plugins_import_the_contract_and_nothing_else_of_the_core(path: Path) -> None:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module or "")
    core = {name for name in modules if name.partition(".")[0] == "sandbox"}
    assert all(name == "sandbox.api" or name.startswith("sandbox.api.") for name in core)


def test_the_map_of_rooms_is_the_order_that_imports_are_held_to() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    rows = re.findall(
        r"^\| `(\w+)(?:/|\.py)` \|", CONTRIBUTING.partition("## Rooms")[2].partition("| elsewhere")[0], re.M
    )
    assert rows == contract["layers"][::-1]


def test_circles_are_found_also_when_they_hide_in_functions() -> None:
    imports = {"a": {"b.name"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}
    assert reading.circles(imports) == [["a", "b", "c"]]


@pytest.mark.parametrize("tree", ["sandbox", "plugins"])
def test_the_code_reads_within_the_stated_limits(tree: str) -> None:
    assert reading.violations(tree, reading.figures(tree)) == []


DIALECT = re.compile(r"\b[Ii]s told (?:of|how)\b|\b[Ll]ikewise\b|\bdear to\b|\bhears\b")
"""Phrases that no reader of this field's manuals expects."""


@pytest.mark.parametrize("folder", ["sandbox", "benchmarks", "sandbox_course"])
def test_prose_of_the_code_is_plain(folder: str) -> None:
    sources = {path: path.read_text(encoding="utf-8") for path in (ROOT / folder).rglob("*.py")}
    phrases = {str(path.relative_to(ROOT)): DIALECT.findall(text) for path, text in sources.items()}
    assert {path: matches for path, matches in phrases.items() if matches} == {}


SCRIPTS = [file for file in (ROOT / "sandbox").rglob("*.js") if not file.name.endswith(".min.js")]
PROSE = re.compile(r"/\*.*?\*/|//[^\n]*|\"[^\"\n]*\"|'[^'\n]*'|`[^`]*`", re.DOTALL)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_of_the_pages_name_what_a_value_is_too(script: Path) -> None:
    identifiers = set(re.findall(r"\w+", PROSE.sub("", script.read_text(encoding="utf-8"))))
    assert not identifiers & set(reading.WORDS)
