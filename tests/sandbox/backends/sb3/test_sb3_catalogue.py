"""An algorithm that is added in one row trains, saves, loads, fine-tunes, is exported, imported and tuned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import stable_baselines3 as sb3
import torch
from sb3_tasks import vector
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.vec_env import DummyVecEnv

from sandbox.api import InvalidValueError, Policy, TrainContext
from sandbox.envs.single import EnvFactory
from sandbox.outputs.export import export
from sandbox.outputs.import_sb3 import import_sb3
from sandbox.registry.discover import registry
from sandbox.registry.policies import load_policy
from sandbox.registry.resolve import missing_modules, resolve
from sandbox.scenarios.given import as_scenario
from sandbox.training.train import train
from sandbox.tuning.spaces import Choice, Real, space_of

pytestmark = pytest.mark.usefixtures("ddpg")

SMALL = {"learning_starts": 8, "batch_size": 8, "net_arch": [16], "action_noise_std": 0.1}


def trained(folder: Path, **more: Any) -> Any:
    changes = ["evaluation.validations=0"]
    return train(
        "toy/regulator", "ddpg", steps=64, hp=SMALL, num_envs=2, changes=changes, runs_dir=folder, **more
    )


def observations() -> np.ndarray:
    space = EnvFactory(as_scenario("toy/regulator"))().observation_space
    return np.random.default_rng(0).normal(size=(5, *space.shape)).astype(np.float32)


def test_it_learns_the_weights_that_plain_sb3_learns() -> None:
    def make() -> gym.Env[Any, Any]:
        return gym.make("Pendulum-v1")

    algorithm, example = registry().algorithm("ddpg"), make()
    policy = algorithm.train(  # type: ignore[operator]
        TrainContext(
            make_envs=lambda num_envs: vector(make, num_envs),
            observation_space=example.observation_space,
            action_space=example.action_space,
            config=resolve(algorithm.config)(**SMALL),
            steps=300,
            seed=0,
            num_envs=1,
            update=lambda *report, **more: None,
        )
    )
    noise = NormalActionNoise(np.zeros(1), np.full(1, 0.1))
    model = sb3.DDPG(
        "MlpPolicy", DummyVecEnv([make]), learning_starts=8, batch_size=8, action_noise=noise, seed=0,
        policy_kwargs={"net_arch": [16]},
    ).learn(300)  # fmt: skip
    theirs = model.policy.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in policy.policy.state_dict().items())


def test_its_runs_are_saved_and_loaded_and_it_starts_from_them(tmp_path: Path) -> None:
    run = trained(tmp_path)
    policy = load_policy(run.policy_folder("final"))
    assert isinstance(policy, Policy)
    assert policy.algorithm.name == run.algorithm == "ddpg"
    assert np.array_equal(policy.act(observations()), run.policy.act(observations()))
    further = trained(tmp_path, init_from=run.path, seed=1)
    assert not np.array_equal(further.policy.act(observations()), policy.act(observations()))


@pytest.mark.skipif(
    bool(missing_modules(("onnx", "onnxruntime", "onnxscript"))), reason="needs the extra export"
)
def test_it_is_exported(tmp_path: Path) -> None:
    exported = export(trained(tmp_path), episodes=1)
    assert exported.observations > 0
    assert exported.largest_difference <= 1e-4


def test_models_that_sb3_saved_are_imported(tmp_path: Path) -> None:
    env = EnvFactory(as_scenario("toy/regulator"))()
    model = sb3.DDPG("MlpPolicy", env, policy_kwargs={"net_arch": [8]}, seed=0)
    model.save(tmp_path / "model.zip")
    policy = load_policy(import_sb3(tmp_path / "model.zip", "ddpg", tmp_path / "imported"))
    assert np.array_equal(policy.act(observations()), model.predict(observations(), deterministic=True)[0])


def test_its_fields_say_what_is_tuned() -> None:
    algorithm = registry().algorithm("ddpg")
    config = resolve(algorithm.config)
    space = space_of("ddpg", config, config(), steps=100_000, num_envs=1)
    assert space["learning_rate"] == Real(1e-5, 1e-2, log=True)
    assert space["tau"] == Real(0.001, 0.1, log=True)
    assert space["batch_size"] == Choice((32, 64, 128, 256, 512, 1024))
    assert "n_critics" not in space


def test_its_hyperparameters_are_checked(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="tau"):
        train("toy/regulator", "ddpg", steps=64, hp={"tau": 2}, runs_dir=tmp_path)
