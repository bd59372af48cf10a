"""Random lead times of orders that do not cross.

In every period a threshold is drawn, independent of everything else, and all outstanding orders that are at
least so many periods old arrive together. An order of age a has therefore arrived whenever a younger one has,
and with F the distribution function of the threshold,

    P(L = j) = F(j)·Π_{i < j} (1 - F(i)),   F(j) = P(L = j)/P(L ≥ j).

The hazards F(j) must not fall, as they are a distribution function: not every law of lead times is possible
without crossing. The youngest order that has arrived has the law of L as well, so that with backlog a period
costs E[h·(y - D)⁺ + p·(D - y)⁺], where D is the demand of L + 1 periods and y the position after ordering.
Source: Kaplan 1970, Management Science 16(7), 491-507.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Protocol

import numpy as np

from sandbox_inventory.core.arrays import Array, advance
from sandbox_inventory.core.demand.distribution import convolved
from sandbox_inventory.core.demand.families import Demand

ROUNDING = 1e-6
"""Sums of typed probabilities may be off by this much."""

DESCRIPTION = (
    "P(lead time = 1), P(= 2), …, 1: random lead times of orders that do not cross, in place of lead_time"
)


class LeadTimeConfig(Protocol):
    """What the functions here need of a task's parameters."""

    @property
    def lead_time(self) -> int:
        """Periods, where it is certain."""
        ...

    @property
    def lead_time_probabilities(self) -> tuple[float, ...] | None:
        """P(L = 1), P(L = 2), …, where it is not."""
        ...


def check_probabilities(probabilities: Sequence[float] | None) -> None:
    """Refuse what is no law of lead times of orders that do not cross.

    Raises:
        ValueError: With what is wrong and what would be right.
    """
    if probabilities is None:
        return
    law = np.asarray(probabilities, float)
    if (law < 0).any() or abs(law.sum() - 1) > ROUNDING:
        raise ValueError(f"lead_time_probabilities must be at least 0 and sum to 1, not to {law.sum():g}")
    if law[-1] == 0:
        raise ValueError("lead_time_probabilities ends with 0: leave the lead times that never occur out")
    hazards = _hazards(law)
    falls = np.flatnonzero(np.diff(hazards) < -ROUNDING)
    if len(falls):
        late = int(falls[0]) + 2
        raise ValueError(
            f"orders would have to cross: of those that take {late} periods or more, the share that takes "
            f"{late} ({hazards[late - 1]:.3g}) must not be less than the share a period before "
            f"({hazards[late - 2]:.3g}); raise the later entries of lead_time_probabilities"
        )


def law_of(config: LeadTimeConfig) -> Array:
    """P(L = 0), P(L = 1), …"""
    if config.lead_time_probabilities is None:
        certain: Array = np.eye(config.lead_time + 1)[-1]
        return certain
    law = np.asarray(config.lead_time_probabilities, float)
    return np.concatenate([[0.0], law / law.sum()])


def longest(config: LeadTimeConfig) -> int:
    """Longest lead time, periods."""
    return len(law_of(config)) - 1


def mean_of(config: LeadTimeConfig) -> float:
    """Mean lead time, periods."""
    law = law_of(config)
    return float(law @ np.arange(len(law)))


def with_thresholds(demand: Demand, config: LeadTimeConfig) -> tuple[Demand, ...]:
    """What chance draws in a period: demand, and where lead times are random the threshold of arrivals."""
    if config.lead_time_probabilities is None:
        return (demand,)
    at_most = _hazards(law_of(config)[1:])
    steps = tuple(np.maximum(np.diff(at_most, prepend=0.0), 0.0).tolist())
    ages = tuple(float(age) for age in range(1, len(steps) + 1))
    return (demand, Demand(kind="table", values=ages, probabilities=steps))


def over_lead_time(mass: Array, config: LeadTimeConfig) -> Array:
    """Probabilities of the demand of L + 1 periods.

    Args:
        mass: P(d = 0), P(d = 1), … of one period.
        config: Says what L is.
    """
    law = law_of(config)
    parts = [convolved(mass, int(time) + 1) for time in np.flatnonzero(law)]
    total = np.zeros(max(len(part) for part in parts))
    for part, share in zip(parts, law[law > 0], strict=True):
        total[: len(part)] += share * part
    return total


def receive_orders(
    pipeline: Array, quantity: Array, chance: Array, xp: ModuleType = np
) -> tuple[Array, Array]:
    """Move a pipeline by one period: what arrives next, and the pipeline with the new order at its end.

    Args:
        pipeline: Outstanding orders, oldest first, shape ``(num_envs, longest lead time - 1)``.
        quantity: The new order, shape ``(num_envs,)``.
        chance: What was drawn, shape ``(num_envs, 1 or 2)``; see `with_thresholds`.
        xp: Namespace of the arrays.
    """
    if chance.shape[1] == 1:
        return advance(pipeline, quantity, xp)
    orders = xp.concatenate([pipeline, quantity[:, None]], axis=1)
    arrives = xp.arange(orders.shape[1], 0, -1) >= chance[:, 1:]
    return (orders * arrives).sum(1), (orders * ~arrives)[:, 1:]


def _hazards(law: Array) -> Array:
    """P(L = j)/P(L ≥ j) for j = 1, 2, …"""
    hazards: Array = law / np.maximum(np.cumsum(law[::-1])[::-1], 1e-300)
    return np.minimum(hazards, 1.0)
