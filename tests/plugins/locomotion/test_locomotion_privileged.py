"""An expert that feels the joints teaches a robot that sees pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mujoco")
pytest.importorskip("stable_baselines3")

import sandbox
from sandbox.api.errors import MisfitError
from sandbox.envs.make import make_training
from sandbox.evaluation.experts import find_expert
from sandbox.registry.policies import load_policy
from sandbox.scenarios.given import as_scenario

CAMERA = ("config.camera_size=16", "config.threads=1", "config.horizon=20")


@pytest.mark.parametrize("robot", ["half-cheetah", "ant", "humanoid"])
def test_the_state_is_what_a_scenario_that_observes_it_shows(robot: str) -> None:
    plain = sandbox.make(f"locomotion/{robot}", changes=["config.threads=1"])
    pictures = ["config.observation=camera", "config.camera_size=16", "config.threads=1"]
    other = sandbox.make(f"locomotion/{robot}", changes=pictures)
    seen, _ = plain.reset(seed=3)
    other.reset(seed=3)
    assert other.unwrapped.state_space == plain.observation_space
    assert np.array_equal(other.unwrapped.state(), seen)
    rng = np.random.default_rng(0)
    for _ in range(5):
        action = rng.uniform(-1, 1, plain.action_space.shape).astype(np.float32)
        seen = plain.step(action)[0]
        other.step(action)
        assert np.array_equal(other.unwrapped.state(), seen)


def test_a_look_at_the_state_changes_no_episode_with_noise() -> None:
    changes = ["config.threads=1", "config.noise_velocity=0.1"]
    looked, left_alone = (sandbox.make("locomotion/half-cheetah", changes=changes) for _ in range(2))
    looked.reset(seed=1)
    left_alone.reset(seed=1)
    action = np.zeros(6, np.float32)
    for _ in range(4):
        looked.unwrapped.state()
        assert np.array_equal(looked.step(action)[0], left_alone.step(action)[0])


@pytest.mark.parametrize("num_envs", [1, 3])
def test_a_run_on_the_state_labels_pictures(tmp_path: Path, num_envs: int) -> None:
    hp = {"n_steps": 32, "batch_size": 32}
    run = sandbox.train(
        "locomotion/half-cheetah",
        "ppo",
        steps=64,
        num_envs=2,
        hp=hp,
        runs_dir=tmp_path,
        changes=["config.threads=1"],
    )
    camera = as_scenario("locomotion/half-cheetah-camera", CAMERA)
    probe = make_training(camera, 1, 0)
    expert = find_expert(run.path, camera, probe.single_observation_space)
    probe.close()
    envs = make_training(camera, num_envs, seed=0, expert=expert)
    observation, info = envs.reset()
    bare: Any = envs.unwrapped
    policy = load_policy(run.policy_folder("final"))
    assert observation.dtype == np.uint8
    for _ in range(25):
        labels = np.asarray(info["expert_action"])
        assert labels == pytest.approx(policy.act(bare.state()), abs=1e-6)
        _, _, _, _, info = envs.step(labels)
    envs.close()


def test_an_expert_of_another_robot_is_refused(tmp_path: Path) -> None:
    hp = {"n_steps": 32, "batch_size": 32}
    changes = ["config.threads=1", "config.frame_stack=2"]
    run = sandbox.train(
        "locomotion/half-cheetah", "ppo", steps=64, num_envs=2, hp=hp, runs_dir=tmp_path, changes=changes
    )
    with pytest.raises(MisfitError, match="trained on other observations"):
        sandbox.train(
            "locomotion/half-cheetah-camera", "dagger", expert=run.path, steps=40, runs_dir=tmp_path,
            changes=CAMERA, hp={"steps_per_iteration": 20, "updates_per_iteration": 2},
        )  # fmt: skip
    assert not (tmp_path / "locomotion" / "half-cheetah-camera").exists() or not list(
        (tmp_path / "locomotion" / "half-cheetah-camera").glob("*/*/run.json")
    )
