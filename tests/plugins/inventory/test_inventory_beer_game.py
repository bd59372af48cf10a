"""The beer game week by week, delays, rules and the board's published costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from inventory_support import days, money, one_day, ordered, play, series

from sandbox_inventory.beer_game.config import BeerGameConfig
from sandbox_inventory.beer_game.model import REWARDS, STATIONS, BeerGame, make_vec
from sandbox_inventory.beer_game.rules import (
    base_stock,
    echelon_base_stock,
    make_base_stock,
    make_echelon,
    make_sterman,
    sterman,
    supply_line,
)
from sandbox_inventory.core.demand.families import Demand

BOARD = BeerGameConfig()
STEADY = (4, 4, 4, 4)


def test_the_board_stays_as_it_is_while_every_station_orders_four() -> None:
    states, flows = days(BeerGame(BOARD), [STEADY] * 3, [4] * 3)
    assert series(states, "net") == [[12] * 4] * 3
    assert series(states, "last") == [list(STEADY)] * 3
    assert [money(flow) for flow in flows] == [{"holding": 24, "shortage": 0}] * 3


def test_the_customers_jump_to_eight_empties_the_retailer_week_by_week() -> None:
    # No station reacts: four cases come in, eight are demanded.
    states, flows = days(BeerGame(BOARD), [STEADY] * 5, [4, 8, 8, 8, 8])
    assert [net[0] for net in series(states, "net")] == [12, 8, 4, 0, -4]
    assert [net[1:] for net in series(states, "net")] == [[12] * 3] * 5
    assert [money(flow)["holding"] for flow in flows] == [24, 22, 20, 18, 18]
    assert [money(flow)["shortage"] for flow in flows] == [0, 0, 0, 0, 4]
    assert [float(flow.filled[0]) for flow in flows] == [4, 8, 8, 8, 4]


def test_a_backlog_is_shipped_before_this_weeks_order() -> None:
    states, flows = days(BeerGame(BOARD), [STEADY] * 3, [20, 0, 6])
    # 16 of 20 are shipped; the backlog of 4 takes the next 4; then 4 of 6.
    assert [net[0] for net in series(states, "net")] == [-4, 0, -2]
    assert [float(flow.sold[0]) for flow in flows] == [16, 4, 4]
    assert [float(flow.filled[0]) for flow in flows] == [16, 0, 4]


def test_a_week_by_hand() -> None:
    state, flow = one_day(BeerGame(BOARD), (5, 6, 7, 8), 20)
    # Retailer: 12 + 4 received, 20 demanded: 4 in backlog. The others: 12 + 4 received, 4 sent.
    assert state["net"].tolist() == [[-4, 12, 12, 12]]
    assert money(flow) == {"holding": 18, "shortage": 4}
    assert state["mail"][0, :, 0].tolist() == [5, 6, 7, 8]
    assert state["shipments"][0].tolist() == [[4, 4], [4, 4], [4, 4], [4, 0]]


@pytest.mark.parametrize(
    ("order_delay", "shipping_delay", "arrives"), [(2, 2, 3), (1, 2, 2), (1, 1, 1), (3, 1, 3)]
)
def test_a_large_order_of_the_retailer_arrives_after_mail_and_shipping(
    order_delay: int, shipping_delay: int, arrives: int
) -> None:
    model = BeerGame(
        BeerGameConfig(order_delay=order_delay, shipping_delay=shipping_delay, production_delay=1)
    )
    orders = [(10, 4, 4, 4)] + [STEADY] * arrives
    states, _ = days(model, orders, [4] * (arrives + 1))
    retailer = [net[0] for net in series(states, "net")]
    assert retailer == [12] * arrives + [18]
    # The wholesaler's stock falls when it ships, shipping_delay weeks before.
    wholesaler = [net[1] for net in series(states, "net")]
    ships = arrives - shipping_delay
    assert wholesaler[: ships + 1] == [12] * ships + [6]


@pytest.mark.parametrize(("order_delay", "production_delay", "arrives"), [(2, 1, 2), (1, 1, 1), (2, 3, 4)])
def test_the_factory_receives_what_it_brews(order_delay: int, production_delay: int, arrives: int) -> None:
    # Decided a week before the first week: order_delay + production_delay weeks in all.
    model = BeerGame(BeerGameConfig(order_delay=order_delay, production_delay=production_delay))
    states, flows = days(model, [(4, 4, 4, 10)] + [STEADY] * arrives, [4] * (arrives + 1))
    assert [net[3] for net in series(states, "net")] == [12] * arrives + [18]
    assert [float(flow.received[0]) for flow in flows].index(10) == order_delay - 1


def test_a_station_sees_itself_its_suppliers_backlog_and_its_place() -> None:
    model = BeerGame(BOARD)
    state = model.initial_state(1)
    state["net"][0] = [12, -8, 12, 12]
    rows = model.observe_agents(state)[0] * model.scale
    # Net stock, last order, shipments of two weeks, mail, supplier's backlog.
    assert rows[0, :6].tolist() == pytest.approx([12, 4, 4, 4, 4, 8])
    assert rows[1, :6].tolist() == pytest.approx([-8, 4, 4, 4, 4, 0])
    np.testing.assert_array_equal(rows[:, 6:] / model.scale, np.eye(4))
    assert model.agents == STATIONS


# Rules

STATE = {
    "net": [6, -3, 12, 8],
    "shipments": [[1, 2], [4, 0], [3, 3], [5, 0]],
    "mail": [[4], [6], [2], [1]],
}


def test_the_supply_line_is_mail_suppliers_backlog_and_shipments() -> None:
    state = {name: np.array([values], float) for name, values in STATE.items()}
    assert supply_line(state).tolist() == [[3 + 4 + 3, 4 + 6, 6 + 2, 5 + 1]]


def test_base_stock_raises_a_stations_position() -> None:
    assert ordered(base_stock, [20, 20, 20, 20], **STATE) == [4, 13, 0, 6]


def test_echelon_base_stock_counts_all_cases_below() -> None:
    # Cases at and on the way to the stations: 9, 4, 18, 13, summed downstream 9, 13, 31, 44; the customers
    # have no backlog. Not shipped by the supplier: 4 + 3, 6, 2, 1.
    assert ordered(echelon_base_stock, [20, 20, 40, 60], **STATE) == [4, 1, 7, 15]


def test_a_customers_backlog_lowers_every_echelon() -> None:
    state = {**STATE, "net": [-5, -3, 12, 8]}
    # 6 units of stock fewer and 5 in backlog: 11 fewer in every echelon.
    assert ordered(echelon_base_stock, [20, 20, 40, 60], **state) == [15, 12, 18, 26]


def test_stermans_rule_on_the_initial_board_by_hand() -> None:
    # 4 + 0.26·(17 - 12 - 0.34·12) = 4.24; the factory has 8 under way: 4 + 0.26·(5 - 0.34·8) = 4.59.
    state = {name: values[0] for name, values in BeerGame(BOARD).initial_state(1).items()}
    assert ordered(sterman, [17, 17, 17, 17, 0.26, 0.34], **state) == [4, 4, 4, 5]


def test_the_average_player_smooths_the_orders_that_come_in() -> None:
    envs: Any = make_vec(BOARD, REWARDS["cost"], 2)
    envs.reset(seed=0)
    player = make_sterman(envs)
    player.reset(2)
    first = player.act(None)
    assert first.tolist() == [[4, 4, 4, 5]] * 2
    envs.core.sim.state["last"][:] = 10.0
    # Expected orders 4 + 0.36·6 = 6.16: 6.16 + 0.24 and 6.16 + 0.59.
    assert player.act(None).tolist() == [[6, 6, 6, 7]] * 2
    player.reset(2)
    assert player.act(None).tolist() == first.tolist()


def test_the_boards_benchmark_costs_46_50_54_and_54_a_station() -> None:
    # Sterman's best levels with α = β = 1, after orders of 4 in the first four weeks. A game here begins
    # after the first of the 36 weeks, which costs 6 a station.
    model, levels = BeerGame(BOARD), np.array([[28.0, 28, 28, 20, 1, 1]])
    state, costs = model.initial_state(1), np.full(4, 6.0)
    for week in range(35):
        quantities = np.full((1, 4), 4.0) if week < 4 else sterman(levels, state, 4.0)
        state, _ = one_day(model, quantities[0], 4 if week < 3 else 8, state)
        net = state["net"][0]
        costs += np.where(net > 0, 0.5 * net, -net)
    assert costs.tolist() == [46, 50, 54, 54]
    assert costs.sum() == 204


@pytest.mark.parametrize("maker", [make_echelon, make_base_stock])
def test_tuned_levels_are_much_cheaper_than_the_average_player(maker: Any) -> None:
    envs = make_vec(BeerGameConfig(demand=Demand(mean=4), horizon=36), REWARDS["cost"], 64)
    assert play(envs, maker(envs))["cost"].mean() < 0.7 * play(envs, make_sterman(envs))["cost"].mean()
