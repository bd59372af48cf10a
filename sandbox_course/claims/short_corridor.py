"""REINFORCE reaches the optimum of the short corridor, which only a policy with chance in it has."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.api import Claim, Measured, Plot, Trial

claim = Claim(
    id="short-corridor",
    sentence="REINFORCE reaches the optimum of the short corridor, where every policy without chance fails.",
    idea="1 · Policy gradients",
    switch="The policy that is being learned plays its most probable action instead of drawing one.",
    measure=f"{__name__}:measure",
    requires=("torch",),
    extra="torch",
)


def measure(trial: Trial) -> Measured:
    """The learned probability of going right, and what it is worth by the closed form."""
    from sandbox_course.learning import learn_on, seeds_of
    from sandbox_course.tasks.corridor import BEST_P, BEST_VALUE, Corridor, value

    worst, gaps, curves = 0.0, [], {}
    for seed in seeds_of(trial.seed, trial.settings["seeds"]):
        curve: list[tuple[int, float]] = []

        def look(steps: int, policy: Any, curve: list[tuple[int, float]] = curve) -> None:
            curve.append((steps, _right(policy())))

        probe = Corridor(1)
        learn_on(
            lambda count: _Greedy(Corridor(count)) if trial.sabotaged else Corridor(count),
            "reinforce",
            spaces=(probe.single_observation_space, probe.single_action_space),
            seed=seed,
            steps=trial.settings["steps"],
            num_envs=128,
            hp={
                "net_arch": [],
                "episodes_per_update": 512,
                "learning_rate": 0.04,
                "schedule": "linear",
                "reward_to_go": True,
                "baseline": True,
                "value_epochs": 1,
                "value_batch_size": 2048,
            },
            look=look,
        )
        p = curve[-1][1]
        worst = max(worst, abs(p - BEST_P))
        gaps.append(100 * (value(p) / BEST_VALUE - 1))
        curves[f"seed {seed}"] = tuple(np.transpose(curve))
    plot = Plot(
        "The corridor: probability of going right", "steps", "p", lines=curves, marks={"2 - √2": BEST_P}
    )
    return Measured({"error_of_p": worst, "gap_percent": max(gaps)}, plot)


def _right(policy: Any) -> float:
    import torch

    return float(policy.actor(torch.ones(1, 1)).softmax(1)[0, 1].detach())


class _Greedy:
    """Environments in which whatever is drawn, the majority's action is played: nothing is left to chance."""

    def __init__(self, envs: Any) -> None:
        self._envs = envs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._envs, name)

    def step(self, actions: Any) -> Any:
        return self._envs.step(np.full(len(actions), round(float(np.mean(actions)))))
