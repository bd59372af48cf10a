"""RLlib's PPO: what it trains is played without Ray, and playing in other processes counts alike.

Training needs the extra ``rllib``, which has an environment of its own; what it leaves does not.
"""

from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from sandbox.api.errors import DamagedRunError, MissingExtraError
from sandbox.backends.rllib.config import RllibPPOConfig
from sandbox.backends.rllib.flat_envs import FlatEnvs, raw_actions
from sandbox.backends.rllib.policy import load, new_policy
from sandbox.envs.remote import TrainingEnvs
from sandbox.registry.discover import registry
from sandbox.registry.resolve import missing_modules, require
from sandbox.scenarios.given import as_scenario
from sandbox.training.train import train

needs_rllib = pytest.mark.skipif(
    bool(missing_modules(("ray", "tree"))), reason="needs the extra rllib, in an environment of its own"
)


def _policy(action_space: gym.Space) -> object:
    return new_policy(gym.spaces.Box(-1, 1, (3,), np.float32), action_space, RllibPPOConfig(net_arch=[8]))


@pytest.mark.parametrize(
    "space",
    [
        gym.spaces.Discrete(4, start=2),
        gym.spaces.MultiDiscrete([2, 3]),
        gym.spaces.Box(np.float32([0, -5]), np.float32([10, 5])),
    ],
)
def test_a_saved_policy_acts_as_before_and_needs_no_ray(space: gym.Space, tmp_path: Path) -> None:
    policy = _policy(space)
    policy.normaliser.update(np.random.default_rng(0).normal(3, 2, (100, 3)))
    policy.save(tmp_path)
    again = load(tmp_path)
    seen = np.random.default_rng(1).normal(3, 2, (50, 3)).astype(np.float32)
    actions = policy.act(seen)
    assert np.array_equal(again.act(seen), actions)
    assert all(space.contains(action) for action in actions)


def test_a_changed_byte_of_its_weights_is_noticed(tmp_path: Path) -> None:
    _policy(gym.spaces.Discrete(2)).save(tmp_path)
    file = tmp_path / "weights.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(DamagedRunError, match=r"weights\.safetensors"):
        load(tmp_path)


def test_without_ray_training_names_the_extra_and_playing_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "sandbox.registry.resolve.missing_modules",
        lambda names: [name for name in names if name in ("ray", "tree")],
    )
    algorithm = registry().algorithm("rllib-ppo")
    with pytest.raises(MissingExtraError) as caught:
        require(algorithm)
    assert "sandbox-rl[rllib]" in caught.value.hint
    require(algorithm, to_play=True)


def test_rllib_sees_choices_from_zero_and_numbers_without_bounds() -> None:
    assert raw_actions(gym.spaces.Discrete(3, start=5)) == gym.spaces.Discrete(3)
    box = raw_actions(gym.spaces.Box(0, 10, (2,), np.float32))
    assert not box.is_bounded()
    assert box.shape == (2,)


def test_remote_environments_have_seeds_of_their_own_and_keep_what_ended(toys: None) -> None:
    make = TrainingEnvs.of(as_scenario("toy/corridor"), seed=3)
    envs = [make(2, worker) for worker in (1, 2, 1)]
    ended = []
    for remote in envs:
        flat = FlatEnvs(remote, reward_scale=1.0)
        flat.start()
        draws = np.random.default_rng(0)
        for _ in range(300):
            flat.advance(draws.integers(0, 2, 2))
        ended.append(flat.drain())
        assert flat.drain() == []
        flat.close()
    assert ended[0] == ended[2]
    returns = [entry["return"] for entry in ended[0] if entry["return"] is not None]
    lengths = [entry["metrics"]["steps"] for entry in ended[0] if entry["metrics"]]
    assert returns == [-length for length in lengths]


@needs_rllib
@pytest.mark.parametrize("env_runners", [0, 2])
def test_a_run_counts_its_steps_and_episodes_wherever_they_are_played(
    toys: None, tmp_path: Path, env_runners: int
) -> None:
    from sandbox.runs.directory import progress

    hp = {"env_runners": env_runners, "n_steps": 32, "minibatch_size": 64, "n_epochs": 2}
    run = train("toy/corridor", "rllib-ppo", steps=1024, num_envs=8, hp=hp, runs_dir=tmp_path)
    assert run.record.status == "done"
    assert run.record.steps_done == 1024
    assert any(entry.get("return") is not None for entry in progress(run))
    policy = run.policy
    observation = np.zeros((3, *policy.observation_space.shape), np.float32)
    assert policy.act(observation).shape == (3,)
