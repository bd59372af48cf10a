"""A broken plugin is named with its reason wherever plugins are listed, and harms nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from calls import Outcome

GOOD = """
from sandbox.api import Domain, Metric, Task

task = Task("t", 1, "T", "m:C", "m:make", "m:R", "r", (Metric("m", "1", "lower"),))
domain = Domain("{name}", "D", (task,), "{name}/t"{more})
"""

BROKEN = {
    "import error": ("import none_such", "ModuleNotFoundError: No module named 'none_such'"),
    "syntax error": ("def f(:\n", "SyntaxError"),
    "raises": ("raise ValueError('bad luck')", "ValueError: bad luck"),
    "exits": ("import sys\nsys.exit(3)", "SystemExit: 3"),
    "defines nothing": ("x = 1", "it defines no Domain, no Algorithm, no Extension and no Claims"),
    "other API version": (
        GOOD.format(name="later", more=", api_version=99"),
        "API version 99, this is version 1",
    ),
    "taken name": (GOOD.format(name="toy", more=""), "the name is already taken by"),
    "recursion": ("def f(): f()\nf()", "RecursionError"),
}


@pytest.mark.parametrize(("source", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_plugin_is_listed_with_its_reason_and_all_else_works(
    source: str, reason: str, sandbox: Callable[..., Outcome], tmp_path: Path
) -> None:
    (tmp_path / "bad.py").write_text(source)
    listed = sandbox("list", "plugins", "--json", "--plugin", "bad.py")
    assert listed.code == 0
    broken = [plugin for plugin in listed.document["plugins"] if plugin["status"] == "broken"]
    assert len(broken) == 1
    assert reason in broken[0]["error"]
    assert "bad.py" in broken[0]["distribution"]

    shown = sandbox("list", "plugins", "--plugin", "bad.py")
    assert shown.code == 0
    assert reason.split(maxsplit=1)[0] in shown.out
    doctor = sandbox("doctor", "--json", "--plugin", "bad.py").document
    assert [plugin["error"] for plugin in doctor["broken_plugins"]] == [broken[0]["error"]]
    assert any(reason in scenario for scenario in doctor["problems"])
    assert sandbox("info", "toy/corridor", "--plugin", "bad.py").code == 0


NAMED = {
    "missing file": ("none.py", "there is no file", ""),
    "missing module": ("none_such_module", "No module named 'none_such_module'", ""),
    "missing attribute": ("there.py:nothing", "has no attribute 'nothing'", "x = 1"),
    "wrong type": ("there.py:x", "should be a sandbox.api.Domain, but is a int", "x = 1"),
    "folder without plugin": ("./there", "there is no file", ""),
}


@pytest.mark.parametrize(("target", "reason", "source"), NAMED.values(), ids=NAMED.keys())
def test_plugin_that_is_not_there_is_listed_with_its_reason(
    target: str, reason: str, source: str, sandbox: Callable[..., Outcome], tmp_path: Path
) -> None:
    (tmp_path / "there.py").write_text(source)
    (tmp_path / "there").mkdir()
    listed = sandbox("list", "plugins", "--json", "--plugin", target)
    assert listed.code == 0
    errors = [plugin["error"] for plugin in listed.document["plugins"] if plugin["status"] == "broken"]
    assert len(errors) == 1
    assert reason in errors[0]


def test_domain_of_a_broken_plugin_is_unknown_and_the_hint_says_why(
    sandbox: Callable[..., Outcome], tmp_path: Path
) -> None:
    (tmp_path / "bad.py").write_text("import none_such")
    outcome = sandbox("info", "mine/first", "--plugin", "bad.py", "--json")
    assert outcome.code == 2
    assert outcome.document["error"]["kind"] == "unknown-name"
    assert "bad.py' is broken: ModuleNotFoundError" in outcome.document["error"]["hint"]


def test_domain_of_another_api_version_is_refused_with_the_reason(
    sandbox: Callable[..., Outcome], tmp_path: Path
) -> None:
    (tmp_path / "bad.py").write_text(GOOD.format(name="later", more=", api_version=99"))
    outcome = sandbox("info", "later", "--plugin", "bad.py", "--json")
    assert (outcome.code, outcome.document["error"]["kind"]) == (2, "plugin")
    assert "API version 99" in outcome.document["error"]["message"]


def test_missing_package_is_named_with_the_command_that_installs_it(
    sandbox: Callable[..., Outcome], tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(
        GOOD.format(name="mine", more=', requires=("none_such",), extra="mine"')
    )
    (tmp_path / "scenarios/mine").mkdir(parents=True)
    (tmp_path / "scenarios/mine/t.yaml").write_text("title: T\ntask: mine/t\nmetric: m\n")
    outcome = sandbox("info", "mine", "--plugin", "mine.py", "--json")
    assert outcome.code == 2
    assert outcome.document["error"] == {
        "kind": "missing-extra",
        "message": "The domain 'mine' needs none_such, which is not installed.",
        "hint": 'pip install "sandbox-rl[mine]"',
    }
    domains = sandbox("list", "domains", "--json", "--plugin", "mine.py").document["domains"]
    assert {domain["name"]: domain["available"] for domain in domains}["mine"] is False
    needed = sandbox("doctor", "--json", "--plugin", "mine.py").document
    assert 'Domain mine needs none_such: pip install "sandbox-rl[mine]"' in needed["problems"]


@pytest.mark.parametrize("place", ["before", "after", "joined"])
def test_plugin_may_be_named_before_and_after_the_command(
    place: str, sandbox: Callable[..., Outcome], tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(GOOD.format(name="mine", more=""))
    command = ["list", "domains", "--json"]
    argv = {
        "before": ["--plugin", "mine.py", *command],
        "after": [*command, "--plugin", "mine.py"],
        "joined": [*command, "--plugin=mine.py"],
    }[place]
    assert "mine" in [domain["name"] for domain in sandbox(*argv).document["domains"]]


def test_plugin_option_without_a_path_is_refused(sandbox: Callable[..., Outcome]) -> None:
    outcome = sandbox("list", "--plugin")
    assert outcome.code == 2
    assert "'--plugin' requires an argument" in outcome.words
