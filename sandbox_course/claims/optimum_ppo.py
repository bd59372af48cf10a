"""PPO reaches the known optimum of an inventory task."""

from __future__ import annotations

from sandbox.api import Claim, Measured, Trial

claim = Claim(
    id="optimum-ppo",
    sentence="PPO comes within 1 % of the exact optimum of lost sales.",
    idea="2 · Values",
    switch="The rewards are shuffled: every environment is given that of another one.",
    measure=f"{__name__}:measure",
    requires=("torch", "stable_baselines3", "numba"),
    extra="inventory",
)


def measure(trial: Trial) -> Measured:
    """Exact gap, and the samples until it was 1 %."""
    from sandbox_course.learning import OtherRewards
    from sandbox_course.optimum import Learner
    from sandbox_course.optimum import measure as measured

    learner = Learner(
        "ppo",
        most=trial.settings["most"],
        num_envs=64,
        settings={
            "gamma": 0.9,
            "n_steps": 32,
            "batch_size": 512,
            "learning_rate": 3e-3,
            "learning_rate_schedule": "linear",
            "n_epochs": 4,
            "gae_lambda": 0.9,
            "net_arch": [64, 64],
            "ent_coef": 0.003,
            "backend": "fast",
        },
    )
    return measured(learner, trial, OtherRewards if trial.sabotaged else lambda envs: envs)
