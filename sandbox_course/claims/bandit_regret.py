"""Exploration: Thompson sampling's regret grows like ln T, near Lai and Robbins' slope; greed's like T."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.api import Claim, Measured, Plot, Trial

claim = Claim(
    id="bandit-regret",
    sentence="The regret of Thompson sampling grows with ln T about as Lai and Robbins say, where greed's "
    "grows with T.",
    idea="3 · Exploration",
    switch="Thompson sampling believes the payments of another episode, whose arms lie in another order.",
    measure=f"{__name__}:measure",
)

MEANS = (0.5, 0.55, 0.6, 0.65, 0.7)


def measure(trial: Trial) -> Measured:
    """Growth of the mean regret over the last decade, per unit of ln T, beside the slope."""
    from sandbox_bandits import agents
    from sandbox_bandits.bound import slope

    def shuffled(core: Any, rng: np.random.Generator) -> Any:
        sums, pulls = np.roll(core.sums, 1, axis=0), np.roll(core.pulls, 1, axis=0)
        return rng.beta(1 + sums, 1 + pulls - sums)

    score = shuffled if trial.sabotaged else agents.thompson_beta
    pulls, episodes = trial.settings["pulls"], trial.settings["episodes"]
    curves = {
        "thompson": _regret(lambda env: agents.Scored(env, score), pulls, episodes, trial.seed),
        "greedy": _regret(agents.greedy, pulls, episodes, trial.seed),
    }
    growth = {name: (curve[-1] - curve[pulls // 10 - 1]) / np.log(10) for name, curve in curves.items()}
    bound = slope(MEANS)
    places = np.unique(np.geomspace(1, pulls, 120).astype(int))
    lines: dict[str, Any] = {name: (places, curve[places - 1]) for name, curve in curves.items()}
    lines["Lai-Robbins slope"] = (places, bound * np.log(places))
    plot = Plot("Five arms of .5 to .7: regret, mean over episodes", "pulls", "regret", lines=lines, log="x")
    figures = {
        "growth_of_the_slope": growth["thompson"] / bound,
        "greed_of_thompson": growth["greedy"] / growth["thompson"],
        "slope": bound,
    }
    return Measured(figures, plot)


def _regret(make: Any, pulls: int, episodes: int, seed: int) -> Any:
    """Mean regret so far after every pull."""
    from sandbox_bandits import core
    from sandbox_bandits.config import BernoulliConfig

    config = BernoulliConfig(means=MEANS, horizon=pulls)
    envs = core.bernoulli_vec(config, core.REWARDS["paid"], episodes)
    observation, _ = envs.reset(seed=[seed * episodes + row for row in range(episodes)])
    agent, regret = make(envs), np.zeros(pulls)
    agent.reset(episodes, seed)
    for pull in range(pulls):
        observation, _, _, _, info = envs.step(agent.act(observation))
        regret[pull] = float(np.mean(info["reward_terms"]["regret"]))
    return regret.cumsum()
