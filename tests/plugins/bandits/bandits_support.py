"""Episodes of bandits, played by agents side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sandbox_bandits import config as configs
from sandbox_bandits import core

KINDS: dict[str, tuple[Any, Any]] = {
    "bernoulli": (configs.BernoulliConfig, core.bernoulli_vec),
    "gaussian": (configs.GaussianConfig, core.gaussian_vec),
    "contextual": (configs.ContextualConfig, core.contextual_vec),
    "restaurants": (configs.RestaurantsConfig, core.restaurants_vec),
}


def bandits(kind: str, num_envs: int, seed: int = 0, **settings: Any) -> Any:
    """A vector environment at the beginning of its episodes."""
    model, make_vec = KINDS[kind]
    envs = make_vec(model(**settings), core.REWARDS["paid"], num_envs)
    envs.reset(seed=seed)
    return envs


def pull(envs: Any, agent: Any, pulls: int, watch: Callable[[Any], None] = lambda arms: None) -> Any:
    """What some pulls gave, shape ``(pulls, num_envs)``: regrets."""
    agent.reset(envs.num_envs, 0)
    observation, regrets = envs.core.observe(), []
    for _ in range(pulls):
        arms = agent.act(observation)
        watch(arms)
        observation, _, _, _, info = envs.step(arms)
        regrets.append(info["reward_terms"]["regret"])
    return np.array(regrets)
