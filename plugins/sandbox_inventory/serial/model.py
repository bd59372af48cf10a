"""A serial multi-echelon system: the dynamics.

Stage 1 serves customers, stage N buys from outside, and stage j is supplied by stage j + 1. Event order of a
period: **receive, observe, order (upstream first), ship, demand, cost**. A stage is sent what it orders,
limited by its supplier's stock; what it is not sent is not owed, and it may order again. A shipment to stage
j arrives after L_j periods. Unmet customer demand is in backlog at stage 1. With echelon rates h₁ … h_N,

    cost = Σ h_j·IL_j + (p + Σ h_j)·B.

IL_j is all stock at and below stage j, including what is in transit below j, less the backlog B. In local
terms the same sum charges Σ_{i ≥ j} h_i on stock at stage j and Σ_{i > j} h_i on units in transit to it.
Sources: Clark & Scarf 1960, Management Science 6(4); Snyder & Shen 2019, section 6.2.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import gymnasium as gym
import numpy as np

from sandbox.api import ObservationField
from sandbox_inventory.core.arrays import Array, positive, priced, receive
from sandbox_inventory.core.demand.distribution import mean_and_std
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.differentiable import MakeDynamics
from sandbox_inventory.core.envs import env_makers
from sandbox_inventory.core.fields import arrival, at, counted
from sandbox_inventory.core.look_ahead import MakeSimulator
from sandbox_inventory.core.model import Flow, State
from sandbox_inventory.core.orders import make_orders, order_limit
from sandbox_inventory.core.parallel_envs import parallel_env_makers
from sandbox_inventory.core.reward import presets
from sandbox_inventory.serial.config import SerialConfig

REWARDS = presets("holding", "transport", "shortage")


class Serial:
    """The dynamics of a batch.

    State: ``stock`` (num_envs, N), that of stage 1 net of backlog; ``in_transit`` (num_envs, N, max L), the
    shipments to each stage, of which slot k arrives k + 1 periods from now.
    """

    finite = False

    def __init__(self, config: SerialConfig) -> None:
        self.config = config
        self.demands: tuple[Demand, ...] = (config.demand,)
        self.stages = len(config.lead_times)
        self.slots = max(*config.lead_times, 1)
        self.observation_size = self.stages * (1 + self.slots)
        self.scale = max(mean_and_std(config.demand)[0], 1.0)
        limit = order_limit(config, config.demand)
        self.orders = make_orders(config.orders, (limit,) * self.stages, config.demand.integer)
        self.action_space: gym.Space[Any] = self.orders.space
        rates = np.asarray(config.echelon_holding)
        self.local_holding = np.cumsum(rates[::-1])[::-1]  # Σ_{i ≥ j} h_i: a unit at stage j
        self.agents = tuple(f"stage-{stage + 1}" for stage in range(self.stages))

    def initial_state(self, num_envs: int) -> State:
        """At each stage the mean demand of its lead time and one period more; nothing in transit."""
        mean = np.rint(mean_and_std(self.config.demand)[0])
        stock = np.tile([mean * (time + 1) for time in self.config.lead_times], (num_envs, 1))
        in_transit = np.zeros((num_envs, self.stages, self.slots))
        return {"stock": stock.astype(np.float64), "in_transit": in_transit}

    def observe(self, state: State, xp: ModuleType = np) -> Array:
        """Stock of every stage (stage 1 net of backlog), then what is in transit to each."""
        stock = state["stock"]
        moving = state["in_transit"].reshape(len(stock), -1)
        observation: Array = xp.concatenate([stock, moving], axis=1)
        return observation

    def observe_agents(self, state: State) -> Array:
        """Each stage sees the whole system and which stage it is, shape ``(num_envs, stages, …)``."""
        whole = self.observe(state) / self.scale
        num_envs = len(whole)
        observations = np.repeat(whole[:, None], self.stages, 1)
        stage = np.broadcast_to(np.eye(self.stages), (num_envs, self.stages, self.stages))
        return np.concatenate([observations, stage], 2)

    def fields(self) -> list[ObservationField]:
        """What the numbers of `observe` are."""
        stages = counted("stage", self.stages)
        moving = [f"{stage} {arrival(slot + 1)}" for stage in stages for slot in range(self.slots)]
        return [
            *at("stock", "on hand, at stage 1 less backlog", stages),
            *at("shipment", "on its way to a stage, by when it arrives", moving),
        ]

    def agent_fields(self) -> list[ObservationField]:
        """What the numbers of `observe_agents` are."""
        own = ObservationField(
            "own stage", "1", "1 for the stage that the agent is", counted("stage", self.stages)
        )
        return [*self.fields(), own]

    def units(self, state: State) -> Array:
        """Stock on hand and in transit."""
        total: Array = positive(state["stock"]).sum(1) + state["in_transit"].sum((1, 2))
        return total

    def step(self, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """Orders and shipments, demand, cost, and the receipts of the next period."""
        return self.play(state, self.orders.quantities(action), demand)

    def play(self, state: State, quantities: Array, demand: Array, xp: ModuleType = np) -> tuple[State, Flow]:
        """`step` by quantities ``(num_envs, stages)``, in the array operations of any library."""
        config, demanded, stages = self.config, demand[:, 0], self.stages
        stock, in_transit, shipped, late = self._ship(state, quantities, xp)
        filled = xp.minimum(positive(stock[0], xp), demanded)
        stock[0] = stock[0] - demanded
        on_hand = [positive(level, xp) for level in stock]
        moving, rates = in_transit.sum(2), self.local_holding.tolist()
        end_stock = xp.stack(on_hand, axis=1).sum(1)
        terms = {
            "holding": priced(on_hand, rates),
            "transport": (
                priced([moving[:, stage] for stage in range(stages - 1)], rates[1:])
                if stages > 1
                else 0.0 * filled
            ),
            "shortage": config.penalty * positive(-stock[0], xp),
        }
        stock[0], later = receive(stock[0], in_transit[:, 0, 0], xp)
        for stage in range(1, stages):
            stock[stage] = stock[stage] + in_transit[:, stage, 0]
        advanced = xp.concatenate([in_transit[:, :, 1:], 0.0 * in_transit[:, :, :1]], axis=2)
        sold = filled + late + later
        flow = Flow(terms, demanded, filled, end_stock, shipped, shipped[:, -1], sold)
        return {"stock": xp.stack(stock, axis=1), "in_transit": advanced}, flow

    def _ship(
        self, state: State, quantities: Array, xp: ModuleType
    ) -> tuple[list[Array], Array, Array, Array]:
        """Ship every stage's order, upstream first.

        Returns:
            Stock of each stage afterwards, what is in transit (slot 0 is received at the period's end), units
            shipped to each stage ``(num_envs, stages)``, and units that served the backlog at once.
        """
        stock = [state["stock"][:, stage] for stage in range(self.stages)]
        shipped, late = [quantities[:, stage] for stage in range(self.stages)], 0.0 * stock[0]
        for stage in reversed(range(self.stages)):
            if stage + 1 < self.stages:
                shipped[stage] = xp.minimum(shipped[stage], stock[stage + 1])
                stock[stage + 1] = stock[stage + 1] - shipped[stage]
            if self.config.lead_times[stage] > 0:
                continue
            if stage == 0:
                stock[0], late = receive(stock[0], shipped[0], xp)
            else:
                stock[stage] = stock[stage] + shipped[stage]
        nothing = 0.0 * late
        added = [
            xp.stack(
                [shipped[stage] if slot + 1 == lead_time else nothing for slot in range(self.slots)], axis=1
            )
            for stage, lead_time in enumerate(self.config.lead_times)
        ]
        in_transit = state["in_transit"] + xp.stack(added, axis=1)
        return stock, in_transit, xp.stack(shipped, axis=1), late


make, make_vec = env_makers(Serial)
simulator = MakeSimulator(Serial)
dynamics = MakeDynamics(Serial)
make_parallel, make_parallel_vec = parallel_env_makers(Serial)
