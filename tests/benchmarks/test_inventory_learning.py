"""Policies are judged as exactly as their optimum is known."""

from __future__ import annotations

from pathlib import Path

import pytest

import sandbox
from benchmarks.inventory_learning import ALL, JUDGES
from sandbox.scenarios.resolve import load_scenario


@pytest.mark.slow
@pytest.mark.parametrize("name", ["perishable-fifo", "joint-replenishment"])
def test_a_hardly_trained_policy_and_every_rule_cost_more_than_the_optimum(name: str, tmp_path: Path) -> None:
    scenario = load_scenario(f"inventory/{name}")
    judge = JUDGES[scenario.spec.task](scenario)
    run = sandbox.train(scenario, "ppo", steps=20_000, num_envs=64, runs_dir=tmp_path)
    assert judge.cost(run.path) > judge.reference
    assert all(cost >= judge.reference for cost in judge.rules.values())


@pytest.mark.parametrize("name", ALL)
def test_every_scenario_that_is_trained_has_a_preset_and_a_judge(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.spec.task in JUDGES
    assert "ppo" in scenario.spec.presets
