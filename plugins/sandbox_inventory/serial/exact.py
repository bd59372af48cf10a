"""The exact optimum of a serial system, by the recursion of Clark and Scarf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_inventory.core.arrays import Array, positive
from sandbox_inventory.core.demand.distribution import (
    convolved,
    largest_demand,
    mean_and_std,
    moments,
    probabilities,
    table_shares,
)
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.serial.config import SerialConfig

GRID = 0.01
"""Step of the grid for demand in fractions of a unit, in standard deviations of a period's demand."""


@dataclass(frozen=True)
class EchelonLevels:
    """Optimal echelon base-stock levels, downstream first, units, and the cost of a period, money."""

    levels: tuple[float, ...]
    cost: float


def clark_scarf(
    lead_demands: tuple[Array, ...], step: float, rates: tuple[float, ...], penalty: float
) -> EchelonLevels:
    """The recursion of Clark and Scarf on a grid.

    C₁(y) = E[h₁·(y - D₁) + (p + Σh)·(y - D₁)⁻], C_j(y) = E[h_j·(y - D_j) + C_{j-1}(min(S_{j-1}, y - D_j))].

    Args:
        lead_demands: P(D_j = 0), P(D_j = step), … of each stage's lead-time demand.
        step: Step of the grid, units.
        rates: Echelon holding rates h_j.
        penalty: p.

    Source: Clark & Scarf 1960; Snyder & Shen 2019, theorem 6.1.
    """
    length = sum(len(mass) for mass in lead_demands)
    positions = step * np.arange(-length, length + 1)
    levels, below = [], np.zeros(0)
    for stage, mass in enumerate(lead_demands):
        if stage == 0:
            inner = rates[0] * positions + (penalty + sum(rates)) * positive(-positions)
        else:
            inner = rates[stage] * positions + below
        # E f(y - D): left of the grid, f continues as the straight line that it is there.
        slope = inner[1] - inner[0]
        reach = len(mass) - 1
        extended = np.concatenate([inner[0] - slope * np.arange(reach, 0, -1), inner])
        expected = np.convolve(extended, mass, "valid")
        best = int(expected.argmin())
        levels.append(float(positions[best]))
        cost = float(expected[best])
        below = np.where(positions < positions[best], expected, cost)
    return EchelonLevels(tuple(levels), cost)


def lead_demand(demand: Demand, periods: int, step: float) -> Array:
    """Probabilities of the demand of several periods on a grid; a normal is truncated at zero, as drawn.

    Demand in fractions of a unit is rounded to the grid.

    Args:
        demand: One period's demand.
        periods: Number of periods.
        step: Step of the grid, units.

    Raises:
        InvalidValueError: For demand that depends on the past.
    """
    if demand.integer and demand.independent:
        return convolved(probabilities(demand), periods)
    if not demand.independent:
        raise InvalidValueError(
            f"Clark and Scarf's recursion needs demand that is independent from period to period, not "
            f"{demand.kind}.",
            "Compare with base-stock, whose levels are optimised for this demand.",
        )
    if demand.kind == "table":
        mass = np.zeros(int(demand.values[-1] / step + 0.5) + 1)
        np.add.at(mass, np.rint(np.asarray(demand.values) / step).astype(np.int64), table_shares(demand))
        return convolved(mass, periods)
    places = step * np.arange(int(largest_demand(demand) / step) + 2)
    return convolved(np.diff(_at_most(demand, places + step / 2), prepend=0.0), periods)


def _at_most(demand: Demand, places: Array) -> Array:
    """P(d ≤ place) of demand in fractions of a unit."""
    from scipy import stats

    mean, std = demand.mean, demand.std or 0.0
    if demand.kind == "normal":
        result: Array = stats.truncnorm(-mean / std, np.inf, mean, std).cdf(places)
    elif demand.kind == "gamma":
        result = stats.gamma((mean / std) ** 2, 0, std**2 / mean).cdf(places)
    else:
        result = stats.uniform(demand.low, max(demand.high - demand.low, 1e-12)).cdf(places)
    return result


def optimal(config: SerialConfig, weights: Mapping[str, float], limit: float = np.inf) -> EchelonLevels:
    """Optimal echelon base-stock levels and the cost of a period of this package's model.

    In the model stage 1 faces the demand of L₁ + 1 periods before its cost is counted. The echelon stock of
    the upper stages is counted after the period's demand, too, which is h_j·E[d] less for each j ≥ 2 than in
    the recursion.

    Args:
        config: The system.
        weights: The reward's weight of each term.
        limit: Largest order of a stage, units.

    Raises:
        InvalidValueError: As `lead_demand`, if the reward weighs stock on hand and in transit differently, or
            if an order may have to be larger than the limit: the recursion knows none.
    """
    largest = largest_demand(config.demand)
    if limit < largest:
        raise InvalidValueError(
            f"Clark and Scarf's optimum holds for orders without a limit; here an order is at most {limit:g} "
            f"units, and a period's demand may be {largest:.4g}.",
            "Raise or leave out max_order and order_cover, or compare with base-stock, whose levels are "
            "optimised under the limit.",
        )
    if weights["holding"] != weights["transport"] or weights["holding"] >= 0 or weights["shortage"] > 0:
        raise InvalidValueError(
            "The optimum needs equal, negative weights of holding and transport: both are echelon stock."
        )
    weight = -weights["holding"]
    step = 1.0 if config.demand.integer else GRID * max(mean_and_std(config.demand)[1], 1e-3)
    lead_times = [config.lead_times[0] + 1, *config.lead_times[1:]]
    rates = tuple(weight * rate for rate in config.echelon_holding)
    lead_demands = tuple(lead_demand(config.demand, periods, step) for periods in lead_times)
    result = clark_scarf(lead_demands, step, rates, -weights["shortage"] * config.penalty)
    return EchelonLevels(result.levels, result.cost - sum(rates[1:]) * moments(config.demand)[0])
