"""Spaces that are trained on, or refused before anything starts: every algorithm with every one of them."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

from sandbox.api import MisfitError, RewardSpec, RewardTerm
from sandbox.api.game import game_env
from sandbox.envs.multiagent import JointEnv
from sandbox.envs.single import make_single
from sandbox.envs.vector import native
from sandbox.registry.discover import registry
from sandbox.testing.algorithms import GIVEN, check_algorithm, probe
from sandbox.testing.odd_spaces import GAMES, SHARED, actions, observations
from sandbox.testing.probe_several import SeveralConfig, make, make_vec
from sandbox.training.fit import space_misfits
from sandbox.training.plan import make_plan

REWARD = RewardSpec((RewardTerm("distance", lambda far: far, -1.0, "cells"),))


@pytest.mark.slow
@pytest.mark.parametrize("name", [algorithm.name for algorithm in registry().algorithms.working()])
def test_a_space_is_trained_on_or_refused(name: str) -> None:
    result = check_algorithm(name, "odd-spaces-decided")
    assert result.status != "failed", result.message


@pytest.mark.parametrize("name", ["vdn", "policy-iteration", "planning", "pathwise"])
def test_algorithms_of_several_kinds_decide_about_all_of_them(name: str) -> None:
    result = check_algorithm(name, "odd-spaces-decided")
    assert result.status == "passed", result.message
    assert not result.message.startswith("0 of")


def test_only_what_fine_tunes_a_given_model_is_not_in_the_matrix() -> None:
    for algorithm in registry().algorithms.working():
        assert algorithm.capabilities.needs - GIVEN <= {"pretrained"}, algorithm.name


def test_there_are_thirty_one_odd_spaces() -> None:
    assert len(observations()) + len(actions()) == 31
    assert set(SHARED) <= set(observations()) & set(actions())
    assert set(GAMES) <= set(observations()) | set(actions())


def test_an_algorithm_that_searches_refuses_what_no_game_has_before_it_starts() -> None:
    alphazero = registry().algorithm("alphazero")
    planes, moves = Box(0.0, 1.0, (2, 3, 3)), Discrete(9)
    assert space_misfits(alphazero, planes, moves) == []
    assert "the planes of a game" in space_misfits(alphazero, Box(0.0, 1.0, (18,)), moves)[0]
    assert "numbers its actions from 1" in space_misfits(alphazero, planes, Discrete(9, start=1))[0]
    plan = partial(make_plan, algo="alphazero", steps=64)
    with pytest.raises(MisfitError, match="the planes of a game"):
        plan(probe("box of doubles", "Discrete", kind="game"))
    assert plan(probe("box of three axes", "Discrete", kind="game")).masks


def test_the_core_of_a_game_is_found_behind_what_batched_makes_of_it() -> None:
    scenario = probe("Box", "Discrete", kind="game")
    for env in (make_single(scenario), native(scenario, 3, evaluation=False)):
        base = game_env(env)
        assert base is not None
        assert base.game.name == "take"
        assert len(base.positions) in (1, 3)
        env.close()


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
