"""The interface between a task's dynamics and everything that plays them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import gymnasium as gym

from sandbox.api import ObservationField
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.orders import Orders

State = dict[str, Array]
"""Arrays by name, each of shape ``(num_envs, …)``."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Units and money that moved in one period; arrays of shape ``(num_envs,)`` unless stated otherwise.

    Attributes:
        terms: Money by reward term (holding, shortage, …), unweighted; costs and revenue are both positive.
        demand: Customers' demand, units.
        filled: Demand of this period that was met from stock at once, units.
        stock: On hand in the whole system at the end of the period, units.
        orders: Order of each echelon, shape ``(num_envs, echelons)``, downstream first, units.
        received: Units that entered the system from outside.
        sold: Units delivered to customers, including deliveries to the backlog.
        spoiled: Units thrown away; None where nothing spoils.
    """

    terms: dict[str, Array]
    demand: Array
    filled: Array
    stock: Array
    orders: Array
    received: Array
    sold: Array
    spoiled: Array | None = None


class Model(Protocol):
    """Dynamics of a batch as pure functions: nothing in a model changes after construction.

    A model may also have:

    - ``layout``: names of the state arrays whose concatenation is the observation; large batches are then
      observed by compiled code;
    - ``traces``: demand of shape ``(periods, items)``; an episode then plays a window of it;
    - ``agents``, ``observe_agents`` and ``agent_fields``, for tasks with one agent an order.

    Attributes:
        config: The task's parameters, with at least ``horizon`` and ``warmup``.
        demands: Demand of each item; a period's demand has shape ``(num_envs, len(demands))``.
        orders: How an action states order quantities.
        observation_size: Length of a row of `observe`.
        scale: Units that an observed 1 stands for, the mean demand of an item, so that network inputs
            are near 1 whatever the unit.
        action_space: Action space of one environment.
        finite: True if the horizon is part of the problem: the period is then observed and the last step
            terminates. Otherwise the horizon truncates.
    """

    config: Any
    demands: tuple[Demand, ...]
    orders: Orders
    observation_size: int
    scale: float
    action_space: gym.Space[Any]
    finite: bool

    def initial_state(self, num_envs: int) -> State:
        """State at the start of an episode."""
        ...

    def observe(self, state: State) -> Array:
        """Observation in units, shape ``(num_envs, observation_size)``; agents see it over ``scale``."""
        ...

    def step(self, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """Play one period: the next state and what moved. ``state`` itself is not changed."""
        ...

    def fields(self) -> list[ObservationField]:
        """What the numbers of `observe` are, in the unit in which agents see them."""
        ...

    def units(self, state: State) -> Array:
        """All units in the system, on hand and in transit, shape ``(num_envs,)``."""
        ...
