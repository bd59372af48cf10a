"""Training through the adapter gives, bit for bit, the weights that bare Stable-Baselines3 gives."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import pytest
import sb3_contrib as contrib
import stable_baselines3 as sb3
import torch
from sb3_tasks import Corridor, trained
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

CASES: list[Any] = [
    ("ppo", sb3.PPO, "CartPole-v1", {"n_steps": 64, "batch_size": 32, "n_epochs": 3}, 512, 2),
    ("ppo", sb3.PPO, "Pendulum-v1", {"n_steps": 128, "batch_size": 64, "clip_range_vf": 0.3}, 512, 2),
    ("a2c", sb3.A2C, "CartPole-v1", {}, 400, 4),
    ("dqn", sb3.DQN, "CartPole-v1", {"target_update_interval": 50, "exploration_fraction": 0.5}, 600, 1),
    ("dqn", sb3.DQN, "CartPole-v1", {"buffer_size": 128, "n_steps": 3}, 600, 2),
    ("sac", sb3.SAC, "Pendulum-v1", {"batch_size": 32, "ent_coef": "auto_0.1"}, 500, 2),
    ("td3", sb3.TD3, "Pendulum-v1", {"batch_size": 32}, 300, 1),
    ("qr-dqn", contrib.QRDQN, "CartPole-v1", {"batch_size": 16}, 300, 2),
    ("trpo", contrib.TRPO, "CartPole-v1", {"n_steps": 64, "batch_size": 32}, 256, 2),
]


def bare(algorithm: Any, make: Any, hyperparameters: dict[str, Any], steps: int, rows: int) -> Any:
    model = algorithm("MlpPolicy", DummyVecEnv([make] * rows), seed=0, device="cpu", **hyperparameters)
    return model.learn(steps)


def assert_same_weights(policy: Any, model: Any) -> None:
    ours, theirs = policy.policy.state_dict(), model.policy.state_dict()
    assert list(ours) == list(theirs)
    for name in theirs:
        assert torch.equal(ours[name], theirs[name]), name


@pytest.mark.parametrize(("name", "algorithm", "task", "hyperparameters", "steps", "rows"), CASES)
def test_the_weights_are_those_of_bare_sb3(
    name: str, algorithm: Any, task: str, hyperparameters: dict[str, Any], steps: int, rows: int
) -> None:
    def make() -> gym.Env[Any, Any]:
        return gym.make(task)

    policy = trained(name, make, hyperparameters, steps=steps, rows=rows)
    assert_same_weights(policy, bare(algorithm, make, hyperparameters, steps, rows))


@pytest.mark.parametrize("truncate", [False, True])
@pytest.mark.parametrize(("name", "algorithm"), [("ppo", sb3.PPO), ("dqn", sb3.DQN)])
def test_the_weights_are_the_same_whether_episodes_are_cut_off_or_finish(
    name: str, algorithm: Any, truncate: bool
) -> None:
    def make() -> gym.Env[Any, Any]:
        return Corridor(3, truncate)

    hyperparameters = {"ppo": {"n_steps": 32, "batch_size": 16}, "dqn": {"learning_starts": 10}}[name]
    policy = trained(name, make, hyperparameters, steps=128, rows=2)
    assert_same_weights(policy, bare(algorithm, make, hyperparameters, 128, 2))


@pytest.mark.parametrize(("name", "algorithm"), [("ppo", sb3.PPO), ("sac", sb3.SAC)])
def test_normalised_training_is_vec_normalize(name: str, algorithm: Any) -> None:
    def make() -> gym.Env[Any, Any]:
        return gym.make("Pendulum-v1")

    hyperparameters = {"ppo": {"n_steps": 64, "batch_size": 32}, "sac": {"batch_size": 16}}[name]
    env = VecNormalize(DummyVecEnv([make] * 2), gamma=0.9)
    model = algorithm("MlpPolicy", env, seed=0, device="cpu", gamma=0.9, **hyperparameters).learn(300)
    normalised = {"normalize_observation": True, "normalize_reward": True, "gamma": 0.9}
    policy = trained(name, make, hyperparameters | normalised, steps=300, rows=2)
    assert_same_weights(policy, model)
    assert policy.normaliser is not None
    statistics = policy.normaliser.statistics[""]
    assert (statistics.mean == env.obs_rms.mean).all()
    assert (statistics.var == env.obs_rms.var).all()
    raw = make().observation_space.sample()[None]
    theirs, _ = model.predict(env.normalize_obs(raw), deterministic=True)
    assert (policy.act(raw) == theirs).all()


def test_linear_schedules_are_sb3s() -> None:
    def make() -> gym.Env[Any, Any]:
        return gym.make("CartPole-v1")

    common: dict[str, Any] = {"n_steps": 64, "batch_size": 32}
    linear = {"learning_rate_schedule": "linear", "clip_range_schedule": "linear"}
    policy = trained("ppo", make, common | linear, steps=384, rows=2)
    schedules = {"learning_rate": lambda left: left * 3e-4, "clip_range": lambda left: left * 0.2}
    assert_same_weights(policy, bare(sb3.PPO, make, common | schedules, 384, 2))


def test_the_entropy_bonus_falls_with_the_share_of_the_training_that_remains() -> None:
    class Falling(sb3.PPO):
        def train(self) -> None:
            self.ent_coef = 0.1 * self._current_progress_remaining
            super().train()

    def make() -> gym.Env[Any, Any]:
        return gym.make("CartPole-v1")

    common: dict[str, Any] = {"n_steps": 64, "batch_size": 32, "ent_coef": 0.1}
    policy = trained("ppo", make, common | {"ent_coef_schedule": "linear"}, steps=384, rows=2)
    assert_same_weights(policy, bare(Falling, make, common, 384, 2))


def test_training_twice_with_one_seed_gives_the_same_and_with_another_does_not() -> None:
    def make() -> gym.Env[Any, Any]:
        return gym.make("CartPole-v1")

    first, second, other = (trained("ppo", make, seed=seed).policy.state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)
