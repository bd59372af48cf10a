"""Rules are tuned to, and exact models hold, reward terms that an extension has added."""

from __future__ import annotations

import numpy as np
import pytest

from sandbox.api import InvalidValueError, RewardSpec, RewardTerm
from sandbox_inventory.backorders.config import BackordersConfig
from sandbox_inventory.backorders.model import Backorders
from sandbox_inventory.core.rules import solver_question
from sandbox_inventory.core.solvers.search import SimulatedCost
from sandbox_inventory.lost_sales.config import LostSalesConfig
from sandbox_inventory.lost_sales.finite import finite_model
from sandbox_inventory.lost_sales.model import REWARDS, LostSales, make
from sandbox_inventory.lost_sales.rules import base_stock, tuned


def empty(flow):
    """1 in a period that ends with empty shelves."""
    return 1.0 * (flow.stock == 0)


def cheap(flow):
    return 0.0 * flow.stock


def with_term(function, weight):
    return RewardSpec((*REWARDS["cost"].terms, RewardTerm("empty", function, weight, "periods")))


CONFIG = LostSalesConfig(horizon=300, demand={"kind": "poisson", "mean": 5}, lead_time=1, penalty=4)


def test_the_cost_of_a_rule_counts_the_terms_of_extensions():
    system, level = LostSales(CONFIG), np.array([[12.0]])
    costs = [
        float(SimulatedCost(system, base_stock, with_term(empty, weight), periods=4_000)(level)[0])
        for weight in (0.0, -10.0, -20.0)
    ]
    assert costs[0] < costs[1] < costs[2]
    assert costs[2] - costs[1] == pytest.approx(costs[1] - costs[0])
    assert 0 < costs[1] - costs[0] < 10  # ten times the share of periods with empty shelves


def test_a_rule_is_tuned_to_the_terms_of_extensions(monkeypatch, tmp_path):
    monkeypatch.setenv("SANDBOX_INVENTORY_CACHE", str(tmp_path))
    plain, careful = (make(CONFIG, with_term(empty, weight)) for weight in (0.0, -100.0))
    levels = [tuned(env, "base-stock", base_stock, [15.0], [4.0])[0][0] for env in (plain, careful)]
    assert levels[0] < levels[1]


def test_what_was_tuned_to_another_function_of_the_same_name_is_not_used_again():
    questions = [solver_question(make(CONFIG, with_term(function, -1.0))) for function in (empty, np.sum)]
    assert questions[0]["sources"] != questions[1]["sources"]
    assert "sources" not in solver_question(make(CONFIG, with_term(cheap, 0.0)))


def test_the_finite_model_of_lost_sales_refuses_terms_that_it_does_not_know():
    with pytest.raises(InvalidValueError, match="knows no reward term 'empty'"):
        finite_model(CONFIG, with_term(empty, -1.0))
    assert finite_model(CONFIG, with_term(empty, 0.0)) is not None


def test_a_finite_model_by_steps_holds_the_terms_of_extensions():
    from sandbox_inventory.backorders import finite

    config = BackordersConfig(demand={"kind": "poisson", "mean": 2})
    assert Backorders(config).orders.whole
    terms = REWARDS["cost"].terms
    spec = RewardSpec((*terms, RewardTerm("empty", lambda flow: 1.0 + 0 * flow.stock, -3.0, "1")))
    plain, other = finite.finite_model(config, RewardSpec(terms)), finite.finite_model(config, spec)
    assert np.asarray(other.rewards) == pytest.approx(np.asarray(plain.rewards) - 3.0)
