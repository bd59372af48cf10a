"""Imitation first, then reinforcement learning: what an actor-critic takes over from a clone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_tasks import Corridor, short, trained

from sandbox.api import MisfitError
from sandbox.backends.actors.policy import ActorPolicy

SEEN = spaces.Box(np.array([0.0, -50.0, 3.0]), np.array([1.0, 50.0, 4.0]), dtype=np.float64)
ACTIONS = {
    "choice": spaces.Discrete(3, start=2),
    "choices": spaces.MultiDiscrete([2, 4]),
    "bits": spaces.MultiBinary(3),
    "numbers": spaces.Box(np.array([-1.0, 0.0], np.float32), np.array([1.0, 10.0], np.float32)),
}
STILL = {"learning_rate": 1e-30, "log_std_init": -3.0}


def clone(folder: Path, actions: spaces.Space[Any], **changes: Any) -> ActorPolicy:
    """A saved clone whose actions depend on all that it sees."""
    torch.manual_seed(1)
    settings = {"net_arch": [8, 8], "activation": "tanh", "log_std": -7.0, "normalize": True} | changes
    observations = settings.pop("observations", SEEN)
    policy = ActorPolicy("bc", observations, actions, stochastic=False, **settings)
    with torch.no_grad():
        for parameter in policy.actor.net.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    if policy.normaliser is not None:
        policy.normaliser.update(batch(300))
    policy.save(folder)
    return policy


def batch(number: int) -> Any:
    """Observations of the whole range."""
    return np.random.default_rng(number).uniform(SEEN.low, SEEN.high, (number, 3)).astype(np.float32)


def start(name: str, folder: Path, actions: spaces.Space[Any], **hyperparameters: Any) -> Any:
    """What an algorithm makes of it when it cannot learn."""
    settings = {**short(name), "net_arch": [8, 8], **STILL, **hyperparameters}
    if name == "trpo":
        settings["target_kl"] = 1e-30
    if name == "maskable-ppo":
        del settings["log_std_init"]
    observations = spaces.Box(SEEN.low.astype(np.float32), SEEN.high.astype(np.float32))
    make = lambda: Corridor(action_space=actions, observation_space=observations)  # noqa: E731
    return trained(name, make, settings, steps=16, initial=folder)


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("kind", ACTIONS)
@pytest.mark.parametrize("layers", [[8, 8], []])
def test_ppo_begins_with_the_actions_of_a_clone(
    kind: str, normalised: bool, layers: list[int], tmp_path: Path
) -> None:
    expected = clone(tmp_path, ACTIONS[kind], net_arch=layers)
    # Statistics that go on would move a little with what is seen: fixed by a count that outweighs it.
    expected.normaliser.count = 1e12
    expected.save(tmp_path)
    policy = start("ppo", tmp_path, ACTIONS[kind], normalize_observation=normalised, net_arch=layers)
    seen = batch(200)
    wanted, given = expected.act(seen), policy.act(seen)
    assert len(np.unique(wanted, axis=0)) > 1
    if kind == "numbers":
        assert given == pytest.approx(wanted, abs=1e-3)
    else:
        assert np.mean(given == wanted) > 0.99  # two values may be equal up to rounding


@pytest.mark.parametrize("name", ["a2c", "trpo", "maskable-ppo"])
def test_so_do_the_other_actor_critics(name: str, tmp_path: Path) -> None:
    expected = clone(tmp_path, ACTIONS["choice"])
    policy = start(name, tmp_path, ACTIONS["choice"], normalize_observation=False)
    assert np.mean(policy.act(batch(200)) == expected.act(batch(200))) > 0.99


def test_the_spread_of_exploration_is_asked_for_and_not_the_clones(tmp_path: Path) -> None:
    clone(tmp_path, ACTIONS["numbers"])
    policy = start("ppo", tmp_path, ACTIONS["numbers"], normalize_observation=False)
    assert policy.policy.log_std.tolist() == pytest.approx([-3.0, -3.0])


def test_the_core_begins_where_sb3_does(tmp_path: Path) -> None:
    clone(tmp_path, ACTIONS["numbers"])
    fast, plain = (
        start("ppo", tmp_path, ACTIONS["numbers"], normalize_observation=False, backend=backend)
        for backend in ("fast", "sb3")
    )
    assert fast.act(batch(50)) == pytest.approx(plain.act(batch(50)), abs=1e-5)


@pytest.mark.parametrize(
    ("name", "changes", "hyperparameters", "words"),
    [
        ("ppo", {"net_arch": [8]}, {}, r"mlp_extractor.policy_net.2.weight: 8 × 8 is needed"),
        ("ppo", {"activation": "relu"}, {}, "has the activation relu, here it would be tanh"),
        ("ppo", {"normalize": False}, {"normalize_observation": True}, "trained on plain observations"),
        ("dqn", {}, {}, "From it start ppo, a2c, trpo and maskable-ppo"),
        ("recurrent-ppo", {}, {}, r"is needed"),
    ],
)
def test_a_clone_that_does_not_fit_is_refused(
    name: str, changes: dict[str, Any], hyperparameters: dict[str, Any], words: str, tmp_path: Path
) -> None:
    clone(tmp_path, ACTIONS["choice"], **changes)
    hyperparameters = {"normalize_observation": False} | hyperparameters
    settings = short(name) | {"net_arch": [8, 8], "learning_rate": 1e-30} | hyperparameters
    observations = spaces.Box(SEEN.low.astype(np.float32), SEEN.high.astype(np.float32))
    with pytest.raises(MisfitError, match=words):
        trained(
            name,
            lambda: Corridor(action_space=ACTIONS["choice"], observation_space=observations),
            settings,
            steps=16,
            initial=tmp_path,
        )
