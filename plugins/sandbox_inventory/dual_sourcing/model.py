"""Dual sourcing with backorders: the dynamics. The fast source delivers at once, at a higher price.

Event order of a period: **receive, observe, order, demand, cost**. With net stock I after the receipt of the
regular order that is due, the expedited order q_e (arrives at once) and the regular order q_r (arrives after
l_r ≥ 1 periods),

    y = I + q_e,   cost = c_r·q_r + c_e·q_e + h·(y - d)⁺ + b·(d - y)⁺,   I' = y - d + regular order due next.

Source: Gijsbrechts, Boute, Van Mieghem & Zhang 2022, MSOM 24(3), section 4.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import gymnasium as gym
import numpy as np

from sandbox.api import ObservationField
from sandbox_inventory.core.arrays import Array, advance, positive, receive
from sandbox_inventory.core.demand.distribution import mean_and_std
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.differentiable import MakeDynamics
from sandbox_inventory.core.envs import env_makers
from sandbox_inventory.core.fields import NET, outstanding
from sandbox_inventory.core.look_ahead import MakeSimulator
from sandbox_inventory.core.model import Flow, State
from sandbox_inventory.core.orders import make_orders, order_limit
from sandbox_inventory.core.reward import presets
from sandbox_inventory.dual_sourcing.config import DualSourcingConfig

REWARDS = presets("holding", "shortage", "purchase", "expedite")


class DualSourcing:
    """The dynamics of a batch; orders are (expedited, regular).

    State: ``net`` (num_envs,) and ``pipeline`` (num_envs, l_r - 1) of regular orders.
    """

    finite = False

    def __init__(self, config: DualSourcingConfig) -> None:
        self.config = config
        self.demands: tuple[Demand, ...] = (config.demand,)
        self.pipeline_length = config.regular_lead_time - 1
        self.observation_size = 1 + self.pipeline_length
        self.scale = max(mean_and_std(config.demand)[0], 1.0)
        limit = order_limit(config, config.demand)
        self.orders = make_orders(config.orders, (limit, limit), config.demand.integer)
        self.action_space: gym.Space[Any] = self.orders.space

    def initial_state(self, num_envs: int) -> State:
        """No stock, an empty pipeline."""
        return {"net": np.zeros(num_envs), "pipeline": np.zeros((num_envs, self.pipeline_length))}

    def observe(self, state: State, xp: ModuleType = np) -> Array:
        """Net stock after receipt, then outstanding regular orders, next arrival first."""
        observation: Array = xp.concatenate([state["net"][:, None], state["pipeline"]], axis=1)
        return observation

    def fields(self) -> list[ObservationField]:
        """What the numbers of `observe` are."""
        return [NET, *outstanding(self.pipeline_length, "outstanding regular order")]

    def units(self, state: State) -> Array:
        """Stock on hand and in the pipeline."""
        total: Array = positive(state["net"]) + state["pipeline"].sum(1)
        return total

    def step(self, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """Order (expedited, regular), demand, cost, and the receipt of the next period."""
        return self.play(state, self.orders.quantities(action), demand)

    def play(self, state: State, quantities: Array, demand: Array, xp: ModuleType = np) -> tuple[State, Flow]:
        """`step` by quantities ``(num_envs, 2)``, in the array operations of any library."""
        config, demanded = self.config, demand[:, 0]
        expedited, regular = quantities[:, 0], quantities[:, 1]
        ready, late = receive(state["net"], expedited, xp)
        filled = xp.minimum(positive(ready, xp), demanded)
        left = ready - demanded
        terms = {
            "holding": config.holding * positive(left, xp),
            "shortage": config.penalty * positive(-left, xp),
            "purchase": config.regular_cost * regular,
            "expedite": config.expedited_cost * expedited,
        }
        arriving, pipeline = advance(state["pipeline"], regular, xp)
        next_net, later = receive(left, arriving, xp)
        ordered = expedited + regular
        sold = filled + late + later
        flow = Flow(terms, demanded, filled, positive(left, xp), ordered[:, None], ordered, sold)
        return {"net": next_net, "pipeline": pipeline}, flow


make, make_vec = env_makers(DualSourcing)
simulator = MakeSimulator(DualSourcing)
dynamics = MakeDynamics(DualSourcing)
