"""Metrics of single signals, kinds of vehicles, and observation classes written for sumo-rl."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from traffic_support import COLOGNE1

from sandbox_traffic.env import SignalEnv, SignalsEnv
from sandbox_traffic.generator import draw_kinds
from sandbox_traffic.sumo_rl import SumoRLObservation, TrafficSignalView


def test_metrics_of_a_signal_are_sums_over_its_intervals(signal_env: Callable[..., SignalEnv]) -> None:
    env = signal_env(duration=100)
    env.reset(seed=0)
    queues, lost, crossed, phase, changes = [], [], 0.0, 0, 0
    for action in [0, 0, 2, 2, 2] * 4:
        *_, info = env.step(np.int64(action))
        terms = info["reward_terms"]
        queues.append(terms["queue"])
        lost.append(terms["delay"] * 5 + terms["spillback"] * 5)
        crossed += terms["throughput"]
        changes += info["phase"] != phase
        phase = info["phase"]
    own = info["signal_metrics"]
    assert own["queue"] == pytest.approx(np.mean(queues))
    assert own["throughput"] == pytest.approx(crossed * 36)
    assert own["delay"] == pytest.approx(sum(lost) / crossed)
    assert own["changes"] == pytest.approx(changes * 36)
    assert changes > 3
    env.reset(seed=0)
    for _ in range(20):
        *_, info = env.step(np.int64(0))
    assert info["signal_metrics"]["changes"] == 0, "a new episode begins at zero"


def test_every_signal_of_a_network_has_metrics_of_its_own(signals_env: Callable[..., SignalsEnv]) -> None:
    env = signals_env(duration=100, net="generated:grid-2x2", routes="generated:grid-2x2")
    env.reset(seed=0)
    for _ in range(20):
        *_, infos = env.step({"j0_0": 0, "j0_1": 0, "j1_0": 2, "j1_1": 2})
    crossed = {infos[name]["signal_metrics"]["throughput"] for name in env.possible_agents}
    assert len(crossed) == 4
    assert all("metrics" in infos[name] for name in env.possible_agents)


def test_kinds_have_their_shares() -> None:
    kinds = draw_kinds(np.random.default_rng(0), 10_000, {"emergency": 0.05, "bus": 0.2})
    assert kinds.count("bus") / 10_000 == pytest.approx(0.2, abs=0.015)
    assert kinds.count("emergency") / 10_000 == pytest.approx(0.05, abs=0.01)
    assert set(draw_kinds(np.random.default_rng(0), 100, {"emergency": 0.0, "bus": 0.0})) == {"car"}


@pytest.mark.parametrize("net", ["generated:single-intersection", "generated:grid-1x1"])
def test_other_vehicles_than_cars_drive(signal_env: Callable[..., SignalEnv], net: str) -> None:
    env = signal_env(net=net, routes=net, buses=0.3, emergency=0.2, bicycles=0.2)
    env.reset(seed=0)
    for _ in range(30):
        env.step(np.int64(0))
    vehicles = env.control.vehicles()
    assert {"bus", "emergency", "passenger", "bicycle"} <= set(vehicles.kinds)
    buses = [length for kind, length in zip(vehicles.kinds, vehicles.length, strict=True) if kind == "bus"]
    assert set(buses) == {12.0}


def test_without_them_the_demand_is_the_same(signal_env: Callable[..., SignalEnv]) -> None:
    counts = []
    for share in (0.0, 0.3):
        env = signal_env(duration=60, buses=share)
        env.reset(seed=3)
        over = False
        while not over:
            *_, over, info = env.step(np.int64(0))
        counts.append(info["metrics"]["unfinished"] + info["metrics"]["throughput"] / 60)
    assert counts[0] == pytest.approx(counts[1])


class LikeTheirDefault:
    """The layout of sumo-rl's default observation, written against its interface."""

    def __init__(self, ts: Any) -> None:
        self.ts = ts

    def __call__(self) -> Any:
        ts = self.ts
        phase = [float(ts.green_phase == index) for index in range(ts.num_green_phases)]
        ready = [float(ts.time_since_last_phase_change >= ts.min_green + ts.yellow_time)]
        return np.array([*phase, *ready, *ts.get_lanes_density(), *ts.get_lanes_queue()], dtype=np.float32)

    def observation_space(self) -> gym.spaces.Box:
        size = self.ts.num_green_phases + 1 + 2 * len(self.ts.lanes)
        return gym.spaces.Box(0.0, 1.0, (size,), np.float32)


def test_an_observation_class_of_sumo_rl_sees_what_the_observation_of_that_name_shows(
    signal_env: Callable[..., SignalEnv],
) -> None:
    ours = signal_env(observation="sumo-rl", **COLOGNE1)
    theirs: Any = SumoRLObservation(signal_env(**COLOGNE1), LikeTheirDefault)
    assert theirs.observation_space.shape == ours.observation_space.shape
    seen = [(ours.reset(seed=1)[0], theirs.reset(seed=1)[0])]
    rng = np.random.default_rng(0)
    for action in rng.integers(0, 4, 50):
        seen.append((ours.step(action)[0], theirs.step(action)[0]))
    for mine, other in seen:
        assert other == pytest.approx(mine, abs=1e-6)


def test_the_view_of_a_signal_agrees_with_the_simulator(signal_env: Callable[..., SignalEnv]) -> None:
    env = signal_env(**COLOGNE1)
    env.reset(seed=0)
    for _ in range(40):
        env.step(np.int64(0))
    view, snapshot = TrafficSignalView(env.control), env.control.snapshot
    at = {lane: index for index, lane in enumerate(env.control.layout.lanes)}
    assert view.get_total_queued() == sum(snapshot.halting[at[lane]] for lane in view.lanes) > 0
    assert view.get_pressure() == (
        sum(snapshot.count[at[lane]] for lane in view.out_lanes)
        - sum(snapshot.count[at[lane]] for lane in view.lanes)
    )
    assert 0 < view.get_average_speed() < 1
    assert max(view.get_accumulated_waiting_time_per_lane()) > 60


def test_only_single_signals_take_observation_classes() -> None:
    with pytest.raises(TypeError, match="traffic/signal"):
        SumoRLObservation(gym.make("CartPole-v1"), LikeTheirDefault)
