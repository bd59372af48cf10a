"""Dual sourcing: a cheap slow source and a dear one that delivers at once; backorders.

Event order of a period: **receive, observe, order, demand, cost**. With net stock I after the receipt of the
regular order due now, q_e (at once) and q_r (after l_r ≥ 1 periods),

    y = I + q_e,   cost = c_r·q_r + c_e·q_e + h·(y - d)⁺ + b·(d - y)⁺,   I' = y - d + q_r ordered l_r - 1 ago.

Source: Gijsbrechts, Boute, Van Mieghem & Zhang 2022, MSOM 24(3), section 4.
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
from sandbox_inventory.core.exact import average_cost, from_table, pack, solve, table
from sandbox_inventory.core.model import Array, Flow, State, arrive, positive, pushed
from sandbox_inventory.core.orders import Kind, orders_of
from sandbox_inventory.core.reward import presets
from sandbox_inventory.core.rules import RulePolicy
from sandbox_inventory.core.search import ParametricRule, best_rule

REWARDS = presets("holding", "shortage", "purchase", "expedite")


class DualSourcingConfig(InventoryConfig):
    """Parameters of the system."""

    regular_lead_time: int = Field(2, ge=1, le=100, description="periods until a regular order arrives, l_r")
    regular_cost: float = Field(100.0, ge=0, le=1e6, description="price of a regular unit, c_r, money")
    expedited_cost: float = Field(105.0, ge=0, le=1e6, description="price of an expedited unit, c_e, money")
    holding: float = Field(
        5.0, ge=0, le=1e6, description="cost of a unit on hand at the period's end, h, money"
    )
    penalty: float = Field(495.0, ge=0, le=1e6, description="cost of a unit in backlog a period, b, money")
    demand: Demand = Field(
        Demand(kind="uniform", low=0, high=4, whole=True), description="demand of a period"
    )
    orders: Kind = Field("discrete", description="whole quantities to choose from, or scaled numbers")
    max_order: float | None = Field(
        None, gt=0, le=1e6, description="largest order, units; mean + 4 std if absent"
    )


class DualSourcing:
    """The dynamics of a batch; state: ``net`` (copies,) and ``pipeline`` (copies, l_r - 1)."""

    finite = False

    def __init__(self, config: DualSourcingConfig) -> None:
        self.config = config
        self.demands: tuple[Demand, ...] = (config.demand,)
        self.way = config.regular_lead_time - 1
        self.observation_size = 1 + self.way
        mean, std = typical(config.demand)
        self.scale = max(mean, 1.0)
        most = config.max_order or float(max(np.ceil(mean + 4 * std), 1))
        self.orders = orders_of(config.orders, (most, most), config.demand.integer)
        self.action_space: gym.Space[Any] = self.orders.space

    def start(self, copies: int) -> State:
        """Empty, nothing on the way."""
        return {"net": np.zeros(copies), "pipeline": np.zeros((copies, self.way))}

    def observe(self, state: State) -> Array:
        """Net stock after receipt, then outstanding regular orders, the next arrival first."""
        return np.concatenate([state["net"][:, None], state["pipeline"]], 1)

    def units(self, state: State) -> Array:
        """On hand and on the way."""
        total: Array = positive(state["net"]) + state["pipeline"].sum(1)
        return total

    def step(self, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """Order (expedited, regular), demand, cost, and next period's receipt."""
        config, asked = self.config, demand[:, 0]
        quantities = self.orders.quantities(action)
        fast, slow = quantities[:, 0], quantities[:, 1]
        ready, late = arrive(state["net"], fast)
        filled = np.minimum(positive(ready), asked)
        left = ready - asked
        terms = {
            "holding": config.holding * positive(left),
            "shortage": config.penalty * positive(-left),
            "purchase": config.regular_cost * slow,
            "expedite": config.expedited_cost * fast,
        }
        arriving, pipeline = pushed(state["pipeline"], slow)
        following, later = arrive(left, arriving)
        both = fast + slow
        flow = Flow(terms, asked, filled, positive(left), both[:, None], both, filled + late + later)
        return {"net": following, "pipeline": pipeline}, flow


def make(config: DualSourcingConfig, reward: RewardSpec, render_mode: str | None = None) -> InventoryEnv:
    """The environment of a scenario."""
    return InventoryEnv(DualSourcing(config), reward, render_mode)


def make_vec(config: DualSourcingConfig, reward: RewardSpec, num_envs: int) -> InventoryVectorEnv:
    """``num_envs`` copies, batched natively."""
    return InventoryVectorEnv(DualSourcing(config), reward, num_envs)


def _both(fast: Array, slow: Array) -> Array:
    return np.stack([positive(fast), positive(slow)], 1)


def single_index(parameters: Array, state: State) -> Array:
    """(S_e, gap): both sources look at the whole position; S_r = S_e + gap."""
    place = state["net"] + state["pipeline"].sum(1)
    fast = positive(parameters[:, 0] - place)
    return _both(fast, parameters[:, 0] + parameters[:, 1] - place - fast)


def dual_index(parameters: Array, state: State) -> Array:
    """(S_e, gap): the fast source looks at what is there now, the slow one at the whole position."""
    fast = positive(parameters[:, 0] - state["net"])
    place = state["net"] + state["pipeline"].sum(1) + fast
    return _both(fast, parameters[:, 0] + parameters[:, 1] - place)


def capped_dual_index(parameters: Array, state: State) -> Array:
    """(S_e, gap, cap): dual index with regular orders of at most the cap."""
    quantities = dual_index(parameters, state)
    quantities[:, 1] = np.minimum(quantities[:, 1], parameters[:, 2])
    return quantities


def tailored_base_surge(parameters: Array, state: State) -> Array:
    """(S_e, Q): the same regular order every period, the fast source tops up to S_e."""
    return _both(parameters[:, 0] - state["net"], parameters[:, 1])


def exact_cost(env: Any, rule: ParametricRule, parameters: Array) -> float:
    """Average cost a period of a rule."""
    model: DualSourcing = env.model

    def choose(state: State) -> Array:
        spread = np.broadcast_to(parameters, (len(state["net"]), len(parameters)))
        return model.orders.actions(rule(spread, state))

    # A constant regular order could pile up without end, with vanishing probability.
    return average_cost(model, choose, env.reward_spec, most=60_000, highest=40.0 * model.scale)


def _policy(env: Any, name: str, rule: ParametricRule, start: list[float]) -> RulePolicy:
    whole = env.model.orders.whole
    best, cost = best_rule(
        env,
        f"dual-sourcing-{name}",
        rule,
        start,
        [max(1.0, np.ceil(env.model.scale))] * len(start),
        low=[-np.inf, *[0.0] * (len(start) - 1)],
        exact=(lambda one: exact_cost(env, rule, one)) if whole else None,
    )

    def order(state: State) -> Array:
        return rule(np.broadcast_to(best, (len(state["net"]), len(best))), state)

    return RulePolicy(env, order, env.model.orders.actions, {"values": best.tolist(), "cost": cost})


def _start(env: Any) -> tuple[float, float]:
    mean, std = typical(env.model.config.demand)
    return float(np.ceil(mean + 2 * std)), float(np.ceil(mean * env.model.config.regular_lead_time))


def make_single_index(env: Any) -> RulePolicy:
    """Single index, optimised."""
    level, gap = _start(env)
    return _policy(env, "single-index", single_index, [level, gap])


def make_dual_index(env: Any) -> RulePolicy:
    """Dual index, optimised."""
    level, gap = _start(env)
    return _policy(env, "dual-index", dual_index, [level, gap])


def make_capped_dual_index(env: Any) -> RulePolicy:
    """Capped dual index, optimised."""
    level, gap = _start(env)
    return _policy(env, "capped-dual-index", capped_dual_index, [level, gap, np.ceil(env.model.scale) + 1])


def make_tailored_base_surge(env: Any) -> RulePolicy:
    """Tailored base-surge, optimised."""
    level, _ = _start(env)
    return _policy(env, "tailored-base-surge", tailored_base_surge, [level, np.floor(env.model.scale)])


def make_optimal(env: Any) -> RulePolicy:
    """The exact optimum by value iteration over net stock and pipeline."""
    model: DualSourcing = env.model
    most = int(model.orders.most[0])
    grid = np.stack(np.meshgrid(np.arange(most + 1), np.arange(most + 1), indexing="ij"), -1).reshape(-1, 2)
    top = most * (model.config.regular_lead_time + 2)
    low, high = [-2 * most, *[0] * model.way], [top, *[most] * model.way]
    asked = {
        "config": model.config.model_dump(mode="json", exclude={"horizon", "warmup", "demand", "orders"}),
        "demand": model.config.demand.described(),
        "weights": env.reward_spec.weights,
    }
    discrete = DualSourcing(model.config.model_copy(update={"orders": "discrete"}))
    kept = solved(
        "dual-sourcing-optimal",
        1,
        asked,
        lambda: table(solve(discrete, low, high, grid, env.reward_spec, what="optimal dual sourcing")),
    )
    solution = from_table(kept)
    return RulePolicy(
        env,
        lambda state: solution.action(pack(state), grid).astype(np.float64),
        model.orders.actions,
        {"cost": solution.cost},
    )
