"""The task with a known optimum on which the families are compared: lost sales.

Poisson demand of mean 5, lead time 1, penalty 4, orders of 0 to 10. The gap of a policy is its exact average
cost a period over that of the optimum, in percent.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.api.errors import InvalidValueError


def lost_sales() -> tuple[Any, Any]:
    from sandbox_inventory.core.demand.families import Demand
    from sandbox_inventory.lost_sales.config import LostSalesConfig
    from sandbox_inventory.lost_sales.model import REWARDS

    demand = Demand(kind="poisson", mean=5)
    config = LostSalesConfig(lead_time=1, penalty=4, demand=demand, max_order=10, horizon=200)
    return config, REWARDS["cost"]


def solved() -> tuple[float, dict[str, list[float]]]:
    """The optimal average cost, and the cost that each round of the exact solvers reports."""
    from sandbox.backends.tabular.planning import begin, improve, sweep
    from sandbox_inventory.lost_sales.finite import finite_model

    config, reward = lost_sales()
    model = finite_model(config, reward)
    rounds: dict[str, list[float]] = {}
    for name, better in (("policy-iteration", improve), ("value-iteration", sweep)):
        solution = begin(model)
        rounds[name] = []
        while not solution.done:
            solution = better(model, solution, 1e-9)
            rounds[name].append(-solution.figures["gain"])
    return rounds["policy-iteration"][-1], rounds


def average_cost_of(policy: Any, max_stock: float = np.inf) -> float:
    """Exact average cost a period over the states that a policy can reach, stock held at ``max_stock``."""
    from sandbox_inventory.core.solvers.markov_chain import average_cost
    from sandbox_inventory.lost_sales.model import LostSales

    config, reward = lost_sales()
    model = LostSales(config)

    def choose(state: Any) -> Any:
        return policy.act((model.observe(state) / model.scale).astype(np.float32))

    return average_cost(model, choose, reward, max_value=max_stock)


def gap(policy: Any, best: float, max_stock: float = np.inf) -> float:
    """Percent over the optimum; infinite where stock grows for ever, so that no average exists."""
    try:
        return 100 * (average_cost_of(policy, max_stock) / best - 1)
    except InvalidValueError:  # more states than the solver takes: nothing holds the stock down
        return float("inf")


def best_level() -> int:
    """The base-stock level with the least exact cost."""
    from sandbox_inventory.lost_sales.model import LostSales

    model = LostSales(lost_sales()[0])
    return min(range(1, 30), key=lambda level: average_cost_of(BaseStock(level, model.scale)))


class BaseStock:
    """Orders up to a level, at most what can be ordered."""

    def __init__(self, level: int, scale: Any) -> None:
        self.level, self.scale = level, scale

    def act(self, observation: Any) -> Any:
        position = np.rint(np.asarray(observation, np.float64) * self.scale).sum(axis=1)
        return np.clip(self.level - position, 0, 10).astype(np.int64)
