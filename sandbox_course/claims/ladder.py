"""Each rung of REINFORCE's ladder lowers the variance of the gradient."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from sandbox.api import Claim, Measured, Plot, Trial

claim = Claim(
    id="ladder",
    sentence="Each rung of the ladder lowers the variance of the gradient, on the same episodes of CartPole.",
    idea="1 · Policy gradients",
    switch="V(s) is not fitted: it says what its network said before it had seen anything.",
    measure=f"{__name__}:measure",
    requires=("torch",),
    extra="torch",
)


def measure(trial: Trial) -> Measured:
    """Variances of all rungs as shares of the first's, means over new policies."""
    from sandbox_course.gradients import RUNGS, Task, play, shares, variances
    from sandbox_course.learning import seeds_of

    task, fitted = Task("gym:CartPole-v1"), 0 if trial.sabotaged else trial.settings["fitted"]
    batches = trial.settings["batches"]
    measured = shares(
        [
            variances(play(task, None, seed, batches, fitted))
            for seed in seeds_of(trial.seed, trial.settings["seeds"])
        ]
    )
    means = {name: float(np.mean(values)) for name, values in measured.items()}
    heights = list(means.values())
    ratios = [after / before for before, after in pairwise(heights)]
    figures: dict[str, Any] = {f"share_{name}": value for name, value in means.items()}
    figures |= {"largest_step": max(ratios), "last_share": heights[-1]}
    assert list(means) == list(RUNGS)
    return Measured(figures, Plot("Variance of the gradient, share of the first rung's", bars=means))
