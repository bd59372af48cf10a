"""Lost sales as a finite Markov decision process, from the tables of the exact solver."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.api import FiniteModel, InvalidValueError, RewardSpec
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.demand.distribution import probabilities
from sandbox_inventory.core.finite import grid_model
from sandbox_inventory.core.reward import foreign_terms
from sandbox_inventory.lost_sales import random_lead
from sandbox_inventory.lost_sales.config import LostSalesConfig
from sandbox_inventory.lost_sales.model import LostSales, make
from sandbox_inventory.lost_sales.tables import Costs, period_costs, table_bounds

MAX_ENTRIES = 20_000_000
"""Most transitions of a model: lead times up to 3 or 4 with demand of a few units."""


def finite_model(config: LostSalesConfig, reward: RewardSpec) -> FiniteModel:
    """States (x, q₁, …, q_{L-1}), actions 0, 1, … units; the mean reward of a period is to be maximised.

    Orders and stock have the bounds of the exact solver, which no optimal policy exceeds; with a fixed cost
    or limited orders, for which none are known, orders have those of the action space and stock a wide one.

    Raises:
        InvalidValueError: For demand without probabilities on the integers, for rewarded costs and terms of
            extensions, for an initial stock that is no whole number, and for more than `MAX_ENTRIES`
            transitions.
    """
    if others := foreign_terms(reward):
        raise InvalidValueError(
            f"The finite model of lost sales knows no reward term {', '.join(map(repr, others))}.",
            f"Its terms: {', '.join(name for name in reward.weights if name not in others)}.",
        )
    if config.lead_time_probabilities is not None:
        return _with_random_lead_times(config, reward)
    system, mass = LostSales(config), probabilities(config.demand)
    costs = Costs.weighted(config, reward.weights)
    if not float(config.initial_stock).is_integer():
        raise InvalidValueError(f"initial_stock is {config.initial_stock:g}; states have whole units.")
    limit = float(system.orders.max_quantity[0])
    max_order, max_stock = table_bounds(config, costs, mass, limit)
    if max_order >= limit:  # stock is built up ahead where orders are limited: there is no bound in advance
        max_stock *= 2
    max_stock = max(max_stock, int(config.initial_stock))
    shape = (max_stock + 1, *[max_order + 1] * system.pipeline_length)
    entries = float(np.prod(shape, dtype=float)) * (max_order + 1) * (max_stock + 1)
    if entries > MAX_ENTRIES:
        raise InvalidValueError(
            f"The finite model for lead time {config.lead_time} has {entries:.2g} transitions; "
            f"at most {MAX_ENTRIES:,} are written down.",
            "Shorten lead_time or lower demand.",
        )
    left, period = period_costs(costs, mass, max_stock)
    quantity = np.arange(max_order + 1)
    placing = costs.purchase * quantity + costs.fixed * (quantity > 0)
    serving, following = _transitions(config.lead_time, shape, quantity)
    initial = np.zeros(int(np.prod(shape)))
    initial[np.ravel_multi_index((int(config.initial_stock), *[0] * system.pipeline_length), shape)] = 1.0

    def state_index(observation: Any) -> Any:
        columns = np.rint(np.asarray(observation, np.float64) * system.scale).astype(np.int64).T
        return np.ravel_multi_index(tuple(columns), shape, mode="clip")

    def observe(states: Any) -> Array:
        return (np.stack(np.unravel_index(states, shape), axis=1) / system.scale).astype(np.float32)

    return FiniteModel(
        successors=following,
        probabilities=np.maximum(left, 0.0)[serving],  # P(0) is 1 less a sum, which rounds
        rewards=-(period[serving] + placing),
        initial=initial,
        actions=system.orders.actions(quantity.astype(np.float64)),
        state_index=state_index,
        observe=observe,
        horizon=config.horizon,
    )


def _with_random_lead_times(config: LostSalesConfig, reward: RewardSpec) -> FiniteModel:
    """The same where the arrivals of orders are drawn as well, by stepping the system."""
    env = make(config, reward)
    stock, largest = random_lead.grid(env)
    stock, pipeline = max(stock, int(config.initial_stock)), env.core.model.pipeline_length
    return grid_model(
        env.core.model,
        [0] * (1 + pipeline),
        [stock, *[largest] * pipeline],
        np.arange(largest + 1),
        reward,
    )


def _transitions(lead_time: int, shape: tuple[int, ...], quantity: Array) -> tuple[Array, Array]:
    """What meets the demand, shape ``(S, A)``, and the state if z units are left, shape ``(S, A, Z)``."""
    top, states = shape[0] - 1, np.arange(int(np.prod(shape)))
    on_hand, *pipeline = (column[:, None] for column in np.unravel_index(states, shape))
    left = np.arange(shape[0])
    order = np.broadcast_to(quantity, (len(states), len(quantity)))
    if lead_time == 0:
        following = np.broadcast_to(left, (*order.shape, len(left)))
        return np.minimum(on_hand + order, top), following
    arriving, *later = [*(np.broadcast_to(part, order.shape) for part in pipeline), order]
    stock = np.minimum(left + arriving[:, :, None], top)
    rest = (np.broadcast_to(part[:, :, None], stock.shape) for part in later)
    return np.broadcast_to(on_hand, order.shape), np.ravel_multi_index((stock, *rest), shape)
