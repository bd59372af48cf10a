"""Parameter sharing: rows carry each agent's own reward, mask and ending."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from pettingzoo import ParallelEnv

from sandbox.api.errors import MisfitError
from sandbox.envs.make import make_vec
from sandbox.envs.multiagent import JointEnv, padded
from sandbox.envs.single import EnvFactory
from sandbox.scenarios.resolve import load_scenario


class Scripted(ParallelEnv[str, Any, int]):
    """``a`` leaves by itself after one step, ``b`` after two; ``c`` stays until the limit of three."""

    metadata = {"name": "scripted", "render_modes": []}  # noqa: RUF012 - PettingZoo's convention
    sizes = {"a": 2, "b": 3, "c": 4}  # noqa: RUF012

    def __init__(self) -> None:
        self.possible_agents = list(self.sizes)
        self.agents: list[str] = []
        self.render_mode = None
        self.received: list[dict[str, int]] = []

    def observation_space(self, agent: str) -> gym.Space[Any]:
        return gym.spaces.Box(0.0, 100.0, (self.sizes[agent],), np.float32)

    def action_space(self, agent: str) -> gym.Space[Any]:
        return gym.spaces.Discrete(self.sizes[agent])

    def reset(self, seed: int | None = None, options: Any = None) -> Any:
        self.agents, self.count = self.possible_agents[:], 0
        return {agent: self._observe(agent) for agent in self.agents}, {agent: {} for agent in self.agents}

    def step(self, actions: dict[str, int]) -> Any:
        self.received.append(dict(actions))
        acting = self.agents
        self.count += 1
        leaving = {1: "a", 2: "b"}.get(self.count)
        terminated = {agent: agent == leaving for agent in acting}
        truncated = {agent: self.count == 3 and not terminated[agent] for agent in acting}
        rewards = {agent: float(10 * self.count + self.possible_agents.index(agent)) for agent in acting}
        self.agents = [agent for agent in acting if not (terminated[agent] or truncated[agent])]
        infos: dict[str, Any] = {agent: {"reward_terms": {"r": rewards[agent]}} for agent in acting}
        if not self.agents:
            infos["c"]["metrics"] = {"done": 1.0}
        return {agent: self._observe(agent) for agent in acting}, rewards, terminated, truncated, infos

    def _observe(self, agent: str) -> Any:
        return np.full(self.sizes[agent], 10 * self.count + self.possible_agents.index(agent), np.float32)


def test_observations_are_padded_with_zeros_and_actions_masked() -> None:
    env = JointEnv(Scripted())
    observation, info = env.reset(seed=0)
    np.testing.assert_array_equal(observation[1], [1, 1, 1, 0])
    np.testing.assert_array_equal(
        info["action_mask"], [[True, True, False, False], [True, True, True, False], [True] * 4]
    )


def test_rewards_and_endings_belong_to_the_agent_and_absent_agents_get_no_action() -> None:
    env = JointEnv(Scripted())
    env.reset(seed=0)
    _, total, terminated, truncated, info = env.step(np.array([1, 2, 3]))
    assert (total, terminated, truncated) == (10 + 11 + 12, False, False)
    np.testing.assert_array_equal(info["agent_terminated"], [True, False, False])
    np.testing.assert_array_equal(info["active"], [False, True, True])
    _, total, _, _, info = env.step(np.array([1, 2, 3]))
    assert total == 21 + 22
    assert env.parallel.received[-1] == {"b": 2, "c": 3}
    np.testing.assert_array_equal(info["acted"], [False, True, True])
    observation, _, terminated, truncated, info = env.step(np.array([0, 0, 0]))
    assert (terminated, truncated) == (False, True), "the last agent ran into the limit"
    np.testing.assert_array_equal(info["agent_truncated"], [False, False, True])
    np.testing.assert_array_equal(observation[0], 0.0)
    assert info["metrics"] == {"done": 1.0}


def test_spaces_that_cannot_be_padded_are_refused() -> None:
    class Mixed(Scripted):
        def action_space(self, agent: str) -> gym.Space[Any]:
            return gym.spaces.Discrete(2) if agent == "a" else gym.spaces.Box(0, 1, (1,), np.float32)

    with pytest.raises(MisfitError, match="share one policy"):
        padded(Mixed())


def test_rows_keep_each_agents_ending_and_true_last_observation() -> None:
    from gymnasium.vector import AutoresetMode, SyncVectorEnv

    from sandbox.envs.multiagent import Rows

    def factory() -> JointEnv:
        return JointEnv(Scripted())

    rows = Rows(SyncVectorEnv([factory] * 2, autoreset_mode=AutoresetMode.SAME_STEP), factory)
    assert rows.num_envs == 6
    rows.reset(seed=0)
    actions = np.zeros(6, int)

    _, reward, terminated, truncated, info = rows.step(actions)
    np.testing.assert_array_equal(reward, [10, 11, 12] * 2)
    np.testing.assert_array_equal(terminated, [True, False, False] * 2)
    np.testing.assert_array_equal(info["final_obs"][0], [10, 10, 0, 0])
    np.testing.assert_array_equal(info["active"], [False, True, True] * 2)

    _, reward, terminated, _, info = rows.step(actions)
    np.testing.assert_array_equal(reward, [0, 21, 22] * 2)
    np.testing.assert_array_equal(terminated, [False, True, False] * 2)

    observation, reward, terminated, truncated, info = rows.step(actions)
    np.testing.assert_array_equal(reward, [0, 0, 32] * 2)
    np.testing.assert_array_equal(truncated, [False, False, True] * 2)
    np.testing.assert_array_equal(terminated, [True, True, False] * 2)
    np.testing.assert_array_equal(info["final_obs"][2], [32, 32, 32, 32])
    np.testing.assert_array_equal(observation[2], [2, 2, 2, 2])
    np.testing.assert_array_equal(info["active"], [True] * 6)
    np.testing.assert_array_equal(info["acted"], [False, False, True] * 2)
    np.testing.assert_array_equal(info["final_info"]["_metrics"], [True, False, False] * 2)


def test_masks_of_the_toy_task_reach_the_rows_and_keep_padded_actions_out(toys: None) -> None:
    envs: Any = make_vec("toy/tag", 2)
    try:
        _, info = envs.reset(seed=3)
        mask = info["action_mask"]
        assert mask.shape == (6, 7)
        assert not mask[0, 3:].any(), "the walker has three actions"
        assert not mask[1, 5:].any(), "the runner has five"
        rng = np.random.default_rng(0)
        for _ in range(120):
            mask = info["action_mask"]
            assert mask.any(axis=1).all(), "every row can always do something"
            _, _, _, _, info = envs.step(np.array([rng.choice(np.flatnonzero(row)) for row in mask]))
    finally:
        envs.close()


def test_a_copy_of_the_factory_can_be_sent_to_a_worker(toys: None) -> None:
    import pickle

    factory = pickle.loads(pickle.dumps(EnvFactory(load_scenario("toy/tag"))))  # noqa: S301 - our own bytes
    env = factory()
    assert isinstance(env, JointEnv)
    env.close()
