"""One warehouse, many retailers: the model and base-stock rules with two ways to share what is short.

Event order of a period: **receive, observe, order (all), allocate, demand, cost**. The warehouse orders from
outside and supplies the retailers from what it has; what it cannot supply is not owed, a retailer may ask
again. With W on hand at the warehouse and I_r at the retailers after demand,

    cost = h_w·W + Σ (h_r·I_r⁺ + p·I_r⁻);

unmet demand is in backlog or lost. Source: Kaynov, van Knippenberg, Menkovski, van Breemen & van Jaarsveld
2024, International Journal of Production Economics 267.
"""

from __future__ import annotations

from typing import Any, Literal

import gymnasium as gym
import numpy as np
from pydantic import Field, model_validator

from sandbox.api import RewardSpec
from sandbox_inventory.core.config import InventoryConfig
from sandbox_inventory.core.demand import Demand, typical
from sandbox_inventory.core.envs import InventoryEnv, InventoryVectorEnv
from sandbox_inventory.core.model import Array, Flow, State, arrive, positive, pushed
from sandbox_inventory.core.orders import Kind, orders_of
from sandbox_inventory.core.reward import presets
from sandbox_inventory.core.rules import RulePolicy
from sandbox_inventory.core.search import best_rule

REWARDS = presets("holding", "shortage", "transport")


class WarehouseConfig(InventoryConfig):
    """Parameters of the system; all retailers alike but for their demand."""

    horizon: int = Field(100, ge=1, le=10_000_000, description="periods of an episode")
    retailers: int = Field(3, ge=1, le=100, description="number of retailers")
    warehouse_lead_time: int = Field(2, ge=0, le=50, description="periods from outside to the warehouse")
    retailer_lead_time: int = Field(1, ge=0, le=50, description="periods from the warehouse to a retailer")
    warehouse_holding: float = Field(0.5, ge=0, le=1e6, description="h_w, cost of a unit a period, money")
    holding: float = Field(1.0, ge=0, le=1e6, description="h_r, cost of a unit at a retailer a period, money")
    transit: float = Field(0.0, ge=0, le=1e6, description="cost of a unit on the way to a retailer, money")
    penalty: float = Field(9.0, ge=0, le=1e6, description="p, cost of a missing unit, money")
    lost: bool = Field(False, description="unmet demand is lost instead of in backlog")
    allocation: Literal["proportional", "min-shortage"] = Field(
        "proportional", description="how a short warehouse is shared: by orders, or to even out positions"
    )
    demand: Demand = Field(Demand(mean=3), description="demand of a retailer a period")
    means: tuple[float, ...] | None = Field(None, description="mean of each retailer's demand, if unlike")
    orders: Kind = Field("discrete", description="whole quantities to choose from, or scaled numbers")
    max_order: float | None = Field(
        None, gt=0, le=1e6, description="largest order of a retailer, units; mean + 6 std if absent"
    )
    initial_stock: float = Field(0.0, ge=0, le=1e6, description="at each retailer at the start, units")
    initial_warehouse: float = Field(0.0, ge=0, le=1e6, description="at the warehouse at the start, units")

    @model_validator(mode="after")
    def _fits(self) -> WarehouseConfig:
        if self.means is not None and len(self.means) != self.retailers:
            raise ValueError(f"means needs {self.retailers} entries, one a retailer")
        return self


class Warehouse:
    """The dynamics of a batch.

    State: ``store`` (copies,), ``inbound`` (copies, L_w - 1), ``net`` (copies, R), ``way`` (copies, L_r
    - 1, R).
    """

    finite = False

    def __init__(self, config: WarehouseConfig) -> None:
        self.config = config
        count = config.retailers
        means = config.means or (config.demand.mean,) * count
        self.demands: tuple[Demand, ...] = tuple(
            config.demand if config.means is None else config.demand.model_copy(update={"mean": mean})
            for mean in means
        )
        self.shape = (max(config.warehouse_lead_time - 1, 0), max(config.retailer_lead_time - 1, 0))
        self.observation_size = 1 + self.shape[0] + count * (1 + self.shape[1])
        pairs = [typical(one) for one in self.demands]
        self.mean = float(np.mean([mean for mean, _ in pairs]))
        self.std = float(np.mean([std for _, std in pairs]))
        self.scale = max(self.mean, 1.0)
        own = config.max_order or float(np.ceil(max(mean + 6 * std for mean, std in pairs)))
        self.orders = orders_of(config.orders, (own * count, *[own] * count), config.demand.integer)
        self.action_space: gym.Space[Any] = self.orders.space

    def start(self, copies: int) -> State:
        """Nothing on the way."""
        config = self.config
        return {
            "store": np.full(copies, config.initial_warehouse, np.float64),
            "inbound": np.zeros((copies, self.shape[0])),
            "net": np.full((copies, config.retailers), config.initial_stock, np.float64),
            "way": np.zeros((copies, self.shape[1], config.retailers)),
        }

    def observe(self, state: State) -> Array:
        """Warehouse stock, inbound orders, each retailer's net stock, what is on the way to them."""
        copies = len(state["store"])
        way = state["way"].reshape(copies, -1)
        return np.concatenate([state["store"][:, None], state["inbound"], state["net"], way], 1)

    def units(self, state: State) -> Array:
        """On hand and on the way."""
        outer = state["inbound"].sum(1) + state["way"].sum((1, 2))
        total: Array = state["store"] + positive(state["net"]).sum(1) + outer
        return total

    def step(self, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """Orders, allocation, demand, cost, and next period's receipts."""
        config, wanted = self.config, self.orders.quantities(action)
        store, net, way = state["store"], state["net"], state["way"]
        bought = wanted[:, 0]
        if config.warehouse_lead_time == 0:
            store = store + bought
        sent = self.allocate(store, wanted[:, 1:], net + way.sum(1))
        store = store - sent.sum(1)
        late = np.zeros(len(store))
        if config.retailer_lead_time == 0:
            net, served = arrive(net, sent)
            late = served.sum(1)
        filled = np.minimum(positive(net), demand)
        left = net - demand
        missing = positive(-left)
        if config.lost:
            left = positive(left)
        on_hand = positive(left).sum(1)
        terms = {
            "holding": config.warehouse_holding * store + config.holding * on_hand,
            "shortage": config.penalty * missing.sum(1),
            "transport": config.transit
            * (way.sum((1, 2)) + (sent.sum(1) if config.retailer_lead_time else 0.0)),
        }
        end = store + on_hand
        inbound = state["inbound"]
        if config.warehouse_lead_time > 0:
            arriving, inbound = pushed(inbound, bought)
            store = store + arriving
        if config.retailer_lead_time > 0:
            arriving, way = pushed(way, sent)
            left, served = arrive(left, arriving)
            late = late + served.sum(1)
        orders = np.stack([sent.sum(1), bought], 1)
        asked, met = demand.sum(1), filled.sum(1)
        flow = Flow(terms, asked, met, end, orders, bought, met + late)
        return {"store": store, "inbound": inbound, "net": left, "way": way}, flow

    def allocate(self, store: Array, wanted: Array, position: Array) -> Array:
        """What each retailer is sent, shape ``(copies, R)``; whole where orders are whole."""
        enough = wanted.sum(1) <= store
        if enough.all():
            return wanted
        share = self._even(store, wanted, position) if self.config.allocation == "min-shortage" else None
        if share is None:
            share = wanted * (store / np.maximum(wanted.sum(1), 1e-12))[:, None]
        share = np.minimum(share, wanted)
        if self.orders.whole:
            share = whole_shares(share, wanted, np.minimum(store, wanted.sum(1)))
        return np.where(enough[:, None], wanted, share)

    def _even(self, store: Array, wanted: Array, position: Array) -> Array:
        """Water filling: raise the lowest positions first, to a common level, none above its order."""
        low, high = position.min(1), (position + wanted).max(1)
        for _ in range(50):
            level = (low + high) / 2
            used = np.clip(level[:, None] - position, 0, wanted).sum(1)
            low, high = np.where(used <= store, level, low), np.where(used <= store, high, level)
        result: Array = np.clip(low[:, None] - position, 0, wanted)
        return result


def whole_shares(share: Array, wanted: Array, total: Array) -> Array:
    """Whole parts that sum to ``total``: the largest remainders are rounded up."""
    floor = np.floor(share + 1e-9)
    rest = np.rint(total - floor.sum(1))
    remainder = np.where(floor < wanted, share - floor, -1.0)
    rank = np.argsort(np.argsort(-remainder, 1, "stable"), 1, "stable")
    result: Array = np.minimum(floor + (rank < rest[:, None]), wanted)
    return result


def make(config: WarehouseConfig, reward: RewardSpec, render_mode: str | None = None) -> InventoryEnv:
    """The environment of a scenario."""
    return InventoryEnv(Warehouse(config), reward, render_mode)


def make_vec(config: WarehouseConfig, reward: RewardSpec, num_envs: int) -> InventoryVectorEnv:
    """``num_envs`` copies, batched natively."""
    return InventoryVectorEnv(Warehouse(config), reward, num_envs)


def echelon_base_stock(parameters: Array, state: State) -> Array:
    """(S_w, S_r): the warehouse looks at the whole system, each retailer at its own position."""
    own = state["net"] + state["way"].sum(1)
    whole = state["store"] + state["inbound"].sum(1) + own.sum(1)
    return positive(np.concatenate([parameters[:, :1] - whole[:, None], parameters[:, 1:2] - own], 1))


def make_base_stock(env: Any) -> RulePolicy:
    """Echelon base-stock at the warehouse, one level for the retailers; both optimised."""
    model: Warehouse = env.model
    config, count = model.config, model.config.retailers
    cover = config.retailer_lead_time + 1
    local = np.ceil(model.mean * cover + model.std * np.sqrt(cover))
    top = np.ceil(count * model.mean * (config.warehouse_lead_time + cover))
    best, cost = best_rule(
        env,
        "warehouse-base-stock",
        echelon_base_stock,
        [top, local],
        [np.ceil(model.scale), 2.0],
        low=[0.0, 0.0],
    )

    def order(state: State) -> Array:
        return echelon_base_stock(np.broadcast_to(best, (len(state["store"]), 2)), state)

    return RulePolicy(env, order, model.orders.actions, {"values": best.tolist(), "cost": cost})
