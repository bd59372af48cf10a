"""A serial multi-echelon system: the model, its exact optimum by Clark and Scarf, and local base-stock.

Stage 1 serves customers, stage N buys from outside; stage j is supplied by j + 1. Event order of a period:
**receive, observe, order (upstream first), ship, demand, cost**. A stage is sent what it asks for, limited
by what its supplier has; it may ask again next period for what it did not get. A shipment to stage j arrives
after L_j periods. Customers' unmet demand is in backlog at stage 1. With echelon rates h₁ … h_N,

    cost = Σ h_j·IL_j + (p + Σ h_j)·B,

IL_j being all stock in and below echelon j, in transit below j included, less the backlog B. The same sum
in local terms charges Σ_{i ≥ j} h_i on stock at stage j and Σ_{i > j} h_i on what is on the way to it.
Source:
Clark & Scarf 1960, Management Science 6(4); Snyder & Shen 2019, section 6.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from pydantic import Field, model_validator

from sandbox.api import InvalidValueError, RewardSpec
from sandbox_inventory.core.agents import InventoryAgentsVectorEnv, InventoryParallelEnv
from sandbox_inventory.core.config import InventoryConfig
from sandbox_inventory.core.demand import Demand, convolved, moments, probabilities, typical
from sandbox_inventory.core.envs import InventoryEnv, InventoryVectorEnv
from sandbox_inventory.core.model import Array, Flow, State, arrive, positive, weighed
from sandbox_inventory.core.orders import Kind, orders_of
from sandbox_inventory.core.reward import presets
from sandbox_inventory.core.rules import RulePolicy, row_actions
from sandbox_inventory.core.search import best_rule

REWARDS = presets("holding", "transport", "shortage")


class SerialConfig(InventoryConfig):
    """Parameters of the system, stage 1 (downstream) first."""

    lead_times: tuple[int, ...] = Field((0, 1, 2), min_length=1, max_length=10, description="L_j, periods")
    echelon_holding: tuple[float, ...] = Field(
        (3.0, 2.0, 2.0),
        min_length=1,
        max_length=10,
        description="h_j, cost of a unit in echelon j a period, money",
    )
    penalty: float = Field(37.12, ge=0, le=1e6, description="cost of a unit in backlog a period, p, money")
    demand: Demand = Field(Demand(kind="normal", mean=5, std=1), description="demand of a period")
    orders: Kind = Field("continuous", description="whole quantities to choose from, or scaled numbers")
    max_order: float | None = Field(
        None, gt=0, le=1e6, description="largest order, units; mean + 6 std if absent"
    )

    @model_validator(mode="after")
    def _fits(self) -> SerialConfig:
        if len(self.lead_times) != len(self.echelon_holding):
            raise ValueError("lead_times and echelon_holding must have one entry a stage")
        if any(not 0 <= time <= 50 for time in self.lead_times):
            raise ValueError("lead times must lie in 0 … 50 periods")
        if any(rate <= 0 for rate in self.echelon_holding):
            raise ValueError("echelon holding rates must be greater than 0")
        return self


class Serial:
    """The dynamics of a batch.

    State: ``stock`` (copies, N), that of stage 1 net of backlog; ``way`` (copies, N, max L): shipments
    to each stage, slot k arriving k + 1 periods from now.
    """

    finite = False

    def __init__(self, config: SerialConfig) -> None:
        self.config = config
        self.demands: tuple[Demand, ...] = (config.demand,)
        self.stages = len(config.lead_times)
        self.slots = max(*config.lead_times, 1)
        self.observation_size = self.stages * (1 + self.slots)
        mean, std = typical(config.demand)
        self.scale = max(mean, 1.0)
        most = config.max_order or float(np.ceil(mean + 6 * std))
        self.orders = orders_of(config.orders, (most,) * self.stages, config.demand.integer)
        self.action_space: gym.Space[Any] = self.orders.space
        rates = np.asarray(config.echelon_holding)
        self.local = np.cumsum(rates[::-1])[::-1]  # Σ_{i ≥ j} h_i: a unit at stage j
        self.agents = tuple(f"stage-{stage + 1}" for stage in range(self.stages))

    def start(self, copies: int) -> State:
        """Mean demand of every lead time in stock."""
        mean = np.rint(typical(self.config.demand)[0])
        stock = np.tile([mean * (time + 1) for time in self.config.lead_times], (copies, 1))
        return {"stock": stock.astype(np.float64), "way": np.zeros((copies, self.stages, self.slots))}

    def observe(self, state: State) -> Array:
        """Stock of every stage (stage 1 net of backlog), then what is on the way to each."""
        return np.concatenate([state["stock"], state["way"].reshape(len(state["stock"]), -1)], 1)

    def observe_agents(self, state: State) -> Array:
        """Each stage sees the whole system and which one it is, shape ``(copies, stages, …)``."""
        whole = self.observe(state) / self.scale
        copies = len(whole)
        seen = np.repeat(whole[:, None], self.stages, 1)
        who = np.broadcast_to(np.eye(self.stages), (copies, self.stages, self.stages))
        return np.concatenate([seen, who], 2)

    def units(self, state: State) -> Array:
        """On hand and on the way."""
        total: Array = positive(state["stock"]).sum(1) + state["way"].sum((1, 2))
        return total

    def step(self, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """Orders and shipments, demand, cost, and next period's receipts."""
        config, asked = self.config, demand[:, 0]
        wanted = self.orders.quantities(action)
        stock, way = state["stock"].copy(), state["way"].copy()
        shipped = np.empty_like(wanted)
        late: Any = 0.0
        for stage in reversed(range(self.stages)):
            supply = wanted[:, stage]
            if stage + 1 < self.stages:
                supply = np.minimum(supply, stock[:, stage + 1])
                stock[:, stage + 1] = stock[:, stage + 1] - supply
            shipped[:, stage] = supply
            late = late + self._send(stock, way, stage, supply)
        filled = np.minimum(positive(stock[:, 0]), asked)
        stock[:, 0] = stock[:, 0] - asked
        on_hand, on_way = positive(stock), way.sum(2)
        terms = {
            "holding": weighed(on_hand, self.local),
            "transport": weighed(on_way[:, :-1], self.local[1:]) if self.stages > 1 else np.zeros(len(stock)),
            "shortage": config.penalty * positive(-stock[:, 0]),
        }
        end = on_hand.sum(1)
        stock[:, 0], later = arrive(stock[:, 0], way[:, 0, 0])
        stock[:, 1:] = stock[:, 1:] + way[:, 1:, 0]
        moved = np.zeros_like(way)
        moved[:, :, :-1] = way[:, :, 1:]
        flow = Flow(terms, asked, filled, end, shipped, shipped[:, -1], filled + late + later)
        return {"stock": stock, "way": moved}, flow

    def _send(self, stock: Array, way: Array, stage: int, supply: Array) -> Any:
        """Put a shipment where it arrives in time; units of it that serve the backlog at once."""
        time = self.config.lead_times[stage]
        if time > 0:
            way[:, stage, time - 1] += supply  # slot 0 of a lead time of 1 is received at the period's end
            return 0.0
        if stage == 0:
            stock[:, 0], late = arrive(stock[:, 0], supply)
            return late
        stock[:, stage] += supply
        return 0.0


def make(config: SerialConfig, reward: RewardSpec, render_mode: str | None = None) -> InventoryEnv:
    """The environment of the task with one decision maker."""
    return InventoryEnv(Serial(config), reward, render_mode)


def make_vec(config: SerialConfig, reward: RewardSpec, num_envs: int) -> InventoryVectorEnv:
    """``num_envs`` copies, batched natively."""
    return InventoryVectorEnv(Serial(config), reward, num_envs)


def make_parallel(
    config: SerialConfig, reward: RewardSpec, render_mode: str | None = None
) -> InventoryParallelEnv:
    """The environment with one agent a stage."""
    return InventoryParallelEnv(Serial(config), reward, render_mode)


def make_parallel_vec(config: SerialConfig, reward: RewardSpec, num_envs: int) -> InventoryAgentsVectorEnv:
    """``num_envs`` copies of it, batched natively."""
    return InventoryAgentsVectorEnv(Serial(config), reward, num_envs)


@dataclass(frozen=True)
class ClarkScarf:
    """Optimal echelon base-stock levels, downstream first, and the cost of a period."""

    levels: tuple[float, ...]
    cost: float


def clark_scarf(
    leads: tuple[Array, ...], step: float, rates: tuple[float, ...], penalty: float
) -> ClarkScarf:
    """The recursion of Clark and Scarf on a grid.

    C₁(y) = E[h₁·(y - D₁) + (p + Σh)·(y - D₁)⁻], C_j(y) = E[h_j·(y - D_j) + C_{j-1}(min(S_{j-1}, y - D_j))].

    Args:
        leads: P(D_j = 0), P(D_j = step), … of each stage's lead-time demand.
        step: Of the grid, units.
        rates: Echelon holding rates h_j.
        penalty: p.

    Source: Clark & Scarf 1960; Snyder & Shen 2019, theorem 6.1.
    """
    length = sum(len(mass) for mass in leads)
    places = step * np.arange(-length, length + 1)
    levels, below = [], np.zeros(0)
    for stage, mass in enumerate(leads):
        if stage == 0:
            inner = rates[0] * places + (penalty + sum(rates)) * positive(-places)
        else:
            inner = rates[stage] * places + below
        # E f(y - D): left of the grid f goes on as the straight line that it is there.
        slope = inner[1] - inner[0]
        room = len(mass) - 1
        extended = np.concatenate([inner[0] - slope * np.arange(room, 0, -1), inner])
        expected = np.convolve(extended, mass, "valid")
        best = int(expected.argmin())
        levels.append(float(places[best]))
        cost = float(expected[best])
        below = np.where(places < places[best], expected, cost)
    return ClarkScarf(tuple(levels), cost)


GRID = 0.01
"""Step of the grid for demand in fractions of a unit, in standard deviations of a period's demand."""


def lead_demand(demand: Demand, periods: int, step: float) -> Array:
    """Probabilities of the demand of several periods on a grid; normal demand is taken as untruncated.

    Raises:
        InvalidValueError: For demand that is neither normal nor on the integers.
    """
    if demand.integer and demand.independent:
        return convolved(probabilities(demand), periods)
    if demand.kind != "normal" or demand.whole:
        raise InvalidValueError(
            f"Clark and Scarf's recursion is solved for normal and for whole demand, not {demand.kind}."
        )
    from scipy import stats

    mean, std = periods * demand.mean, np.sqrt(periods) * (demand.std or 0.0)
    if periods == 0:
        return np.ones(1)
    edges = step * (np.arange(int((mean + 7 * std) / step) + 2) - 0.5)
    mass = np.diff(stats.norm.cdf(edges, mean, std))
    whole: Array = mass / mass.sum()
    return whole


def optimal(config: SerialConfig, weights: Mapping[str, float]) -> ClarkScarf:
    """Echelon base-stock levels and the cost of a period of this model.

    In this model's clock stage 1 faces the demand of L₁ + 1 periods before its cost is counted, and the
    echelon
    stock of the stages above is counted after the period's demand, too: h_j·E[d] less for j ≥ 2.

    Raises:
        InvalidValueError: For other demand, or if the reward weighs stock at hand and in transit unlike.
    """
    if weights["holding"] != weights["transport"] or weights["holding"] >= 0 or weights["shortage"] > 0:
        raise InvalidValueError(
            "The optimum needs equal, negative weights of holding and transport: both are echelon stock."
        )
    weight = -weights["holding"]
    step = 1.0 if config.demand.integer else GRID * (config.demand.std or 1.0)
    leads = [config.lead_times[0] + 1, *config.lead_times[1:]]
    rates = tuple(weight * rate for rate in config.echelon_holding)
    masses = tuple(lead_demand(config.demand, periods, step) for periods in leads)
    solved = clark_scarf(masses, step, rates, -weights["shortage"] * config.penalty)
    return ClarkScarf(solved.levels, solved.cost - sum(rates[1:]) * moments(config.demand)[0])


def echelon_positions(state: State) -> Array:
    """All stock in, below and on the way to each echelon, less the backlog; shape ``(copies, N)``."""
    inside = state["stock"] + state["way"].sum(2)
    total: Array = np.cumsum(inside, 1)
    return total


def echelon_rule(levels: Array, state: State) -> Array:
    """Each stage orders its echelon position up to its level."""
    return positive(levels - echelon_positions(state))


def local_rule(levels: Array, state: State) -> Array:
    """Each stage orders its own position up to its level: stock and what is on the way to it."""
    return positive(levels - state["stock"] - state["way"].sum(2))


def make_optimal(env: Any) -> RulePolicy:
    """Clark and Scarf's echelon base-stock policy."""
    found = optimal(env.model.config, env.reward_spec.weights)
    levels = np.asarray(found.levels)
    return RulePolicy(
        env,
        lambda state: echelon_rule(levels, state),
        row_actions(env),
        {"values": list(found.levels), "cost": found.cost},
    )


def make_local(env: Any) -> RulePolicy:
    """Local base-stock levels, optimised."""
    config = env.model.config
    mean, std = typical(config.demand)
    start = [np.ceil(mean * (time + 1) + std) for time in config.lead_times]
    best, cost = best_rule(
        env, "serial-local", local_rule, start, [max(1.0, np.ceil(mean / 2))] * len(start), periods=20_000
    )
    return RulePolicy(
        env,
        lambda state: local_rule(best, state),
        row_actions(env),
        {"values": best.tolist(), "cost": cost},
    )
