"""The beer game: retailer, wholesaler, distributor and factory, each ordering from the next; backorders.

Event order of a week: **order, receive the shipment, receive the order, ship, cost, observe**. A week
begins with the orders that the players decided on when they had seen the week before; an order is with the
supplier ``order_delay`` weeks later (1: in the same week, after it was mailed), a shipment arrives
``shipping_delay`` weeks after it left, the factory's own order is in its stock ``order_delay +
production_delay`` weeks later. Every station ships what it has of the order and its backlog. A week costs
h·stock + b·backlog at every station, counted after shipping.

On the board (Sterman 1989, Management Science 35(3)) an order takes 2 weeks, a shipment 2, the brew 3 after
the factory's decision. The board as it is set up is that at the end of its first week, in which 4 cases are
asked for and everything stays as it is: a game begins there, three more weeks of 4 cases follow, then 8.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from pydantic import Field

from sandbox.api import RewardSpec
from sandbox_inventory.core.agents import InventoryAgentsVectorEnv, InventoryParallelEnv
from sandbox_inventory.core.config import InventoryConfig
from sandbox_inventory.core.demand import Demand, typical
from sandbox_inventory.core.envs import InventoryEnv, InventoryVectorEnv
from sandbox_inventory.core.model import Array, Flow, State, positive
from sandbox_inventory.core.orders import Kind, orders_of
from sandbox_inventory.core.reward import presets
from sandbox_inventory.core.rules import RulePolicy, row_actions
from sandbox_inventory.core.search import ParametricRule, best_rule

REWARDS = presets("holding", "shortage")
STATIONS = ("retailer", "wholesaler", "distributor", "factory")


class BeerConfig(InventoryConfig):
    """Parameters of the game."""

    horizon: int = Field(36, ge=1, le=100_000, description="weeks of a game")
    holding: float = Field(0.5, ge=0, le=1e6, description="cost of a case in stock a week, h, money")
    penalty: float = Field(1.0, ge=0, le=1e6, description="cost of a case in backlog a week, b, money")
    order_delay: int = Field(
        2, ge=1, le=20, description="weeks until an order is with the supplier, 2 on the board"
    )
    shipping_delay: int = Field(2, ge=1, le=20, description="weeks until a shipment arrives")
    production_delay: int = Field(1, ge=1, le=20, description="weeks of brewing")
    initial_stock: float = Field(12.0, ge=0, le=1e6, description="in stock at each station, cases")
    initial_flow: float = Field(
        4.0, ge=0, le=1e6, description="in every place of the mail and the lorries, cases"
    )
    demand: Demand = Field(
        Demand(kind="trace", values=(4, 4, 4, 8)), description="customers' demand of a week"
    )
    orders: Kind = Field("discrete", description="whole quantities to choose from, or scaled numbers")
    max_order: float = Field(40.0, gt=0, le=1e6, description="largest order, cases")


class BeerGame:
    """The dynamics of a batch.

    State: ``net`` (copies, 4), stock less backlog; ``ship`` (copies, 4, slots) and ``mail`` (copies, 4,
    slots),
    the next arrival first; ``last`` (copies, 4), the order that came in this week; ``week`` (copies,).
    """

    finite = True

    def __init__(self, config: BeerConfig) -> None:
        self.config = config
        self.demands: tuple[Demand, ...] = (config.demand,)
        self.agents = STATIONS
        self.delays = np.array([config.shipping_delay] * 3 + [config.production_delay])
        self.slots = int(self.delays.max())
        self.mailing = config.order_delay - 1
        self.observation_size = 4 * (2 + self.slots + self.mailing)
        mean, _ = typical(config.demand)
        self.scale = max(mean, 1.0)
        self.orders = orders_of(config.orders, (config.max_order,) * 4, config.demand.integer)
        self.action_space: gym.Space[Any] = self.orders.space

    def start(self, copies: int) -> State:
        """The board as it is set up."""
        config = self.config
        ship = np.zeros((copies, 4, self.slots))
        for station, delay in enumerate(self.delays):
            ship[:, station, :delay] = config.initial_flow
        return {
            "net": np.full((copies, 4), config.initial_stock, np.float64),
            "ship": ship,
            "mail": np.full((copies, 4, self.mailing), config.initial_flow, np.float64),
            "last": np.full((copies, 4), config.initial_flow, np.float64),
        }

    def observe(self, state: State) -> Array:
        """For each station net stock, the last order to it, shipments to it, its own orders in the mail."""
        parts = [state["net"][..., None], state["last"][..., None], state["ship"]]
        parts.append(state["mail"])
        whole = np.concatenate(parts, 2)
        return whole.reshape(len(whole), -1)

    def observe_agents(self, state: State) -> Array:
        """Each station sees its own figures only, what its supplier owes it, and who it is."""
        own = self.observe(state).reshape(len(state["net"]), 4, -1) / self.scale
        owed = np.zeros((len(own), 4, 1))
        owed[:, :3, 0] = positive(-state["net"][:, 1:]) / self.scale
        who = np.broadcast_to(np.eye(4), (len(own), 4, 4))
        return np.concatenate([own, owed, who], 2)

    def units(self, state: State) -> Array:
        """In stock and on the way, the brew included."""
        total: Array = positive(state["net"]).sum(1) + state["ship"].sum((1, 2))
        return total

    def step(self, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """A week: receive, take the order, ship, count the cost, mail the new order."""
        config, asked = self.config, demand[:, 0]
        wanted = self.orders.quantities(action)
        net, ship, mail = state["net"].copy(), state["ship"].copy(), state["mail"].copy()
        stock, owed = positive(net), positive(-net)
        stock = stock + ship[:, :, 0]
        ship[:, :, :-1] = ship[:, :, 1:]
        ship[:, :, -1] = 0.0
        arriving = mail[:, :, 0].copy() if self.mailing else wanted
        incoming = np.concatenate([asked[:, None], arriving[:, :3]], 1)
        brewed = arriving[:, 3]
        due = incoming + owed
        sent = np.minimum(stock, due)
        filled = np.minimum(positive(stock[:, 0] - owed[:, 0]), asked)
        stock, owed = stock - sent, due - sent
        ship[:, :3, config.shipping_delay - 1] += sent[:, 1:]
        ship[:, 3, config.production_delay - 1] += brewed
        if self.mailing:
            mail[:, :, :-1] = mail[:, :, 1:]
            mail[:, :, -1] = wanted
        terms = {"holding": config.holding * stock.sum(1), "shortage": config.penalty * owed.sum(1)}
        after = {"net": stock - owed, "ship": ship, "mail": mail, "last": incoming}
        flow = Flow(terms, asked, filled, stock.sum(1), wanted, brewed, sent[:, 0])
        return after, flow


def make(config: BeerConfig, reward: RewardSpec, render_mode: str | None = None) -> InventoryEnv:
    """The environment with one player for all four stations."""
    return InventoryEnv(BeerGame(config), reward, render_mode)


def make_vec(config: BeerConfig, reward: RewardSpec, num_envs: int) -> InventoryVectorEnv:
    """``num_envs`` copies of it, batched natively."""
    return InventoryVectorEnv(BeerGame(config), reward, num_envs)


def make_parallel(
    config: BeerConfig, reward: RewardSpec, render_mode: str | None = None
) -> InventoryParallelEnv:
    """The game with its four players."""
    return InventoryParallelEnv(BeerGame(config), reward, render_mode)


def make_parallel_vec(config: BeerConfig, reward: RewardSpec, num_envs: int) -> InventoryAgentsVectorEnv:
    """``num_envs`` copies of it, batched natively."""
    return InventoryAgentsVectorEnv(BeerGame(config), reward, num_envs)


def supply_line(state: State) -> Array:
    """Ordered and not received, shape ``(copies, 4)``: in the mail, in the supplier's backlog, on the way."""
    line: Array = state["ship"].sum(2) + state["mail"].sum(2)
    line[:, :3] += positive(-state["net"][:, 1:])
    return line


def sterman(parameters: Array, state: State, expected: Array | float = 4.0) -> Array:
    """Anchor and adjust: max(0, expected + α·(S' - net - β·supply line)); Sterman 1989, eq. (8).

    Args:
        parameters: S' of the four stations, α, β; shape ``(copies, 6)``.
        state: Of the game.
        expected: Anchor, cases a week.
    """
    gap = parameters[:, :4] - state["net"] - parameters[:, 5:6] * supply_line(state)
    return positive(np.rint(expected + parameters[:, 4:5] * gap))


def base_stock(parameters: Array, state: State) -> Array:
    """Each station orders its own position up to its level."""
    return positive(parameters - state["net"] - supply_line(state))


def echelon_base_stock(parameters: Array, state: State) -> Array:
    """Each station orders its echelon's position up to its level: all stock below, less customers' backlog.

    Orders still in the mail above count, backlogs between stations cancel.
    """
    inside = positive(state["net"]) + state["ship"].sum(2)
    echelon = np.cumsum(inside, 1) - positive(-state["net"][:, :1])
    waiting = state["mail"].sum(2)
    waiting[:, :3] += positive(-state["net"][:, 1:])
    return positive(parameters - echelon - waiting)


def _policy(env: Any, name: str, rule: ParametricRule, start: list[float], step: float) -> RulePolicy:
    best, cost = best_rule(env, f"beer-{name}", rule, start, [step] * 4, low=[0.0] * 4, periods=20_000)

    def order(state: State) -> Array:
        return rule(np.broadcast_to(best, (len(state["net"]), 4)), state)

    return RulePolicy(env, order, row_actions(env), {"values": best.tolist(), "cost": cost})


def make_base_stock(env: Any) -> RulePolicy:
    """Local base-stock levels, optimised."""
    model: BeerGame = env.model
    weeks = model.delays + model.config.order_delay
    return _policy(
        env, "base-stock", base_stock, (np.ceil(model.scale * weeks)).tolist(), np.ceil(model.scale)
    )


def make_echelon(env: Any) -> RulePolicy:
    """Echelon base-stock levels, optimised."""
    model: BeerGame = env.model
    weeks = np.cumsum(model.delays + model.config.order_delay - 1) + 1
    start = np.ceil(model.scale * weeks).tolist()
    return _policy(env, "echelon-base-stock", echelon_base_stock, start, np.ceil(2 * model.scale))


def make_sterman(env: Any) -> RulePolicy:
    """Sterman's average player: θ = 0.36, α = 0.26, β = 0.34, S' = 17."""
    return Sterman(env, np.array([17.0] * 4 + [0.26, 0.34]), smoothing=0.36)


class Sterman(RulePolicy):
    """The anchor is an exponential average of incoming orders.

    Args:
        env: The game.
        parameters: S' of the stations, α, β.
        smoothing: Weight of the newest order, θ.
    """

    def __init__(self, env: Any, parameters: Array, smoothing: float) -> None:
        super().__init__(env, self._order, row_actions(env), {"values": parameters.tolist()})
        self._spread, self._smoothing = parameters, smoothing
        self._expected: Array | None = None

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Expect what flowed before."""
        self._expected = None

    def _order(self, state: State) -> Array:
        if self._expected is None:
            self._expected = np.full_like(state["net"], self._sim.model.config.initial_flow)
        else:
            self._expected = self._expected + self._smoothing * (state["last"] - self._expected)
        spread = np.broadcast_to(self._spread, (len(state["net"]), 6))
        return sterman(spread, state, self._expected)
