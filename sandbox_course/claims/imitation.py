"""Data are not independent: the clone's error grows faster than the horizon, DAgger's does not."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.api import Claim, Measured, Plot, Trial

claim = Claim(
    id="imitation",
    sentence="The cost of behavioural cloning grows faster than the length of the task, since its mistakes"
    " lead where nobody showed the way; DAgger's does not, with as many labels.",
    idea="4 · Imitation and records",
    switch="DAgger labels the states that the expert visits instead of its own (the expert plays them all).",
    measure=f"{__name__}:measure",
    requires=("torch",),
    extra="torch",
)

HORIZONS = (16, 32, 64, 128)
LABELS, UPDATES, ROUNDS, WALKS = 1024, 2000, 8, 400


def measure(trial: Trial) -> Measured:
    """Steps off the rope against the length of the walk, and the slopes in logarithms."""
    from sandbox_course.learning import seeds_of

    seeds = seeds_of(trial.seed, trial.settings["seeds"])
    costs = {
        name: [
            float(np.mean([_excess(name, horizon, seed, trial) for seed in seeds])) for horizon in HORIZONS
        ]
        for name in ("bc", "dagger")
    }
    slopes = {
        name: float(np.polyfit(np.log(HORIZONS), np.log(values), 1)[0]) for name, values in costs.items()
    }
    figures = {
        "slope_of_bc": slopes["bc"],
        "slope_of_dagger": slopes["dagger"],
        "bc_of_dagger_at_the_longest": costs["bc"][-1] / costs["dagger"][-1],
    }
    lines: dict[str, Any] = {name: (HORIZONS, values) for name, values in costs.items()}
    plot = Plot("A walk on a rope", "steps of the walk", "steps off the rope", lines=lines, log="xy")
    return Measured(figures, plot)


def _excess(name: str, horizon: int, seed: int, trial: Trial) -> float:
    from sandbox_course.learning import learn_on
    from sandbox_course.tasks.tightrope import Tightrope, demonstrations, excess_cost

    cloning = name == "bc"
    settings = {
        "steps_per_iteration": LABELS // ROUNDS,
        "updates_per_iteration": UPDATES // ROUNDS,
        "expert_share": 0.999999 if trial.sabotaged else 0.0,
    }
    envs = Tightrope(horizon, 4, seed)
    policy = learn_on(
        None if cloning else lambda count: envs,
        name,
        spaces=(envs.single_observation_space, envs.single_action_space),
        seed=seed,
        steps=UPDATES if cloning else LABELS,
        num_envs=4,
        hp={} if cloning else settings,
        dataset=demonstrations(horizon, LABELS, seed) if cloning else None,
        expert=None if cloning else "balanced",
    )
    return excess_cost(policy, horizon, WALKS, seed=1_000_000 + seed)
