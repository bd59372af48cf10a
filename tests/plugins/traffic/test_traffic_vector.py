"""Vector environments: the episodes of single ones, states that are restored, and simulators that die."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from traffic_support import COLOGNE1, GRID

from sandbox.api import RunFailedError
from sandbox.envs.make import make_training, make_vec
from sandbox.envs.multiagent import JointEnv
from sandbox.evaluation.agents import Agent
from sandbox.evaluation.rollout import play
from sandbox.evaluation.runner import EpisodeRunner
from sandbox.scenarios.resolve import load_scenario
from sandbox_traffic.baselines.actuated import actuated
from sandbox_traffic.baselines.greedy import max_pressure
from sandbox_traffic.baselines.sumo_program import fixed_time
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.env import SignalEnv, SignalsEnv, make_signal, make_signals
from sandbox_traffic.reward import PRESETS
from sandbox_traffic.sumo.protocol import LOG_FILE
from sandbox_traffic.sumo.remote import RemoteSimulation
from sandbox_traffic.vector import SignalsVectorEnv, SignalVectorEnv, make_signal_vec, make_signals_vec

SHORT = {**COLOGNE1, "duration": 150, "demand_spread": 0.3}


@pytest.fixture
def three() -> Iterator[SignalVectorEnv]:
    envs = make_signal_vec(SignalConfig(**SHORT), PRESETS["delay"], 3)
    yield envs
    envs.close()


@pytest.fixture
def alone() -> Iterator[SignalEnv]:
    env = make_signal(SignalConfig(**SHORT), PRESETS["delay"])
    yield env
    env.close()


def test_a_row_plays_the_episodes_of_the_single_environment(three: SignalVectorEnv, alone: SignalEnv) -> None:
    """Two episodes each, bit by bit: the second one's seed comes from the row's generator."""
    actions = np.random.default_rng(0).integers(0, 4, (60, 3))
    seen = [three.reset(seed=[4, 5, 6])]
    steps: list[Any] = [three.step(action) for action in actions]
    for row, seed in enumerate((4, 5, 6)):
        observation, info = alone.reset(seed=seed)
        assert (seen[0][0][row] == observation).all()
        assert (seen[0][1]["action_mask"][row] == info["action_mask"]).all()
        for action, (observations, rewards, _, over, infos) in zip(actions[:, row], steps, strict=True):
            observation, reward, _, truncated, info = alone.step(action)
            assert over[row] == truncated
            assert rewards[row] == reward
            final = infos["final_info"] if truncated else infos
            for name, value in info["reward_terms"].items():
                assert final["reward_terms"][name][row] == value
            if truncated:
                assert (infos["final_obs"][row] == observation).all()
                assert final["metrics"]["delay"][row] == info["metrics"]["delay"]
                observation, info = alone.reset()
            assert (observations[row] == observation).all()
            assert (infos["action_mask"][row] == info["action_mask"]).all()
            assert infos["held"][row] == info["held"]


def test_all_signals_of_a_row_are_those_of_the_parallel_environment() -> None:
    config = SignalConfig(duration=60, **GRID)
    envs = make_signals_vec(config, PRESETS["queue"], 2)
    joint = JointEnv(make_signals(config, PRESETS["queue"]))
    assert envs.row_observation_space == joint.row_observation_space
    assert envs.row_action_space == joint.row_action_space
    assert envs.agents == joint.agents
    rows, infos = envs.reset(seed=[1, 2])
    observation, info = joint.reset(seed=2)
    rng = np.random.default_rng(0)
    over = False
    while not over:
        assert (rows[1] == observation).all()
        assert (infos["action_mask"][1] == info["action_mask"]).all()
        actions = rng.integers(0, 8, (2, 16)) % 4
        rows, _, _, ended, infos = envs.step(actions)
        observation, _, _, over, info = joint.step(actions[1])
        final = infos["final_info"] if over else infos
        for name in ("agent_rewards", "agent_terminated", "agent_truncated", "acted"):
            assert (final[name][1] == info[name]).all()
        assert ended[1] == over
    assert final["metrics"]["delay"][1] == info["metrics"]["delay"]
    assert (infos["final_obs"][1] == observation).all()
    envs.close()
    joint.close()


def test_a_state_restores_every_environment(three: SignalVectorEnv) -> None:
    rng = np.random.default_rng(1)
    three.reset(seed=3)
    for _ in range(40):  # into the second episode
        three.step(rng.integers(0, 4, 3))
    state = three.get_state()
    actions = rng.integers(0, 4, (50, 3))
    expected = [three.step(action)[:2] for action in actions]
    other = make_signal_vec(SignalConfig(**SHORT), PRESETS["delay"], 3)
    other.set_state(state)
    for action, (rows, rewards) in zip(actions, expected, strict=True):
        again, given = other.step(action)[:2]
        assert (again == rows).all()
        assert (given == rewards).all()
    other.close()


@pytest.mark.parametrize("make", [make_signal, make_signals])
def test_a_state_restores_a_single_environment(make: Any) -> None:
    first, second = (make(SignalConfig(**SHORT), PRESETS["delay"]) for _ in range(2))
    (name,) = first.possible_agents if isinstance(first, SignalsEnv) else ("",)

    def step(env: Any, action: int) -> Any:
        result = env.step({name: action} if name else np.int64(action))
        return result[0][name].tobytes() if name else result[0].tobytes()

    first.reset(seed=1)
    for action in (0, 1, 2, 3, 1):
        step(first, action)
    second.set_state(first.get_state())
    for action in (0, 2, 1, 3):
        assert step(second, action) == step(first, action)
    assert str(first.reset()[0]) == str(second.reset()[0])
    first.close()
    second.close()


def test_the_error_of_a_dead_simulator_gives_its_signal(three: SignalVectorEnv) -> None:
    three.reset(seed=0)
    simulation = three.batch.simulations[1]._sumo
    assert isinstance(simulation, RemoteSimulation)
    assert simulation.pid is not None
    os.kill(simulation.pid, signal.SIGKILL)
    with pytest.raises(RunFailedError, match=r"ended unexpectedly \(killed by SIGKILL") as caught:
        three.step([0, 0, 0])
    assert "checkpoints are kept" in caught.value.hint
    rows, _ = three.reset(seed=0)  # and a new episode can begin
    assert rows.shape[0] == 3


def test_the_error_of_a_dead_simulator_gives_its_last_output(three: SignalVectorEnv) -> None:
    three.reset(seed=0)
    simulation = three.batch.simulations[0]._sumo
    assert isinstance(simulation, RemoteSimulation)
    assert simulation.pid is not None
    (simulation._folder.path / LOG_FILE).write_text("terminate called:\n  bad_alloc\n")
    os.kill(simulation.pid, signal.SIGABRT)
    with pytest.raises(RunFailedError, match=r"SIGABRT.*SUMO said: terminate called: bad_alloc"):
        three.step([0, 0, 0])


def test_a_window_spreads_the_beginnings_over_whole_intervals() -> None:
    config = SignalConfig(**{**COLOGNE1, "duration": 20, "window": 600})
    envs = make_signal_vec(config, PRESETS["delay"], 4)
    begins = set()
    for seed in range(5):
        _, info = envs.reset(seed=100 * seed)
        begins |= set((info["time"] - 25200).tolist())
    assert len(begins) > 10
    assert all(0 <= begin <= 600 and begin % 5 == 0 for begin in begins)
    envs.reset(seed=1)
    times = [simulation.begin for simulation in envs.batch.simulations]
    for _ in range(4):
        *_, over, info = envs.step([0] * 4)
    assert over.all()
    assert (info["time"] == [simulation.begin for simulation in envs.batch.simulations]).all()
    assert [simulation.begin for simulation in envs.batch.simulations] != times
    envs.close()


def test_baselines_play_natively_as_they_play_alone() -> None:
    problem = load_scenario(
        "traffic/cologne1", ["evaluation.config={duration: 200, window: 0, demand_spread: 0}"], []
    )
    agents = [Agent(name, baseline=name) for name in ("max-pressure", "actuated", "fixed-time")]
    with EpisodeRunner(problem) as players:
        native = players.play(agents, [1, 2])
    config = problem.evaluation_config
    assert isinstance(config, SignalConfig)
    env = make_signal(config, problem.reward)
    makers = [max_pressure, actuated, fixed_time]
    single = [
        play(env, make(env), agent.name, seed)
        for make, agent in zip(makers, agents, strict=True)
        for seed in (1, 2)
    ]
    assert native == single
    env.close()


def test_a_parallel_scenario_is_played_and_trained_natively() -> None:
    changes = ["config.duration=30", "config.decision_interval=10"]
    problem = load_scenario("traffic/grid4x4", changes, [])
    envs: Any = make_training(problem, 2, seed=0)
    assert isinstance(envs.joint_envs.unwrapped, SignalsVectorEnv)
    rows, info = envs.reset()
    assert rows.shape[0] == 32
    assert info["action_mask"].shape == (32, 8)
    for _ in range(3):
        rows, rewards, terminated, truncated, info = envs.step(info["action_mask"].argmax(axis=1))
    assert truncated.all()
    assert not terminated.any()
    assert rewards.shape == (32,)
    assert info["final_info"]["metrics"]["delay"].shape == (32,)
    envs.close()
    assert make_vec(problem, 1).num_envs == 16
    with EpisodeRunner(problem) as players:
        (episode,) = players.play([Agent("max-pressure", baseline="max-pressure")], [3])
    config = problem.evaluation_config
    assert isinstance(config, SignalConfig)
    env = JointEnv(make_signals(config, problem.reward))
    assert episode.metrics == play(env, max_pressure(env.parallel), "max-pressure", 3).metrics
    env.close()


def test_environments_that_go_apart_give_what_they_give_together() -> None:
    """In any order, and with the state of one that of the other."""
    together, apart = (make_signal_vec(SignalConfig(**SHORT), PRESETS["delay"], 3) for _ in range(2))
    apart.set_apart()
    rng = np.random.default_rng(0)
    first, info = together.reset(seed=5)
    again, info_again = apart.reset(seed=5)
    assert np.array_equal(first, again)
    assert (info["action_mask"] == info_again["action_mask"]).all()
    ended = 0
    for number in range(40):
        actions = rng.integers(0, 4, 3)
        expected = together.step(actions)
        if number % 2:
            given = apart.step(actions)
        else:
            for index in rng.permutation(3).tolist():
                apart.send(index, actions[index])
            parts: dict[int, Any] = {}
            while len(parts) < 3:
                parts |= {index: apart.receive(index) for index in apart.ready()}
            given = apart.together([parts[index] for index in range(3)])
        for one, other in zip(expected[:4], given[:4], strict=True):
            assert np.array_equal(one, other)
        assert str(expected[4]) == str(given[4])
        ended += int(expected[3].all())
        assert str(together.get_state()) == str(apart.get_state())
    assert ended > 0
    together.close()
    apart.close()


def test_going_apart_in_the_middle_of_episodes_changes_nothing(three: SignalVectorEnv) -> None:
    other = make_signal_vec(SignalConfig(**SHORT), PRESETS["delay"], 3)
    for envs in (three, other):
        envs.reset(seed=2)
        for action in range(5):
            envs.step(np.full(3, action % 4))
    other.set_apart()
    for action in range(8):
        expected, given = three.step(np.full(3, action % 4)), other.step(np.full(3, action % 4))
        assert np.array_equal(expected[0], given[0])
        assert np.array_equal(expected[1], given[1])
    other.close()
