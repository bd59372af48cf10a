"""Backorders with a fixed cost: days by hand; (s, S) and (r, nQ) by hand, published and by brute force."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from inventory_support import days, money, play, series

from sandbox.api import InvalidValueError
from sandbox_inventory.backorders.config import BackordersConfig
from sandbox_inventory.backorders.exact import (
    PositionCost,
    best_batches,
    best_continuous_batches,
    best_min_max,
    position_cost,
    problem,
    renewal,
)
from sandbox_inventory.backorders.model import REWARDS, Backorders, make, make_vec
from sandbox_inventory.backorders.rules import make_base_stock, make_batches, make_optimal
from sandbox_inventory.core.demand.distribution import probabilities
from sandbox_inventory.core.demand.families import Demand

WEIGHTS = REWARDS["cost"].weights


def _item(**settings: Any) -> Any:
    """One period's demand, the cost of positions, and the fixed cost."""
    item = problem(BackordersConfig(**settings), WEIGHTS)
    return item.mass, item.cost, item.fixed


# Days by hand


def test_days_without_a_lead_time_by_hand() -> None:
    model = Backorders(BackordersConfig(penalty=9, holding=1, fixed_cost=5, price=2, initial_stock=-2))
    states, flows = days(model, quantities=[6, 0, 4], demand=[3, 4, 1])
    # Backlog 2; 6 arrive, 3 asked for: 1 left. 4 asked for: backlog 3. 4 arrive, 1 asked for: 0.
    assert series(states, "net") == [1, -3, 0]
    assert [money(flow)["holding"] for flow in flows] == [1, 0, 0]
    assert [money(flow)["shortage"] for flow in flows] == [0, 27, 0]
    assert [money(flow)["fixed"] for flow in flows] == [5, 0, 5]
    assert [float(flow.sold[0]) for flow in flows] == [5, 1, 4]  # the backlog is sold when it is delivered
    assert [money(flow)["revenue"] for flow in flows] == [10, 2, 8]
    assert [float(flow.filled[0]) for flow in flows] == [3, 1, 1]  # demand met on its own day


def test_days_with_a_lead_time_of_two_by_hand() -> None:
    model = Backorders(BackordersConfig(lead_time=2, penalty=9, holding=1, purchase=0.5, initial_stock=3))
    states, flows = days(model, quantities=[7, 0, 0], demand=[2, 4, 1])
    # 3 - 2 = 1; 1 - 4 = -3; the 7 of the first day arrive: 4 - 1 = 3.
    assert series(states, "net") == [1, 4, 3]
    assert series(states, "pipeline") == [[7], [0], [0]]
    assert [money(flow)["shortage"] for flow in flows] == [0, 27, 0]
    assert [money(flow)["holding"] for flow in flows] == [1, 0, 3]
    assert [money(flow)["purchase"] for flow in flows] == [3.5, 0, 0]


# G(y), the cost of a position


def _die_cost() -> PositionCost:
    """Demand 0, 1, 2, equally likely; h = 1, p = 4."""
    return position_cost(np.ones(3) / 3, 1, 4, 3)


def test_the_cost_of_a_position_by_hand() -> None:
    cost = _die_cost()
    assert [cost(y) for y in (-1, 0, 1, 2, 3)] == pytest.approx([8, 4, (1 + 4) / 3, 1, 2])
    assert cost.best == 2


def test_a_position_needs_both_costs() -> None:
    for holding, penalty in ((0, 4), (1, 0)):
        with pytest.raises(InvalidValueError, match="holding > 0 and penalty > 0"):
            position_cost(np.ones(3) / 3, holding, penalty, 3)


def test_a_rewarded_fixed_cost_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="not rewarded"):
        problem(BackordersConfig(), {**WEIGHTS, "fixed": 1.0})


def test_the_renewal_function_of_a_coin_by_hand() -> None:
    # Each level of demand since the last order is stayed at for two periods on average.
    assert renewal(np.array([0.5, 0.5]), 4).tolist() == [2, 2, 2, 2]


# (s, S) and (r, nQ)

ALWAYS_ONE = np.array([0.0, 1.0])


def test_s_S_of_a_steady_demand_is_the_economic_lot() -> None:
    # K = 2, h = 1: raised to 2 every other period, (2 + 1 + 0)/2 a period; at 0 it is time to order.
    cost = position_cost(ALWAYS_ONE, 1, 3, 5)
    assert best_min_max(ALWAYS_ONE, cost, 2) == (0, 2, 1.5)


def test_r_nQ_of_a_steady_demand_is_the_same_lot() -> None:
    cost = position_cost(ALWAYS_ONE, 1, 3, 5)
    assert best_batches(ALWAYS_ONE, cost, 2) == (0, 2, 1.5)


def test_without_a_fixed_cost_the_best_rule_is_base_stock() -> None:
    low, top, cost = best_min_max(np.ones(3) / 3, _die_cost(), 0)
    assert (low, top) == (1, 2)
    assert cost == pytest.approx(1)


@pytest.mark.parametrize(
    ("rate", "levels", "cost"), [(10, (6, 40), 35.0216), (25, (19, 56), 54.2622), (50, (42, 108), 70.9752)]
)
def test_s_S_of_zheng_and_federgruen(rate: float, levels: tuple[int, int], cost: float) -> None:
    low, top, best_cost = best_min_max(*_item(demand=Demand(mean=rate)))
    assert (low, top) == levels
    assert best_cost == pytest.approx(cost, abs=5e-5)


def test_s_S_of_snyder_and_shen_example_4_7() -> None:
    low, top, cost = best_min_max(*_item(demand=Demand(mean=6), penalty=4, fixed_cost=5))
    assert (low, top) == (4, 10)
    assert cost == pytest.approx(8.0341, abs=5e-5)


def test_r_Q_under_continuous_review() -> None:
    lead_time_demand = probabilities(Demand(mean=1.5 * 2))
    low, lot, cost = best_continuous_batches(1.5, position_cost(lead_time_demand, 20, 150, 40), 100)
    assert (low, lot) == (3, 5)
    assert cost == pytest.approx(107.9236, abs=5e-5)


def _cost_of_s_S(mass: Any, cost: PositionCost, fixed: float, low: int, top: int) -> float:
    """Average cost from the stationary distribution of the position after ordering, low + 1 … top."""
    size = top - low
    chain = np.zeros((size, size))  # row: position low + 1 + i
    orders = np.zeros(size)
    for i in range(size):
        for demand, probability in enumerate(mass):
            after = i - demand
            chain[i, after if after >= 0 else size - 1] += probability
            orders[i] += probability if after < 0 else 0.0
    system = np.vstack([chain.T - np.eye(size), np.ones(size)])
    share = np.linalg.lstsq(system, np.append(np.zeros(size), 1.0), rcond=None)[0]
    holding = np.array([cost(low + 1 + i) for i in range(size)])
    return float(share @ (holding + fixed * orders))


@pytest.mark.parametrize(
    ("demand", "fixed", "penalty"),
    [
        (Demand(mean=2), 3, 4),
        (Demand(kind="geometric", mean=1), 6, 9),
        (Demand(kind="uniform", low=0, high=5, whole=True), 10, 5),
        (Demand(kind="negative-binomial", mean=2, std=2), 1, 20),
    ],
    ids=lambda value: getattr(value, "kind", str(value)),
)
def test_no_other_s_S_is_cheaper(demand: Demand, fixed: float, penalty: float) -> None:
    mass, cost, _ = _item(demand=demand, fixed_cost=fixed, penalty=penalty)
    low, top, best = best_min_max(mass, cost, fixed)
    assert _cost_of_s_S(mass, cost, fixed, low, top) == pytest.approx(best)
    others = [
        _cost_of_s_S(mass, cost, fixed, s, s + gap)
        for s in range(low - 4, low + 5)
        for gap in range(1, top - low + 6)
    ]
    assert min(others) == pytest.approx(best)
    assert best <= best_batches(mass, cost, fixed)[2] + 1e-12


# The baselines

STATES = np.arange(-12.0, 30.0)


def _orders(maker: Any, **settings: Any) -> tuple[Any, Any]:
    """A baseline's orders in states of net stock -12 … 29 without a pipeline, and its parameters."""
    envs = make_vec(BackordersConfig(lead_time=0, max_order=200, **settings), REWARDS["cost"], len(STATES))
    envs.reset(seed=0)
    envs.core.sim.state = {"net": STATES.copy(), "pipeline": np.zeros((len(STATES), 0))}
    policy = maker(envs)
    return policy.act(None), policy.parameters["values"]


def test_s_S_orders_up_to_S_at_s_and_below() -> None:
    orders, (low, top) = _orders(make_optimal, demand=Demand(mean=6), penalty=4, fixed_cost=5)
    assert (low, top) == (4, 10)
    np.testing.assert_array_equal(orders, np.where(STATES <= 4, 10 - STATES, 0))


def test_r_nQ_orders_as_few_lots_as_raise_the_position_above_r() -> None:
    orders, (low, lot) = _orders(make_batches, demand=Demand(mean=6), penalty=4, fixed_cost=5)
    after = STATES + orders
    np.testing.assert_array_equal(orders % lot, 0)
    ordering = low >= STATES
    assert ((after[ordering] > low) & (after[ordering] <= low + lot)).all()
    assert (orders[~ordering] == 0).all()


def test_base_stock_orders_every_period() -> None:
    orders, (level,) = _orders(make_base_stock, demand=Demand(mean=6), penalty=4, fixed_cost=5)
    np.testing.assert_array_equal(orders, np.maximum(level - STATES, 0))


@pytest.mark.parametrize("maker", [make_optimal, make_batches, make_base_stock])
def test_playing_a_rule_costs_what_its_formula_says(maker: Any) -> None:
    config = BackordersConfig(lead_time=2, fixed_cost=20, demand=Demand(mean=4), horizon=1200, warmup=200)
    envs = make_vec(config, REWARDS["cost"], 200)
    policy = maker(envs)
    assert play(envs, policy)["cost"].mean() == pytest.approx(policy.parameters["cost"], rel=0.004)


def test_the_fixed_cost_of_a_heavy_weight_moves_the_rule() -> None:
    config = BackordersConfig(demand=Demand(mean=6), penalty=4, fixed_cost=5, max_order=100)
    plain = make_optimal(make(config, REWARDS["cost"])).parameters["values"]
    heavy = make_optimal(make(config, REWARDS["cost"].reweighted({"fixed": -10.0}))).parameters["values"]
    assert heavy[1] - heavy[0] > plain[1] - plain[0]
