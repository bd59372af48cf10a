"""The largest order binds the optimum and the environment alike; right values where backlog is cheap."""

from __future__ import annotations

import numpy as np
import pytest
from inventory_support import play

from sandbox.api import InvalidValueError
from sandbox.registry.resolve import resolve
from sandbox.scenarios.resolve import load_scenario
from sandbox_inventory.dual_sourcing import rules as dual
from sandbox_inventory.dual_sourcing.model import REWARDS, make


def costs(scenario: str, *agents: str, changes: tuple[str, ...] = ()) -> list[float]:
    """The stated cost a period of baselines of a scenario, with costs as the reward."""
    problem = load_scenario(f"inventory/{scenario}", changes)
    reward = resolve(problem.task.rewards)["cost"]
    env = resolve(problem.task.make)(problem.evaluation_config, reward, None)
    makers = {baseline.name: resolve(baseline.make) for baseline in problem.task.baselines}
    return [float(makers[agent](env).parameters["cost"]) for agent in agents]


@pytest.mark.parametrize(("limit", "cost"), [(20, 43.066), (12, 63.071)])
def test_the_best_order_table_under_a_limit_is_that_of_an_independent_value_iteration(
    limit: int, cost: float
) -> None:
    changes = (f"max_order={limit}",)
    optimal, lots, base = costs("backorders-10", "optimal", "r-Q", "base-stock", changes=changes)
    assert optimal == pytest.approx(cost, abs=1e-3)
    assert optimal <= min(lots, base) + 1e-5


def test_a_limit_of_a_lost_sales_order_binds_the_optimum_and_base_stock() -> None:
    (optimal,) = costs("lost-sales-l1-p39", "optimal", changes=("max_order=6",))
    assert optimal == pytest.approx(8.55993, abs=1e-4)
    assert optimal > costs("lost-sales-l1-p39", "optimal")[0]


def test_limited_orders_of_two_sources_leave_no_rule_below_the_optimum() -> None:
    optimal, single, index = costs(
        "dual-sourcing-l2-c110", "optimal", "single-index", "dual-index", changes=("max_order=2",)
    )
    assert optimal == pytest.approx(220.5, abs=1e-3)
    assert optimal <= min(single, index) + 1e-3


def test_where_demand_does_not_vary_a_backlog_ends_and_nothing_costs() -> None:
    changes = ("demand={kind: uniform, low: 10, high: 10, whole: true}", "lead_time=2", "fixed_cost=0")
    problem = load_scenario("inventory/backorders-10", changes)
    envs = resolve(problem.task.make_vec)(problem.evaluation_config, problem.reward, 2)
    policy = resolve(problem.task.baselines[0].make)(envs)
    assert policy.parameters["cost"] == 0
    assert play(envs, policy)["cost"].tolist() == [0, 0]


def test_the_limits_of_a_scenario_follow_its_demand() -> None:
    # Twenty a period where the scenario has five: 32.03 under the scenario's former limit of 12.
    optimal, base = costs(
        "lost-sales-l2-p4", "optimal", "base-stock", changes=("demand.mean=20", "lead_time=2")
    )
    assert optimal == pytest.approx(8.79, abs=5e-3)
    assert optimal < base


def test_a_cheap_backlog_of_items_is_not_forgiven_at_the_edge_of_the_table() -> None:
    optimal, rule = costs(
        "joint-replenishment", "optimal", "can-order", changes=("fixed_cost=60", "penalty=0.5")
    )
    assert optimal == pytest.approx(14.166, abs=1e-3)
    assert optimal < rule


def test_a_cheap_backlog_of_two_sources_is_not_forgiven_either() -> None:
    (optimal,) = costs("dual-sourcing-l2-c105", "optimal", changes=("penalty=10",))
    assert optimal == pytest.approx(212.386, abs=1e-3)


@pytest.mark.parametrize(("expedited", "gap"), [(105, 1.43), (110, 2.44)])
def test_single_index_at_a_lead_time_of_four_has_its_published_gap(expedited: int, gap: float) -> None:
    changes = ("regular_lead_time=4", f"expedited_cost={expedited}")
    optimal, single = costs("dual-sourcing-l2-c105", "optimal", "single-index", changes=changes)
    assert 100 * (single / optimal - 1) == pytest.approx(gap, abs=0.012)


@pytest.mark.slow
@pytest.mark.parametrize("lead_time", [5, 6])
@pytest.mark.parametrize("expedited", [105, 110])
def test_single_index_is_the_best_of_all_its_parameters(lead_time: int, expedited: int) -> None:
    problem = load_scenario(
        "inventory/dual-sourcing-l2-c105",
        (f"regular_lead_time={lead_time}", f"expedited_cost={expedited}"),
    )
    env = make(problem.evaluation_config, REWARDS["cost"])
    stated = dual.make_single_index(env).parameters["cost"]
    everywhere = [
        dual.exact_cost(env, dual.single_index, np.array([level, gap], float))
        for level in range(2, 20)
        for gap in range(5)
    ]
    assert stated == pytest.approx(min(everywhere), abs=1e-4)


def test_unlike_items_have_levels_of_their_own() -> None:
    changes = ("means=[1, 4]", "item_costs=[2, 10]", "max_order=16")
    optimal, rule = costs("joint-replenishment", "optimal", "can-order", changes=changes)
    assert optimal == pytest.approx(20.036, abs=5e-3)  # 2,000 simulated episodes: 20.04 [20.04, 20.05]
    assert optimal <= rule < 1.01 * optimal  # 24.34 with a single set of levels


@pytest.mark.slow
def test_unlike_retailers_have_levels_of_their_own() -> None:
    (rule,) = costs("warehouse-backorders", "base-stock", changes=("means=[1, 3, 8]", "horizon=2000"))
    assert rule < 18.37  # 40.9 with a single level


def test_three_items_of_default_size_are_solved() -> None:
    (optimal,) = costs("joint-replenishment", "optimal", changes=("means=[2, 2, 2]",))
    assert 16.34 < optimal < 1.5 * 16.34  # more than two items, less than half as much more: K is shared


@pytest.mark.parametrize("task", ["backorders-10", "joint-replenishment"])
def test_orders_that_cannot_meet_the_demand_are_refused(task: str) -> None:
    limit = 10 if task == "backorders-10" else 2
    with pytest.raises(InvalidValueError, match="cannot make up for a backlog"):
        costs(task, "optimal", changes=(f"max_order={limit}",))
