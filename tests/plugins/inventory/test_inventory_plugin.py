"""What the domain declares exists, declaring it is cheap, families are independent, scenarios are valid."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from inventory_support import made

import sandbox_inventory
from sandbox.api import Scenario
from sandbox.cli.main import main
from sandbox.registry.resolve import resolve
from sandbox.scenarios.resolve import load_scenario
from sandbox_inventory.plugin import domain

PACKAGE = Path(sandbox_inventory.__file__).parent
FAMILIES = sorted(path.parent.name for path in PACKAGE.glob("*/task.py") if path.parent.name != "core")
SCENARIOS = sorted((Path(__file__).parents[3] / "scenarios" / "inventory").glob("*.yaml"))


def test_importing_the_domain_loads_no_heavy_module() -> None:
    command = (
        "import sys, sandbox_inventory.plugin; "
        "print([m for m in ('numpy', 'pydantic', 'scipy', 'torch', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_everything_named_can_be_imported() -> None:
    for task in domain.tasks:
        names = [task.config, task.make, task.make_vec, task.rewards]
        names += [baseline.make for baseline in task.baselines] + [view.draw for view in task.views]
        for name in names:
            module, _, attribute = str(name).partition(":")
            assert hasattr(import_module(module), attribute), name


def test_every_family_of_the_package_is_declared() -> None:
    declared = {str(task.config).split(".")[1] for task in domain.tasks}
    assert declared == set(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_has_its_files_and_knows_no_other_family(family: str) -> None:
    files = sorted((PACKAGE / family).glob("*.py"))
    assert {"task", "config", "model", "rules"} <= {path.stem for path in files}
    for path in files:
        imported = re.findall(r"sandbox_inventory\.(\w+)", path.read_text())
        assert set(imported) <= {family, "core"}, path


def test_the_core_knows_no_family() -> None:
    for path in (PACKAGE / "core").rglob("*.py"):
        imported = re.findall(r"import[^\n]*sandbox_inventory\.(\w+)", path.read_text())
        assert set(imported) <= {"core"}, path


@pytest.mark.parametrize("task", domain.tasks, ids=lambda task: task.name)
def test_every_declared_metric_is_reported_and_no_other(task: Any) -> None:
    envs = made(task, 2, horizon=5, **({"warmup": 0} if task.name != "skus" else {}))
    envs.reset(seed=0)
    for _ in range(5):
        info = envs.step(envs.action_space.sample())[4]
    reported = {name for name in info["final_info"]["metrics"] if not name.startswith("_")}
    assert reported == {metric.name for metric in task.metrics}


@pytest.mark.parametrize("task", domain.tasks, ids=lambda task: task.name)
def test_every_reward_term_is_money_that_moves(task: Any) -> None:
    """Each term of a preset is one that the model reports; the defaults leave none of them out."""
    envs = made(task, 3, horizon=30)
    envs.reset(seed=0)
    terms = {term.name for term in resolve(task.rewards)[task.default_reward].terms}
    info = envs.step(envs.action_space.sample())[4]
    assert {name for name in info["reward_terms"] if not name.startswith("_")} == terms
    assert all(np.isfinite(values).all() for values in info["reward_terms"].values())


def test_the_default_scenario_is_among_the_files() -> None:
    assert domain.default_scenario.split("/")[1] in {path.stem for path in SCENARIOS}


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_scenario_files_fit_the_tasks(path: Path) -> None:
    scenario = Scenario.model_validate(yaml.safe_load(path.read_text()))
    assert scenario.id == f"inventory/{path.stem}"
    assert scenario.sources
    load_scenario(str(path))


def test_a_bare_key_changes_the_task() -> None:
    problem = load_scenario("inventory", ["lead_time=3", "penalty=9", "demand.mean=4"])
    config = problem.evaluation_config.model_dump()
    assert (config["lead_time"], config["penalty"], config["demand"]["mean"]) == (3, 9, 4)


@pytest.mark.parametrize("name", ["inventory", "inventory/or-gym-v0"])
def test_info_shows_parameters_that_are_groups_themselves(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", name, "--json"]) == 0
    json.loads(capsys.readouterr().out)


def test_the_optimum_beside_a_rule_in_one_command(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["eval", "optimal", "mean-demand", "--scenario", "inventory/newsvendor-poisson"]
    assert main([*command, "--episodes", "4", "--json"]) == 0
    agents = json.loads(capsys.readouterr().out)["evaluation"]["agents"]
    assert agents["optimal"]["mean"] == pytest.approx(3.5701, abs=0.1)
    assert agents["optimal"]["mean"] < agents["mean-demand"]["mean"]


def test_an_optimum_that_is_too_large_is_refused_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["eval", "optimal", "--scenario", "inventory/lost-sales-l2-p39", "--set", "lead_time=9"])
    message = capsys.readouterr().err
    assert code == 2
    assert "state-action pairs" in message
    assert "Traceback" not in message
