"""A learned model saves steps: Dyna-Q with planning needs a fraction of those of Q-learning."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.api import Claim, Measured, Plot, StopTraining, Trial

claim = Claim(
    id="dyna",
    sentence="Repeating steps out of a learned model finds the shortest way through a maze in less than a "
    "third of the steps.",
    idea="5 · Models",
    switch="The learned model is not asked: 0 planning steps for every step of the maze.",
    measure=f"{__name__}:measure",
)


def measure(trial: Trial) -> Measured:
    """Steps until the greedy way is the shortest, with and without planning; geometric means over seeds.

    They vary between runs by a factor of ten, so that medians of a few are still a matter of luck.
    """
    from sandbox_course.learning import seeds_of

    planning = 0 if trial.sabotaged else 20
    seeds = seeds_of(trial.seed, trial.settings["seeds"])
    steps = {
        "with its model": [_steps(planning, seed, trial.settings["most"]) for seed in seeds],
        "without": [_steps(0, seed, trial.settings["most"]) for seed in seeds],
    }
    means = {name: float(np.exp(np.log(values).mean())) for name, values in steps.items()}
    share = means["with its model"] / means["without"]
    plot = Plot(
        "Steps in the maze until the greedy way is the shortest (14)", y="steps, geometric mean", bars=means
    )
    return Measured({"share": share, "steps_with": means["with its model"]}, plot)


def _steps(planning: int, seed: int, most: int) -> int:
    from sandbox_course.learning import learn_on
    from sandbox_course.tasks.grids import SHORTEST, Maze, one_of, walked

    found: list[int] = []
    looked = [0]

    def look(steps: int, policy: Any) -> None:
        if steps >= 1.05 * looked[0] + 10:
            looked[0] = steps
            if len(walked(policy(), Maze(), 60)) - 1 == SHORTEST:
                found.append(steps)
                raise StopTraining

    probe = Maze()
    learn_on(
        lambda count: one_of(Maze, seed),
        "dyna-q",
        spaces=(probe.observation_space, probe.action_space),
        seed=seed,
        steps=most,
        hp={
            "gamma": 0.95,
            "learning_rate": 0.2,
            "learning_rate_exponent": 0.0,
            "epsilon_start": 0.2,
            "epsilon_final": 0.2,
            "planning_steps": planning,
        },
        look=look,
    )
    return found[0] if found else most
