"""Every command that a page shows is one: its options, scenario, agents, settings and views are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from commands import COMMANDS, ROOT, SENTENCES, Shown

from sandbox.api.errors import SandboxError
from sandbox.cli.main import app
from sandbox.registry.discover import registry
from sandbox.registry.resolve import resolve
from sandbox.scenarios.overrides import parse_assignments
from sandbox.scenarios.resolve import ResolvedScenario, load_scenario
from sandbox.scenarios.validation import validate

VERBS = ("run", "train", "eval", "render", "record", "moves", "tune", "info", "play", "improve")
OWN_FILE = re.compile(r"\.(xml|sumocfg|aux|csv|json|def|yaml|zip|pb\.txt)(\.|$)|=(DIR|FILE)$|=mine:")
"""Settings that name a file of the reader's."""


def ids(shown: Shown) -> str:
    return f"{shown.page.relative_to(ROOT)}: {shown}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with one run, so that ``latest`` names something."""
    import sys

    sys.path.insert(0, str(ROOT / "tests" / "sandbox" / "report"))
    from report_support import make_run

    make_run(tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("shown", [*COMMANDS, *SENTENCES], ids=ids)
def test_a_shown_command_has_the_options_that_it_names(shown: Shown) -> None:
    group = typer.main.get_command(app)
    context = typer.Context(group)
    words = [*shown.words]
    command = group.get_command(context, words.pop(0))
    while hasattr(command, "get_command"):
        command = command.get_command(typer.Context(command), words.pop(0))
    assert command is not None
    while "--plugin" in words:  # an option of all commands
        del words[words.index("--plugin") : words.index("--plugin") + 2]
    while "--allow" in words:
        del words[words.index("--allow") : words.index("--allow") + 2]
    command.make_context(shown.words[0], words)  # raises a UsageError for what it does not know


def scenario_of(shown: Shown) -> ResolvedScenario | None:
    """What a command plays, with its changes; None where that is a placeholder or the reader's own."""
    name = shown.option("--scenario")
    if name is None and shown.words[0] in ("run", "train", "record", "tune", "info", "play"):
        name = shown.words[1] if len(shown.words) > 1 else None
    if name is None or name.isupper() or shown.option("--plugin") or name.endswith((".yaml", ".yml")):
        return None
    if name in registry().algorithms.names() or name.startswith(("gym:", "pettingzoo:")):
        return None
    if name.partition("/")[0] not in registry().domains.names():
        assert name in ("tank", "fishing", "thermostat", "pond", "lifts"), f"no scenario {name}"
        return None
    changes = [change for change in shown.options("--set") if not OWN_FILE.search(change)]
    return load_scenario(name, changes, shown.options("--reward"))


@pytest.mark.parametrize("shown", [one for one in [*COMMANDS, *SENTENCES] if one.words[0] in VERBS], ids=ids)
def test_a_shown_command_names_what_there_is(shown: Shown) -> None:
    scenario = scenario_of(shown)
    known = registry()
    algo = shown.option("--algo")
    if shown.words[0] in ("run", "train", "tune") and "--from" not in shown.words:
        assert algo, "it names no algorithm"
    if algo and not shown.option("--plugin"):
        given = parse_assignments(shown.options("--hp"), "--hp")
        for name in algo.split(","):
            model = resolve(known.algorithm(name).config)
            assert {key.partition(".")[0] for key in given} <= set(model.model_fields)
            validate(model, given, name)
    if scenario is None:
        return
    if view := shown.option("--view"):
        assert view == "episode" or view in {one.name for one in scenario.task.views}, view
    agents = {one.name for one in scenario.task.baselines} | {"random"}
    named = [*shown.options("--agent"), *shown.options("--against"), *shown.options("--expert")]
    if shown.words[0] in ("eval", "render", "moves"):
        named += takewhile_words(shown.words[1:])
    for agent in named:
        ours = agent.startswith("runs/") or agent.isupper() or agent in ("latest",) or "@" in agent
        assert ours or agent in agents or agent.endswith(".zip"), f"{agent} is no agent of {scenario.spec.id}"


def takewhile_words(words: tuple[str, ...]) -> list[str]:
    """Arguments before the first option."""
    first = next((at for at, word in enumerate(words) if word.startswith("--")), len(words))
    return list(words[:first])


def test_a_command_with_a_mistake_would_be_found() -> None:
    wrong = Shown(ROOT / "README.md", ("run", "traffic", "--algo", "ppo", "--set", "config.demnd=1"))
    with pytest.raises(SandboxError, match="demnd"):
        scenario_of(wrong)
    with pytest.raises(AssertionError, match="no scenario"):
        scenario_of(Shown(ROOT / "README.md", ("run", "trafic", "--algo", "ppo")))
    with pytest.raises(AssertionError, match="names no algorithm"):
        test_a_shown_command_names_what_there_is(Shown(ROOT / "README.md", ("run", "traffic")))
