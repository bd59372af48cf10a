"""What the domain announces is there, announcing it is cheap, and every scenario can be played."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from sandbox.api import Scenario
from sandbox.scenarios.resolve import load_scenario
from sandbox_inventory.plugin import domain

SCENARIOS = sorted((Path(__file__).parents[3] / "scenarios" / "inventory").glob("*.yaml"))


def test_announcing_the_domain_loads_no_heavy_module() -> None:
    command = (
        "import sys, sandbox_inventory.plugin; "
        "print([m for m in ('numpy', 'pydantic', 'scipy', 'torch', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_everything_named_can_be_imported() -> None:
    for task in domain.tasks:
        names = [task.config, task.make, task.rewards, *(baseline.make for baseline in task.baselines)]
        names += [task.make_vec] if task.make_vec else []
        for name in names:
            module, _, attribute = str(name).partition(":")
            assert hasattr(import_module(module), attribute), name


def test_the_default_scenario_is_among_the_files() -> None:
    assert domain.default_scenario.split("/")[1] in {path.stem for path in SCENARIOS}


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_scenario_files_fit_the_tasks(path: Path) -> None:
    scenario = Scenario.model_validate(yaml.safe_load(path.read_text()))
    assert scenario.id == f"inventory/{path.stem}"
    assert scenario.sources
    load_scenario(str(path))


def test_a_bare_key_changes_the_task() -> None:
    scenario = load_scenario("inventory", ["lead_time=3", "penalty=9", "demand.mean=4"])
    config = scenario.evaluation_config.model_dump()
    assert (config["lead_time"], config["penalty"], config["demand"]["mean"]) == (3, 9, 4)


@pytest.mark.parametrize("name", ["inventory", "inventory/or-gym-v0"])
def test_info_tells_of_parameters_that_are_groups_of_their_own(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from sandbox.cli.main import main

    assert main(["info", name, "--json"]) == 0
    json.loads(capsys.readouterr().out)
