"""The best parameters of index rules for dual sourcing.

Every rule here orders by positions relative to its expedited level S_e, so the law of the net stock after
expediting, less S_e, does not depend on S_e: for given other parameters, one evaluation gives the best S_e
and its cost as a newsvendor's (the argument of Veeraraghavan & Scheller-Wolf 2008, Operations Research 56).
What is left to search is one parameter or two, on a grid that holds all sensible values. A pattern search in
all parameters ends in the wrong valley, since the best level moves with the gap.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.demand.distribution import largest_demand, probabilities
from sandbox_inventory.core.rules import InventoryEnvironment, with_parameters
from sandbox_inventory.core.solvers.markov_chain import long_run
from sandbox_inventory.core.solvers.positions import expected_cost
from sandbox_inventory.core.solvers.search import ParametricRule, SimulatedCost, minimise
from sandbox_inventory.dual_sourcing.model import DualSourcing

MAX_STATES = 60_000
"""Most states that a rule may reach for its cost to be computed exactly."""

MAX_STOCK = 40.0
"""Largest stock in exact evaluation, in periods of mean demand: under a constant regular order stock could
grow without end, with vanishing probability."""

MAX_GRID = 300
"""Most points of the grid that the other parameters are searched on at first."""

EXACT_POINTS = 10
"""Best points by simulation whose cost is then computed exactly."""


@dataclass(frozen=True)
class Level:
    """The best expedited level for given other parameters, and the cost of a period."""

    level: float
    cost: float


def best_index(
    env: InventoryEnvironment, rule: ParametricRule, highest: list[float], label: str
) -> tuple[Array, float]:
    """The best parameters (S_e, others …) of a rule and its cost a period (minus reward).

    Args:
        env: An environment of dual sourcing.
        rule: Orders from (S_e, others …), by positions relative to S_e.
        highest: Largest sensible value of each other parameter; the smallest is 0.
        label: Name in the progress line.
    """
    model: DualSourcing = env.core.model
    whole = model.orders.whole
    known: dict[bytes, Level] = {}

    def simulated(points: Array) -> Array:
        for point, result in zip(points, _simulated(env, rule, points), strict=True):
            known[point.tobytes()] = result
        return np.array([known[point.tobytes()].cost for point in points])

    stride = _stride(highest, whole)
    axes = [np.arange(0.0, top + step / 2, step) for top, step in zip(highest, stride, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(highest))
    costs = simulated(grid)
    best, cost = minimise(
        simulated,
        grid[int(costs.argmin())].tolist(),
        stride,
        low=[0.0] * len(highest),
        min_step=1.0 if whole else model.scale / 32,
        label=label,
    )
    level = known[best.tobytes()].level
    if whole and model.demands[0].integer and model.demands[0].independent:
        points = np.unique([best, *grid[np.argsort(costs)[:EXACT_POINTS]]], axis=0)
        exact = _exact_best(env, rule, points, label)
        if np.isfinite(exact[2]):  # else all reach too many states: the simulated optimum stands
            best, level, cost = exact
    return np.array([level, *best]), cost


def _stride(highest: list[float], whole: bool) -> list[float]:
    """Step of each parameter for a grid of at most `MAX_GRID` points."""
    points = MAX_GRID ** (1 / len(highest))
    steps = [top / points for top in highest]
    return [max(1.0, float(np.ceil(step))) if whole else max(step, 1e-3) for step in steps]


def _exact_best(
    env: InventoryEnvironment, rule: ParametricRule, points: Array, label: str
) -> tuple[Array, float, float]:
    """The best of the points and their surroundings by exact cost: others, S_e and cost.

    The cost is infinite if no point's can be computed.
    """
    known: dict[bytes, Level] = {}

    def exact(candidates: Array) -> Array:
        for candidate in candidates:
            known[candidate.tobytes()] = Level(np.nan, np.inf)
            with suppress(InvalidValueError):  # too many states, as where stock or backlog has no bound
                known[candidate.tobytes()] = exact_level(env, rule, candidate)
        return np.array([known[candidate.tobytes()].cost for candidate in candidates])

    start = points[int(exact(points).argmin())]
    best, cost = minimise(
        exact, start.tolist(), [1.0] * points.shape[1], low=[0.0] * points.shape[1], label=label
    )
    return best, known[best.tobytes()].level, cost


def exact_level(env: InventoryEnvironment, rule: ParametricRule, others: Array) -> Level:
    """The best S_e for the other parameters, by the stationary law of the states that the rule reaches.

    Raises:
        InvalidValueError: If it can reach more than `MAX_STATES` states.
    """
    model: DualSourcing = env.core.model
    quantities = with_parameters(rule, np.array([0.0, *others]))
    law = long_run(
        model,
        lambda state: model.orders.actions(quantities(state)),
        env.reward,
        max_states=MAX_STATES,
        max_value=MAX_STOCK * model.scale,
    )
    state = {"net": law.rows[:, 0], "pipeline": law.rows[:, 1:]}
    ordered = model.orders.quantities(model.orders.actions(quantities(state)))
    places, index = np.unique(law.rows[:, 0] + ordered[:, 0], return_inverse=True)
    share = np.bincount(index, law.share)
    holding, shortage, purchase, expedite = _rates(env)
    mass = probabilities(model.demands[0])
    place_cost = expected_cost(mass, holding, shortage)
    levels = np.arange(-int(places[-1]) - 1, len(mass) - int(places[0]) + 1)
    costs = np.array([share @ place_cost((level + places).astype(np.int64)) for level in levels])
    best = int(costs.argmin())
    paid = law.share @ (expedite * ordered[:, 0] + purchase * ordered[:, 1])
    return Level(float(levels[best]), float(costs[best] + paid))


def _simulated(env: InventoryEnvironment, rule: ParametricRule, points: Array) -> list[Level]:
    """The best S_e of each point from the net stock less S_e after demand, on the same simulated demand."""
    model: DualSourcing = env.core.model
    holding, shortage, purchase, expedite = _rates(env)
    places: list[Array] = []
    paid: list[Array] = []

    def record(state: dict[str, Array], demand: Array, action: Array) -> None:
        ordered = model.orders.quantities(action)
        places.append(state["net"] + ordered[:, 0] - demand[:, 0])
        paid.append(expedite * ordered[:, 0] + purchase * ordered[:, 1])

    simulated = SimulatedCost(model, rule, env.reward, periods=40_000)
    simulated.play(np.concatenate([np.zeros((len(points), 1)), points], 1), record)
    samples = np.stack(places).reshape(len(places), len(points), -1)
    money = np.stack(paid).reshape(len(paid), len(points), -1).mean((0, 2))
    results = []
    for point, price in enumerate(money):
        left = samples[:, point].ravel()
        rank = int(holding / max(holding + shortage, 1e-12) * len(left))
        level = -float(np.partition(left, min(rank, len(left) - 1))[min(rank, len(left) - 1)])
        after = level + left
        cost = float((holding * np.maximum(after, 0) + shortage * np.maximum(-after, 0)).mean())
        results.append(Level(level, cost + float(price)))
    return results


def _rates(env: InventoryEnvironment) -> tuple[float, float, float, float]:
    """h, b, c_r and c_e with the reward's weights applied."""
    config, weights = env.core.model.config, env.reward.weights
    return (
        -weights["holding"] * config.holding,
        -weights["shortage"] * config.penalty,
        -weights["purchase"] * config.regular_cost,
        -weights["expedite"] * config.expedited_cost,
    )


def highest_gap(model: DualSourcing) -> float:
    """A gap between the levels that no sensible dual index exceeds: the demand of l_r + 1 periods."""
    return (model.config.regular_lead_time + 1) * largest_of(model)


def largest_of(model: DualSourcing) -> float:
    """A demand of a period that is hardly ever exceeded, units; no regular order needs to be larger."""
    largest = min(largest_demand(model.config.demand), model.orders.max_quantity[1])
    return float(np.ceil(largest)) if model.orders.whole else largest
