"""How noisy an estimate of the policy gradient is: REINFORCE's ladder, all rungs on the same episodes.

The variance is the trace of the covariance of estimates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sandbox.api import TrainContext
from sandbox.backends.reinforce.collect import Collector
from sandbox.backends.reinforce.config import ReinforceConfig
from sandbox.backends.reinforce.estimator import Episodes, returns_to_go, weights
from sandbox.backends.reinforce.policy import ReinforcePolicy
from sandbox.backends.reinforce.train import accumulate_gradient, fit_values
from sandbox.envs.make import make_training
from sandbox.scenarios.resolve import load_scenario
from sandbox.training.plan import make_plan

RUNGS: dict[str, dict[str, Any]] = {
    "trajectory sum": {},
    "reward-to-go": {"reward_to_go": True},
    "constant baseline": {"reward_to_go": True, "constant_baseline": True},
    "V(s)": {"reward_to_go": True, "baseline": True},
    "GAE(.95)": {"baseline": True, "gae": True},
}
COMMON = {"episodes_per_update": 8, "learning_rate": 5e-3, "gamma": 0.99}
NUM_ENVS = 8
BATCHES = 40
"""Updates' worth of episodes from which a variance is measured."""
FITTED = 8
"""Further ones from which V is fitted."""


@dataclass(frozen=True)
class Task:
    """What is learned: environments and spaces."""

    name: str

    def context(self, settings: dict[str, Any], steps: int, seed: int, update: Callable[..., None]) -> Any:
        """A training context of REINFORCE."""
        scenario = load_scenario(self.name)
        plan = make_plan(scenario, "reinforce", seed=seed, steps=steps, num_envs=NUM_ENVS, hp=settings)
        return TrainContext(
            make_envs=lambda num_envs: make_training(scenario, num_envs, seed),
            observation_space=plan.observation_space,
            action_space=plan.action_space,
            config=plan.config,
            steps=steps,
            seed=seed,
            num_envs=NUM_ENVS,
            update=update,
            masks=plan.masks,
        )


@dataclass(frozen=True)
class Played:
    """Episodes of a policy, for measuring estimates.

    Attributes:
        policy: Who played; its V is fitted to the first episodes.
        batches: Updates' worth of episodes, those that V was fitted to left out.
        config: Settings of the ladder's fourth rung.
    """

    policy: ReinforcePolicy
    batches: list[Episodes]
    config: ReinforceConfig


def play(
    task: Task,
    policy: ReinforcePolicy | None,
    seed: int = 0,
    batches: int = BATCHES,
    fitted: int = FITTED,
    gamma: float = COMMON["gamma"],
) -> Played:
    """Episodes of a policy, a new one if none is given.

    Args:
        task: What is played.
        policy: Who plays.
        seed: Of the episodes, of the actions and of a new policy.
        batches: Updates' worth of episodes to measure on.
        fitted: Further ones that V is fitted to; with none V says what its network began with.
        gamma: Discount factor.
    """
    settings = COMMON | RUNGS["V(s)"] | {"gamma": gamma}
    context = task.context(settings, 1, 1_000 + seed, lambda *_: None)
    config: ReinforceConfig = context.config
    if policy is None:
        policy = ReinforcePolicy(context.observation_space, context.action_space, config, seed=seed)
    player, rng = policy, np.random.default_rng(7 + seed)
    envs = context.make_envs(NUM_ENVS)
    collector = Collector(envs, NUM_ENVS, player.distribution.action, 10**6)
    draw = partial(_draw, player, rng)
    collected = [collector.collect(draw, config.episodes_per_update)[0] for _ in range(fitted + batches)]
    envs.close()
    if fitted:
        _fit(player, collected[:fitted], config)
    return Played(player, collected[fitted:], config)


def variances(played: Played) -> dict[str, float]:
    """Trace of the covariance of each rung's gradient estimates."""
    plain = {"reward_to_go": False, "baseline": False, "constant_baseline": False, "gae": False}
    return {
        name: _trace(
            played.policy,
            played.batches,
            played.config.model_copy(update=plain | settings | {"gae_lambda": 0.95}),
        )
        for name, settings in RUNGS.items()
    }


def shares(moments: list[dict[str, float]]) -> dict[str, list[float]]:
    """Each rung's variances as shares of the first's."""
    first = next(iter(RUNGS))
    return {name: [moment[name] / moment[first] for moment in moments] for name in RUNGS}


def _draw(policy: ReinforcePolicy, rng: np.random.Generator, rows: Any, mask: Any) -> Any:
    return policy.draw(rows, mask, rng)


def _fit(policy: ReinforcePolicy, batches: list[Episodes], config: ReinforceConfig) -> None:
    """V of this policy, from episodes of its own."""
    import torch

    assert policy.critic is not None
    optimizer = torch.optim.Adam(policy.critic.parameters(), lr=config.value_learning_rate)
    order = np.random.default_rng(0)
    for episodes in batches * 2:
        targets = returns_to_go(episodes, config.gamma, policy.values(episodes.last_observations))
        fit_values(policy, optimizer, episodes, targets, config, order)


def _trace(policy: ReinforcePolicy, batches: list[Episodes], config: ReinforceConfig) -> float:
    gradients = []
    for episodes in batches:
        values = last = None
        if config.baseline:
            values, last = policy.values(episodes.observations), policy.values(episodes.last_observations)
        psi = weights(episodes, config, values, last)
        for parameter in policy.actor.parameters():
            parameter.grad = None
        accumulate_gradient(policy, episodes, psi)
        found = [parameter.grad for parameter in policy.actor.parameters()]
        parts = [gradient.numpy().ravel() for gradient in found if gradient is not None]
        gradients.append(np.concatenate(parts))
    return float(np.var(gradients, axis=0, ddof=1).sum())
