"""Solvers against systems that are solved by hand; the search; the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from inventory_support import play

from sandbox.api import InvalidValueError
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.rules import exact_rule_cost, with_parameters
from sandbox_inventory.core.solvers.cache import cached, folder
from sandbox_inventory.core.solvers.search import SimulatedCost, minimise, scan
from sandbox_inventory.core.solvers.transitions import outcomes, pack, transitions, unpack
from sandbox_inventory.core.solvers.value_iteration import Solution, solve
from sandbox_inventory.joint_replenishment import model as joint
from sandbox_inventory.joint_replenishment.config import JointReplenishmentConfig
from sandbox_inventory.lost_sales import model as lost_sales
from sandbox_inventory.lost_sales.config import LostSalesConfig
from sandbox_inventory.lost_sales.rules import base_stock, make_base_stock
from sandbox_inventory.network.config import NetworkConfig
from sandbox_inventory.network.model import Network
from sandbox_inventory.perishable import model as perishable
from sandbox_inventory.perishable.config import PerishableConfig

COIN = Demand(kind="uniform", low=0, high=1, whole=True)
"""No unit or one unit, each with probability a half."""

ALWAYS_ONE = Demand(kind="uniform", low=1, high=1, whole=True)


# Transitions


def test_outcomes_of_two_items_are_all_pairs() -> None:
    cases = outcomes([COIN, COIN])
    assert cases.values.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert cases.probabilities.tolist() == [0.25] * 4


def test_unlikely_outcomes_are_left_out_and_the_rest_rescaled() -> None:
    cases = outcomes([Demand(mean=1)], tail=0.1)
    assert cases.values[:, 0].tolist() == [0, 1, 2]  # P = 0.37, 0.37, 0.18; P(3) = 0.06
    assert cases.probabilities.sum() == pytest.approx(1)


def test_a_state_is_packed_into_a_row_and_back() -> None:
    model = Network(NetworkConfig())
    state = model.initial_state(3)
    state["in_transit"][:] = np.arange(state["in_transit"].size).reshape(state["in_transit"].shape)
    for name, values in unpack(model, pack(state)).items():
        np.testing.assert_array_equal(values, state[name])


def test_transitions_are_those_of_the_model() -> None:
    model = lost_sales.LostSales(LostSalesConfig(lead_time=1, penalty=4, demand=COIN, max_order=3))
    rows, cost = transitions(
        model, np.array([[0.0], [2.0]]), np.array([1, 0]), outcomes([COIN]), lost_sales.REWARDS["cost"]
    )
    assert rows[:, :, 0].tolist() == [[1, 1], [2, 1]]
    assert cost.tolist() == [2, 1.5]  # half a unit lost at 4; 2 or 1 units kept


# The exact cost of a rule


def _coin_env(penalty: float) -> Any:
    config = LostSalesConfig(lead_time=1, penalty=penalty, holding=1, demand=COIN, max_order=3)
    return lost_sales.make(config, lost_sales.REWARDS["cost"])


@pytest.mark.parametrize(
    ("penalty", "level", "cost"),
    [
        # S = 1: a third of the time without stock (cost p/2), two thirds with one unit (cost 1/2).
        (4, 1, 1.0),
        (2, 1, 2 / 3),
        (9, 1, 11 / 6),
        # S = 2: one or two units on hand, half of the time each: (1/2 + 3/2)/2, whatever the penalty.
        (4, 2, 1.0),
        (9, 2, 1.0),
        # S = 0: never any stock, half a unit lost a period.
        (4, 0, 2.0),
    ],
)
def test_base_stock_against_a_coin_costs_what_its_chain_says(penalty: float, level: int, cost: float) -> None:
    result = exact_rule_cost(_coin_env(penalty), base_stock, np.array([float(level)]), max_states=100)
    assert result == pytest.approx(cost, abs=1e-6)


def test_a_periodic_chain_has_its_mean_cost() -> None:
    # S = 3 against 3 a period at lead time 1: nothing to sell every other period, 3 lost at 4 each.
    demand = Demand(kind="uniform", low=3, high=3, whole=True)
    env = lost_sales.make(
        LostSalesConfig(lead_time=1, penalty=4, demand=demand, max_order=9), lost_sales.REWARDS["cost"]
    )
    assert exact_rule_cost(env, base_stock, np.array([3.0]), max_states=10) == pytest.approx(6, abs=1e-6)
    assert exact_rule_cost(env, base_stock, np.array([6.0]), max_states=10) == pytest.approx(0, abs=1e-6)


def test_a_rule_that_reaches_too_many_states_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="more than 2 states"):
        exact_rule_cost(_coin_env(4), base_stock, np.array([3.0]), max_states=2)


# Value iteration


def _joint_optimum(settings: dict[str, Any], max_order: int) -> Solution:
    model = joint.JointReplenishment(JointReplenishmentConfig(**settings, max_order=max_order))
    items = len(model.demands)
    grid = np.stack(np.meshgrid(*[np.arange(max_order + 1)] * items, indexing="ij"), -1)
    low, high = [-2] * items, [max_order] * items
    return solve(model, low, high, grid.reshape(-1, items), joint.REWARDS["cost"])


def test_the_economic_lot_of_a_steady_demand() -> None:
    # One unit a period, K = 2, h = 1: lots of one cost 2 a period, of two (2 + 1)/2, of three (2 + 2 + 1)/3.
    settings = {"fixed_cost": 2, "item_costs": (0,), "means": (1,), "demand": ALWAYS_ONE, "penalty": 3}
    solution = _joint_optimum(settings, max_order=4)
    assert solution.cost == pytest.approx(1.5, abs=1e-6)
    assert solution.action(np.array([[0.0], [1.0]]), np.arange(5)).tolist() == [2, 0]


def test_two_items_share_the_cost_of_an_order() -> None:
    # K = 4 for both: every period 4, every other period (4 + 2)/2, every third (4 + 2·3)/3.
    settings = {"fixed_cost": 4, "item_costs": (0, 0), "means": (1, 1), "demand": ALWAYS_ONE, "penalty": 9}
    assert _joint_optimum(settings, max_order=3).cost == pytest.approx(3, abs=1e-6)


def test_a_discounted_cost_is_a_geometric_sum() -> None:
    # One unit a period that spoils at once: ordering it costs 3 a period, 3/(1 - 0.9) in all.
    config = PerishableConfig(life=1, lead_time=0, purchase=3, penalty=5, demand=ALWAYS_ONE, max_order=2)
    model, reward = perishable.Perishable(config), perishable.REWARDS["cost"]
    solution = solve(model, [0], [2], np.arange(3), reward, discount=0.9, tolerance=1e-9)
    assert solution.cost == pytest.approx(30, abs=1e-6)
    assert solution.action(np.array([[0.0]]), np.arange(3)).tolist() == [1]


def test_states_beyond_the_grid_are_answered_by_the_nearest() -> None:
    solution = Solution(0.0, np.array([0, 1, 2]), np.zeros(3), np.array([-1]), (3,))
    actions = np.array([10, 20, 30])
    assert solution.action(np.array([[-9.0], [0.0], [9.0]]), actions).tolist() == [10, 20, 30]


def test_a_solution_is_kept_as_plain_arrays() -> None:
    solution = Solution(1.5, np.array([0, 1]), np.array([0.0, 2.0]), np.array([-1]), (2,))
    kept = {name: np.asarray(value) for name, value in solution.to_arrays().items()}
    assert Solution.from_arrays(kept).sizes == (2,)
    assert Solution.from_arrays(kept).action(np.array([[0.0]]), np.array([5, 6])).tolist() == [6]


def test_a_problem_with_too_many_transitions_is_refused_in_a_sentence() -> None:
    model = joint.JointReplenishment(JointReplenishmentConfig(means=(2,) * 4))
    with pytest.raises(InvalidValueError, match="at most 40,000,000 transitions are solved"):
        solve(model, [-8] * 4, [16] * 4, np.zeros((10, 4)), joint.REWARDS["cost"])


# The search for parameters


def test_the_pattern_search_ends_at_the_whole_minimum() -> None:
    def cost(candidates: Any) -> Any:
        return ((candidates - np.array([7.0, -3.0, 11.0])) ** 2).sum(1)

    best, least = minimise(cost, [0, 0, 0], [4, 4, 4])
    assert best.tolist() == [7, -3, 11]
    assert least == 0


def test_the_pattern_search_stays_above_its_lower_limits() -> None:
    best, _ = minimise(lambda candidates: candidates.sum(1), [5.0], [4.0], low=[2.0])
    assert best.tolist() == [2]


def test_real_parameters_are_searched_to_the_smallest_step() -> None:
    best, _ = minimise(lambda x: (x[:, 0] - 0.3) ** 2, [0.0], [1.0], min_step=1 / 64)
    assert best[0] == pytest.approx(0.3, abs=1 / 64)


@pytest.mark.parametrize("size", [1, 2])
def test_the_search_for_parameters_leaves_a_valley_that_has_a_deeper_one_beside_it(size: int) -> None:
    def cost(candidates: Any) -> Any:
        # Along the first parameter 5, 9, 1, 9, 9 …: a ridge between 0 and the best value, 2.
        first = candidates[:, 0]
        valley = np.where(first == 2, 1.0, np.where(first == 0, 5.0, 9.0))
        return valley + np.abs(candidates[:, 1:] - 1).sum(1)

    best, least = minimise(cost, [0.0] * size, [1.0] * size)
    assert best.tolist() == [2.0, 1.0][:size]
    assert least == 1.0


def test_no_candidate_is_evaluated_twice() -> None:
    seen: list[tuple[float, ...]] = []

    def cost(candidates: Any) -> Any:
        seen.extend(tuple(candidate) for candidate in candidates.tolist())
        return (candidates**2).sum(1)

    minimise(cost, [6.0, -4.0], [2.0, 2.0])
    assert len(seen) == len(set(seen))


def test_a_coarse_scan_picks_the_best_of_five_values_a_coordinate() -> None:
    best = scan(lambda x: ((x - np.array([14.0, 2.0])) ** 2).sum(1), [10.0, 10.0], [2.0, 4.0], None)
    assert best.tolist() == [14, 2]


def test_many_coordinates_are_scanned_together() -> None:
    best = scan(lambda x: ((x - 16.0) ** 2).sum(1), [10.0] * 6, [2.0] * 6, None)
    assert best.tolist() == [16.0] * 6


def test_simulated_cost_is_the_mean_over_the_counted_periods() -> None:
    # As for the periodic chain: 6 a period for S = 3, nothing for S = 6.
    demand = Demand(kind="uniform", low=3, high=3, whole=True)
    model = lost_sales.LostSales(LostSalesConfig(lead_time=1, penalty=4, demand=demand, max_order=9))
    simulated = SimulatedCost(model, base_stock, lost_sales.REWARDS["cost"], num_paths=2, periods=200)
    assert simulated(np.array([[3.0], [6.0]])).tolist() == [6, 0]


def test_candidates_are_compared_on_the_same_demand() -> None:
    model = lost_sales.LostSales(LostSalesConfig(lead_time=1))
    simulated = SimulatedCost(model, base_stock, lost_sales.REWARDS["cost"], periods=2_000)
    alone = [float(simulated(np.array([[level]]))[0]) for level in (9.0, 12.0)]
    assert simulated(np.array([[9.0], [12.0]])).tolist() == alone


def test_parameters_are_the_same_in_every_row() -> None:
    rule = with_parameters(base_stock, np.array([9.0]))
    state = {"stock": np.array([2.0, 5.0, 20.0]), "pipeline": np.array([[1.0], [0.0], [0.0]])}
    assert rule(state).tolist() == [6, 4, 0]


def test_a_policy_plays_the_cost_that_its_search_states() -> None:
    config = LostSalesConfig(lead_time=1, horizon=2_000, warmup=200)
    envs = lost_sales.make_vec(config, lost_sales.REWARDS["cost"], 100)
    policy = make_base_stock(envs)
    exact = exact_rule_cost(envs, base_stock, np.array(policy.parameters["values"]), max_states=5_000)
    assert play(envs, policy)["cost"].mean() == pytest.approx(exact, rel=0.01)


# The cache


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SANDBOX_INVENTORY_CACHE", str(tmp_path / "solved"))
    return tmp_path / "solved"


def test_an_answer_is_computed_once_for_the_same_question(own_cache: Path) -> None:
    calls = []

    def solve_it() -> dict[str, Any]:
        calls.append(1)
        return {"cost": 2.5, "table": np.arange(3)}

    for _ in range(2):
        result = cached("test", 1, {"lead_time": 2}, solve_it)
        assert float(result["cost"]) == 2.5
        assert result["table"].tolist() == [0, 1, 2]
    assert len(calls) == 1
    assert [path.suffix for path in own_cache.iterdir()] == [".npz"]
    cached("test", 1, {"lead_time": 3}, solve_it)
    cached("test", 2, {"lead_time": 2}, solve_it)
    assert len(calls) == 3  # another question, another version of the solver


def test_a_damaged_file_is_computed_again(own_cache: Path) -> None:
    cached("test", 1, {}, lambda: {"cost": 1.0})
    (file,) = own_cache.iterdir()
    file.write_bytes(file.read_bytes()[:40])
    assert float(cached("test", 1, {}, lambda: {"cost": 2.0})["cost"]) == 2
    assert float(cached("test", 1, {}, lambda: {"cost": 3.0})["cost"]) == 2


def test_a_pickled_array_is_not_loaded(own_cache: Path) -> None:
    cached("test", 1, {}, lambda: {"cost": 1.0})
    (file,) = own_cache.iterdir()
    with np.load(file) as kept:
        question = kept["question"]
    np.savez(file, question=question, cost=np.array([{}], object))
    assert float(cached("test", 1, {}, lambda: {"cost": 2.0})["cost"]) == 2


def test_the_cache_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_INVENTORY_CACHE", "off")
    assert folder() is None
    assert [float(cached("test", 1, {}, lambda n=n: {"cost": n})["cost"]) for n in (1, 2)] == [1, 2]


def test_a_folder_that_cannot_be_written_costs_only_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("SANDBOX_INVENTORY_CACHE", str(tmp_path / "file" / "below"))
    assert float(cached("test", 1, {}, lambda: {"cost": 4.0})["cost"]) == 4
