"""Model-based learning reaches the known optimum of an inventory task with few samples."""

from __future__ import annotations

from sandbox.api import Claim, Measured, Trial

claim = Claim(
    id="optimum-model",
    sentence="Dyna-Q, which repeats its steps out of a learned model, comes within 1 % of the exact "
    "optimum of lost sales with a fraction of the samples of PPO.",
    idea="5 · Models",
    switch="What follows is worth nothing (discount 0), so that an order has no consequence.",
    measure=f"{__name__}:measure",
    requires=("numba",),
    extra="inventory",
)


def measure(trial: Trial) -> Measured:
    """Exact gap, and the samples until it was 1 %."""
    from sandbox_course.optimum import Learner
    from sandbox_course.optimum import measure as measured

    learner = Learner(
        "dyna-q",
        most=trial.settings["most"],
        num_envs=4,
        settings={
            "gamma": 0.0 if trial.sabotaged else 0.9,
            "initial_value": -1.2,
            "learning_rate_exponent": 0.9,
            "epsilon_start": 0.5,
            "epsilon_final": 0.2,
            "planning_steps": 10,
        },
    )
    return measured(learner, trial)
