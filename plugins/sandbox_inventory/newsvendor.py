"""The newsvendor: one order a period for one period's demand; what is left is thrown away.

Event order: **observe, order (arrives at once), demand, cost**: h·(q - d)⁺ + p·(d - q)⁺ (+ c·q - price·sold).
The best q is the critical fractile F⁻¹((p - c + price)/(p + price + h)). Source: Arrow, Harris & Marschak
1951.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from pydantic import Field

from sandbox.api import InvalidValueError, RewardSpec
from sandbox_inventory.core.config import InventoryConfig
from sandbox_inventory.core.demand import Demand, probabilities, typical
from sandbox_inventory.core.envs import InventoryEnv, InventoryVectorEnv
from sandbox_inventory.core.model import Array, Flow, State
from sandbox_inventory.core.orders import Kind, orders_of
from sandbox_inventory.core.reward import presets
from sandbox_inventory.core.rules import RulePolicy

REWARDS = presets("holding", "shortage", "purchase", "revenue")


class NewsvendorConfig(InventoryConfig):
    """Parameters of the newsvendor."""

    penalty: float = Field(0.7, ge=0, le=1e6, description="cost of a unit not served, p, money")
    holding: float = Field(0.18, ge=0, le=1e6, description="cost of a unit left over, h, money")
    purchase: float = Field(0.0, ge=0, le=1e6, description="price of an ordered unit, c, money")
    price: float = Field(0.0, ge=0, le=1e6, description="revenue of a sold unit, money")
    demand: Demand = Field(Demand(kind="normal", mean=50, std=8), description="demand of a period")
    orders: Kind = Field("continuous", description="whole quantities to choose from, or a scaled number")
    max_order: float | None = Field(
        None, gt=0, le=1e6, description="largest order, units; mean + 6 std if absent"
    )


class Newsvendor:
    """The dynamics of a batch; state: ``last`` (copies,), the last demand."""

    finite = False

    def __init__(self, config: NewsvendorConfig) -> None:
        self.config = config
        self.demands: tuple[Demand, ...] = (config.demand,)
        self.observation_size = 1
        mean, std = typical(config.demand)
        self.scale = max(mean, 1.0)
        most = config.max_order or float(np.ceil(mean + 6 * std + 1))
        self.orders = orders_of(config.orders, (most,), config.demand.integer, flat=True)
        self.action_space: gym.Space[Any] = self.orders.space

    def start(self, copies: int) -> State:
        """Nothing has been asked for yet: the mean stands in."""
        return {"last": np.full(copies, float(np.rint(typical(self.config.demand)[0])))}

    def observe(self, state: State) -> Array:
        """The last demand, units."""
        return state["last"][:, None]

    def units(self, state: State) -> Array:
        """Nothing is kept."""
        return np.zeros(len(state["last"]))

    def step(self, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """Order, demand, cost."""
        config, asked, quantity = self.config, demand[:, 0], self.orders.quantities(action)
        sold = np.minimum(quantity, asked)
        left = quantity - sold
        terms = {
            "holding": config.holding * left,
            "shortage": config.penalty * (asked - sold),
            "purchase": config.purchase * quantity,
            "revenue": config.price * sold,
        }
        return {"last": asked.copy()}, Flow(terms, asked, sold, left, quantity[:, None], quantity, sold, left)


def fractile(demand: Demand, over: float, under: float) -> tuple[float, float]:
    """Best quantity and its expected cost over·E(q - d)⁺ + under·E(d - q)⁺.

    Args:
        demand: Independent; normal demand is taken as it is described, the truncation at zero included.
        over: Cost of a unit too many.
        under: Cost of a unit too few.

    Raises:
        InvalidValueError: For demand with a memory.
    """
    from scipy import integrate, stats

    if not demand.independent:
        raise InvalidValueError(f"The critical fractile needs independent demand, not {demand.kind}.")
    ratio = under / (under + over)
    if demand.integer:
        mass = probabilities(demand)
        best = min(int(np.searchsorted(np.cumsum(mass), ratio)), len(mass) - 1)
        values = np.arange(len(mass))
        cost = mass @ (over * np.maximum(best - values, 0) + under * np.maximum(values - best, 0))
        return float(best), float(cost)
    mean, std = demand.mean, demand.std or 0.0
    family = {
        "normal": lambda: stats.truncnorm(-mean / std, np.inf, mean, std),
        "gamma": lambda: stats.gamma((mean / std) ** 2, 0, std**2 / mean),
        "uniform": lambda: stats.uniform(demand.low, demand.high - demand.low),
    }[demand.kind]()
    quantity = float(family.ppf(ratio))
    missing = float(integrate.quad(family.sf, quantity, np.inf, epsabs=1e-10)[0])  # E(d - q)⁺
    return quantity, over * (quantity - float(family.mean()) + missing) + under * missing


def optimal(config: NewsvendorConfig, weights: Mapping[str, float]) -> tuple[float, float]:
    """Best quantity and expected cost a period (minus reward)."""
    cost, price = -weights["purchase"] * config.purchase, weights["revenue"] * config.price
    over = -weights["holding"] * config.holding + cost
    under = -weights["shortage"] * config.penalty + price - cost
    quantity, expected = fractile(config.demand, over, under)
    from sandbox_inventory.core.demand import moments

    return quantity, expected - (price - cost) * moments(config.demand)[0]


def make_optimal(env: Any) -> RulePolicy:
    """The critical fractile."""
    quantity, cost = optimal(env.model.config, env.reward_spec.weights)
    return RulePolicy(
        env,
        lambda state: np.full(len(state["last"]), quantity),
        env.model.orders.actions,
        {"values": [quantity], "cost": cost},
    )


def make_mean(env: Any) -> RulePolicy:
    """Order the mean demand."""
    mean = typical(env.model.config.demand)[0]
    return RulePolicy(env, lambda state: np.full(len(state["last"]), mean), env.model.orders.actions)


def make(config: NewsvendorConfig, reward: RewardSpec, render_mode: str | None = None) -> InventoryEnv:
    """The environment of a scenario."""
    return InventoryEnv(Newsvendor(config), reward, render_mode)


def make_vec(config: NewsvendorConfig, reward: RewardSpec, num_envs: int) -> InventoryVectorEnv:
    """``num_envs`` copies, batched natively."""
    return InventoryVectorEnv(Newsvendor(config), reward, num_envs)
