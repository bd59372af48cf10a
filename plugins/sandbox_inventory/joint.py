"""Joint replenishment: several items share the cost of an order; backorders, no lead time.

Event order of a period: **observe, order (arrives at once), demand, cost**:

    cost = K·[any order] + Σ (k_i·[q_i > 0] + h·I_i⁺ + p·I_i⁻).

Source: Vanvuchelen, Gijsbrechts & Boute 2020, Computers in Industry 119; Balintfy 1964 for can-order rules.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from pydantic import Field

from sandbox.api import RewardSpec
from sandbox_inventory.core.cache import solved
from sandbox_inventory.core.config import InventoryConfig
from sandbox_inventory.core.demand import Demand, typical
from sandbox_inventory.core.envs import InventoryEnv, InventoryVectorEnv
from sandbox_inventory.core.exact import from_table, pack, solve, table
from sandbox_inventory.core.model import Array, Flow, State, arrive, positive, weighed
from sandbox_inventory.core.orders import Kind, orders_of
from sandbox_inventory.core.reward import presets
from sandbox_inventory.core.rules import RulePolicy
from sandbox_inventory.core.search import ParametricRule, best_rule

REWARDS = presets("holding", "shortage", "fixed")


class JointConfig(InventoryConfig):
    """Parameters of the system."""

    fixed_cost: float = Field(20.0, ge=0, le=1e9, description="K, cost of any order, money")
    item_costs: tuple[float, ...] = Field(
        (2.0, 2.0), min_length=1, max_length=50, description="k_i, cost of including item i, money"
    )
    means: tuple[float, ...] = Field(
        (2.0, 2.0), min_length=1, max_length=50, description="mean demand of each item, units a period"
    )
    demand: Demand = Field(Demand(mean=2), description="family of the items' demand; means replaces its mean")
    holding: float = Field(1.0, ge=0, le=1e6, description="h, cost of a unit on hand a period, money")
    penalty: float = Field(9.0, ge=0, le=1e6, description="p, cost of a unit in backlog a period, money")
    orders: Kind = Field("discrete", description="whole quantities to choose from, or scaled numbers")
    max_order: float = Field(16.0, gt=0, le=1e6, description="largest order of an item, units")


class Joint:
    """The dynamics of a batch; state: ``net`` (copies, items)."""

    finite = False

    def __init__(self, config: JointConfig) -> None:
        self.config = config
        count = len(config.means)
        costs = config.item_costs if len(config.item_costs) == count else config.item_costs[:1] * count
        self.item_costs = np.asarray(costs, float)
        self.demands: tuple[Demand, ...] = tuple(
            config.demand.model_copy(update={"mean": mean}) for mean in config.means
        )
        self.observation_size = count
        self.scale = max(float(np.mean([typical(one)[0] for one in self.demands])), 1.0)
        self.orders = orders_of(config.orders, (config.max_order,) * count, config.demand.integer)
        self.action_space: gym.Space[Any] = self.orders.space

    def start(self, copies: int) -> State:
        """Empty."""
        return {"net": np.zeros((copies, len(self.demands)))}

    def observe(self, state: State) -> Array:
        """Net stock of every item."""
        return state["net"]

    def units(self, state: State) -> Array:
        """On hand."""
        total: Array = positive(state["net"]).sum(1)
        return total

    def step(self, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """Order, demand, cost."""
        config, quantity = self.config, self.orders.quantities(action)
        ready, late = arrive(state["net"], quantity)
        filled = np.minimum(positive(ready), demand).sum(1)
        left = ready - demand
        placed = quantity > 0
        on_hand = positive(left).sum(1)
        terms = {
            "holding": config.holding * on_hand,
            "shortage": config.penalty * positive(-left).sum(1),
            "fixed": config.fixed_cost * placed.any(1) + weighed(placed, self.item_costs),
        }
        bought = quantity.sum(1)
        flow = Flow(terms, demand.sum(1), filled, on_hand, bought[:, None], bought, filled + late.sum(1))
        return {"net": left}, flow


def make(config: JointConfig, reward: RewardSpec, render_mode: str | None = None) -> InventoryEnv:
    """The environment of a scenario."""
    return InventoryEnv(Joint(config), reward, render_mode)


def make_vec(config: JointConfig, reward: RewardSpec, num_envs: int) -> InventoryVectorEnv:
    """``num_envs`` copies, batched natively."""
    return InventoryVectorEnv(Joint(config), reward, num_envs)


def can_order(parameters: Array, state: State) -> Array:
    """(S, c, s) as (S, S - c, c - s), the same for every item in units of its mean demand's rank.

    When any item is at s or below, every item at c or below is raised to S.
    """
    top, can = parameters[:, :1], parameters[:, :1] - parameters[:, 1:2]
    must = can - parameters[:, 2:3]
    net = state["net"]
    triggered = (net <= must).any(1, keepdims=True)
    return np.where(triggered & (net <= can), positive(top - net), 0.0)


def total_trigger(parameters: Array, state: State) -> Array:
    """(S, Q): when the items together are Q below their levels, all are raised to S."""
    below = positive(parameters[:, :1] - state["net"])
    return np.where(below.sum(1, keepdims=True) >= parameters[:, 1:2], below, 0.0)


def _policy(env: Any, name: str, rule: ParametricRule, start: list[float]) -> RulePolicy:
    best, cost = best_rule(
        env, f"joint-{name}", rule, start, [2.0] * len(start), low=[0.0] * len(start), periods=50_000
    )

    def order(state: State) -> Array:
        return rule(np.broadcast_to(best, (len(state["net"]), len(best))), state)

    return RulePolicy(env, order, env.model.orders.actions, {"values": best.tolist(), "cost": cost})


def make_can_order(env: Any) -> RulePolicy:
    """Can-order levels, optimised."""
    return _policy(env, "can-order", can_order, [np.ceil(4 * env.model.scale), 3.0, 3.0])


def make_total_trigger(env: Any) -> RulePolicy:
    """(Q, S): joint order when the total shortfall reaches Q; optimised."""
    return _policy(
        env, "total-trigger", total_trigger, [np.ceil(4 * env.model.scale), np.ceil(4 * env.model.scale)]
    )


def make_optimal(env: Any) -> RulePolicy:
    """The exact optimum by value iteration; for two or three items with small orders."""
    model: Joint = env.model
    count, most = len(model.demands), int(model.config.max_order)
    grid = np.stack(np.meshgrid(*[np.arange(most + 1)] * count, indexing="ij"), -1).reshape(-1, count)
    asked = {"config": model.config.model_dump(mode="json", exclude={"horizon", "warmup", "orders"})}
    discrete = Joint(model.config.model_copy(update={"orders": "discrete"}))
    kept = solved(
        "joint-optimal",
        1,
        asked | {"weights": env.reward_spec.weights},
        lambda: table(
            solve(
                discrete,
                [-most // 2] * count,
                [most] * count,
                grid,
                env.reward_spec,
                tolerance=1e-4,
                tail=1e-6,
                what="optimal joint replenishment",
            )
        ),
    )
    solution = from_table(kept)
    return RulePolicy(
        env,
        lambda state: solution.action(pack(state), grid).astype(np.float64),
        model.orders.actions,
        {"cost": solution.cost},
    )
