"""The ring on SUMO beside the compiled one, and Flow's networks."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sandbox.api import MisfitError, RunFailedError
from sandbox_mixed.baselines import follower_stopper, human
from sandbox_mixed.config import RingConfig, SumoConfig
from sandbox_mixed.ring import core as native
from sandbox_mixed.ring.reward import REWARDS as RING_REWARDS
from sandbox_mixed.sumo.core import make
from sandbox_mixed.sumo.metering import metering
from sandbox_mixed.sumo.reward import REWARDS

pytest.importorskip("libsumo")


def play_on_sumo(config: SumoConfig, make_policy, seed: int = 0) -> dict[str, float]:
    env = make(config, REWARDS["speed"])
    observation, _ = env.reset(seed=seed)
    policy, done, info = make_policy(env), False, {}
    policy.reset(1)
    while not done:
        observation, _, terminated, truncated, info = env.step(policy.act(observation[None])[0])
        done = terminated or truncated
    env.close()
    return info["metrics"]


def test_mean_speed_and_amplitude_of_the_wave_agree_with_sumo_within_three_percent():
    """SUMO's own IDM with the same noise, both from evenly spread standing vehicles."""
    common = {"length": (230.0, 230.0), "bunching": 0.0, "warmup": 0.0, "horizon": 600.0, "measured": 300.0}
    envs = native.make_vec(RingConfig(**common), RING_REWARDS["smooth"], 8)
    envs.reset(seed=0)
    done, info = np.zeros(8, bool), {}
    policy = human(envs)
    while not done.all():
        *_, done, info = envs.step(policy.act(np.zeros((8, 3))))
    ours = info["final_info"]["metrics"]
    sumo = play_on_sumo(SumoConfig(network="ring", **common), human)
    assert sumo["speed"] == pytest.approx(ours["speed"].mean(), rel=0.03)
    assert sumo["spread"] == pytest.approx(ours["spread"].mean(), rel=0.03)


def test_follower_stopper_dissolves_the_wave_on_sumo_too():
    config = SumoConfig(network="ring", length=(230, 230), measured=100.0)
    assert play_on_sumo(config, human)["spread"] > 2.5
    metrics = play_on_sumo(config, follower_stopper)
    assert metrics["spread"] < 0.2
    assert metrics["collisions"] == 0


@pytest.mark.parametrize(
    ("network", "size", "actions"), [("figure-eight", 28, 1), ("merge", 25, 5), ("bottleneck", 33, 6)]
)
def test_flows_networks_repeat_from_their_seed(network: str, size: int, actions: int):
    config = SumoConfig(network=network, horizon=60.0, measured=10.0)
    outcomes = []
    for _ in range(2):
        env = make(config, REWARDS["speed"])
        assert env.observation_space.shape == (size,)
        assert env.action_space.shape == (actions,)
        seen = [env.reset(seed=4)[0]]
        seen += [env.step(np.full(actions, 0.3, np.float32))[0] for _ in range(10)]
        outcomes.append(np.array(seen))
        env.close()
    assert np.array_equal(*outcomes)
    assert np.ptp(outcomes[0], axis=0).max() > 0


def test_vehicles_of_the_figure_eight_begin_evenly_spread():
    env = make(SumoConfig(network="figure-eight"), REWARDS["speed"])
    observation, _ = env.reset(seed=0)
    env.close()
    behind = observation[14:27]  # vehicle 13 is the automated one, 12 the next behind it
    assert np.sort(behind)[::-1] == pytest.approx(behind)
    assert np.diff(behind) == pytest.approx(-1 / 14, abs=0.01)
    assert behind[-1] == pytest.approx(1 / 14, abs=0.01)


def test_commanded_speeds_are_approached_with_the_greatest_acceleration():
    config = SumoConfig(
        network="figure-eight", command="speed", top_speed=12.0, max_acceleration=1.5, decision_steps=10
    )
    env = make(config, REWARDS["speed"])
    env.reset(seed=0)
    speeds = []
    for action in (0.0, 0.0, 0.0, -1.0):
        env.step(np.array([action], np.float32))
        speeds.append(env.core.traffic.seen[0, 0])
    env.close()
    assert speeds == pytest.approx([1.5, 3.0, 3.0, 1.5], abs=0.2)


def test_a_controller_drives_alike_by_accelerations_and_by_speeds():
    common = {"network": "ring", "length": (230, 230), "horizon": 60.0, "measured": 30.0, "warmup": 30.0}
    by_acceleration = play_on_sumo(SumoConfig(**common), follower_stopper)
    by_speed = play_on_sumo(SumoConfig(**common, command="speed"), follower_stopper)
    assert by_speed["speed"] == pytest.approx(by_acceleration["speed"], rel=0.05)
    assert by_speed["spread"] == pytest.approx(by_acceleration["spread"], abs=0.3)


def test_who_gathers_the_others_behind_it_lets_all_pass_the_crossing_of_the_figure_eight():
    config = SumoConfig(
        network="figure-eight", command="speed", max_acceleration=3.0, decision_steps=10,
        horizon=150.0, measured=150.0,
    )  # fmt: skip
    driven = play_on_sumo(config, human)
    metrics = play_on_sumo(config, follower_stopper)
    assert metrics["collisions"] == 0
    assert metrics["speed"] > 1.6 * driven["speed"]


def test_an_episode_that_dies_says_so_and_an_episode_is_a_process_of_its_own():
    env = make(SumoConfig(network="figure-eight"), REWARDS["speed"])
    env.reset(seed=0)
    (server,) = [child for child in children(os.getpid()) if "mixed" in command_line(child)]
    (episode,) = children(server)
    env.reset(seed=1)
    (following,) = children(server)
    assert following != episode
    os.kill(following, signal.SIGKILL)
    with pytest.raises(RunFailedError, match="SIGKILL"):
        env.step(np.zeros(1, np.float32))
    env.close()


def children(pid: int) -> list[int]:
    """Processes whose parent is this one."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(number) for thread in threads for number in thread.read_text().split()]


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def test_two_simulations_live_in_one_program():
    first, second = (
        make(SumoConfig(network="merge", horizon=20.0, measured=10.0), REWARDS["speed"]) for _ in "ab"
    )
    first.reset(seed=0)
    second.reset(seed=1)
    first.step(np.zeros(5, np.float32))
    second.step(np.zeros(5, np.float32))
    first.close()
    second.step(np.zeros(5, np.float32))
    second.close()


def test_metering_lets_more_vehicles_through_the_bottleneck_than_human_drivers():
    config = SumoConfig(network="bottleneck", decision_steps=2, flow=2500.0, horizon=750.0, measured=500.0)
    by_human, by_metering = (play_on_sumo(config, rule)["outflow"] for rule in (human, metering))
    assert by_human == pytest.approx(1541, rel=0.03)
    assert by_metering > 1.07 * by_human


def test_metering_lowers_the_limits_before_the_lane_drop_as_the_road_behind_it_fills():
    env = make(SumoConfig(network="bottleneck", horizon=30.0, measured=10.0), REWARDS["speed"])
    env.reset(seed=0)
    policy = metering(env)
    limits = []
    for vehicles in (0, 5, 7, 9, 13, 20):
        # three segments of the fourth edge, which follow one, three and three others
        env.core.answer["segments"] = (
            [0.0] * 21 + [float(vehicles), 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0] + [9.0] * 3
        )
        (actions,) = policy.act(np.zeros((1, 33)))
        assert actions.tolist() == [1.0, 1.0, actions[2], actions[2], 1.0, 1.0]
        limits.append(float(actions[2]))
    env.close()
    assert limits == [1.0, 1.0, 0.5, 0.0, -1.0, -1.0]


@pytest.mark.parametrize(("rule", "network"), [(follower_stopper, "bottleneck"), (metering, "merge")])
def test_a_rule_for_other_actions_is_refused(rule: Any, network: str):
    env = make(SumoConfig(network=network, horizon=30.0, measured=10.0), REWARDS["speed"])
    env.reset(seed=0)
    with pytest.raises(MisfitError, match="bottleneck"):
        rule(env).act(np.zeros((1, 33)))
    env.close()
