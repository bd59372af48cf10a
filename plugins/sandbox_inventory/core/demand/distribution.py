"""Probabilities and moments of demand, after truncation and rounding."""

from __future__ import annotations

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.demand.families import Demand

TAIL = 1e-13
"""Probability beyond which the tail of a distribution on the integers is cut, and the rest rescaled."""

UNLIKELY = 1e-9
"""Probability below which a demand does not count in the choice of limits."""


def probabilities(demand: Demand) -> Array:
    """P(d = 0), P(d = 1), … of independent demand in whole units; sums to one.

    Raises:
        InvalidValueError: For other families; exact solvers need these probabilities.
    """
    from scipy import stats

    if not (demand.independent and demand.integer):
        raise InvalidValueError(
            f"An exact solution needs independent demand in whole units, not {demand.kind}"
            f"{'' if demand.integer else ' in fractions of a unit'}.",
            "Use poisson, geometric, negative-binomial, table, or whole=true with normal, gamma or uniform.",
        )
    kind, mean, std = demand.kind, demand.mean, demand.std or 0.0
    if kind == "table":
        mass = np.zeros(int(demand.values[-1]) + 1)
        mass[np.asarray(demand.values, np.int64)] = table_shares(demand)
        return mass
    if kind == "uniform":
        low, high = int(demand.low), int(demand.high)
        return np.where(np.arange(high + 1) >= low, 1.0 / (high - low + 1), 0.0)
    if kind in ("normal", "gamma"):
        family = (
            stats.norm(mean, std) if kind == "normal" else stats.gamma((mean / std) ** 2, 0, std**2 / mean)
        )
        top = int(np.ceil(family.isf(TAIL))) + 1
        upper = family.cdf(np.arange(top + 1) + 0.5)
        mass = np.diff(upper, prepend=0.0)
    else:
        family = {
            "poisson": lambda: stats.poisson(mean),
            "geometric": lambda: stats.geom(1 / (1 + mean), -1),
            "negative-binomial": lambda: stats.nbinom(mean**2 / (std**2 - mean), mean / std**2),
        }[kind]()
        mass = family.pmf(np.arange(int(family.isf(TAIL)) + 2))
    normalised: Array = mass / mass.sum()
    return normalised


def table_shares(demand: Demand) -> Array:
    """Probabilities of the values of a table, which sum to one."""
    shares = np.asarray(demand.probabilities or (1.0,) * len(demand.values), float)
    normalised: Array = shares / shares.sum()
    return normalised


def largest_demand(demand: Demand) -> float:
    """A quantity that the demand of a period exceeds with a probability below `UNLIKELY`, units."""
    from scipy import stats

    kind, mean, std = demand.kind, demand.mean, demand.std or 0.0
    if kind in ("trace", "table"):
        return float(max(demand.values))
    if kind == "markov":
        return float(stats.poisson(max(demand.regimes)).isf(UNLIKELY))
    if kind == "uniform":
        return demand.high
    if demand.independent and demand.integer:
        at_least = np.cumsum(probabilities(demand)[::-1])[::-1]
        return float(np.count_nonzero(at_least > UNLIKELY) - 1)
    if kind == "gamma":
        return float(stats.gamma((mean / std) ** 2, 0, std**2 / mean).isf(UNLIKELY))
    return mean + 6.0 * std


def convolved(mass: Array, periods: int) -> Array:
    """Probabilities of the demand over several independent periods; P(0) = 1 for no period.

    Args:
        mass: P(d = 0), P(d = 1), … of one period.
        periods: Number of periods, at least 0.
    """
    total: Array = np.ones(1)
    for _ in range(periods):
        total = np.convolve(total, mass)
    if total.size > 1:
        at_least = np.cumsum(total[::-1])[::-1]  # P(D >= d)
        total = total[: max(1, int(np.count_nonzero(at_least > TAIL)))]
    normalised: Array = total / total.sum()
    return normalised


def moments(demand: Demand) -> tuple[float, float]:
    """Mean and variance of a period's demand, after truncation and rounding.

    Raises:
        InvalidValueError: For ar1, whose truncated moments have no closed form here, and for traces.
    """
    from scipy import stats

    kind, mean, std = demand.kind, demand.mean, demand.std or 0.0
    if kind in ("ar1", "trace"):
        raise InvalidValueError(f"Demand of kind {kind} has no moments in closed form here.")
    if kind == "markov":
        rates = np.asarray(demand.regimes)
        return float(rates.mean()), float(rates.mean() + rates.var())
    if kind == "table":
        values, mass = np.asarray(demand.values), table_shares(demand)
        return float(values @ mass), float((values - values @ mass) ** 2 @ mass)
    if demand.integer:
        mass = probabilities(demand)
        values = np.arange(len(mass))
        first = float(values @ mass)
        return first, float((values - first) ** 2 @ mass)
    if kind == "normal":
        truncated = stats.truncnorm(-mean / std, np.inf, mean, std)
        return float(truncated.mean()), float(truncated.var())
    if kind == "gamma":
        return mean, std**2
    return (demand.low + demand.high) / 2, (demand.high - demand.low) ** 2 / 12


def mean_and_std(demand: Demand) -> tuple[float, float]:
    """Mean and standard deviation of a period's demand, for scales, limits and first guesses.

    Those of `moments` where they exist; of ar1 the untruncated ones, of a trace those of its values.
    """
    if demand.kind == "ar1":
        return demand.mean, demand.std or 0.0
    if demand.kind == "trace":
        return float(np.mean(demand.values)), float(np.std(demand.values))
    mean, variance = moments(demand)
    return mean, float(np.sqrt(variance))
