"""The critical fractile: the newsvendor's optimal quantity and its expected cost."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_inventory.core.demand.distribution import moments, probabilities
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.newsvendor.config import NewsvendorConfig


def fractile(demand: Demand, over: float, under: float) -> tuple[float, float]:
    """The quantity F⁻¹(under/(under + over)) and its expected cost over·E(q - d)⁺ + under·E(d - q)⁺.

    Args:
        demand: Independent demand; a normal is truncated at zero, as it is drawn.
        over: Cost of a unit too many.
        under: Cost of a unit too few.

    Raises:
        InvalidValueError: For demand with a memory.

    Source: Arrow, Harris & Marschak 1951.
    """
    from scipy import integrate, stats

    if not demand.independent:
        raise InvalidValueError(f"The critical fractile needs independent demand, not {demand.kind}.")
    ratio = under / (under + over)
    if demand.integer:
        mass = probabilities(demand)
        best = min(int(np.searchsorted(np.cumsum(mass), ratio)), len(mass) - 1)
        values = np.arange(len(mass))
        cost = mass @ (over * np.maximum(best - values, 0) + under * np.maximum(values - best, 0))
        return float(best), float(cost)
    mean, std = demand.mean, demand.std or 0.0
    family = {
        "normal": lambda: stats.truncnorm(-mean / std, np.inf, mean, std),
        "gamma": lambda: stats.gamma((mean / std) ** 2, 0, std**2 / mean),
        "uniform": lambda: stats.uniform(demand.low, demand.high - demand.low),
    }[demand.kind]()
    quantity = float(family.ppf(ratio))
    missing = float(integrate.quad(family.sf, quantity, np.inf, epsabs=1e-10)[0])  # E(d - q)⁺
    return quantity, over * (quantity - float(family.mean()) + missing) + under * missing


def optimal(config: NewsvendorConfig, weights: Mapping[str, float]) -> tuple[float, float]:
    """The optimal quantity and the expected cost a period (minus reward).

    A unit too many costs h + c, a unit too few p + price - c.

    Args:
        config: The system.
        weights: The reward's weight of each term.

    Raises:
        InvalidValueError: As `fractile`.
    """
    cost, price = -weights["purchase"] * config.purchase, weights["revenue"] * config.price
    over = -weights["holding"] * config.holding + cost
    under = -weights["shortage"] * config.penalty + price - cost
    quantity, expected = fractile(config.demand, over, under)
    return quantity, expected - (price - cost) * moments(config.demand)[0]
