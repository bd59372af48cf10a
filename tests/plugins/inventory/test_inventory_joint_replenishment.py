"""Joint replenishment: days and rules by hand, lots of a steady demand."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from inventory_support import days, money, ordered, series

from sandbox.api import InvalidValueError
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.rules import exact_rule_cost
from sandbox_inventory.joint_replenishment.config import JointReplenishmentConfig
from sandbox_inventory.joint_replenishment.model import REWARDS, JointReplenishment, make
from sandbox_inventory.joint_replenishment.rules import (
    can_order,
    make_can_order,
    make_optimal,
    make_total_trigger,
    total_trigger,
)


def test_three_days_by_hand() -> None:
    model = JointReplenishment(
        JointReplenishmentConfig(fixed_cost=20, item_costs=(2, 3), holding=1, penalty=9)
    )
    states, flows = days(model, quantities=[(4, 5), (0, 2), (0, 0)], demand=[(1, 7), (4, 1), (1, 0)])
    # 4 - 1 = 3 and 5 - 7 = -2; 3 - 4 = -1 and -2 + 2 - 1 = -1; -1 - 1 = -2 and -1.
    assert series(states, "net") == [[3, -2], [-1, -1], [-2, -1]]
    assert [money(flow)["fixed"] for flow in flows] == [25, 23, 0]
    assert [money(flow)["holding"] for flow in flows] == [3, 0, 0]
    assert [money(flow)["shortage"] for flow in flows] == [18, 18, 27]
    assert [float(flow.sold[0]) for flow in flows] == [6, 5, 0]


def test_a_truck_that_no_order_fills_is_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"No order fills a truck of 9 units.*at most 8 units"):
        JointReplenishment(JointReplenishmentConfig(truck_capacity=9, max_order=4))


@pytest.mark.parametrize(
    "settings", [{"truck_capacity": 6, "max_order": 4}, {"max_order": 2, "discount": 0.9}]
)
def test_orders_that_cannot_meet_the_demand_have_no_optimum(settings: dict[str, Any]) -> None:
    # One truck of six, or two units of each item, against a mean demand of three each.
    config = JointReplenishmentConfig(means=(3, 3), demand=Demand(mean=3), **settings)
    with pytest.raises(InvalidValueError, match="cannot make up for a backlog"):
        make_optimal(make(config, REWARDS["cost"]))


def test_a_single_item_cost_stands_for_all_items() -> None:
    model = JointReplenishment(JointReplenishmentConfig(means=(1, 2, 3), item_costs=(4,)))
    assert model.item_costs.tolist() == [4, 4, 4]


@pytest.mark.parametrize(
    ("net", "orders"),
    [
        ([3, 4], [0, 0]),  # no item is at s = 2 or below
        ([2, 6], [6, 0]),  # the first must, the second is above c = 5
        ([2, 5], [6, 3]),  # the second may
        ([-3, 9], [11, 0]),
    ],
)
def test_can_order_raises_every_item_that_may_when_an_item_must(
    net: list[float], orders: list[float]
) -> None:
    # (s, c, S) = (2, 5, 8), given as S, S - c and c - s.
    assert ordered(can_order, [8, 3, 3], net=net) == orders


@pytest.mark.parametrize(
    ("net", "orders"), [([6, 6], [0, 0]), ([5, 6], [3, 2]), ([9, 3], [0, 5]), ([9, 4], [0, 0])]
)
def test_the_total_shortfall_triggers_an_order_of_all(net: list[float], orders: list[float]) -> None:
    # S = 8, Q = 5.
    assert ordered(total_trigger, [8, 5], net=net) == orders


ALWAYS_ONE = Demand(kind="uniform", low=1, high=1, whole=True)


@pytest.mark.parametrize(
    ("means", "fixed", "item", "cost"),
    [
        ((1,), 2, 0, 1.5),  # every other period: (2 + 1)/2
        ((1,), 1, 1, 1.5),  # the cost of the order and of the item add up
        ((1, 1), 4, 0, 3.0),  # both together every other period: (4 + 2)/2
        ((1, 1), 0, 2, 3.0),  # nothing to share: twice the first
    ],
)
def test_a_steady_demand_is_met_in_lots(
    means: tuple[float, ...], fixed: float, item: float, cost: float
) -> None:
    config = JointReplenishmentConfig(
        means=means, fixed_cost=fixed, item_costs=(item,) * len(means), demand=ALWAYS_ONE, max_order=4
    )
    result = make_optimal(make(config, REWARDS["cost"])).parameters["cost"]
    assert result == pytest.approx(cost, abs=1e-3)


DIE = Demand(kind="uniform", low=0, high=2, whole=True)


def _small() -> Any:
    """Two items with demand of 0, 1 or 2; K = 5, k = 2, h = 1, p = 9."""
    config = JointReplenishmentConfig(means=(1, 1), fixed_cost=5, max_order=6, demand=DIE)
    return make(config, REWARDS["cost"])


@pytest.mark.parametrize(
    ("rule", "candidates"),
    [
        (can_order, product((2, 3, 4), (0, 1, 2), (0, 1, 2))),
        (total_trigger, product((2, 3, 4), (1, 2, 4, 6))),
    ],
    ids=["can-order", "total-trigger"],
)
def test_no_parameters_of_a_rule_beat_the_optimum(rule: Any, candidates: Any) -> None:
    env = _small()
    costs = [exact_rule_cost(env, rule, np.array(levels, float), max_states=500) for levels in candidates]
    optimum = make_optimal(env).parameters["cost"]
    assert optimum - 1e-3 < min(costs) < 1.15 * optimum


def test_can_order_with_equal_levels_raises_every_item_by_itself() -> None:
    # s = c = 1, S = 2: an item is raised after any demand, with probability 2/3; no order is placed with
    # probability 1/9. On hand are 2, 1 or 0 of each item in the evening.
    cost = exact_rule_cost(_small(), can_order, np.array([2.0, 1, 0]), max_states=50)
    assert cost == pytest.approx(2 * 1 + 5 * (8 / 9) + 2 * 2 * (2 / 3), abs=1e-6)


def test_the_search_finds_levels_near_the_optimum() -> None:
    env = _small()
    optimum = make_optimal(env).parameters["cost"]
    for maker in (make_can_order, make_total_trigger):
        assert maker(env).parameters["cost"] == pytest.approx(optimum, rel=0.1)
