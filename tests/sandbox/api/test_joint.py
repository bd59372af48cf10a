"""Agents apart: unequal spaces, agents that leave, terms of each."""

from pathlib import Path

import numpy as np
import pytest

from sandbox.api import JointInteraction, PluginError, TrainContext
from sandbox.api.masks import random_allowed
from sandbox.envs.make import make_training
from sandbox.registry.discover import registry
from sandbox.scenarios.given import as_scenario
from sandbox.training.fit import agents_of, spaces_of

TOYS = Path(__file__).parents[2] / "toys" / "plugin.py"


@pytest.fixture
def play(monkeypatch):
    """Two games of tag."""
    monkeypatch.setenv("SANDBOX_PLUGINS", str(TOYS))
    registry.cache_clear()
    pytest.importorskip("torch")
    scenario = as_scenario("toy/tag")
    spaces = spaces_of(scenario)
    context = TrainContext(
        make_envs=lambda num_envs: make_training(scenario, num_envs, 0),
        observation_space=spaces.observation,
        action_space=spaces.action,
        config=None,
        steps=1,
        seed=0,
        num_envs=2,
        update=lambda steps, policy, values=None, state=None: None,
        agents=agents_of(scenario, registry().algorithm("ippo")),
    )
    yield JointInteraction(context)
    registry.cache_clear()


def test_every_agent_has_its_own_spaces_and_padded_actions_are_never_allowed(play):
    assert play.agents.names == ("walker", "runner", "jumper")
    assert [space.shape for space in play.agents.observation_spaces] == [(2,), (3,), (5,)]
    assert play.observation.shape == (2, 3, 5)
    assert play.mask.shape == (2, 3, 7)
    assert not play.mask[:, 0, 3:].any()
    assert not play.mask[:, 1, 5:].any()


def test_an_agent_leaves_once_sees_its_last_and_earns_nothing_after(play):
    rng = np.random.default_rng(0)
    left = np.zeros((2, 3), bool)
    leavings = 0
    for _ in range(300):
        assert np.array_equal(play.present, ~left)
        step = play.step(random_allowed(play.rows.envs.single_action_space, play.mask, rng))
        ended = step.terminated | step.truncated
        assert not (ended & left).any()
        assert not step.reward[left].any()
        assert np.allclose(step.reward, -step.reward_terms["time"] + 5 * step.reward_terms["touch"])
        for env, agent in zip(*np.nonzero(step.terminated), strict=True):
            place, prey = step.next_observation[env, agent, :2]
            assert place == prey  # it has touched the prey: not the first observation of the next game
            assert step.next_mask[env, agent].sum() == (3, 5, 7)[agent]
        left = (left | ended) & ~step.over[:, None]
        leavings += int((ended.any(axis=1) & ~step.over).sum())
    assert leavings > 3


def test_an_algorithm_that_is_not_joint_is_given_no_agents():
    context = TrainContext(
        make_envs=lambda num_envs: None,
        observation_space=None,
        action_space=None,
        config=None,
        steps=1,
        seed=0,
        num_envs=1,
        update=lambda steps, policy, values=None, state=None: None,
    )
    with pytest.raises(PluginError, match="no agents to tell apart"):
        JointInteraction(context)
