"""Tasks with an exactly known optimum, on which the families are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from sandbox.api.errors import InvalidValueError
from sandbox.registry.resolve import resolve
from sandbox.scenarios.validation import validate

POISSON = {"demand": {"kind": "poisson", "mean": 5}, "penalty": 4, "max_order": 10, "horizon": 200}


@dataclass(frozen=True, eq=False)
class Known:
    """A task of inventory with whole orders, whose optimum has the least average cost a period.

    Attributes:
        package: Of `sandbox_inventory`.
        model: Its class.
        settings: Of its config.
        held: Values at which stock is held when a policy is measured: a policy may order without end, or not
            at all, in states that it hardly ever meets, and would have no average cost otherwise.
    """

    package: str
    model: str
    settings: Mapping[str, Any]
    held: tuple[float, float] = (-np.inf, 100.0)

    @cached_property
    def reward(self) -> Any:
        """Minus the cost of a period."""
        return resolve(f"sandbox_inventory.{self.package}.model:REWARDS")["cost"]

    def config(self, **changes: Any) -> Any:
        """The task's parameters."""
        model = resolve(f"sandbox_inventory.{self.package}.config:{self.model}Config")
        return validate(model, {**self.settings, **changes}, self.package)

    def make_vec(self, num_envs: int, **changes: Any) -> Any:
        """Environments side by side."""
        make = resolve(f"sandbox_inventory.{self.package}.model:make_vec")
        return make(self.config(**changes), self.reward, num_envs)

    def system(self, **changes: Any) -> Any:
        """The inventory itself."""
        return resolve(f"sandbox_inventory.{self.package}.model:{self.model}")(self.config(**changes))

    @cached_property
    def finite(self) -> Any:
        """The task's finite model."""
        return resolve(f"sandbox_inventory.{self.package}.finite:finite_model")(self.config(), self.reward)

    @cached_property
    def solved(self) -> tuple[float, dict[str, list[float]]]:
        """The optimal average cost, and the cost that each round of the exact solvers reports."""
        from sandbox.backends.tabular.planning import begin, improve, sweep

        rounds: dict[str, list[float]] = {}
        for name, better in (("policy-iteration", improve), ("value-iteration", sweep)):
            solution = begin(self.finite)
            rounds[name] = []
            while not solution.done:
                solution = better(self.finite, solution, 1e-9)
                rounds[name].append(-solution.figures["gain"])
        return rounds["policy-iteration"][-1], rounds

    @cached_property
    def optimum(self) -> Any:
        """The optimal orders, as a policy."""
        return _Optimum(self.finite)

    def cost(self, policy: Any) -> float:
        """Exact average cost a period over the states that a policy reaches; infinite if they do not end."""
        from sandbox_inventory.core.solvers.markov_chain import average_cost

        system = self.system()

        def choose(state: Any) -> Any:
            return policy.act((system.observe(state) / system.scale).astype(np.float32))

        least, most = self.held
        try:
            return average_cost(system, choose, self.reward, min_value=least, max_value=most)
        except InvalidValueError:  # more states than the solver takes
            return float("inf")

    def gap(self, policy: Any) -> float:
        """Percent over the optimum."""
        return 100 * (self.cost(policy) / self.solved[0] - 1)


class _Optimum:
    """The optimal orders of a finite model."""

    def __init__(self, model: Any) -> None:
        from sandbox.backends.tabular.planning import begin, improve

        self.model = model
        solution = begin(model)
        while not solution.done:
            solution = improve(model, solution, 1e-9)
        self.chosen = solution.chosen

    def act(self, observation: Any) -> Any:
        return self.model.actions[self.chosen[self.model.state_index(observation)]]


@cache
def known_tasks() -> Mapping[str, Known]:
    """The tasks by name."""
    return {
        "lost-sales-1": Known("lost_sales", "LostSales", {**POISSON, "lead_time": 1}),
        "lost-sales-2": Known("lost_sales", "LostSales", {**POISSON, "lead_time": 2}),
        "s-S": Known(
            "backorders",
            "Backorders",
            {**POISSON, "demand": {"kind": "poisson", "mean": 6}, "fixed_cost": 5, "max_order": 20},
            held=(-100.0, 100.0),
        ),
        "perishable": Known("perishable", "Perishable", {"max_order": 10, "horizon": 200}),
    }
