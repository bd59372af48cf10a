"""Dual sourcing: days and rules by hand, the published optima and gaps (Gijsbrechts et al. 2022)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from inventory_support import days, money, ordered, play, series

from sandbox.api import InvalidValueError
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.dual_sourcing import rules
from sandbox_inventory.dual_sourcing.config import DualSourcingConfig
from sandbox_inventory.dual_sourcing.model import REWARDS, DualSourcing, make, make_vec

# (l_r, c_e): optimum, and the gaps of the best rules in %.
PUBLISHED = {
    (2, 105): (216.770, {"capped": 0.00, "dual": 0.11, "single": 0.56, "surge": 0.06}),
    (2, 110): (219.733, {"capped": 0.03, "dual": 0.18, "single": 1.03, "surge": 0.99}),
    (3, 105): (216.877, {"capped": 0.00, "dual": 0.27, "single": 0.98, "surge": 0.01}),
    (3, 110): (220.341, {"capped": 0.06, "dual": 0.36, "single": 2.11, "surge": 0.71}),
}
MAKERS = {
    "capped": rules.make_capped_dual_index,
    "dual": rules.make_dual_index,
    "single": rules.make_single_index,
    "surge": rules.make_tailored_base_surge,
}


def _env(lead_time: int = 2, expedited_cost: float = 105, **settings: Any) -> Any:
    config = DualSourcingConfig(regular_lead_time=lead_time, expedited_cost=expedited_cost, **settings)
    return make(config, REWARDS["cost"])


def test_three_days_by_hand() -> None:
    model = DualSourcing(DualSourcingConfig(regular_lead_time=2, holding=5, penalty=495, max_order=9))
    # Orders are (expedited, regular).
    states, flows = days(model, quantities=[(2, 3), (0, 1), (0, 0)], demand=[1, 3, 1])
    # 0 + 2 - 1 = 1; 1 - 3 = -2, then the 3 of the first day arrive: 1; 1 - 1 = 0, then 1 arrives.
    assert series(states, "net") == [1, 1, 1]
    assert series(states, "pipeline") == [[3], [1], [0]]
    assert [money(flow)["holding"] for flow in flows] == [5, 0, 0]
    assert [money(flow)["shortage"] for flow in flows] == [0, 990, 0]
    assert [money(flow)["purchase"] for flow in flows] == [300, 100, 0]
    assert [money(flow)["expedite"] for flow in flows] == [210, 0, 0]
    assert [float(flow.sold[0]) for flow in flows] == [1, 3, 1]  # 2 of the 3 a day late


def test_a_regular_order_of_lead_time_1_is_there_the_next_day() -> None:
    model = DualSourcing(DualSourcingConfig(regular_lead_time=1, max_order=9))
    states, _ = days(model, quantities=[(0, 4), (0, 0)], demand=[1, 2])
    assert series(states, "net") == [3, 1]


STATE = {"net": 1, "pipeline": [2, 1]}
"""A position of 4: one unit there, three under way."""


def test_single_index_looks_at_the_whole_position() -> None:
    # S_e = 6, S_r = 6 + 3: two units at once raise the position to 6, three more to 9.
    assert ordered(rules.single_index, [6, 3], **STATE) == [2, 3]
    assert ordered(rules.single_index, [4, 3], **STATE) == [0, 3]


def test_dual_index_expedites_by_what_is_there_now() -> None:
    # S_e = 4: three at once; the position is then 7, and S_r = 4 + 5 asks for two more.
    assert ordered(rules.dual_index, [4, 5], **STATE) == [3, 2]
    assert ordered(rules.dual_index, [4, 1], **STATE) == [3, 0]


def test_a_cap_limits_the_regular_order_only() -> None:
    assert ordered(rules.capped_dual_index, [4, 5, 1], **STATE) == [3, 1]
    assert ordered(rules.capped_dual_index, [4, 5, 9], **STATE) == [3, 2]


def test_base_surge_orders_the_same_every_day_and_tops_up() -> None:
    assert ordered(rules.tailored_base_surge, [4, 2], **STATE) == [3, 2]
    assert ordered(rules.tailored_base_surge, [4, 2], net=9, pipeline=[2, 1]) == [0, 2]


@pytest.mark.parametrize(
    ("settings", "cost"),
    [
        # One unit a day from the cheaper source, nothing kept and nothing late.
        ({"regular_cost": 100, "expedited_cost": 105}, 100),
        ({"regular_cost": 100, "expedited_cost": 90}, 90),
    ],
)
def test_a_steady_demand_is_bought_where_it_is_cheaper(settings: dict[str, Any], cost: float) -> None:
    demand = Demand(kind="uniform", low=1, high=1, whole=True)
    env = make(DualSourcingConfig(demand=demand, max_order=2, **settings), REWARDS["cost"])
    assert rules.make_optimal(env).parameters["cost"] == pytest.approx(cost, abs=1e-4)


@pytest.mark.parametrize("instance", PUBLISHED, ids=str)
def test_the_published_optimum(instance: tuple[int, int]) -> None:
    cost = rules.make_optimal(_env(*instance)).parameters["cost"]
    assert cost == pytest.approx(PUBLISHED[instance][0], abs=5e-4)


@pytest.mark.slow
@pytest.mark.parametrize("instance", PUBLISHED, ids=str)
def test_the_published_gaps_of_the_best_rules(instance: tuple[int, int]) -> None:
    env = _env(*instance)
    optimum, gaps = PUBLISHED[instance]
    for name, gap in gaps.items():
        cost = MAKERS[name](env).parameters["cost"]
        assert 100 * (cost / optimum - 1) == pytest.approx(gap, abs=0.012), name


def test_a_rule_with_the_parameters_of_another_costs_the_same() -> None:
    # A cap that never binds leaves the dual index; a gap of nothing leaves the fast source alone.
    env = _env()
    dual = rules.exact_cost(env, rules.dual_index, np.array([4.0, 3.0]))
    capped = rules.exact_cost(env, rules.capped_dual_index, np.array([4.0, 3.0, 99.0]))
    assert capped == pytest.approx(dual, abs=1e-9)
    fast_only = rules.exact_cost(env, rules.dual_index, np.array([4.0, 0.0]))
    surge = rules.exact_cost(env, rules.tailored_base_surge, np.array([4.0, 0.0]))
    assert surge == pytest.approx(fast_only, abs=1e-9)


def test_topping_up_to_the_largest_demand_costs_its_stock() -> None:
    # S_e = 4 and nothing regular: 2 units a day at 105, and 4 - d on hand in the evening, 2 on average.
    cost = rules.exact_cost(_env(), rules.tailored_base_surge, np.array([4.0, 0.0]))
    assert cost == pytest.approx(2 * 105 + 2 * 5, abs=1e-6)


def test_stock_without_end_is_not_a_cost_where_purchases_are_free() -> None:
    """Stock beyond the largest of the exact evaluation vanished, so that ordering 4 of 2 was the best."""
    config = DualSourcingConfig(regular_lead_time=2, expedited_cost=105, horizon=1_500, warmup=100)
    weights = {"holding": -0.1, "shortage": -0.1, "purchase": 0, "expedite": -0.005}
    reward = REWARDS["cost"].reweighted(weights)
    envs = make_vec(config, reward, 50)
    policy = rules.make_tailored_base_surge(envs)
    assert policy.parameters["values"][1] < 2
    assert play(envs, policy)["cost"].mean() < 225
    with pytest.raises(InvalidValueError, match="grow without end"):
        rules.exact_cost(make(config, reward), rules.tailored_base_surge, np.array([4.0, 3.0]))


def test_the_optimum_plays_the_cost_that_it_states() -> None:
    config = DualSourcingConfig(horizon=1_500, warmup=100)
    envs = make_vec(config, REWARDS["cost"], 150)
    policy = rules.make_optimal(envs)
    costs = play(envs, policy)["cost"]
    assert costs.mean() == pytest.approx(policy.parameters["cost"], abs=4 * costs.std() / np.sqrt(150))


def test_the_optimum_orders_the_same_by_real_actions() -> None:
    whole = make_vec(DualSourcingConfig(horizon=50), REWARDS["cost"], 20)
    real = make_vec(DualSourcingConfig(horizon=50, orders="continuous"), REWARDS["cost"], 20)
    costs = [play(envs, rules.make_optimal(envs), seed=3)["cost"] for envs in (whole, real)]
    np.testing.assert_allclose(costs[0], costs[1])
