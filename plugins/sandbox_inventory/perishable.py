"""A perishable item with a fixed life: the model, its exact optimum for small cases, and base-stock.

Event order of a period: **receive, observe, order, demand, age, cost**. Stock is kept by remaining life,
x₁ (last day) … x_m (fresh). Demand takes the oldest first (FIFO) or the freshest first (LIFO); what is
not in stock is lost; what is left of x₁ is thrown away:

    cost = c·q + h·(stock that stays) + p·(d - stock)⁺ + w·(left of x₁).

Source: De Moor, Gijsbrechts & Boute 2022, European Journal of Operational Research 301(2), section 3.
"""

from __future__ import annotations

from typing import Any, Literal

import gymnasium as gym
import numpy as np
from pydantic import Field

from sandbox.api import RewardSpec
from sandbox_inventory.core.cache import solved
from sandbox_inventory.core.config import InventoryConfig
from sandbox_inventory.core.demand import Demand, typical
from sandbox_inventory.core.envs import InventoryEnv, InventoryVectorEnv
from sandbox_inventory.core.exact import average_cost, from_table, pack, solve, table
from sandbox_inventory.core.model import Array, Flow, State, positive, pushed
from sandbox_inventory.core.orders import Kind, orders_of
from sandbox_inventory.core.reward import presets
from sandbox_inventory.core.rules import RulePolicy
from sandbox_inventory.core.search import ParametricRule, best_rule

REWARDS = presets("holding", "shortage", "purchase", "spoilage", "revenue")


class PerishableConfig(InventoryConfig):
    """Parameters of the system."""

    life: int = Field(2, ge=1, le=20, description="periods in which a received unit can be sold, m")
    lead_time: int = Field(1, ge=0, le=20, description="periods between order and receipt, L")
    issuing: Literal["fifo", "lifo"] = Field("fifo", description="oldest or freshest units are sold first")
    penalty: float = Field(5.0, ge=0, le=1e6, description="cost of a lost unit, p, money")
    holding: float = Field(1.0, ge=0, le=1e6, description="cost of a unit kept to the next period, h, money")
    purchase: float = Field(3.0, ge=0, le=1e6, description="price of an ordered unit, c, money")
    waste: float = Field(7.0, ge=0, le=1e6, description="cost of a unit thrown away, w, money")
    price: float = Field(0.0, ge=0, le=1e6, description="revenue of a sold unit, money")
    discount: float = Field(
        1.0, gt=0.5, le=1, description="discount factor of the baseline 'optimal'; 1: average cost"
    )
    demand: Demand = Field(Demand(kind="gamma", mean=4, std=2, whole=True), description="demand of a period")
    orders: Kind = Field("discrete", description="whole quantities to choose from, or a scaled number")
    max_order: float | None = Field(
        10, gt=0, le=1e6, description="largest order, units; mean + 6 standard deviations if absent"
    )


class Perishable:
    """The dynamics of a batch; state: ``ages`` (copies, m), last day first, and ``pipeline`` (copies, L - 1).

    After receipt, ages[:, m - 1] is what has just arrived.
    """

    finite = False

    def __init__(self, config: PerishableConfig) -> None:
        self.config = config
        self.demands: tuple[Demand, ...] = (config.demand,)
        self.way = max(config.lead_time - 1, 0)
        self.observation_size = config.life + self.way
        mean, std = typical(config.demand)
        self.scale = max(mean, 1.0)
        most = config.max_order or float(np.ceil(mean + 6 * std))
        self.orders = orders_of(config.orders, (most,), config.demand.integer, flat=True)
        self.action_space: gym.Space[Any] = self.orders.space

    def start(self, copies: int) -> State:
        """Empty shelves, nothing on the way."""
        return {"ages": np.zeros((copies, self.config.life)), "pipeline": np.zeros((copies, self.way))}

    def observe(self, state: State) -> Array:
        """Stock by remaining life, last day first, then outstanding orders, the next arrival first."""
        return np.concatenate([state["ages"], state["pipeline"]], 1)

    def units(self, state: State) -> Array:
        """On the shelf and on the way."""
        total: Array = state["ages"].sum(1) + state["pipeline"].sum(1)
        return total

    def step(self, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """Order, demand, ageing, cost, and next period's receipt."""
        config, asked = self.config, demand[:, 0]
        quantity = self.orders.quantities(action)
        ages, pipeline = state["ages"], state["pipeline"]
        if config.lead_time == 0:
            ages = ages.copy()
            ages[:, -1] += quantity
        taken = issued(ages, asked, config.issuing)
        left = ages - taken
        sold = taken.sum(1)
        spoiled = left[:, 0]
        kept = left[:, 1:].sum(1)
        terms = {
            "holding": config.holding * kept,
            "shortage": config.penalty * (asked - sold),
            "purchase": config.purchase * quantity,
            "spoilage": config.waste * spoiled,
            "revenue": config.price * sold,
        }
        older = np.zeros_like(left)
        older[:, :-1] = left[:, 1:]
        if config.lead_time > 0:
            arriving, pipeline = pushed(pipeline, quantity)
            older[:, -1] = arriving
        flow = Flow(terms, asked, sold, kept, quantity[:, None], quantity, sold, spoiled)
        return {"ages": older, "pipeline": pipeline}, flow


def issued(ages: Array, asked: Array, issuing: str) -> Array:
    """Units taken of each age, shape ``(copies, life)``, oldest or freshest first."""
    order = ages if issuing == "fifo" else ages[:, ::-1]
    before = np.cumsum(order, 1) - order
    taken = np.minimum(order, positive(asked[:, None] - before))
    return taken if issuing == "fifo" else taken[:, ::-1]


def make(config: PerishableConfig, reward: RewardSpec, render_mode: str | None = None) -> InventoryEnv:
    """The environment of a scenario."""
    return InventoryEnv(Perishable(config), reward, render_mode)


def make_vec(config: PerishableConfig, reward: RewardSpec, num_envs: int) -> InventoryVectorEnv:
    """``num_envs`` copies, batched natively."""
    return InventoryVectorEnv(Perishable(config), reward, num_envs)


def base_stock(parameters: Array, state: State) -> Array:
    """Order up to S, whatever the ages."""
    return positive(parameters[:, 0] - state["ages"].sum(1) - state["pipeline"].sum(1))


def capped_base_stock(parameters: Array, state: State) -> Array:
    """Order up to S, at most the cap."""
    return np.minimum(base_stock(parameters, state), parameters[:, 1])


def rule_policy(env: Any, rule: ParametricRule, parameters: Array, cost: float) -> RulePolicy:
    """Plays a parametric rule with fixed parameters."""

    def order(state: State) -> Array:
        return rule(np.broadcast_to(parameters, (len(state["ages"]), len(parameters))), state)

    return RulePolicy(env, order, env.model.orders.actions, {"values": parameters.tolist(), "cost": cost})


def _tuned(env: Any, name: str, rule: ParametricRule, start: list[float]) -> RulePolicy:
    model: Perishable = env.model

    def exact(parameters: Array) -> float:
        def choose(state: State) -> Array:
            return model.orders.actions(
                rule(np.broadcast_to(parameters, (len(state["ages"]), len(parameters))), state)
            )

        return average_cost(model, choose, env.reward_spec, most=20_000)

    step = max(1.0, np.ceil(model.scale / 2))
    best, cost = best_rule(
        env, f"perishable-{name}", rule, start, [step] * len(start), low=[0.0] * len(start), exact=exact
    )
    return rule_policy(env, rule, best, cost)


def make_base_stock(env: Any) -> RulePolicy:
    """Order up to the best S."""
    return _tuned(
        env, "base-stock", base_stock, [np.ceil(env.model.scale * (env.model.config.lead_time + 1))]
    )


def make_capped_base_stock(env: Any) -> RulePolicy:
    """Order up to the best S, at most the best cap."""
    level = np.ceil(env.model.scale * (env.model.config.lead_time + 1))
    return _tuned(env, "capped-base-stock", capped_base_stock, [level, np.ceil(env.model.scale) + 1])


def make_optimal(env: Any) -> RulePolicy:
    """The exact optimum by value iteration over stock by age and pipeline."""
    model: Perishable = env.model
    most = int(model.orders.most[0])
    size = model.config.life + model.way
    grid = np.arange(most + 1)
    asked = {
        "config": model.config.model_dump(mode="json", exclude={"horizon", "warmup", "demand", "orders"}),
        "demand": model.config.demand.described(),
        "weights": env.reward_spec.weights,
    }
    discrete = Perishable(model.config.model_copy(update={"orders": "discrete"}))
    kept = solved(
        "perishable-optimal",
        1,
        asked,
        lambda: table(
            solve(
                discrete,
                [0] * size,
                [most] * size,
                grid,
                env.reward_spec,
                discount=model.config.discount,
                what="optimal perishable",
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
