"""Pedestrians on generated networks: their crossings, their demand, and what they wait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from sandbox_traffic.config import SignalConfig
from sandbox_traffic.env import SignalEnv
from sandbox_traffic.network import grids
from sandbox_traffic.network.generated import generated_network
from sandbox_traffic.network.reader import read_network
from sandbox_traffic.render import Painter

NETS = ("generated:single-intersection", "generated:grid-1x1")


@pytest.mark.parametrize("net", NETS)
def test_crossings_are_red_where_vehicles_have_priority(net: str) -> None:
    (signal,) = read_network(generated_network(net.removeprefix("generated:"), sidewalks=True)).signals
    assert len(signal.phases) == 4
    # Links: four arms clockwise from the north with right, straight, straight, left; then their crossings.
    for state in signal.phases:
        assert len(state) == 20
        for arm in range(4):
            if state[16 + arm] != "G":
                continue
            crossed = state[4 * arm : 4 * arm + 4]
            assert set(crossed) == {"r"}, "vehicles of the crossed arm stand"
            # Into the crossed arm lead straight on from opposite, and turns from both sides.
            opposite, before, after = ((arm + turn) % 4 for turn in (2, 1, 3))
            assert state[4 * opposite + 1] == state[4 * opposite + 2] == "r"
            assert {state[4 * before], state[4 * after]} <= {"g", "r"}, "right turns give way"
            assert state[4 * before + 3] == state[4 * after + 3] == "r"
    walked = [any(state[16 + arm] == "G" for state in signal.phases) for arm in range(4)]
    assert all(walked), "every crossing has its green"


def test_the_junction_without_pedestrians_is_what_it_was() -> None:
    (plain,) = read_network(generated_network("single-intersection")).signals
    assert {len(state) for state in plain.phases} == {16}
    assert not set("".join(plain.phases)) & {"g"}


def test_walkers_come_at_the_rate_that_is_asked_for_and_cross_to_another_arm() -> None:
    rng = np.random.default_rng(0)
    grid = grids.Grid(2, 3)
    walkers = grids.sample_pedestrians(grid, rng, 36_000, 50.0)
    assert len(walkers) == pytest.approx(6 * 50 * 10, rel=0.05)
    assert walkers == sorted(walkers)
    for row, column in grid.junctions():
        for into, out in grids.arm_edges(row, column):
            assert not any(start == into and end == out for _, start, end in walkers)


@pytest.mark.parametrize("net", NETS)
def test_a_signal_that_never_changes_keeps_walkers_standing(
    signal_env: Callable[..., SignalEnv], net: str
) -> None:
    waiting: dict[str, float] = {}
    for rule in ("held", "in turn"):
        env = signal_env(net=net, routes=net, pedestrians=600, duration=900, demand=0.3)
        env.reset(seed=1)
        over, step, info = False, 0, dict[str, Any]()
        while not over:
            *_, over, info = env.step(np.int64(0 if rule == "held" else step // 4 % 4))
            step += 1
        waiting[rule] = info["metrics"]["pedestrian_waiting"]
    assert waiting["in turn"] > 5
    # Half of the crossings are never green, and nobody gives up after SUMO's 300 s.
    assert waiting["held"] > 3 * waiting["in turn"]


def test_vehicles_drive_the_same_demand_beside_pedestrians(signal_env: Callable[..., SignalEnv]) -> None:
    departed = []
    for walkers in (0, 300):
        env = signal_env(duration=60, pedestrians=walkers)
        env.reset(seed=3)
        over, info = False, dict[str, Any]()
        while not over:
            *_, over, info = env.step(np.int64(0))
        departed.append(info["metrics"]["unfinished"] + info["metrics"]["undeparted"])
    assert departed[0] == pytest.approx(departed[1], abs=1)


def test_walkers_and_crossings_are_drawn(signal_env: Callable[..., SignalEnv]) -> None:
    env = signal_env(pedestrians=2000, demand=0.1, duration=120)
    env.reset(seed=0)
    for _ in range(15):
        env.step(np.int64(0))
    present = env.simulation.vehicles()
    assert present.pedestrians.shape[0] > 10
    painter = Painter(env.batch)
    drawn = painter.frame(present)
    without = painter.frame(replace(present, pedestrians=np.zeros((0, 2))))
    purple = np.array([0x6A, 0x1B, 0x9A])
    assert (drawn == purple).all(axis=2).sum() > 30
    assert not (without == purple).all(axis=2).any()
    crossing = np.array([0xB9, 0xBA, 0xC0])
    assert (without == crossing).all(axis=2).sum() > 1000


@pytest.mark.parametrize("option", ["pedestrians", "bicycles", "buses", "emergency"])
def test_what_belongs_to_generated_demand_is_refused_beside_a_routes_file(option: str) -> None:
    with pytest.raises(ValidationError, match=f"{option} belongs to generated demand"):
        SignalConfig(**{"net": "a.net.xml", "routes": "a.rou.xml", option: 1})


def test_shares_cannot_exceed_the_whole() -> None:
    with pytest.raises(ValidationError, match="must not exceed 1"):
        SignalConfig(buses=0.5, bicycles=0.6)
