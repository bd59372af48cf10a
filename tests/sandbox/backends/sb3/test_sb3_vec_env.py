"""Ends of episodes, masks, buffers and agents that leave, as Stable-Baselines3 must see them."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import stable_baselines3 as sb3
from gymnasium import spaces
from gymnasium.vector import AsyncVectorEnv, AutoresetMode
from sb3_tasks import Corridor, vector
from stable_baselines3.common.vec_env import DummyVecEnv

from sandbox.api import MisfitError, PluginError
from sandbox.backends.sb3.vec_env import VecEnvAdapter

SAME, DISABLED = AutoresetMode.SAME_STEP, AutoresetMode.DISABLED


def play(envs: Any, actions: list[Any], masks: bool = False) -> list[Any]:
    adapter = VecEnvAdapter(envs, masks)
    adapter.reset()
    return [adapter.step(np.array(action)) for action in actions]


@pytest.mark.parametrize("mode", [SAME, DISABLED])
@pytest.mark.parametrize("truncate", [False, True])
def test_the_last_observation_and_the_kind_of_end_are_distinguished(
    mode: AutoresetMode, truncate: bool
) -> None:
    steps = play(vector(lambda: Corridor(2, truncate), 2, mode), [[0, 0]] * 3)
    observation, reward, done, infos = steps[1]
    assert done.tolist() == [True, True]
    assert reward.tolist() == [1, 1]
    assert observation.tolist() == [[0], [0]]  # of the next episode already
    assert infos[0]["terminal_observation"].tolist() == [2]
    assert infos[0]["TimeLimit.truncated"] is truncate
    assert (infos[0]["episode"]["r"], infos[0]["episode"]["l"]) == (2.0, 2)
    assert steps[2][0].tolist() == [[1], [1]]
    assert steps[2][3] == [{}, {}]


def test_an_end_that_is_both_counts_as_finished() -> None:
    class Both(Corridor):
        def step(self, action: Any) -> Any:
            observation, reward, *_, info = super().step(action)
            return observation, reward, True, True, info

    _, _, _, infos = play(vector(Both, 1), [[0]])[0]
    assert infos[0]["TimeLimit.truncated"] is False


@pytest.mark.parametrize("mode", [SAME, DISABLED])
def test_rows_end_on_their_own(mode: AutoresetMode) -> None:
    class Uneven(Corridor):
        made = 0

        def __init__(self) -> None:
            Uneven.made += 1
            super().__init__(2 + Uneven.made % 2, action_space=spaces.Discrete(2))

    steps = play(vector(Uneven, 2, mode), [[0, 0]] * 6)
    lengths = [steps[1][3], steps[2][3]]
    ended = [[row for row, info in enumerate(infos) if info] for infos in lengths]
    assert sorted(row for rows in ended for row in rows) == [0, 1]
    assert sum(len(step[3][row]) > 0 for step in steps for row in (0, 1)) == 5  # 6/2 + 6/3
    for observation, _, done, _ in steps:
        assert (observation[done] == 0).all()
        assert (observation[~done] > 0).all()


def test_what_sb3_keeps_is_not_overwritten_by_the_next_step() -> None:
    adapter = VecEnvAdapter(vector(lambda: Corridor(9), 2))
    adapter.envs.copy = False  # the environment writes every observation into the same memory
    first = adapter.reset()
    second, reward, *_ = adapter.step(np.array([0, 0]))
    adapter.step(np.array([0, 0]))
    assert (first.tolist(), second.tolist(), reward.tolist()) == ([[0], [0]], [[1], [1]], [1, 1])


def test_next_step_autoreset_is_refused_in_a_sentence() -> None:
    with pytest.raises(MisfitError, match=r"autoreset mode is AutoresetMode\.NEXT_STEP"):
        VecEnvAdapter(vector(Corridor, 1, AutoresetMode.NEXT_STEP))


def test_an_environment_that_hides_its_last_observation_is_reported() -> None:
    envs = vector(lambda: Corridor(1), 1)
    step = envs.step
    envs.step = lambda actions: (*step(actions)[:4], {})
    with pytest.raises(PluginError, match="final_obs"):
        play(envs, [[0]])


def test_worker_processes_are_adapted_alike() -> None:
    envs = AsyncVectorEnv([lambda: gym.make("CartPole-v1")] * 2, autoreset_mode=SAME)
    try:
        adapter = VecEnvAdapter(envs)
        envs.reset(seed=0)
        lengths = np.zeros(2)
        for _ in range(60):
            _, _, done, infos = adapter.step(np.array([1, 1]))
            lengths += 1
            for row in np.flatnonzero(done):
                pole = infos[row]["terminal_observation"]
                assert abs(pole[2]) > 0.2095 or abs(pole[0]) > 2.4
                assert infos[row]["episode"]["l"] == lengths[row]
                lengths[row] = 0
    finally:
        envs.close()


def test_float64_observations_become_float32_and_choices_start_at_zero() -> None:
    space = spaces.Dict(
        {
            "x": spaces.Box(-1, 1, (2,), np.float64),
            "phase": spaces.Discrete(3, start=5),
            "image": spaces.Box(0, 255, (4, 4, 3), np.uint8),
        }
    )
    envs = vector(lambda: Corridor(2, observation_space=space, action_space=spaces.Discrete(3, start=-1)), 2)
    adapter = VecEnvAdapter(envs)
    assert adapter.observation_space["x"].dtype == np.float32
    assert adapter.observation_space["phase"] == spaces.Discrete(3)
    assert adapter.observation_space["image"] == space["image"]
    assert adapter.action_space == spaces.Discrete(3)
    observations = [adapter.reset()]
    for _ in range(4):
        observation, _, done, infos = adapter.step(np.array([0, 2]))
        observations.append(observation)
        if done[0]:
            assert adapter.observation_space.contains(
                {**infos[0]["terminal_observation"], "phase": int(infos[0]["terminal_observation"]["phase"])}
            )
    assert all(set(observation["phase"]) <= {0, 1, 2} for observation in observations)
    assert all(observation["x"].dtype == np.float32 for observation in observations)
    assert set(envs.envs[0].taken) == {-1}
    assert set(envs.envs[1].taken) == {1}


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(-np.inf, np.inf, (2,)),
        spaces.Box(0, 5, (2,), np.int64),
        spaces.MultiDiscrete([[2, 2], [3, 3]]),
        spaces.MultiBinary((2, 2)),
        spaces.Tuple([spaces.Discrete(2)]),
    ],
)
def test_actions_that_sb3_cannot_take_are_a_misfit(space: Any) -> None:
    with pytest.raises(MisfitError, match="Stable-Baselines3"):
        VecEnvAdapter(vector(lambda: Corridor(action_space=space), 1))


@pytest.mark.parametrize(
    "space",
    [
        spaces.Tuple([spaces.Discrete(2)]),
        spaces.Dict({"a": spaces.Dict({"b": spaces.Discrete(2)})}),
        spaces.MultiDiscrete([[2, 2], [3, 3]]),
    ],
)
def test_observations_that_sb3_cannot_take_are_a_misfit(space: Any) -> None:
    with pytest.raises(MisfitError, match="Stable-Baselines3"):
        VecEnvAdapter(vector(lambda: Corridor(observation_space=space), 1))


@pytest.mark.parametrize("mode", [SAME, DISABLED])
def test_masks_are_those_of_the_observation_to_act_on(mode: AutoresetMode) -> None:
    envs = vector(lambda: Corridor(2, action_space=spaces.Discrete(4), masked=True), 3, mode)
    adapter = VecEnvAdapter(envs, masks=True)
    assert adapter.has_attr("action_masks")
    adapter.reset()
    for _ in range(7):
        masks = np.stack(adapter.env_method("action_masks"))
        assert (masks == np.stack([env.mask for env in envs.envs])).all()
        adapter.step(masks.argmax(axis=1))
    assert sum(env.forbidden_taken for env in envs.envs) == 0


def test_a_task_that_promises_masks_and_gives_none_is_reported() -> None:
    with pytest.raises(PluginError, match="no 'action_mask'"):
        VecEnvAdapter(vector(Corridor, 1), masks=True).reset()
    assert not VecEnvAdapter(vector(Corridor, 1)).has_attr("action_masks")


class Leaving(gym.vector.VectorEnv[Any, Any, Any]):
    """Two agents for four steps; the second leaves after one and comes back with the next episode."""

    metadata = {"autoreset_mode": SAME}  # noqa: RUF012

    def __init__(self) -> None:
        self.num_envs = 2
        self.single_observation_space = spaces.Box(0, 9, (1,))
        self.single_action_space = spaces.Discrete(2)

    def reset(self, **_: Any) -> Any:
        self.steps = 0
        return np.zeros((2, 1), np.float32), {"active": np.array([True, True])}

    def step(self, actions: Any) -> Any:
        self.steps += 1
        there = np.array([True, self.steps < 1])
        observation = np.full((2, 1), self.steps, np.float32) * there[:, None]
        terminated = np.array([self.steps == 4, self.steps == 1])
        info: dict[str, Any] = {"active": there, "final_obs": observation.copy()}
        if self.steps == 4:
            observation, info["active"] = self.reset()[0], np.array([True, True])
        return observation, np.array([1.0, 1.0]), terminated, np.array([False, False]), info


def test_steps_of_an_agent_that_has_left_belong_to_no_episode() -> None:
    steps = play(Leaving(), [[0, 0]] * 8)
    assert [step[2].tolist() for step in steps[:4]] == [
        [False, True],
        [False, False],
        [False, False],
        [True, True],
    ]
    assert (steps[0][3][1]["episode"]["r"], steps[0][3][1]["episode"]["l"]) == (1, 1)
    assert steps[3][3][1] == {}  # it was away: the end of the others' episode is none of its own
    assert (steps[3][3][0]["episode"]["l"], steps[4][3][1]["episode"]["l"]) == (4, 1)


def values_of(truncate: bool) -> tuple[Any, Any]:
    """SB3's rollout of two episodes of two steps, with a value function that says 10 · observation."""
    envs = VecEnvAdapter(vector(lambda: Corridor(2, truncate), 1))
    model = sb3.PPO(
        "MlpPolicy", envs, n_steps=4, batch_size=4, gamma=0.5, gae_lambda=1.0, device="cpu", seed=0
    )
    model.policy.predict_values = lambda observation: 10 * observation.reshape(-1, 1)
    forward = model.policy.forward
    model.policy.forward = lambda observation: (  # type: ignore[method-assign]
        forward(observation)[0],
        10 * observation.reshape(-1, 1),
        forward(observation)[2],
    )
    model._setup_learn(4)
    model.collect_rollouts(envs, model._init_callback(None), model.rollout_buffer, 4)
    return model.rollout_buffer.rewards.ravel(), model.rollout_buffer.returns.ravel()


def test_a_time_limit_bootstraps_from_the_last_observation() -> None:
    rewards, returns = values_of(truncate=True)
    # The last observation is 2, so its value is 20; half of it is added to the reward of the last step.
    assert rewards.tolist() == [1, 11, 1, 11]
    assert returns.tolist() == [1 + 0.5 * 11, 11, 1 + 0.5 * 11, 11]


def test_the_end_of_the_process_does_not_bootstrap() -> None:
    rewards, returns = values_of(truncate=False)
    assert rewards.tolist() == [1, 1, 1, 1]
    assert returns.tolist() == [1.5, 1, 1.5, 1]


@pytest.mark.parametrize(("truncate", "stored"), [(True, [0, 0, 0, 0]), (False, [0, 1, 0, 1])])
def test_q_learning_targets_stop_only_where_the_process_ends(truncate: bool, stored: list[int]) -> None:
    model = sb3.DQN(
        "MlpPolicy", VecEnvAdapter(vector(lambda: Corridor(2, truncate), 1)), buffer_size=4, seed=0
    )
    model.learn(4)
    buffer = model.replay_buffer
    assert buffer is not None
    assert (buffer.dones * (1 - buffer.timeouts)).ravel().tolist() == stored
    assert buffer.observations.ravel().tolist() == [0, 1, 0, 1]
    assert buffer.next_observations.ravel().tolist() == [1, 2, 1, 2]


def test_every_step_is_that_of_sb3s_own_vector_environment() -> None:
    def make() -> Any:
        return gym.wrappers.TimeLimit(gym.make("CartPole-v1"), 15)

    ours, theirs = VecEnvAdapter(vector(make, 3, seed=5)), DummyVecEnv([make] * 3)
    theirs.seed(5)
    assert (ours.reset() == theirs.reset()).all()
    generator = np.random.default_rng(0)
    ends = set()
    for _ in range(200):
        actions = generator.integers(2, size=3)
        mine, other = ours.step(actions), theirs.step(actions)
        for value, expected in zip(mine[:3], other[:3], strict=True):
            assert value.dtype == expected.dtype
            assert (value == expected).all()
        for row in np.flatnonzero(mine[2]):
            assert (mine[3][row]["terminal_observation"] == other[3][row]["terminal_observation"]).all()
            assert mine[3][row]["TimeLimit.truncated"] == other[3][row]["TimeLimit.truncated"]
            ends.add(mine[3][row]["TimeLimit.truncated"])
    assert ends == {True, False}
