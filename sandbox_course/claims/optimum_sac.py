"""SAC on the inventory task with a known optimum."""

from __future__ import annotations

from sandbox.api import Claim, Measured, Trial

claim = Claim(
    id="optimum-sac",
    sentence="SAC, which orders a real number that the environment rounds, comes within 1 % of the exact "
    "optimum of lost sales.",
    idea="2 · Values",
    switch="What follows is worth nothing (discount 0), so that an order has no consequence.",
    measure=f"{__name__}:measure",
    requires=("torch", "stable_baselines3", "numba"),
    extra="inventory",
)


def measure(trial: Trial) -> Measured:
    """Exact gap, and the samples until it was 1 %."""
    from sandbox_course.optimum import Learner
    from sandbox_course.optimum import measure as measured

    learner = Learner(
        "sac",
        most=trial.settings["most"],
        num_envs=4,
        settings={
            "gamma": 0.0 if trial.sabotaged else 0.9,
            "learning_starts": 500,
            "learning_rate": 1e-3,
            "net_arch": [64, 64],
            "batch_size": 128,
        },
        discrete=False,
    )
    return measured(learner, trial)
