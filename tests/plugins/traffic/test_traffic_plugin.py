"""What the domain announces is there, and announcing it is cheap."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from sandbox.api import Scenario
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.plugin import domain
from sandbox_traffic.reward import PRESETS

SCENARIOS = sorted((Path(__file__).parents[3] / "scenarios" / "traffic").glob("*.yaml"))


def test_announcing_the_domain_loads_neither_numpy_nor_sumo() -> None:
    command = (
        "import sys, sandbox_traffic.plugin; "
        "print([m for m in ('numpy', 'pydantic', 'libsumo', 'gymnasium', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_everything_named_can_be_imported() -> None:
    for task in domain.tasks:
        names = [task.config, task.make, task.rewards, *(baseline.make for baseline in task.baselines)]
        for name in names:
            module, _, attribute = str(name).partition(":")
            assert hasattr(import_module(module), attribute), name
        assert task.default_reward in PRESETS


def test_the_default_scenario_is_among_the_files() -> None:
    assert domain.default_scenario.split("/")[1] in {path.stem for path in SCENARIOS}


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_scenario_files_fit_the_tasks(path: Path) -> None:
    scenario = Scenario.model_validate(yaml.safe_load(path.read_text()))
    assert scenario.id == f"traffic/{path.stem}"
    (task,) = [task for task in domain.tasks if f"traffic/{task.name}" == scenario.task]
    SignalConfig.model_validate(scenario.config)
    SignalConfig.model_validate({**scenario.config, **scenario.evaluation.config})
    assert scenario.metric in {metric.name for metric in task.metrics}
    assert scenario.reward.preset in PRESETS
    assert "ppo" in scenario.presets
