"""Adversarial imitation: the discriminator's optimum, and experts that are known exactly."""

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch

import sandbox
from sandbox.backends.actors.distributions import distribution_for
from sandbox.backends.actors.plain import load
from sandbox.backends.imitation.config import GailConfig
from sandbox.backends.imitation.discriminator import Discriminator, action_features, feature_size
from sandbox.registry.discover import registry
from sandbox.training.train import train

TOYS = Path(__file__).parents[3] / "toys" / "plugin.py"


@pytest.fixture(autouse=True)
def toys(monkeypatch, tmp_path):
    """The toy tasks, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SANDBOX_PLUGINS", str(TOYS))
    registry.cache_clear()
    yield
    registry.cache_clear()


STOCKS = np.arange(2, 6, dtype=np.float32)[:, None] / 5
FILLED = 5 - np.arange(2, 6)
ROOM = np.arange(6) <= FILLED[:, None]
"""What the expert `fill` orders for each stock that a full shelf comes to, whatever that earns."""


def records(episodes):
    """An .npz file in which the shelf is filled every evening; demand is 0 to 3."""
    rng, length = np.random.default_rng(0), 50
    stock = 5 - rng.choice(4, (episodes, length + 1), p=[0.3, 0.4, 0.2, 0.1])
    np.savez(
        "records.npz",
        observations=(stock / 5).astype(np.float32).reshape(-1, 1),
        actions=5 - stock[:, :-1].ravel(),
        rewards=np.zeros(episodes * length),
        terminated=np.zeros(episodes * length, bool),
        truncated=np.tile(np.arange(length) == length - 1, episodes),
        lengths=np.full(episodes, length),
    )
    return Path("records.npz")


def test_at_its_optimum_the_reward_is_the_logarithm_of_how_much_more_often_the_expert_does_it():
    # One state, two actions: the expert takes the first in 3 of 4 steps, the learner in 1 of 4. D* is
    # p/(p + q), so log D - log(1 - D) is log 3 and -log 3.
    torch.manual_seed(0)
    config = GailConfig(gradient_penalty=0, discriminator_learning_rate=0.05, discriminator_net_arch=[])
    discriminator = Discriminator(2, config)
    often, seldom = (torch.eye(2)[torch.tensor([0] * n + [1] * (4 - n))] for n in (3, 1))
    for _ in range(300):
        discriminator.update(often, seldom, torch.zeros(4, 1))
    assert discriminator.reward(torch.eye(2)) == pytest.approx([np.log(3), -np.log(3)], abs=0.01)
    original = Discriminator(2, config.model_copy(update={"reward": "gail"}))
    original.set_state(discriminator.get_state())
    assert original.reward(torch.eye(2)) == pytest.approx([np.log(4), np.log(4 / 3)], abs=0.01)


def test_the_penalty_keeps_slopes_near_1():
    torch.manual_seed(0)
    expert, learner = torch.full((64, 1), 0.01), torch.zeros(64, 1)
    between = torch.linspace(0, 1, 64)[:, None]
    slopes = []
    for weight in (0.0, 10.0):
        config = GailConfig(
            gradient_penalty=weight, discriminator_net_arch=[], discriminator_learning_rate=0.02
        )
        discriminator = Discriminator(1, config)
        for _ in range(500):
            discriminator.update(expert, learner, between)
        slopes.append(abs(discriminator.net[0].weight.item()))
    assert slopes[0] > 2
    assert slopes[1] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("space", "raw", "features"),
    [
        (gym.spaces.Discrete(3, start=5), [[2]], [[0, 0, 1]]),
        (gym.spaces.MultiDiscrete([2, 3]), [[1, 0]], [[0, 1, 1, 0, 0]]),
        (gym.spaces.MultiBinary(2), [[1, 0]], [[1, 0]]),
        (gym.spaces.Box(np.float32([2, -1]), np.float32([4, 1])), [[0.5, 7.0]], [[0.5, 1.0]]),
    ],
    ids=["Discrete", "MultiDiscrete", "MultiBinary", "Box"],
)
def test_the_discriminator_sees_actions_as_the_environment_does(space, raw, features):
    distribution = distribution_for(space)
    dtype = np.float64 if isinstance(space, gym.spaces.Box) else np.int64
    seen = action_features(distribution, np.array(raw, dtype))
    assert seen == pytest.approx(np.array(features))
    assert seen.shape[1] == feature_size(distribution)


def test_records_are_enough_and_the_reward_of_the_task_is_not_used():
    data = records(20)
    # A reward that is turned round would teach the opposite to an algorithm that looked at it.
    run = train("toy/shelf", "gail", data=data, steps=12_000, num_envs=8)
    turned = train(
        "toy/shelf",
        "gail",
        data=data,
        steps=12_000,
        num_envs=8,
        runs_dir=Path("turned"),
        reward=("sold=-3", "ordered=1"),
    )
    for ours, theirs in zip(run.policy.actor.parameters(), turned.policy.actor.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert run.policy.act(STOCKS, ROOM).tolist() == FILLED.tolist()


def test_continuous_actions_are_passed_for():
    hp = {"n_steps": 32, "log_std_init": -1.5}
    run = train("toy/regulator", "gail", expert="optimal", steps=30_000, num_envs=16, hp=hp)
    table = sandbox.evaluate([run, "optimal", "random"], "toy/regulator", episodes=20)
    mine, best, luck = (float(np.mean(table.values(name))) for name in ("gail", "optimal", "random"))
    assert mine < best + 0.01 * (luck - best)


def test_masked_actions_are_never_taken():
    run = train("toy/forage", "gail", expert="greedy", steps=1_500, num_envs=4)
    table = sandbox.evaluate([run], "toy/forage", episodes=10)
    assert np.sum(table.values("gail", metric="forbidden")) == 0


def test_it_goes_on_from_a_clone_and_is_saved_without_pickle(tmp_path):
    data = records(5)
    clone = train("toy/shelf", "bc", data=data, steps=200)
    run = train("toy/shelf", "gail", data=data, steps=256, num_envs=2, init_from=str(clone.path))
    run.policy.save(tmp_path / "saved")
    files = {path.suffix for path in (tmp_path / "saved").iterdir()}
    assert files == {".json", ".safetensors", ".npz"}
    seen = np.random.default_rng(1).random((30, *run.policy.observation_space.shape), np.float32)
    again = load(tmp_path / "saved")
    assert again.algorithm == "gail"
    assert again.act(seen).tolist() == run.policy.act(seen).tolist()
