"""Nothing in the code can run what a file says: read from the syntax tree of every module.

A file that is loaded must not choose what is executed. The names below do just that; where one is needed, its
place is listed with the reason.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*(ROOT / "sandbox").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")])

MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle"}
CALLS = {"eval", "exec", "compile", "__import__"}
ATTRIBUTES = {
    "read_pickle",
    "load_from_zip_file",
    "load_from_pkl",
    "load_replay_buffer",
    "unsafe_load",
    "unsafe_load_all",
    "full_load",
    "full_load_all",
    "UnsafeLoader",
    "FullLoader",
    "system",
    "popen",
}
SB3 = ("stable_baselines3", "sb3_contrib")

ALLOWED = {
    (
        "sandbox/backends/sb3/import_sb3.py",
        "load of Stable-Baselines3",
    ): "behind --trust-pickle, and nothing else",
}


def breaches(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of every construct that lets a file decide what is executed."""
    imported = sb3_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names if top(name.name) in MODULES)
        elif isinstance(node, ast.ImportFrom) and top(node.module or "") in MODULES:
            yield node.lineno, node.module or ""
        elif isinstance(node, ast.Attribute) and node.attr in ATTRIBUTES:
            yield node.lineno, node.attr
        elif isinstance(node, ast.Call):
            yield from ((node.lineno, what) for what in calls(node, imported))


def calls(node: ast.Call, imported: set[str]) -> Iterator[str]:
    """What is wrong with one call."""
    function = node.func
    keywords = {keyword.arg: keyword.value for keyword in node.keywords}
    if isinstance(function, ast.Name) and function.id in CALLS:
        yield function.id
    if any(
        isinstance(value, ast.Constant) and value.value is True
        for name, value in keywords.items()
        if name == "shell"
    ):
        yield "shell=True"
    if any(name == "allow_pickle" and not is_false(value) for name, value in keywords.items()):
        yield "allow_pickle"
    if not isinstance(function, ast.Attribute):
        return
    owner = function.value.id if isinstance(function.value, ast.Name) else ""
    if function.attr == "load" and owner in ("np", "numpy") and not is_false(keywords.get("allow_pickle")):
        yield "numpy.load without allow_pickle=False"
    if function.attr in ("load", "load_all") and owner in ("torch", "yaml"):
        yield f"{owner}.{function.attr}"
    if function.attr in ("load", "set_parameters") and (
        owner in imported or owner in ("model_class", "model")
    ):
        yield "load of Stable-Baselines3"
    if function.attr == "load" and isinstance(function.value, ast.Call):
        called = function.value.func
        if isinstance(called, ast.Name) and called.id == "model_class":
            yield "load of Stable-Baselines3"


def sb3_names(tree: ast.AST) -> set[str]:
    """Names that a module imports from Stable-Baselines3."""
    return {
        name.asname or name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and top(node.module or "") in SB3
        for name in node.names
    }


def top(module: str) -> str:
    return module.partition(".")[0]


def is_false(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_lets_a_file_decide_what_is_executed(source: Path) -> None:
    name = str(source.relative_to(ROOT))
    found = [
        f"{name}, line {line}: {what}"
        for line, what in breaches(ast.parse(source.read_text()))
        if (name, what) not in ALLOWED
    ]
    assert found == []


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("import pickle", "pickle"),
        ("from cloudpickle import loads", "cloudpickle"),
        ("import joblib.numpy_pickle", "joblib.numpy_pickle"),
        ("torch.load(path, weights_only=True)", "torch.load"),
        ("np.load(path)", "numpy.load without allow_pickle=False"),
        ("numpy.load(path, allow_pickle=flag)", "numpy.load without allow_pickle=False"),
        ("yaml.load(text, Loader=L)", "yaml.load"),
        ("yaml.unsafe_load(text)", "unsafe_load"),
        ("eval(text)", "eval"),
        ("from stable_baselines3 import PPO as P\nP.load(path)", "load of Stable-Baselines3"),
        (
            "from stable_baselines3.common.vec_env import VecNormalize\nVecNormalize.load(p)",
            "load of Stable-Baselines3",
        ),
        ("model_class('ppo').load(path)", "load of Stable-Baselines3"),
        ("subprocess.run(text, shell=True)", "shell=True"),
        ("os.system(text)", "system"),
        ("pd.read_pickle(path)", "read_pickle"),
    ],
)
def test_the_check_sees_what_it_is_for(code: str, what: str) -> None:
    assert what in [name for _, name in breaches(ast.parse(code))]


def test_everything_that_is_allowed_is_still_there() -> None:
    for name, what in ALLOWED:
        assert what in [found for _, found in breaches(ast.parse((ROOT / name).read_text()))]


def test_linked_safe_code_passes() -> None:
    safe = "with np.load(path, allow_pickle=False) as file: pass\nnp.savez(file, x=1)\njson.loads(text)"
    assert list(breaches(ast.parse(safe))) == []
