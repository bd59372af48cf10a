"""Idea 2: the advantage has less variance than the return, since V(s) says what was to be expected."""

from __future__ import annotations

import numpy as np

from sandbox.api import Claim, Measured, Plot, Trial

claim = Claim(
    id="advantage",
    sentence="The advantage G - V(s) has at most half of the variance of the return G (a pendulum).",
    idea="2 · Values",
    switch="The values are shuffled among the states: each state is given another one's.",
    measure=f"{__name__}:measure",
    requires=("torch",),
    extra="torch",
)


def measure(trial: Trial) -> Measured:
    """Variances over all steps of the same episodes; V was fitted to other ones."""
    from sandbox.backends.reinforce.estimator import returns_to_go
    from sandbox_course.gradients import Task, play
    from sandbox_course.learning import seeds_of

    ratios, rng = [], np.random.default_rng(trial.seed)
    for seed in seeds_of(trial.seed, trial.settings["seeds"]):
        sizes = trial.settings
        task = Task("gym:Pendulum-v1")
        played = play(task, None, seed, sizes["batches"], sizes["fitted"], gamma=0.95)
        returns, values = [], []
        for episodes in played.batches:
            last = played.policy.values(episodes.last_observations)
            returns.append(returns_to_go(episodes, played.config.gamma, last))
            values.append(played.policy.values(episodes.observations))
        g, v = np.concatenate(returns), np.concatenate(values)
        if trial.sabotaged:
            v = rng.permutation(v)
        ratios.append(float(np.var(g - v) / np.var(g)))
    plot = Plot(
        "Variance of the weight of an action, share of the return's",
        bars={"return G": 1.0, "advantage G - V(s)": float(np.mean(ratios))},
        marks={"half": 0.5},
    )
    return Measured({"ratio": max(ratios), "ratio_mean": float(np.mean(ratios))}, plot)
