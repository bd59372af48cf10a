"""Baselines that would only repeat another one are shown where they have something to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.registry.resolve import resolve
from sandbox.scenarios.resolve import load_scenario

SCENARIOS = sorted(Path(__file__).parents[3].glob("scenarios/traffic/*.yaml"))
IDLE = {"alinea", "sumo-nema"}


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_shipped_networks_have_neither_ramp_meters_nor_dual_rings(file: Path) -> None:
    scenario = load_scenario(f"traffic/{file.stem}")
    env = resolve(scenario.task.make)(scenario.config, scenario.reward, None)
    try:
        network = env.batch.network
    finally:
        env.close()
    assert not any(len(lanes) for lanes in network.merge_lanes)
    assert "NEMA" not in {signal.program.kind for signal in network.signals}
    assert not IDLE & set(scenario.baselines())


def test_a_network_of_the_users_own_is_shown_all(tmp_path: Path) -> None:
    net = f"config.net={tmp_path / 'mine.net.xml'}"
    (tmp_path / "mine.net.xml").write_text("<net/>")
    (tmp_path / "mine.rou.xml").write_text("<routes/>")
    scenario = load_scenario("traffic", (net, f"config.routes={tmp_path / 'mine.rou.xml'}"))
    assert set(scenario.baselines()) >= IDLE
