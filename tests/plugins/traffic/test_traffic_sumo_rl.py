"""Observation classes written for sumo-rl, on environments of this plugin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from traffic_support import COLOGNE1

from sandbox_traffic.env import SignalEnv
from sandbox_traffic.sumo_rl import SumoRLObservation, TrafficSignalView


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
    view, snapshot = TrafficSignalView(env.batch), env.batch.state.snapshot
    at = {lane: index for index, lane in enumerate(env.batch.network.spec.lanes)}
    assert view.get_total_queued() == sum(snapshot.halting[0, at[lane]] for lane in view.lanes) > 0
    assert view.get_pressure() == (
        sum(snapshot.count[0, at[lane]] for lane in view.out_lanes)
        - sum(snapshot.count[0, at[lane]] for lane in view.lanes)
    )
    assert 0 < view.get_average_speed() < 1
    assert max(view.get_accumulated_waiting_time_per_lane()) > 60


def test_only_single_signals_take_observation_classes() -> None:
    with pytest.raises(TypeError, match="traffic/signal"):
        SumoRLObservation(gym.make("CartPole-v1"), LikeTheirDefault)
