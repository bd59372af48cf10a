"""Lost sales against Zipkin 2008 (Table 3), Bijvank et al. 2015, and days and rules worked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from inventory_support import days, money, ordered, series

from sandbox.api import InvalidValueError
from sandbox.api.types import Environment
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.solvers.markov_chain import average_cost
from sandbox_inventory.lost_sales import rules
from sandbox_inventory.lost_sales.config import LostSalesConfig
from sandbox_inventory.lost_sales.exact import optimal
from sandbox_inventory.lost_sales.model import REWARDS, LostSales, make
from sandbox_inventory.lost_sales.myopic import myopic
from sandbox_inventory.lost_sales.tables import OrderTable, after_demand

WEIGHTS = REWARDS["cost"].weights

# (L, p): optimum, best base-stock and its level, capped base-stock with (S, cap).
ZIPKIN = {
    (2, 4): (4.3953, 4.6386, 16, 4.4057, (17, 5)),
    (2, 9): (6.0936, 6.3163, 19, 6.1191, (19, 6)),
    (2, 19): (7.6644, 7.8422, 21, 7.7209, (21, 7)),
    (2, 39): (9.1064, 9.1903, 22, 9.1326, (22, 8)),
    (4, 4): (4.7284, 5.1978, 25, 4.7979, (26, 5)),
    (4, 9): (6.8359, 7.2709, 28, 6.9123, (29, 5)),
    (4, 19): (8.8872, 9.2319, 31, 8.9544, (31, 6)),
    (4, 39): (10.7944, 11.0623, 33, 10.8926, (34, 6)),
}


def _env(lead_time: int, penalty: float, **more: Any) -> Environment:
    settings = {"max_order": 30, **more}
    return make(LostSalesConfig(lead_time=lead_time, penalty=penalty, **settings), REWARDS["cost"])


def _table_cost(config: LostSalesConfig, table: OrderTable) -> float:
    model = LostSales(config)
    return average_cost(model, lambda state: model.orders.actions(table(state)), REWARDS["cost"])


@pytest.mark.parametrize("instance", ZIPKIN, ids=str)
def test_the_optimum_is_zipkins(instance: tuple[int, int]) -> None:
    config = LostSalesConfig(lead_time=instance[0], penalty=instance[1])
    # Published to two digits; to four the value for (4, 4) is 4.7285, found with another grid 4.7284.
    assert optimal(config, WEIGHTS).cost == pytest.approx(ZIPKIN[instance][0], abs=1.5e-4)


@pytest.mark.parametrize("instance", [(2, 4), (2, 39), (4, 4)], ids=str)
def test_playing_the_optimal_table_costs_what_the_solver_says(instance: tuple[int, int]) -> None:
    config = LostSalesConfig(lead_time=instance[0], penalty=instance[1])
    table = optimal(config, WEIGHTS)
    assert _table_cost(config, table) == pytest.approx(table.cost, abs=1e-5)


@pytest.mark.parametrize("instance", ZIPKIN, ids=str)
def test_base_stock_and_capped_base_stock_cost_what_is_published(instance: tuple[int, int]) -> None:
    _, plain, level, capped, (top, cap) = ZIPKIN[instance]
    env = _env(*instance)
    assert rules.exact_cost(env, rules.capped_base_stock, np.array([top, cap])) == pytest.approx(
        capped, abs=1e-4
    )
    if instance[0] == 2:
        assert rules.exact_cost(env, rules.base_stock, np.array([level])) == pytest.approx(plain, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("penalty", [4, 9, 19, 39])
def test_base_stock_at_lead_time_4_costs_what_is_published(penalty: int) -> None:
    _, plain, level, _, _ = ZIPKIN[4, penalty]
    result = rules.exact_cost(_env(4, penalty), rules.base_stock, np.array([level]), 400_000)
    assert result == pytest.approx(plain, abs=1e-4)


def test_the_search_finds_the_published_levels() -> None:
    for penalty, level, pair in ((4, 16, [17, 5]), (39, 22, [22, 8])):
        env = _env(2, penalty)
        assert rules.make_base_stock(env).parameters["values"] == [level]
        assert rules.make_capped_base_stock(env).parameters["values"] == pair


@pytest.mark.parametrize(
    ("penalty", "first", "second"), [(4, 5.06, 4.82), (9, 7.20, 6.92), (19, 9.18, 8.96), (39, 11.04, 10.84)]
)
def test_zipkins_myopic_rules_at_lead_time_4(penalty: float, first: float, second: float) -> None:
    config = LostSalesConfig(lead_time=4, penalty=penalty)
    assert _table_cost(config, myopic(config, WEIGHTS, 1)) == pytest.approx(first, abs=0.005)
    assert _table_cost(config, myopic(config, WEIGHTS, 2)) == pytest.approx(second, abs=0.005)


@pytest.mark.slow
@pytest.mark.parametrize(("penalty", "cost"), [(4, 6.14), (9, 8.37), (19, 9.67), (39, 11.43)])
def test_an_untuned_newsvendor_level_costs_what_the_document_says(penalty: float, cost: float) -> None:
    from scipy.stats import poisson

    level = float(poisson.ppf(penalty / (penalty + 1), 25))  # five periods of demand, backorders assumed
    result = rules.exact_cost(_env(4, penalty), rules.base_stock, np.array([level]), 400_000)
    assert result == pytest.approx(cost, abs=0.005)


def test_with_a_fixed_cost_the_optimum_and_the_best_s_S_are_bijvanks() -> None:
    config = {"lead_time": 2, "penalty": 14, "fixed_cost": 5}
    assert optimal(LostSalesConfig(**config), WEIGHTS).cost == pytest.approx(11.46, abs=0.005)
    env = make(LostSalesConfig(**config, max_order=40), REWARDS["cost"])
    assert rules.exact_cost(env, rules.min_max, np.array([6, 23])) == pytest.approx(11.62, abs=0.005)
    gap, top = rules.make_min_max(env).parameters["values"]
    assert (top - gap, top) == (17, 23)


def test_without_a_lead_time_the_optimum_is_the_newsvendors() -> None:
    # y units each period for Poisson(5): h·E(y-d)⁺ + p·E(d-y)⁺ is least at the p/(p+h) quantile.
    from scipy.stats import poisson

    d = np.arange(60)
    best = min(
        float(poisson.pmf(d, 5) @ (np.maximum(y - d, 0) + 9 * np.maximum(d - y, 0))) for y in range(20)
    )
    assert optimal(LostSalesConfig(lead_time=0, penalty=9), WEIGHTS).cost == pytest.approx(best, abs=1e-6)


def test_a_period_worked_by_hand() -> None:
    model = LostSales(
        LostSalesConfig(lead_time=3, penalty=7, holding=2, purchase=0.5, fixed_cost=3, price=10)
    )
    state = {"stock": np.array([4.0, 4.0]), "pipeline": np.array([[5.0, 6.0], [5.0, 6.0]])}
    after, flow = model.step(state, np.array([2, 0]), np.array([[1.0], [9.0]]))
    assert flow.terms["holding"].tolist() == [6, 0]
    assert flow.terms["shortage"].tolist() == [0, 35]
    assert flow.terms["purchase"].tolist() == [1, 0]
    assert flow.terms["fixed"].tolist() == [3, 0]
    assert flow.terms["revenue"].tolist() == [10, 40]
    assert after["stock"].tolist() == [8, 5]  # what is left, and the order that arrives next
    assert after["pipeline"].tolist() == [[6, 2], [6, 0]]


@pytest.mark.parametrize("lead_time", [0, 1, 2, 5])
def test_an_order_can_be_sold_after_exactly_the_lead_time(lead_time: int) -> None:
    demand = Demand(kind="trace", values=(0.0,) * lead_time + (3.0,))
    env = make(LostSalesConfig(lead_time=lead_time, horizon=lead_time + 2, demand=demand), REWARDS["cost"])
    env.reset(seed=0)
    sold = []
    for period in range(lead_time + 1):
        _, _, _, _, info = env.step(3 if period == 0 else 0)
        sold.append(info["reward_terms"]["shortage"] == 0)
    assert sold[-1]


def test_a_lead_time_beyond_the_limit_is_refused_in_a_sentence() -> None:
    with pytest.raises(InvalidValueError, match="state-action pairs"):
        optimal(LostSalesConfig(lead_time=9, penalty=39), WEIGHTS)


def test_without_demand_nothing_is_ordered_and_nothing_costs() -> None:
    config = LostSalesConfig(lead_time=2, demand=Demand(mean=0))
    table = optimal(config, WEIGHTS)
    assert table.cost == pytest.approx(0, abs=1e-6)
    assert table.order[0, 0] == 0


def test_three_days_with_a_lead_time_of_two_by_hand() -> None:
    model = LostSales(LostSalesConfig(lead_time=2, penalty=4, holding=1, initial_stock=5, max_order=9))
    states, flows = days(model, quantities=[3, 2, 0], demand=[4, 4, 1])
    # 5 on hand, 4 sold; 1 on hand, 1 sold and 3 lost; then the 3 of the first day are there, 1 sold.
    assert [money(flow)["holding"] for flow in flows] == [1, 0, 2]
    assert [money(flow)["shortage"] for flow in flows] == [0, 12, 0]
    assert series(states, "stock") == [1, 3, 4]
    assert series(states, "pipeline") == [[3], [2], [0]]
    assert [float(flow.sold[0]) for flow in flows] == [4, 1, 1]


def test_with_a_lead_time_of_one_the_order_is_there_the_next_day() -> None:
    model = LostSales(LostSalesConfig(lead_time=1, initial_stock=2, max_order=9))
    states, flows = days(model, quantities=[6, 0], demand=[5, 4])
    assert series(states, "stock") == [6, 2]
    assert [money(flow)["shortage"] for flow in flows] == [12, 0]


def test_without_a_lead_time_the_order_meets_the_same_days_demand() -> None:
    model = LostSales(LostSalesConfig(lead_time=0, initial_stock=2, max_order=9))
    states, flows = days(model, quantities=[6, 0], demand=[5, 4])
    assert series(states, "stock") == [3, 0]
    assert [money(flow)["shortage"] for flow in flows] == [0, 4]


@pytest.mark.parametrize("lead_time", [1, 2, 5])
def test_an_order_cannot_be_sold_before_its_lead_time(lead_time: int) -> None:
    model = LostSales(LostSalesConfig(lead_time=lead_time, penalty=1, max_order=9))
    _, flows = days(model, quantities=[9] + [0] * lead_time, demand=[1] * (lead_time + 1))
    assert [money(flow)["shortage"] for flow in flows] == [1] * lead_time + [0]


STATE = {"stock": 4, "pipeline": [3, 2]}
"""An inventory position of 9 units."""


def test_base_stock_raises_the_position_to_its_level() -> None:
    assert ordered(rules.base_stock, [15], **STATE) == 6
    assert ordered(rules.base_stock, [9], **STATE) == 0
    assert ordered(rules.base_stock, [7], **STATE) == 0


def test_capped_base_stock_orders_at_most_the_cap() -> None:
    assert ordered(rules.capped_base_stock, [15, 4], **STATE) == 4
    assert ordered(rules.capped_base_stock, [11, 4], **STATE) == 2


def test_s_S_orders_up_to_S_at_s_and_below() -> None:
    # (s, S) = (9, 15) and (8, 15), given as the gap S - s and S.
    assert ordered(rules.min_max, [6, 15], **STATE) == 6
    assert ordered(rules.min_max, [7, 15], **STATE) == 0


def test_a_constant_order_does_not_look_at_the_state() -> None:
    assert ordered(rules.constant_order, [5], **STATE) == 5
    assert ordered(rules.constant_order, [5], stock=99, pipeline=[9, 9]) == 5


COIN = Demand(kind="uniform", low=0, high=1, whole=True)


@pytest.mark.parametrize(
    # The best base-stock levels against a coin, worked out in the tests of the solvers, are optimal here.
    ("penalty", "cost"),
    [(2, 2 / 3), (4, 1.0), (9, 1.0)],
)
def test_the_optimum_against_a_coin(penalty: float, cost: float) -> None:
    config = LostSalesConfig(lead_time=1, penalty=penalty, demand=COIN)
    assert optimal(config, WEIGHTS).cost == pytest.approx(cost, abs=1e-6)


def test_the_myopic_order_against_a_coin_by_hand() -> None:
    # A period that begins with x costs 2, 1/2, 3/2, 5/2 for x = 0, 1, 2, 3. With nothing on hand one unit
    # makes it 1/2. With one on hand, 0 or 1 are left: ordering none costs 5/4, one 1. With two, 1 or 2.
    table = myopic(LostSalesConfig(lead_time=1, penalty=4, demand=COIN), WEIGHTS, 1)
    assert table.order[:3].tolist() == [1, 1, 0]


def test_without_a_lead_time_the_myopic_order_is_optimal() -> None:
    config = LostSalesConfig(lead_time=0, penalty=4, demand=Demand(mean=3))
    np.testing.assert_array_equal(myopic(config, WEIGHTS).order, optimal(config, WEIGHTS).order)


def test_what_can_be_lost_after_demand_by_hand() -> None:
    # Demand 0, 1, 2 with probability 1/4, 1/2, 1/4.
    left, lost, sold = after_demand(np.array([0.25, 0.5, 0.25]), 2)
    assert left.tolist() == [[1, 0, 0], [0.75, 0.25, 0], [0.25, 0.5, 0.25]]
    assert lost.tolist() == [1, 0.25, 0]
    assert sold.tolist() == [0, 0.75, 1]


def test_beyond_its_table_a_policy_orders_as_in_the_nearest_state() -> None:
    table = OrderTable(0.0, np.array([[4, 3], [2, 1]]))
    state = {"stock": np.array([0.0, 7.0, 1.0]), "pipeline": np.array([[9.0], [0.0], [-1.0]])}
    assert table(state).tolist() == [3, 2, 2]


def test_a_price_and_a_purchase_cost_enter_the_optimum() -> None:
    # Every unit that is sold earns 5 and costs 2; demand of one unit a period is met from an order of one.
    config = LostSalesConfig(
        lead_time=1, purchase=2, price=5, penalty=0, demand=Demand(kind="uniform", low=1, high=1, whole=True)
    )
    assert optimal(config, REWARDS["profit"].weights).cost == pytest.approx(-3, abs=1e-6)


@pytest.mark.parametrize(("name", "weight"), [("holding", 1.0), ("shortage", 1.0), ("holding", 0.0)])
def test_rewarded_costs_have_no_optimum(name: str, weight: float) -> None:
    with pytest.raises(InvalidValueError, match=r"not rewarded|no largest stock"):
        optimal(LostSalesConfig(lead_time=1), {**WEIGHTS, name: weight})


def test_no_rule_beats_the_optimum_and_a_cap_can_only_help() -> None:
    env = _env(2, 9)
    plain = np.array(rules.make_base_stock(env).parameters["values"])
    capped = np.array(rules.make_capped_base_stock(env).parameters["values"])
    optimum = optimal(env.core.model.config, WEIGHTS).cost
    costs = [
        rules.exact_cost(env, rules.capped_base_stock, capped),
        rules.exact_cost(env, rules.base_stock, plain),
    ]
    assert optimum < costs[0] <= costs[1]


@pytest.mark.parametrize("lead_time", [0, 1, 2])
def test_the_optimum_against_a_steady_demand_is_that_of_its_circle(lead_time: int) -> None:
    # One unit a period, K = 5.86, h = 0.95: lots of three cost (5.86 + 0.95·(2 + 1))/3 a period.
    demand = {"kind": "uniform", "low": 1, "high": 1, "whole": True}
    config = LostSalesConfig(lead_time=lead_time, holding=0.95, penalty=19.64, fixed_cost=5.86, demand=demand)
    best = min((5.86 + 0.95 * lot * (lot - 1) / 2) / lot for lot in range(1, 9))
    assert rules.make_optimal(make(config, REWARDS["cost"])).parameters["cost"] == pytest.approx(
        best, abs=1e-5
    )
