"""The beer game: retailer, wholesaler, distributor and factory, each ordering from the next; backorders.

Event order of a week: **order, receive the shipment, receive the order, ship, cost, observe**. A week begins
with the orders that the players decided on after they had observed the week before. An order reaches the
supplier ``order_delay`` weeks later (1: in the same week), a shipment arrives ``shipping_delay`` weeks after
it left, and the factory's own order is in its stock ``order_delay + production_delay`` weeks later. Every
station ships what it has of the incoming order and its backlog. A week costs h·stock + b·backlog at every
station, counted after shipping.

On the board (Sterman 1989, Management Science 35(3)) an order takes 2 weeks, a shipment 2, and a brew 3 weeks
from the factory's decision. The board's initial position is also its position at the end of the first week,
in which 4 cases are demanded: a game begins there, three more weeks of 4 cases follow, then 8.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from sandbox.api import ObservationField
from sandbox_inventory.beer_game.config import BeerGameConfig
from sandbox_inventory.core.arrays import Array, positive
from sandbox_inventory.core.demand.distribution import mean_and_std
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.envs import env_makers
from sandbox_inventory.core.fields import SCALE, arrival, at
from sandbox_inventory.core.look_ahead import MakeSimulator
from sandbox_inventory.core.model import Flow, State
from sandbox_inventory.core.orders import make_orders, order_limit
from sandbox_inventory.core.parallel_envs import parallel_env_makers
from sandbox_inventory.core.reward import presets

REWARDS = presets("holding", "shortage")
STATIONS = ("retailer", "wholesaler", "distributor", "factory")
FACTORY = 3


class BeerGame:
    """The dynamics of a batch; stations are in the order of `STATIONS`.

    State:

    - ``net`` (num_envs, 4): stock less backlog.
    - ``shipments`` (num_envs, 4, slots): in transit to each station, next arrival first.
    - ``mail`` (num_envs, 4, order_delay - 1): each station's orders in the mail, next arrival first.
    - ``last`` (num_envs, 4): the order that each station received this week.
    """

    finite = True

    def __init__(self, config: BeerGameConfig) -> None:
        self.config = config
        self.demands: tuple[Demand, ...] = (config.demand,)
        self.agents: tuple[str, ...] = STATIONS
        self.delays = np.array([config.shipping_delay] * 3 + [config.production_delay])
        self.slots = int(self.delays.max())
        self.mail_length = config.order_delay - 1
        self.observation_size = 4 * (2 + self.slots + self.mail_length)
        self.scale = max(mean_and_std(config.demand)[0], 1.0)
        limit = order_limit(config, config.demand)
        self.orders = make_orders(config.orders, (limit,) * 4, config.demand.integer)
        self.action_space: gym.Space[Any] = self.orders.space

    def initial_state(self, num_envs: int) -> State:
        """The board's initial position."""
        config = self.config
        shipments = np.zeros((num_envs, 4, self.slots))
        for station, delay in enumerate(self.delays):
            shipments[:, station, :delay] = config.initial_flow
        return {
            "net": np.full((num_envs, 4), config.initial_stock, np.float64),
            "shipments": shipments,
            "mail": np.full((num_envs, 4, self.mail_length), config.initial_flow, np.float64),
            "last": np.full((num_envs, 4), config.initial_flow, np.float64),
        }

    def observe(self, state: State) -> Array:
        """For each station: net stock, the last order received, shipments to it, its orders in the mail."""
        stations = self._observe_stations(state)
        return stations.reshape(len(stations), -1)

    def observe_agents(self, state: State) -> Array:
        """Each station sees only itself, its supplier's backlog, and which station it is."""
        stations = self._observe_stations(state) / self.scale
        supplier_backlog = np.zeros((len(stations), 4, 1))
        supplier_backlog[:, :3, 0] = positive(-state["net"][:, 1:]) / self.scale
        station = np.broadcast_to(np.eye(4), (len(stations), 4, 4))
        return np.concatenate([stations, supplier_backlog, station], 2)

    def _observe_stations(self, state: State) -> Array:
        parts = [state["net"][..., None], state["last"][..., None], state["shipments"], state["mail"]]
        return np.concatenate(parts, 2)

    def fields(self) -> list[ObservationField]:
        """What the numbers of `observe` are."""
        return [field for station in STATIONS for field in self._station_fields(f", {station}")]

    def agent_fields(self) -> list[ObservationField]:
        """What the numbers of `observe_agents` are."""
        supplier = ObservationField("supplier's backlog", SCALE, "orders that it has not shipped")
        own = ObservationField("own station", "1", "1 for the station that the agent is", STATIONS)
        return [*self._station_fields(), supplier, own]

    def _station_fields(self, whose: str = "") -> list[ObservationField]:
        shipments = tuple(arrival(slot + 1) for slot in range(self.slots))
        mail = tuple(arrival(slot + 1) for slot in range(self.mail_length))
        return [
            ObservationField(f"net stock{whose}", SCALE, "stock on hand less backlog"),
            ObservationField(f"order received{whose}", SCALE, "this week's order of the station before it"),
            *at(f"shipments{whose}", "on their way to the station, by when they arrive", shipments),
            *at(f"orders in the mail{whose}", "its own orders, by when they arrive", mail),
        ]

    def units(self, state: State) -> Array:
        """Cases in stock and in transit, including the brew."""
        total: Array = positive(state["net"]).sum(1) + state["shipments"].sum((1, 2))
        return total

    def step(self, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """A week: receive shipments and orders, ship, count the cost, mail the new orders."""
        config, demanded = self.config, demand[:, 0]
        ordered = self.orders.quantities(action)
        stock, backlog = positive(state["net"]), positive(-state["net"])
        shipments, mail = state["shipments"].copy(), state["mail"].copy()
        stock = stock + shipments[:, :, 0]
        shipments[:, :, :-1] = shipments[:, :, 1:]
        shipments[:, :, -1] = 0.0
        delivered = mail[:, :, 0].copy() if self.mail_length else ordered
        incoming = np.concatenate([demanded[:, None], delivered[:, :FACTORY]], 1)
        brewed = delivered[:, FACTORY]
        due = incoming + backlog
        sent = np.minimum(stock, due)
        filled = np.minimum(positive(stock[:, 0] - backlog[:, 0]), demanded)
        stock, backlog = stock - sent, due - sent
        shipments[:, :FACTORY, config.shipping_delay - 1] += sent[:, 1:]
        shipments[:, FACTORY, config.production_delay - 1] += brewed
        if self.mail_length:
            mail[:, :, :-1] = mail[:, :, 1:]
            mail[:, :, -1] = ordered
        on_hand = stock.sum(1)
        terms = {"holding": config.holding * on_hand, "shortage": config.penalty * backlog.sum(1)}
        next_state = {"net": stock - backlog, "shipments": shipments, "mail": mail, "last": incoming}
        return next_state, Flow(terms, demanded, filled, on_hand, ordered, brewed, sold=sent[:, 0])


make, make_vec = env_makers(BeerGame)
simulator = MakeSimulator(BeerGame)
make_parallel, make_parallel_vec = parallel_env_makers(BeerGame)
