"""A bandit is a decision process in what is known of it, so the best exploration can be computed."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.api import Claim, FiniteModel, Measured, Plot, Trial

claim = Claim(
    id="bandit-optimum",
    sentence="Value iteration finds the best exploration of two unknown arms in 20 pulls, and it beats "
    "greed, UCB1 and Thompson sampling.",
    idea="3 · Exploration",
    switch="What is found out is forgotten: every pull is made as if it were the first.",
    measure=f"{__name__}:measure",
)

PULLS = 20


def measure(trial: Trial) -> Measured:
    """What is paid a pull, of the solution exactly and in play, and of the classical agents in play."""
    from sandbox_bandits import agents
    from sandbox_bandits.config import BernoulliConfig
    from sandbox_bandits.core import REWARDS
    from sandbox_bandits.exact import finite_model

    config = BernoulliConfig(arms=2, means=None, horizon=PULLS)
    model = finite_model(config, REWARDS["paid"])
    count, chosen = trial.settings["episodes"], _best(model)
    paid = {
        "value iteration": _played(
            config, lambda env: _Table(model, chosen, trial.sabotaged), count, trial.seed
        )
    }
    others = {
        "greedy": agents.greedy,
        "ucb1": agents.upper_bound,
        "thompson": agents.beta_sampling,
    }
    paid |= {name: _played(config, make, count, trial.seed) for name, make in others.items()}
    exact = _exact(model)
    figures = {
        "distance_from_exact": abs(paid["value iteration"] - exact),
        "lead_over_the_best": paid["value iteration"] - max(paid[name] for name in others),
        "exact": exact,
    }
    plot = Plot("Two unknown arms, 20 pulls: paid a pull", bars=paid, marks={"the best there is": exact})
    return Measured(figures, plot)


def _best(model: FiniteModel) -> Any:
    """The action of every state after as many sweeps as there are pulls."""
    values = np.zeros(model.num_states)
    for _ in range(PULLS):
        values = model.action_values(values).max(axis=1)
    return model.action_values(values).argmax(axis=1)


def _exact(model: FiniteModel) -> float:
    """What the best agent is paid a pull."""
    values = np.zeros(model.num_states)
    for _ in range(PULLS):
        values = model.action_values(values).max(axis=1)
    return float(model.initial @ values) / PULLS


class _Table:
    """Plays the action of each state."""

    def __init__(self, model: FiniteModel, chosen: Any, forgetful: bool) -> None:
        self._model, self._chosen, self._forgetful = model, chosen, forgetful

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Nothing is remembered."""

    def act(self, observation: Any) -> Any:
        """An arm for every row."""
        states = self._model.state_index(observation)
        if self._forgetful:
            states = np.full_like(states, int(self._model.initial.argmax()))
        return self._model.actions[self._chosen[states]]


def _played(config: Any, make: Any, count: int, seed: int) -> float:
    """Mean payment a pull over so many episodes."""
    from sandbox_bandits import core

    envs = core.bernoulli_vec(config, core.REWARDS["paid"], count)
    observation, _ = envs.reset(seed=[seed * count + row for row in range(count)])
    agent, total = make(envs), 0.0
    agent.reset(count, seed)
    for _ in range(PULLS):
        observation, reward, *_ = envs.step(agent.act(observation))
        total += float(np.mean(reward))
    return total / PULLS
