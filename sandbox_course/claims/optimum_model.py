"""Model-based learning reaches the known optimum of an inventory task with few samples."""

from __future__ import annotations

from sandbox.api import Claim, Measured, Trial

claim = Claim(
    id="optimum-model",
    sentence="Model-based policy optimisation, SAC on short rollouts in a learned model, comes within 1 % "
    "of the exact optimum of lost sales with a fraction of the samples of SAC and PPO.",
    idea="5 · Models",
    switch="What follows is worth nothing (discount 0), so that an order has no consequence.",
    measure=f"{__name__}:measure",
    requires=("torch", "numba"),
    extra="inventory",
)


def measure(trial: Trial) -> Measured:
    """Exact gap, and the samples until it was 1 %."""
    from sandbox_course.optimum import Learner
    from sandbox_course.optimum import measure as measured

    learner = Learner(
        "mbpo",
        most=trial.settings["most"],
        num_envs=4,
        settings={
            "gamma": 0.0 if trial.sabotaged else 0.9,
            "members": 3,
            "net_arch": [64, 64],
            "max_epochs": 10,
            "random_steps": 500,
            "steps_per_fit": 500,
            "updates_per_step": 2,
            "policy_arch": [64, 64],
            "batch_of_policy": 128,
            "real_share": 0.2,
        },
        discrete=False,
    )
    return measured(learner, trial)
