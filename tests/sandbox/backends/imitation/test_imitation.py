"""Cloning of records and DAgger, of experts that are known exactly."""

import os
import signal
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch

import sandbox
from sandbox.api.errors import DamagedRunError, InvalidValueError
from sandbox.backends.actors.distributions import distribution_for
from sandbox.backends.actors.labels import permitting, raw_actions
from sandbox.backends.actors.plain import load, make_policy
from sandbox.backends.imitation.cloning import Cloning
from sandbox.backends.imitation.config import CloningConfig
from sandbox.backends.imitation.dagger import Dagger
from sandbox.backends.imitation.gail import Gail
from sandbox.backends.imitation.policy import Labels, imitation_loss
from sandbox.outputs.record import record
from sandbox.registry.discover import registry
from sandbox.runs.directory import Run
from sandbox.training.train import train
from sandbox.workflow import resume

TOYS = Path(__file__).parents[3] / "toys" / "plugin.py"


@pytest.fixture(autouse=True)
def toys(monkeypatch, tmp_path):
    """The toy tasks, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SANDBOX_PLUGINS", str(TOYS))
    registry.cache_clear()
    yield
    registry.cache_clear()


def agreement(run, baseline, scenario):
    """Difference of the mean returns on the test episodes, over the baseline's."""
    table = sandbox.evaluate([run, baseline], scenario, episodes=20)
    mine, its = (np.mean(table.values(name)) for name in (run.record.algorithm, baseline))
    return abs(mine - its) / abs(its)


def test_what_was_recorded_is_done_again():
    pytest.importorskip("minari")
    made = record("toy/shelf", "fill", 40)
    run = train("toy/shelf", "bc", data=made.path, steps=800, hp={"learning_rate": 0.01})
    assert agreement(run, "fill", "toy/shelf") == 0


def test_continuous_actions_are_imitated():
    run = train("toy/regulator", "dagger", expert="optimal", steps=3_000, num_envs=8)
    assert agreement(run, "optimal", "toy/regulator") < 0.05


def test_masked_actions_of_a_grid_are_imitated_and_never_taken():
    run = train("toy/forage", "dagger", expert="greedy", steps=3_000, num_envs=4)
    table = sandbox.evaluate([run], "toy/forage", episodes=10)
    assert np.sum(table.values("dagger", metric="forbidden")) == 0


SETTINGS = {
    "bc": {"steps": 500},
    "dagger": {
        "steps": 600,
        "num_envs": 3,
        "expert": "fill",
        "hp": {"steps_per_iteration": 120, "updates_per_iteration": 20, "expert_share": 0.5},
    },
    "gail": {"steps": 400, "num_envs": 2, "expert": "fill", "hp": {"n_steps": 40, "expert_steps": 60}},
}


@pytest.mark.parametrize(("name", "learner"), [("bc", Cloning), ("dagger", Dagger), ("gail", Gail)])
def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path, monkeypatch, name, learner):
    pytest.importorskip("minari")
    settings = dict(SETTINGS[name])
    if name == "bc":
        settings["data"] = record("toy/shelf", "fill", 10).path
    whole = train("toy/shelf", name, runs_dir=tmp_path / "whole", **settings)
    iterate, calls = learner.iterate, []

    def interrupted(self):
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return iterate(self)

    with monkeypatch.context() as patch:
        patch.setattr(learner, "iterate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train("toy/shelf", name, runs_dir=tmp_path / "stopped", **settings)
    (file,) = (tmp_path / "stopped").rglob("run.json")
    stopped = Run.open(file.parent)
    assert 0 < stopped.record.steps_done < settings["steps"]
    resumed = resume(stopped.path)
    for expected, weights in zip(
        whole.policy.actor.parameters(), resumed.policy.actor.parameters(), strict=True
    ):
        assert torch.equal(expected, weights)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bc", "learns from a dataset"),
        ("dagger", "learns from an expert"),
        ("gail", "learns from a dataset or an expert"),
    ],
)
def test_what_it_learns_from_has_to_be_given(name, message):
    with pytest.raises(InvalidValueError, match=message):
        train("toy/shelf", name)


SPACES = [
    gym.spaces.Discrete(4, start=-2),
    gym.spaces.MultiDiscrete([3, 2], start=[1, 5]),
    gym.spaces.MultiBinary(3),
    gym.spaces.Box(np.array([-1.0, 2.0], np.float32), np.array([3.0, 4.0], np.float32)),
]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: type(space).__name__)
def test_raw_draws_stand_for_the_actions_that_they_came_from(space):
    space.seed(3)
    actions = np.array([space.sample() for _ in range(20)])
    distribution = distribution_for(space)
    np.testing.assert_allclose(distribution.action(raw_actions(distribution, actions)), actions, rtol=1e-6)


def test_what_the_expert_did_counts_as_allowed():
    pairs = distribution_for(gym.spaces.MultiDiscrete([3, 2]))
    mask = np.array([[True, False, False, True, False]])
    allowed = permitting(pairs, mask, np.array([[2, 0]]))
    assert allowed.tolist() == [[True, False, True, True, False]]
    assert permitting(pairs, None, np.array([[2, 0]])) is None


def test_the_loss_of_a_uniform_policy_is_the_logarithm_of_the_number_of_actions():
    policy = make_policy(
        "bc", gym.spaces.Box(0, 1, (2,)), gym.spaces.Discrete(4), CloningConfig(normalize_observation=False)
    )
    with torch.no_grad():
        policy.actor.net[-1].weight.zero_()
    labels = Labels(np.ones((3, 2), np.float32), np.array([[0], [1], [2]]))
    assert imitation_loss(policy, labels, np.arange(3)).item() == pytest.approx(np.log(4))
    masked = Labels(labels.rows, labels.raw, np.tile([True, True, True, False], (3, 1)))
    assert imitation_loss(policy, masked, np.arange(3)).item() == pytest.approx(np.log(3))


def test_a_saved_policy_acts_alike_and_a_damaged_one_is_refused(tmp_path):
    policy = make_policy("dagger", gym.spaces.Box(0, 1, (2,)), gym.spaces.Discrete(4), CloningConfig())
    policy.normaliser.update(np.random.default_rng(0).random((50, 2)))
    policy.save(tmp_path)
    seen = np.random.default_rng(1).random((30, 2), np.float32)
    again = load(tmp_path)
    assert again.algorithm == "dagger"
    assert again.act(seen).tolist() == policy.act(seen).tolist()
    (tmp_path / "weights.safetensors").write_bytes(b"nothing")
    with pytest.raises(DamagedRunError):
        load(tmp_path)
