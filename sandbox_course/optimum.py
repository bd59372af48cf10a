"""How many samples an algorithm needs to come within 1 % of the known optimum of one inventory task.

Lost sales, Poisson demand of mean 5, lead time 1, penalty 4 (`inventory/lost-sales-l1-p4`), with whole orders
or with real ones that the environment rounds. The gap of a policy is that of its exact average cost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from sandbox.api import Measured, Plot, StopTraining, Trial

SCENARIO = "inventory/lost-sales-l1-p4"
CLOSE = 1.0
"""Percent."""
HELD = 50.0
"""Units at which stock is held when a policy is measured: it may order without end in states that it hardly
ever meets, and would have no average cost otherwise."""


HORIZON = 40
"""Periods of a training episode: random orders pile up stock, and long episodes would show little else."""


@dataclass(frozen=True)
class Learner:
    """How an algorithm is trained.

    Attributes:
        algorithm: Its name.
        most: Samples after which it is given up.
        num_envs: Environments side by side.
        settings: Hyperparameters that differ from the defaults.
        discrete: Whether orders are actions of a Discrete space.
        first: Samples at which it is measured for the first time.
    """

    algorithm: str
    most: int
    num_envs: int
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    discrete: bool = True
    first: int = 500


@dataclass(frozen=True)
class Task:
    """The task, and exact costs on it."""

    discrete: bool

    @cached_property
    def scenario(self) -> Any:
        """The resolved scenario."""
        from sandbox.scenarios.given import as_scenario

        orders = "discrete" if self.discrete else "continuous"
        changes = [f"config.orders={orders}", f"config.horizon={HORIZON}", "evaluation.config.horizon=2500"]
        return as_scenario(SCENARIO, changes)

    @cached_property
    def model(self) -> Any:
        """The equations of the task."""
        from sandbox.registry.resolve import resolve

        return resolve(self.scenario.task.make)(self.scenario.config, self._cost).core.model

    @property
    def _cost(self) -> Any:
        from sandbox.registry.resolve import resolve

        return resolve(self.scenario.task.rewards)["cost"]

    @cached_property
    def best(self) -> float:
        """Exact cost a period of the optimum."""
        from sandbox_inventory.lost_sales.exact import optimal

        return float(optimal(self.model.config, self._cost.weights).cost)

    def gap(self, policy: Any) -> float:
        """Percent over the optimum."""
        from sandbox_inventory.core.solvers.markov_chain import average_cost

        def choose(state: Any) -> Any:
            return policy.act((self.model.observe(state) / self.model.scale).astype(np.float32))

        own = average_cost(self.model, choose, self._cost, max_states=100_000, max_value=HELD)
        return 100 * (float(own) / self.best - 1)

    def envs(self, num_envs: int, seed: int) -> Any:
        """Training environments."""
        from sandbox.envs.make import make_training

        return make_training(self.scenario, num_envs, seed)


def reach(
    learner: Learner, seed: int, wrap: Callable[[Any], Any] = lambda envs: envs
) -> tuple[list[int], list[float]]:
    """Samples and gaps, until a gap of `CLOSE` or the last sample.

    Args:
        learner: What is trained.
        seed: Of everything.
        wrap: Of the environments; a switch may change here what they tell.
    """
    from sandbox_course.learning import learn_on

    task = Task(learner.discrete)
    probe = task.envs(1, seed)
    samples: list[int] = []
    gaps: list[float] = []

    def look(steps: int, policy: Callable[[], Any]) -> None:
        if steps >= (1.25 * samples[-1] if samples else learner.first):
            samples.append(steps)
            gaps.append(task.gap(policy()))
            if gaps[-1] <= CLOSE:
                raise StopTraining

    last = learn_on(
        lambda count: wrap(task.envs(count, seed)),
        learner.algorithm,
        spaces=(probe.single_observation_space, probe.single_action_space),
        seed=seed,
        steps=learner.most,
        num_envs=learner.num_envs,
        hp=learner.settings,
        look=look,
    )
    probe.close()
    if not gaps or gaps[-1] > CLOSE:
        samples.append(learner.most)
        gaps.append(task.gap(last))
    return samples, gaps


def measure(learner: Learner, trial: Trial, wrap: Callable[[Any], Any] = lambda envs: envs) -> Measured:
    """Samples to 1 % and the gap then, over several runs."""
    runs: dict[str, tuple[list[int], list[float]]] = {}
    for seed in range(trial.seed, trial.seed + trial.settings["seeds"]):
        runs[f"seed {seed}"] = reach(learner, seed, wrap)
        missed = sum(gaps[-1] > CLOSE for _, gaps in runs.values())
        if trial.sabotaged and 2 * missed > trial.settings["seeds"]:
            break  # whether the claim is of every run or of their median, these break it
    plot = Plot(
        f"{learner.algorithm} on lost sales: exact cost above the optimum",
        "samples",
        "%",
        lines=runs,
        marks={"1 %": CLOSE},
        log="xy",
    )
    last = [float(samples[-1]) for samples, _ in runs.values()]
    gaps = [float(values[-1]) for _, values in runs.values()]
    figures = {
        "gap_percent": max(gaps),
        "median_gap_percent": float(np.median(gaps)),
        "samples_median": float(np.median(last)),
        "samples_most": max(last),
    }
    return Measured(figures, plot)
