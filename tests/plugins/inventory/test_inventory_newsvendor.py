"""The newsvendor: a day by hand, and the critical fractile against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from inventory_support import money, one_day, play

from sandbox.api import InvalidValueError
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.newsvendor.config import NewsvendorConfig
from sandbox_inventory.newsvendor.exact import fractile, optimal
from sandbox_inventory.newsvendor.model import REWARDS, Newsvendor, make_vec
from sandbox_inventory.newsvendor.rules import make_mean, make_optimal

DIE = Demand(kind="uniform", low=0, high=4, whole=True)


def test_a_day_by_hand() -> None:
    model = Newsvendor(
        NewsvendorConfig(
            penalty=3, holding=1, purchase=2, price=5, demand=DIE, orders="discrete", max_order=9
        )
    )
    state, flow = one_day(model, 3, 1)
    assert money(flow) == {"holding": 2, "shortage": 0, "purchase": 6, "revenue": 5}
    assert flow.spoiled.tolist() == [2]  # what is left is thrown away
    assert model.observe(state).tolist() == [[1]]  # the last demand
    _, flow = one_day(model, 3, 4, state)
    assert money(flow) == {"holding": 0, "shortage": 3, "purchase": 6, "revenue": 15}


def test_closed_forms() -> None:
    quantity, cost = fractile(Demand(kind="normal", mean=50, std=8), 0.18, 0.70)
    assert quantity == pytest.approx(56.604, abs=5e-4)
    assert cost == pytest.approx(1.9976, abs=5e-5)
    quantity, cost = fractile(Demand(mean=6), 1, 4)
    assert quantity == 8
    assert cost == pytest.approx(3.5701, abs=5e-5)


def test_the_fractile_of_five_equally_likely_values_by_hand() -> None:
    # F = 0.2, 0.4, 0.6, 0.8, 1; 3/(3 + 1) is reached at 3: (3 + 2 + 1 + 0)/5 left over, 1/5 missing.
    assert fractile(DIE, over=1, under=3) == pytest.approx((3, 1.2 + 3 / 5))


def test_the_fractile_of_a_real_uniform_by_hand() -> None:
    # q = 7.5 of 10: E(q - d)⁺ = q²/20 = 2.8125, E(d - q)⁺ = 2.5²/20 = 0.3125.
    quantity, cost = fractile(Demand(kind="uniform", low=0, high=10), over=1, under=3)
    assert (quantity, cost) == pytest.approx((7.5, 2.8125 + 3 * 0.3125))


def test_the_fractile_of_values_in_fractions_of_a_unit_by_hand() -> None:
    # 4/(4 + 1) is reached at 4.5, which leaves 4 and 3 over: 7/3; half and four fifths are reached at 1.5.
    thirds = Demand(kind="table", values=(0.5, 1.5, 4.5))
    assert fractile(thirds, over=1, under=4) == pytest.approx((4.5, 7 / 3))
    assert fractile(thirds, over=1, under=1) == pytest.approx((1.5, (1 + 3) / 3))
    steady = Demand(kind="uniform", low=2.5, high=2.5)
    assert fractile(steady, over=1, under=4) == (2.5, 0)


def test_price_and_purchase_cost_move_the_fractile() -> None:
    # c = 2, price = 4: a unit too many costs 2, a unit too few 2; the median is 2, E min(2, d) = 1.4.
    config = NewsvendorConfig(penalty=0, holding=0, purchase=2, price=4, demand=DIE)
    assert optimal(config, REWARDS["profit"].weights) == pytest.approx((2, 2 * 2 - 4 * 1.4))


@pytest.mark.parametrize("quantity", range(5))
def test_no_other_quantity_costs_less(quantity: int) -> None:
    values = np.arange(5)
    cost = np.mean(np.maximum(quantity - values, 0) + 3 * np.maximum(values - quantity, 0))
    assert cost >= fractile(DIE, 1, 3)[1] - 1e-12


def test_demand_with_a_memory_has_no_critical_fractile() -> None:
    with pytest.raises(InvalidValueError, match="independent demand, not ar1"):
        fractile(Demand(kind="ar1", mean=5, std=1), 1, 3)


@pytest.mark.parametrize(
    "demand",
    [
        Demand(kind="normal", mean=50, std=8),
        Demand(mean=6),
        Demand(kind="gamma", mean=4, std=2),
        Demand(kind="table", values=(0.5, 1.5, 4.5)),
    ],
    ids=lambda demand: demand.kind,
)
def test_the_optimum_plays_the_cost_that_it_states(demand: Demand) -> None:
    envs = make_vec(NewsvendorConfig(demand=demand, horizon=2_000), REWARDS["cost"], 40)
    policy = make_optimal(envs)
    costs = play(envs, policy)["cost"]
    assert costs.mean() == pytest.approx(policy.parameters["cost"], abs=4 * costs.std() / np.sqrt(40))
    assert costs.mean() < play(envs, make_mean(envs))["cost"].mean()


def test_the_baseline_mean_orders_the_mean() -> None:
    envs = make_vec(NewsvendorConfig(orders="discrete", demand=Demand(mean=6)), REWARDS["cost"], 3)
    envs.reset(seed=0)
    assert make_mean(envs).act(None).tolist() == [6, 6, 6]
