"""The critical fractile: the newsvendor's optimal quantity and its expected cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.demand.distribution import moments, probabilities, table_shares
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.newsvendor.config import NewsvendorConfig


def fractile(demand: Demand, over: float, under: float) -> tuple[float, float]:
    """The quantity F⁻¹(under/(under + over)) and its expected cost over·E(q - d)⁺ + under·E(d - q)⁺.

    Args:
        demand: Independent demand; a normal is truncated at zero, as it is drawn.
        over: Cost of a unit too many, greater than 0.
        under: Cost of a unit too few; nothing is ordered if it is not greater than 0.

    Raises:
        InvalidValueError: For demand with a memory, and where a unit too many costs nothing.

    Source: Arrow, Harris & Marschak 1951.
    """
    if not demand.independent:
        raise InvalidValueError(f"The critical fractile needs independent demand, not {demand.kind}.")
    if over <= 0:
        raise InvalidValueError("Where a unit too many costs nothing, there is no best quantity.")
    ratio = max(under, 0.0) / (max(under, 0.0) + over)
    quantity, points = 0.0, _points(demand)
    if under > 0 and points is not None:
        values, mass = points
        quantity = float(values[min(int(np.searchsorted(np.cumsum(mass), ratio)), len(mass) - 1)])
    elif under > 0:
        quantity = float(_family(demand).ppf(ratio))
    return quantity, expected_cost(demand, quantity, over, under)


def expected_cost(demand: Demand, quantity: float, over: float, under: float) -> float:
    """over·E(q - d)⁺ + under·E(d - q)⁺ of any quantity q; arguments as for `fractile`."""
    from scipy import integrate

    points = _points(demand)
    if points is not None:
        values, mass = points
        costs = over * np.maximum(quantity - values, 0) + under * np.maximum(values - quantity, 0)
        return float(mass @ costs)
    family = _family(demand)
    missing = float(integrate.quad(family.sf, quantity, np.inf, epsabs=1e-10)[0])  # E(d - q)⁺
    return over * (quantity - float(family.mean()) + missing) + under * missing


def _points(demand: Demand) -> tuple[Array, Array] | None:
    """The values of demand that has few of them, whole or not, and their probabilities; else None."""
    if demand.integer:
        mass = probabilities(demand)
        return np.arange(float(len(mass))), mass
    if demand.kind == "table":
        return np.asarray(demand.values), table_shares(demand)
    if demand.kind == "uniform" and demand.low == demand.high:
        return np.array([demand.low]), np.ones(1)
    return None


def _family(demand: Demand) -> Any:
    """SciPy's distribution of demand that takes any value of a range."""
    from scipy import stats

    mean, std = demand.mean, demand.std or 0.0
    if demand.kind == "normal":
        return stats.truncnorm(-mean / std, np.inf, mean, std)
    if demand.kind == "gamma":
        return stats.gamma((mean / std) ** 2, 0, std**2 / mean)
    return stats.uniform(demand.low, demand.high - demand.low)


def optimal(
    config: NewsvendorConfig, weights: Mapping[str, float], limit: float = np.inf, whole: bool = False
) -> tuple[float, float]:
    """The optimal quantity among those that can be ordered, and the expected cost a period (minus reward).

    A unit too many costs h + c, a unit too few p + price - c. The cost is convex in the quantity, so a limit
    cuts the fractile off, and the best whole quantity is next to it.

    Args:
        config: The system.
        weights: The reward's weight of each term.
        limit: Largest order, units.
        whole: Whether only whole quantities can be ordered.

    Raises:
        InvalidValueError: As `fractile`.
    """
    cost, price = -weights["purchase"] * config.purchase, weights["revenue"] * config.price
    over = -weights["holding"] * config.holding + cost
    under = -weights["shortage"] * config.penalty + price - cost
    best, _ = fractile(config.demand, over, under)
    candidates = [np.floor(best), np.ceil(best)] if whole else [best]
    costs = {
        min(float(quantity), limit): expected_cost(config.demand, min(float(quantity), limit), over, under)
        for quantity in candidates
    }
    quantity = min(costs, key=costs.__getitem__)
    return quantity, costs[quantity] - (price - cost) * moments(config.demand)[0]
