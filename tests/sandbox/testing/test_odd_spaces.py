"""Spaces that are trained on, or refused before anything starts: every algorithm with every one of them."""

from __future__ import annotations

import numpy as np
import pytest

from sandbox.api import RewardSpec, RewardTerm
from sandbox.envs.multiagent import JointEnv
from sandbox.registry.discover import registry
from sandbox.testing.algorithms import check_algorithm
from sandbox.testing.odd_spaces import SHARED, actions, observations
from sandbox.testing.probe_several import SeveralConfig, make, make_vec

REWARD = RewardSpec((RewardTerm("distance", lambda far: far, -1.0, "cells"),))


@pytest.mark.slow
@pytest.mark.parametrize("name", [algorithm.name for algorithm in registry().algorithms.working()])
def test_a_space_is_trained_on_or_refused(name: str) -> None:
    result = check_algorithm(name, "odd-spaces-decided")
    assert result.status != "failed", result.message


def test_a_joint_algorithm_and_a_table_decide_about_all_of_them() -> None:
    assert check_algorithm("vdn", "odd-spaces-decided").status == "passed"


def test_there_are_thirty_odd_spaces() -> None:
    assert len(observations()) + len(actions()) == 30
    assert set(SHARED) <= set(observations()) & set(actions())


@pytest.mark.parametrize("kind", ["discrete from 5", "multi-discrete from 1"])
def test_what_is_seen_by_nobody_is_in_the_space_too(kind: str) -> None:
    config = SeveralConfig(observation=kind, horizon=8)
    batch = make_vec(config, REWARD, 2)
    batch.reset(seed=1)
    joint = JointEnv(make(config, REWARD))
    joint.reset(seed=1)
    for _ in range(6):  # the first agent ends in the middle of the episode
        seen, *_ = batch.step(np.zeros(batch.action_space.shape, np.int64))
        alone, *_ = joint.step(np.zeros(joint.action_space.shape, np.int64))
    space = observations()[kind]
    for row in (*np.reshape(seen, (-1, *space.shape)), *np.asarray(alone)):
        assert space.contains(row), row
