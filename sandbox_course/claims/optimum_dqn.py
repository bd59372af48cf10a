"""DQN on the inventory task with a known optimum."""

from __future__ import annotations

from sandbox.api import Claim, Measured, Trial

claim = Claim(
    id="optimum-dqn",
    sentence="DQN comes within 1 % of the exact optimum of lost sales.",
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
        "dqn",
        most=trial.settings["most"],
        num_envs=8,
        settings={
            "gamma": 0.0 if trial.sabotaged else 0.9,
            "learning_rate": 3e-3,
            "learning_rate_schedule": "linear",
            "learning_starts": 500,
            "exploration_fraction": 0.5,
            "exploration_final_eps": 0.1,
            "net_arch": [64, 64],
            "batch_size": 256,
            "target_update_interval": 250,
            "train_freq": 1,
        },
    )
    return measured(learner, trial)
