"""Copies and pickles of environments play on exactly like the original."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sandbox_traffic.baselines.sumo_program import fixed_time
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.env import make_signal, make_signals
from sandbox_traffic.reward import PRESETS
from sandbox_traffic.vector import make_signal_vec

COPIES: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda env: pickle.loads(pickle.dumps(env)),  # noqa: S301 - made here
}


def make(kind: str) -> tuple[Any, Callable[[Any, int], Any]]:
    """An environment, and how it takes an action; what it returns tells everything."""
    config = SignalConfig(duration=100, demand_spread=0.2)
    if kind == "single":
        return make_signal(config, PRESETS["queue"]), lambda env, action: str(env.step(np.int64(action)))
    if kind == "parallel":
        env = make_signals(config, PRESETS["queue"])
        return env, lambda env, action: str(env.step(dict.fromkeys(env.possible_agents, action)))
    return make_signal_vec(config, PRESETS["queue"], 2), lambda env, action: str(env.step([action] * 2))


@pytest.mark.parametrize("kind", ["single", "parallel", "vector"])
@pytest.mark.parametrize("how", COPIES)
def test_a_copy_plays_on_like_the_original(kind: str, how: str) -> None:
    env, step = make(kind)
    env.reset(seed=3)
    for action in (0, 0, 2, 2):
        step(env, action)
    other = COPIES[how](env)
    ending = [1, 1, 1, 3, 3, 0, 0, 0] + [2] * 8  # the end of the episode is among them
    assert [step(env, action) for action in ending] == [step(other, action) for action in ending]
    assert str(env.reset()[0]) == str(other.reset()[0]), "so are the seeds of later episodes"
    env.close()
    other.close()


def test_a_copy_before_the_first_episode_is_a_new_environment() -> None:
    env, _ = make("single")
    other = copy.deepcopy(env)
    assert (env.reset(seed=1)[0] == other.reset(seed=1)[0]).all()
    assert env.observation_space == other.observation_space
    env.close()
    other.close()


def test_a_copy_made_while_sumo_decides_goes_on_so() -> None:
    env, step = make("single")
    env.reset(seed=3)
    step(env, 0)
    policy = fixed_time(env)
    for _ in range(3):
        step(env, int(policy.act(None)[0]))
    other = copy.deepcopy(env)
    assert other.batch.program == "own"
    for _ in range(10):
        assert step(env, 0) == step(other, 0)
    env.close()
    other.close()
