"""On- and off-policy learning differ: SARSA reckons with its own exploration, Q-learning does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sandbox.api import Claim, Measured, Plot, Trial

claim = Claim(
    id="cliff",
    sentence="On the cliff Q-learning takes the shortest way, along the edge; SARSA learns what its own "
    "play is worth, keeps away from it and earns more while it explores.",
    idea="2 · Values",
    switch="Nothing is explored: the share of random actions is 0 from the beginning.",
    measure=f"{__name__}:measure",
)


def measure(trial: Trial) -> Measured:
    """Rows away from the edge, on the greedy ways of several runs, and what is earned while exploring."""
    from sandbox_course.learning import learn_on, seeds_of
    from sandbox_course.tasks.grids import Cliff, one_of, walked

    share = 0.0 if trial.sabotaged else 0.1
    settings = {
        "gamma": 1.0,
        "learning_rate": 0.1,
        "learning_rate_exponent": 0.0,
        "epsilon_start": share,
        "epsilon_final": share,
    }
    away: dict[str, list[float]] = {"q-learning": [], "sarsa": []}
    lengths: dict[str, list[float]] = {"q-learning": [], "sarsa": []}
    earned: dict[str, list[float]] = {"q-learning": [], "sarsa": []}
    probe = Cliff()
    for name, rows in away.items():
        for seed in seeds_of(trial.seed, trial.settings["seeds"]):
            counter = _Counted(one_of(Cliff, seed))
            policy = learn_on(
                _giving(counter),
                name,
                spaces=(probe.observation_space, probe.action_space),
                seed=seed,
                steps=trial.settings["steps"],
                hp=settings,
            )
            cells = walked(policy, Cliff())
            rows.append(max(cell // Cliff.width for cell in cells))
            lengths[name].append(len(cells) - 1)
            earned[name].append(counter.mean_of_late_episodes())
    means = {name: float(np.mean(values)) for name, values in earned.items()}
    figures = {
        "q_learning_length": max(lengths["q-learning"]),
        "sarsa_rows_away": min(away["sarsa"]),
        "sarsa_earns_more": means["sarsa"] - means["q-learning"],
    }
    plot = Plot("The cliff: return of an episode while exploring, last half", bars=means)
    return Measured(figures, plot)


def _giving(environment: Any) -> Callable[[int], Any]:
    """Gives this environment, whatever number of them is asked for."""
    return lambda count: environment


class _Counted:
    """One environment whose episodes' returns are noted."""

    def __init__(self, envs: Any) -> None:
        self._envs, self._sum = envs, 0.0
        self.returns: list[float] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._envs, name)

    def step(self, actions: Any) -> Any:
        result = self._envs.step(actions)
        self._sum += float(result[1][0])
        if result[2][0] or result[3][0]:
            self.returns.append(self._sum)
            self._sum = 0.0
        return result

    def mean_of_late_episodes(self) -> float:
        """Mean return of the last half of the episodes."""
        return float(np.mean(self.returns[len(self.returns) // 2 :]))
