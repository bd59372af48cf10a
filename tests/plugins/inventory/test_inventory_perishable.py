"""A perishable item: issuing and days by hand, the newsvendor as its limit, De Moor's published returns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inventory_support import days, money, one_day, ordered, play, series

from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.rules import exact_rule_cost
from sandbox_inventory.newsvendor.exact import fractile
from sandbox_inventory.perishable.config import PerishableConfig
from sandbox_inventory.perishable.model import REWARDS, Perishable, issue, make, make_vec
from sandbox_inventory.perishable.rules import (
    base_stock,
    capped_base_stock,
    make_base_stock,
    make_capped_base_stock,
    make_optimal,
)

AGES = np.array([[2.0, 3.0, 4.0]])
"""Two units in their last period, three with one more, four fresh."""


@pytest.mark.parametrize(
    ("demand", "fifo", "lifo"),
    [
        (0, [0, 0, 0], [0, 0, 0]),
        (1, [1, 0, 0], [0, 0, 1]),
        (4, [2, 2, 0], [0, 0, 4]),
        (6, [2, 3, 1], [0, 2, 4]),
        (99, [2, 3, 4], [2, 3, 4]),
    ],
)
def test_fifo_issues_the_oldest_and_lifo_the_freshest(
    demand: float, fifo: list[float], lifo: list[float]
) -> None:
    assert issue(AGES, np.array([float(demand)]), "fifo").tolist() == [fifo]
    assert issue(AGES, np.array([float(demand)]), "lifo").tolist() == [lifo]


@given(
    ages=st.lists(st.integers(0, 9), min_size=1, max_size=5),
    demand=st.integers(0, 60),
    issuing=st.sampled_from(["fifo", "lifo"]),
)
def test_as_much_is_issued_as_is_asked_for_and_there(ages: list[int], demand: int, issuing: Any) -> None:
    issued = issue(np.array([ages], float), np.array([float(demand)]), issuing)
    assert issued.sum() == min(sum(ages), demand)
    assert ((issued >= 0) & (issued <= ages)).all()


def _model(**settings: Any) -> Perishable:
    defaults: dict[str, Any] = {
        "life": 3,
        "lead_time": 1,
        "penalty": 5,
        "holding": 1,
        "purchase": 3,
        "waste": 7,
        "price": 2,
        "max_order": 10,
    }
    return Perishable(PerishableConfig(**{**defaults, **settings}))


@pytest.mark.parametrize(
    ("issuing", "spoiled", "kept", "next_ages"),
    [("fifo", 0, 5, [1, 4, 6]), ("lifo", 2, 3, [3, 0, 6])],
)
def test_a_day_by_hand(issuing: str, spoiled: float, kept: float, next_ages: list[float]) -> None:
    model = _model(issuing=issuing)
    state, flow = one_day(model, 6, 4, {"ages": AGES, "pipeline": np.zeros((1, 0))})
    assert money(flow) == {
        "holding": kept,
        "shortage": 0,
        "purchase": 18,
        "spoilage": 7 * spoiled,
        "revenue": 8,
    }
    assert state["ages"].tolist() == [next_ages]


def test_a_unit_spoils_after_its_life() -> None:
    # Five units for lead time 1 and life 3 arrive for the second day and are thrown away after the fourth.
    states, flows = days(_model(), quantities=[5, 0, 0, 0, 0], demand=[0, 0, 0, 0, 0])
    assert series(states, "ages") == [[0, 0, 5], [0, 5, 0], [5, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert [float(flow.spoiled[0]) for flow in flows] == [0, 0, 0, 5, 0]
    assert [money(flow)["holding"] for flow in flows] == [0, 5, 5, 0, 0]


def test_without_a_lead_time_the_order_is_sold_the_same_day() -> None:
    states, flows = days(_model(lead_time=0), quantities=[5, 0], demand=[3, 4])
    assert series(states, "ages") == [[0, 2, 0], [0, 0, 0]]
    assert [money(flow)["shortage"] for flow in flows] == [0, 10]


def test_a_longer_pipeline_is_kept_in_order() -> None:
    states, _ = days(_model(lead_time=3), quantities=[5, 6, 7], demand=[0, 0, 0])
    assert series(states, "pipeline") == [[0, 5], [5, 6], [6, 7]]
    assert series(states, "ages") == [[0, 0, 0], [0, 0, 0], [0, 0, 5]]


def test_base_stock_counts_all_ages_and_the_pipeline() -> None:
    state = {"ages": [2, 3, 4], "pipeline": [1]}
    assert ordered(base_stock, [14], **state) == 4
    assert ordered(base_stock, [9], **state) == 0
    assert ordered(capped_base_stock, [14, 3], **state) == 3


def test_what_spoils_at_once_is_a_newsvendor() -> None:
    # A unit too many costs c + w = 2, a unit too few p - c = 5: three of 0 … 4, by the fractile 5/7. Every
    # demanded unit costs c = 1 besides.
    demand = Demand(kind="uniform", low=0, high=4, whole=True)
    config = PerishableConfig(
        life=1, lead_time=0, penalty=6, holding=9, purchase=1, waste=1, demand=demand, max_order=6
    )
    policy = make_optimal(make(config, REWARDS["cost"]))
    quantity, cost = fractile(demand, 2, 5)
    assert quantity == 3
    assert policy.parameters["cost"] == pytest.approx(cost + 1 * 2, abs=1e-5)
    assert policy.parameters["cost"] == pytest.approx(5.4, abs=1e-5)
    assert make_base_stock(make(config, REWARDS["cost"])).parameters["values"] == [3]


def test_an_item_that_lives_long_is_worth_more() -> None:
    costs = [
        make_optimal(make(PerishableConfig(life=life, max_order=6), REWARDS["cost"])).parameters["cost"]
        for life in (1, 2, 3)
    ]
    assert costs[0] > costs[1] > costs[2]


@pytest.mark.parametrize(("issuing", "best", "plain"), [("lifo", 1553, 1565), ("fifo", 1457, 1474)])
def test_returns_of_de_moor(issuing: str, best: float, plain: float) -> None:
    # Their figures are discounted by 0.99 over 365 periods in the steady state: 97.447 average periods.
    env = make(PerishableConfig(issuing=issuing), REWARDS["cost"])
    periods = (1 - 0.99**365) / (1 - 0.99)
    assert make_optimal(env).parameters["cost"] * periods == pytest.approx(best, abs=2)
    base_stock_result = make_base_stock(env).parameters
    assert base_stock_result["cost"] * periods == pytest.approx(plain, abs=2)
    assert base_stock_result["values"] == [{"lifo": 5, "fifo": 7}[issuing]]


def test_no_level_beats_the_optimum_and_a_cap_can_only_help() -> None:
    env = make(PerishableConfig(), REWARDS["cost"])

    def cost(rule: Any, *parameters: float) -> float:
        return exact_rule_cost(env, rule, np.array(parameters, float), max_states=2_000)

    levels = {level: cost(base_stock, level) for level in (5, 6, 7, 8, 9)}
    best = min(levels, key=levels.__getitem__)
    capped = [cost(capped_base_stock, best, cap) for cap in (3, 4, 5, 99)]
    assert best == 7
    assert make_optimal(env).parameters["cost"] < min(capped) <= levels[best] == pytest.approx(capped[-1])


def test_the_best_cap_is_searched_for_with_the_level() -> None:
    env = make(PerishableConfig(life=1, lead_time=1, max_order=6), REWARDS["cost"])
    plain, capped = (maker(env).parameters["cost"] for maker in (make_base_stock, make_capped_base_stock))
    assert capped <= plain


def test_the_optimum_plays_the_cost_that_it_states() -> None:
    envs = make_vec(PerishableConfig(horizon=1_200, warmup=200), REWARDS["cost"], 100)
    policy = make_optimal(envs)
    costs = play(envs, policy)["cost"]
    assert costs.mean() == pytest.approx(policy.parameters["cost"], abs=4 * costs.std() / 10)
