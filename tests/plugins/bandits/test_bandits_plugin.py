"""The plugin as a whole, and its pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

import sandbox
from sandbox.cli.main import main


def test_the_order_of_the_classical_agents_on_the_checked_scenario() -> None:
    names = ["thompson", "epsilon-greedy", "ucb1", "random"]
    table = sandbox.evaluate(names, "bandits/bernoulli", episodes=60)
    means = [table.mean(name) for name in names]
    assert means == sorted(means)
    assert means[2] == pytest.approx(110, abs=6)
    assert means[3] == pytest.approx(200, abs=3)


def test_regret_is_drawn_beside_the_slope_of_lai_and_robbins(tmp_path: Path) -> None:
    picture = tmp_path / "regret.png"
    arguments = ["ucb1", "thompson", "--scenario", "bandits/bernoulli", "--set", "config.horizon=50"]
    assert main(["render", *arguments, "--view", "regret", "--out", str(picture), "--episodes", "2"]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
