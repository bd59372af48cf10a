"""Serial systems: days by hand, echelon costs, and Clark and Scarf against the newsvendor and brute force."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from inventory_support import days, money, one_day, ordered, play, series

from sandbox.api import InvalidValueError
from sandbox_inventory.core.demand.distribution import convolved, probabilities
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.rules import exact_rule_cost
from sandbox_inventory.core.solvers.search import SimulatedCost
from sandbox_inventory.newsvendor.exact import fractile
from sandbox_inventory.serial.config import SerialConfig
from sandbox_inventory.serial.exact import clark_scarf, lead_demand, optimal
from sandbox_inventory.serial.model import REWARDS, Serial, make, make_vec
from sandbox_inventory.serial.rules import (
    echelon_base_stock,
    echelon_positions,
    local_base_stock,
    make_local,
    make_optimal,
)

WEIGHTS = REWARDS["cost"].weights


def _two_stages(**settings: Any) -> Serial:
    """Stage 1 is supplied at once, stage 2 after a period; echelon rates 3 and 2; 5 and 10 in stock."""
    defaults: dict[str, Any] = {
        "lead_times": (0, 1),
        "echelon_holding": (3, 2),
        "penalty": 10,
        "demand": Demand(mean=5),
        "orders": "discrete",
        "max_order": 30,
    }
    return Serial(SerialConfig(**{**defaults, **settings}))


def test_two_days_of_two_stages_by_hand() -> None:
    model = _two_stages()
    # Orders are (stage 1, stage 2).
    states, flows = days(model, quantities=[(4, 6), (20, 0)], demand=[7, 17])
    # Day 1: 5 + 4 - 7 = 2 and 10 - 4 = 6 left, 6 come from outside for the next day.
    # Day 2: of 20 asked for, 12 are sent: 2 + 12 - 17 = -3 and 0.
    assert series(states, "stock") == [[2, 12], [-3, 0]]
    assert [flow.orders[0].tolist() for flow in flows] == [[4, 6], [12, 0]]
    # A unit at stage 1 costs 3 + 2, at stage 2 costs 2; a unit in backlog 10.
    assert [money(flow)["holding"] for flow in flows] == [2 * 5 + 6 * 2, 0]
    assert [money(flow)["shortage"] for flow in flows] == [0, 30]
    assert [money(flow)["transport"] for flow in flows] == [0, 0]


def test_units_on_their_way_to_a_stage_cost_what_they_cost_above_it() -> None:
    model = _two_stages(lead_times=(1, 1))  # 10 and 10 in stock
    state, flow = one_day(model, (4, 0), 3)
    assert money(flow) == {"holding": 7 * 5 + 6 * 2, "transport": 4 * 2, "shortage": 0}
    assert state["stock"].tolist() == [[11, 6]]


def test_what_a_supplier_lacks_is_not_owed() -> None:
    model = _two_stages()
    states, _ = days(model, quantities=[(30, 5), (0, 0)], demand=[0, 0])
    assert series(states, "stock") == [[15, 5], [15, 5]]


@pytest.mark.parametrize(("lead_times", "arrives"), [((0, 0), 0), ((0, 2), 2), ((3, 0), 3)])
def test_an_order_passes_down_after_the_lead_times(lead_times: tuple[int, int], arrives: int) -> None:
    model = _two_stages(lead_times=lead_times)
    state = model.initial_state(1)
    state["stock"][:] = 0
    on_hand = []
    for day in range(arrives + 1):
        # Stage 2 buys four units on the first day; stage 1 takes what its supplier has.
        state, flow = one_day(model, (30, 4 if day == 0 else 0), 0, state)
        on_hand.append(money(flow)["holding"] / 5 if lead_times[1] == 0 or day == arrives else 0)
    assert on_hand[-1] == 4


@pytest.mark.parametrize("lead_times", [(0, 1, 2), (2, 0, 1), (1, 1, 1)])
def test_the_cost_is_that_of_echelon_stocks(lead_times: tuple[int, ...]) -> None:
    # Σ h_j·IL_j + (p + Σ h_j)·B after demand and before the receipts of the next day.
    rates, penalty = np.array([3.0, 2.0, 1.0]), 20.0
    config = SerialConfig(
        lead_times=lead_times,
        echelon_holding=tuple(rates),
        penalty=penalty,
        demand=Demand(mean=4),
        orders="discrete",
        max_order=9,
    )
    model, rng = Serial(config), np.random.default_rng(0)
    state = model.initial_state(1)
    for _ in range(60):
        before = state
        demand = float(rng.poisson(4))
        state, flow = one_day(model, rng.integers(0, 10, 3), demand, before)
        arrived = flow.orders[0] * (np.array(lead_times) == 0)
        sent_down = np.append(flow.orders[0][:-1], 0)  # shipment to stage j left stage j + 1
        stock = before["stock"][0] + arrived - np.concatenate([[0], sent_down[:-1]])
        stock[0] -= demand
        moving = before["in_transit"][0].sum(1) + flow.orders[0] * (np.array(lead_times) > 0)
        inside = np.cumsum(stock) + np.concatenate([[0], np.cumsum(moving[:-1])])
        backlog = max(-stock[0], 0.0)
        expected = rates @ inside + (penalty + rates.sum()) * backlog
        assert sum(money(flow).values()) == pytest.approx(expected)


# Rules

STATE = {"stock": [-2, 6, 3], "in_transit": [[1, 2], [0, 0], [4, 0]]}


def test_echelon_positions_count_everything_below() -> None:
    # Local positions 1, 6, 7: a backlog of 2 and 3 units under way make 1 at the customers' end.
    state = {name: np.array([values], float) for name, values in STATE.items()}
    assert echelon_positions(state).tolist() == [[1, 7, 14]]


def test_echelon_base_stock_orders_by_echelon_positions() -> None:
    assert ordered(echelon_base_stock, [5, 6, 20], **STATE) == [4, 0, 6]


def test_local_base_stock_orders_by_each_stages_own_position() -> None:
    assert ordered(local_base_stock, [5, 6, 20], **STATE) == [4, 0, 13]


# Clark and Scarf


def test_example_6_1() -> None:
    demand = Demand(kind="normal", mean=5, std=1)
    masses = tuple(lead_demand(demand, periods, 0.01) for periods in (1, 1, 2))
    result = clark_scarf(masses, 0.01, (3, 2, 2), 37.12)
    # The published figures come from a coarser grid; the cost is flat around the best levels.
    assert result.levels == pytest.approx((6.484, 12.028, 22.72), abs=0.02)
    assert result.cost == pytest.approx(47.665, abs=0.006)


def test_shang_and_song() -> None:
    masses = tuple(lead_demand(Demand(mean=4), 1, 1.0) for _ in range(4))
    result = clark_scarf(masses, 1.0, (0.25,) * 4, 9)
    assert result.levels == (8, 13, 18, 22)
    assert result.cost == pytest.approx(12.6869, abs=0.0015)


@pytest.mark.parametrize("lead_time", [0, 2])
def test_one_stage_is_a_newsvendor_over_its_lead_time(lead_time: int) -> None:
    config = SerialConfig(
        lead_times=(lead_time,), echelon_holding=(2,), penalty=9, demand=Demand(mean=3), orders="discrete"
    )
    result = optimal(config, WEIGHTS)
    mass = convolved(probabilities(config.demand), lead_time + 1)
    values = np.arange(len(mass))
    costs = [
        float(mass @ (2 * np.maximum(level - values, 0) + 9 * np.maximum(values - level, 0)))
        for level in range(40)
    ]
    assert result.levels == (int(np.argmin(costs)),)
    assert result.cost == pytest.approx(min(costs))
    if lead_time == 0:
        assert (result.levels[0], result.cost) == pytest.approx(fractile(config.demand, 2, 9))


def test_no_other_echelon_levels_are_cheaper() -> None:
    config = SerialConfig(
        lead_times=(0, 1),
        echelon_holding=(1, 1),
        penalty=8,
        demand=Demand(kind="uniform", low=0, high=2, whole=True),
        orders="discrete",
        max_order=12,
    )
    env = make(config, REWARDS["cost"])
    costs = {
        levels: exact_rule_cost(env, echelon_base_stock, np.array(levels, float), max_states=2_000)
        for levels in product(range(1, 5), range(2, 7))
    }
    result = optimal(config, WEIGHTS)
    assert result.cost == pytest.approx(min(costs.values()), abs=1e-6)
    assert costs[tuple(int(level) for level in result.levels)] == pytest.approx(result.cost, abs=1e-6)


def test_an_optimum_of_orders_without_a_limit_is_not_stated_for_limited_ones() -> None:
    settings: dict[str, Any] = {
        "lead_times": (0, 1),
        "echelon_holding": (1, 1),
        "penalty": 9,
        "orders": "discrete",
        "demand": Demand(kind="uniform", low=0, high=4, whole=True),
    }
    with pytest.raises(InvalidValueError, match="an order is at most 3 units"):
        make_optimal(make(SerialConfig(**settings, max_order=3), REWARDS["cost"]))
    stated = make_optimal(make(SerialConfig(**settings, max_order=4), REWARDS["cost"])).parameters["cost"]
    assert stated == make_optimal(make(SerialConfig(**settings), REWARDS["cost"])).parameters["cost"]


def test_lead_time_demand_of_a_normal_is_on_a_grid() -> None:
    mass = lead_demand(Demand(kind="normal", mean=5, std=1), 4, 0.05)
    places = 0.05 * np.arange(len(mass))
    assert float(mass @ places) == pytest.approx(20, abs=1e-3)
    assert float(mass @ (places - 20) ** 2) == pytest.approx(4, abs=1e-2)
    assert lead_demand(Demand(kind="normal", mean=5, std=1), 0, 0.05).tolist() == [1]


def test_demand_that_depends_on_the_past_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="not ar1"):
        lead_demand(Demand(kind="ar1", mean=5, std=1), 1, 0.05)


def test_the_optimum_needs_one_weight_for_stock_wherever_it_is() -> None:
    with pytest.raises(InvalidValueError, match="equal, negative weights"):
        optimal(SerialConfig(), {**WEIGHTS, "transport": -0.5})


@pytest.mark.parametrize("orders", ["discrete", "continuous"])
def test_a_simulated_system_costs_what_clark_and_scarf_say(orders: str) -> None:
    config = SerialConfig(
        lead_times=(0, 1, 1, 1),
        echelon_holding=(0.25,) * 4,
        penalty=9,
        demand=Demand(mean=4),
        orders=orders,
        horizon=900,
        warmup=100,
    )
    envs = make_vec(config, REWARDS["cost"], 300)
    policy = make_optimal(envs)
    costs = play(envs, policy)["cost"]
    assert costs.mean() == pytest.approx(policy.parameters["cost"], abs=4 * costs.std() / np.sqrt(300))
    # Without the cost of units in transit, 4 on each of three links, the equality would fail by a fifth.
    in_transit = sum(0.25 * 4 * stages for stages in (3, 2, 1))
    assert in_transit > 0.2 * policy.parameters["cost"]


def test_the_best_local_levels_cost_more_than_echelon_levels() -> None:
    config = SerialConfig(
        lead_times=(0, 1),
        echelon_holding=(1, 1),
        penalty=8,
        demand=Demand(kind="uniform", low=0, high=2, whole=True),
        orders="discrete",
    )
    env = make(config, REWARDS["cost"])
    # Echelon levels (2, 3) cost 25/9; local levels with one more unit upstream 4, as its chain says.
    assert optimal(config, WEIGHTS).cost == pytest.approx(25 / 9, abs=1e-6)
    four = exact_rule_cost(env, local_base_stock, np.array([2.0, 4.0]), max_states=100)
    assert four == pytest.approx(4, abs=1e-6)
    assert 25 / 9 < make_local(env).parameters["cost"] < 4


@pytest.mark.parametrize(
    "demand",
    [
        Demand(kind="gamma", mean=5, std=2),
        Demand(kind="uniform", low=2, high=8),
        Demand(kind="table", values=(1, 4.5, 9), probabilities=(0.3, 0.4, 0.3)),
    ],
    ids=lambda demand: demand.kind,
)
def test_any_independent_demand_in_fractions_has_an_optimum_that_is_played(demand: Demand) -> None:
    model = Serial(SerialConfig(demand=demand))
    stated = optimal(model.config, WEIGHTS)
    played = SimulatedCost(model, echelon_base_stock, REWARDS["cost"], periods=60_000)
    levels = np.asarray(stated.levels)
    moves = np.concatenate([np.zeros((1, 3)), np.eye(3), -np.eye(3)])
    costs = played(levels + 1.5 * moves)
    assert costs[0] == pytest.approx(stated.cost, rel=5e-3)
    assert costs.argmin() == 0  # other levels are worse on the same demand


# Configuration and agents


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lead_times": (1, 2)}, "one entry a stage"),
        ({"lead_times": (0, 1, 51)}, "0 … 50"),
        ({"echelon_holding": (1, 0, 1)}, "greater than 0"),
    ],
)
def test_inconsistent_stages_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SerialConfig(**settings)


def test_every_agent_sees_the_system_and_which_stage_it_is() -> None:
    model = _two_stages()
    rows = model.observe_agents(model.initial_state(1))[0]
    whole = model.observe(model.initial_state(1))[0] / model.scale
    for stage, row in enumerate(rows):
        np.testing.assert_array_equal(row[:-2], whole)
        assert row[-2:].tolist() == [float(stage == 0), float(stage == 1)]
