"""Conservative Q-learning from records whose best policy is known."""

import os
import signal
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch

import sandbox
from sandbox.api import Dataset, TrainContext
from sandbox.api.errors import InvalidValueError
from sandbox.backends.actors.plain import load
from sandbox.backends.offline.config import CQLConfig
from sandbox.backends.offline.cql import ConservativeQ
from sandbox.envs.models import models_of
from sandbox.outputs.record import record
from sandbox.registry.discover import registry
from sandbox.runs.directory import Run
from sandbox.scenarios.given import as_scenario
from sandbox.workflow import resume

TOYS = Path(__file__).parents[3] / "toys" / "plugin.py"
GENTLE = {"alpha": 0.05, "gamma": 0.95, "learning_rate": 0.003, "target_rate": 0.02, "net_arch": [64]}


@pytest.fixture(autouse=True)
def toys(monkeypatch, tmp_path):
    """The toy tasks, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SANDBOX_PLUGINS", str(TOYS))
    registry.cache_clear()
    yield
    registry.cache_clear()


def values(model, actions):
    """Exact discounted values of a policy that takes these actions."""
    result = np.zeros(model.num_states)
    for _ in range(800):
        result = model.action_values(result)[np.arange(model.num_states), actions]
    return result


def test_random_records_are_enough_for_almost_the_optimum(monkeypatch):
    pytest.importorskip("minari")
    made = record("toy/shelf", "random", 60)

    def refuse(*_):
        raise AssertionError("an environment was stepped in training")

    with monkeypatch.context() as patch:
        patch.setattr("sandbox.training.train.make_training", refuse)
        run = sandbox.train("toy/shelf", "cql", data=made.path, steps=3_000, hp=GENTLE)
    model = models_of(as_scenario("toy/shelf")).finite
    best = np.zeros(model.num_states)
    for _ in range(800):
        best = model.action_values(best).max(axis=1)
    seen = model.observe(np.arange(model.num_states))
    assert (values(model, run.policy.act(seen, model.allowed)) > 0.95 * best).all()


def bandit(actions, rewards, terminated=True, masks=None):
    """Episodes of one step from the same place."""
    count = len(actions)
    ends = np.full(count, terminated)
    return Dataset(
        observations=np.zeros((2 * count, 1), np.float32),
        actions=np.array(actions),
        rewards=np.array(rewards, float),
        terminated=ends,
        truncated=~ends,
        lengths=np.ones(count, np.int64),
        masks=None if masks is None else np.tile(masks, (2 * count, 1)),
    )


def learner(dataset, steps=600, **hyperparameters):
    """The learner of a bandit with three arms, numbered from 4."""
    settings = {"learning_rate": 0.01, "net_arch": [], "normalize_reward": False} | hyperparameters
    return ConservativeQ(
        TrainContext(
            make_envs=lambda n: None,
            observation_space=gym.spaces.Box(0, 1, (1,)),
            action_space=gym.spaces.Discrete(3, start=4),
            config=CQLConfig(**settings),
            steps=steps,
            seed=0,
            num_envs=1,
            update=lambda steps, policy, values=None, state=None: None,
            dataset=dataset,
        )
    )


def q_of(learned):
    while learned.updates < learned.total:
        learned.iterate()
    return learned.learned.actor(torch.zeros(1, 1)).detach().numpy()[0]


def test_without_a_penalty_values_are_those_of_the_rewards():
    q = q_of(learner(bandit([4, 5], [1.0, 2.0]), alpha=0.0))
    assert q[:2] == pytest.approx([1, 2], abs=0.02)


def test_what_was_cut_off_keeps_its_value_and_what_ended_has_none():
    ended, cut = (
        q_of(learner(bandit([4, 5, 6], [1.0] * 3, terminated), alpha=0.0, gamma=0.5, target_rate=0.1))
        for terminated in (True, False)
    )
    assert ended == pytest.approx([1.0] * 3, abs=0.02)
    assert cut == pytest.approx([2.0] * 3, abs=0.05)


def test_what_was_never_done_looks_worse_than_what_was():
    dataset = bandit([4, 5, 5], [0.0, -1.0, -1.0])
    learned = learner(dataset, alpha=1.0)
    q = q_of(learned)
    assert q[2] < min(q[:2]) - 1
    assert learned.policy().act(np.zeros((1, 1), np.float32))[0] in (4, 5)


def test_masked_actions_count_neither_as_next_nor_in_the_penalty():
    dataset = bandit([4, 5], [0.0, 0.0], masks=[True, True, False])
    _, penalty, _ = learner(dataset).losses(np.arange(2))
    assert penalty.item() == pytest.approx(np.log(2), abs=0.05)
    _, penalty, _ = learner(bandit([4, 5], [0.0, 0.0])).losses(np.arange(2))
    assert penalty.item() == pytest.approx(np.log(3), abs=0.05)


def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    pytest.importorskip("minari")
    settings = {"data": record("toy/shelf", "random", 5).path, "steps": 300}
    whole = sandbox.train("toy/shelf", "cql", runs_dir=tmp_path / "whole", **settings)
    iterate, calls = ConservativeQ.iterate, []

    def interrupted(self):
        calls.append(1)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return iterate(self)

    with monkeypatch.context() as patch:
        patch.setattr(ConservativeQ, "iterate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sandbox.train("toy/shelf", "cql", runs_dir=tmp_path / "stopped", **settings)
    (file,) = (tmp_path / "stopped").rglob("run.json")
    stopped = Run.open(file.parent)
    assert stopped.record.steps_done == 200
    resumed = resume(stopped.path)
    for expected, weights in zip(
        whole.policy.actor.parameters(), resumed.policy.actor.parameters(), strict=True
    ):
        assert torch.equal(expected, weights)


def test_a_saved_policy_acts_alike(tmp_path):
    policy = learner(bandit([4, 5], [0.0, 1.0])).policy()
    policy.save(tmp_path)
    seen = np.random.default_rng(0).random((20, 1), np.float32)
    assert load(tmp_path).act(seen).tolist() == policy.act(seen).tolist()


def test_records_are_needed():
    with pytest.raises(InvalidValueError, match="cql learns from a dataset, and none is given"):
        sandbox.train("toy/shelf", "cql")
