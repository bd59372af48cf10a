"""Every exact and published number of the tasks beside lost sales, to the digits that were published."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sandbox_inventory.backorders import exact as backorders_exact
from sandbox_inventory.backorders import model as backorders
from sandbox_inventory.backorders import rules
from sandbox_inventory.backorders.config import BackordersConfig
from sandbox_inventory.beer_game import model as beer_game
from sandbox_inventory.beer_game.config import BeerGameConfig
from sandbox_inventory.beer_game.rules import sterman
from sandbox_inventory.core.demand.distribution import probabilities
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.solvers.search import minimise
from sandbox_inventory.dual_sourcing import model as dual_sourcing
from sandbox_inventory.dual_sourcing import rules as dual_rules
from sandbox_inventory.dual_sourcing.config import DualSourcingConfig
from sandbox_inventory.newsvendor.exact import fractile
from sandbox_inventory.perishable import model as perishable
from sandbox_inventory.perishable import rules as perishable_rules
from sandbox_inventory.perishable.config import PerishableConfig
from sandbox_inventory.serial import exact as serial_exact
from sandbox_inventory.serial import model as serial
from sandbox_inventory.serial.config import SerialConfig
from sandbox_inventory.serial.rules import make_optimal as make_serial_optimal

COST = backorders.REWARDS["cost"].weights


def _problem(**settings: Any) -> Any:
    return backorders_exact.problem(BackordersConfig(**settings), COST)


@pytest.mark.parametrize(
    ("rate", "levels", "cost"), [(10, (6, 40), 35.0216), (25, (19, 56), 54.2622), (50, (42, 108), 70.9752)]
)
def test_s_S_of_zheng_and_federgruen(rate: float, levels: tuple[int, int], cost: float) -> None:
    low, top, found = backorders_exact.best_min_max(*_problem(demand=Demand(mean=rate)))
    assert (low, top) == levels
    assert found == pytest.approx(cost, abs=5e-5)


def test_s_S_of_snyder_and_shen_example_4_7() -> None:
    low, top, cost = backorders_exact.best_min_max(*_problem(demand=Demand(mean=6), penalty=4, fixed_cost=5))
    assert (low, top) == (4, 10)
    assert cost == pytest.approx(8.0341, abs=5e-5)


def test_r_Q_under_continuous_review() -> None:
    lead_time_demand = probabilities(Demand(mean=1.5 * 2))
    cost = backorders_exact.position_cost(lead_time_demand, 20, 150, 40)
    low, lot, found = backorders_exact.best_continuous_batches(1.5, cost, 100)
    assert (low, lot) == (3, 5)
    assert found == pytest.approx(107.9236, abs=5e-5)


@pytest.mark.parametrize("make", [rules.make_optimal, rules.make_batches, rules.make_base_stock])
def test_playing_a_rule_costs_what_its_formula_says(make: Any) -> None:
    config = BackordersConfig(lead_time=2, fixed_cost=20, demand=Demand(mean=4), horizon=1200, warmup=200)
    envs = backorders.make_vec(config, backorders.REWARDS["cost"], 200)
    policy = make(envs)
    assert _played(envs, policy)["cost"].mean() == pytest.approx(policy.parameters["cost"], rel=0.004)


def _played(envs: Any, policy: Any, seed: int = 0) -> dict[str, Any]:
    observation, _ = envs.reset(seed=seed)
    policy.reset(envs.num_envs, seed)
    while True:
        observation, _, terminated, truncated, info = envs.step(policy.act(observation))
        if (terminated | truncated).any():
            metrics: dict[str, Any] = info["final_info"]["metrics"]
            return metrics


def test_newsvendor_closed_forms() -> None:
    quantity, cost = fractile(Demand(kind="normal", mean=50, std=8), 0.18, 0.70)
    assert quantity == pytest.approx(56.604, abs=5e-4)
    assert cost == pytest.approx(1.9976, abs=5e-5)
    quantity, cost = fractile(Demand(mean=6), 1, 4)
    assert quantity == 8
    assert cost == pytest.approx(3.5701, abs=5e-5)


DUAL = {
    (2, 105): (216.770, {"capped": 0.00, "dual": 0.11, "single": 0.56, "surge": 0.06}),
    (2, 110): (219.733, {"capped": 0.03, "dual": 0.18, "single": 1.03, "surge": 0.99}),
    (3, 105): (216.877, {"capped": 0.00, "dual": 0.27, "single": 0.98, "surge": 0.01}),
    (3, 110): (220.341, {"capped": 0.06, "dual": 0.36, "single": 2.11, "surge": 0.71}),
}
DUAL_RULES = {
    "capped": dual_rules.make_capped_dual_index,
    "dual": dual_rules.make_dual_index,
    "single": dual_rules.make_single_index,
    "surge": dual_rules.make_tailored_base_surge,
}


def _dual(instance: tuple[int, int]) -> Any:
    config = DualSourcingConfig(regular_lead_time=instance[0], expedited_cost=instance[1])
    return dual_sourcing.make(config, dual_sourcing.REWARDS["cost"])


@pytest.mark.parametrize("instance", DUAL, ids=str)
def test_dual_sourcing_optimum(instance: tuple[int, int]) -> None:
    found = dual_rules.make_optimal(_dual(instance)).parameters["cost"]
    assert found == pytest.approx(DUAL[instance][0], abs=5e-4)


@pytest.mark.slow
@pytest.mark.parametrize("instance", DUAL, ids=str)
def test_dual_sourcing_gaps_of_the_best_rules(instance: tuple[int, int]) -> None:
    env = _dual(instance)
    optimum, gaps = DUAL[instance]
    for name, gap in gaps.items():
        cost = DUAL_RULES[name](env).parameters["cost"]
        assert 100 * (cost / optimum - 1) == pytest.approx(gap, abs=0.012), name


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


def test_clark_scarf_example_6_1() -> None:
    demand = Demand(kind="normal", mean=5, std=1)
    masses = tuple(serial_exact.lead_demand(demand, periods, 0.01) for periods in (1, 1, 2))
    found = serial_exact.clark_scarf(masses, 0.01, (3, 2, 2), 37.12)
    # The published figures come from a coarser grid; the cost is flat around the best levels.
    assert found.levels == pytest.approx((6.484, 12.028, 22.72), abs=0.02)
    assert found.cost == pytest.approx(47.665, abs=0.006)


def test_clark_scarf_of_shang_and_song() -> None:
    masses = tuple(serial_exact.lead_demand(Demand(mean=4), 1, 1.0) for _ in range(4))
    found = serial_exact.clark_scarf(masses, 1.0, (0.25,) * 4, 9)
    assert found.levels == (8, 13, 18, 22)
    assert found.cost == pytest.approx(12.6869, abs=0.0015)


@pytest.mark.parametrize("orders", ["discrete", "continuous"])
def test_a_simulated_serial_system_costs_what_clark_and_scarf_say(orders: str) -> None:
    config = SerialConfig(
        lead_times=(0, 1, 1, 1),
        echelon_holding=(0.25,) * 4,
        penalty=9,
        demand=Demand(mean=4),
        orders=orders,
        horizon=900,
        warmup=100,
    )
    envs = serial.make_vec(config, serial.REWARDS["cost"], 300)
    policy = make_serial_optimal(envs)
    costs = _played(envs, policy)["cost"]
    assert costs.mean() == pytest.approx(policy.parameters["cost"], abs=4 * costs.std() / np.sqrt(300))
    # Without what is in transit between stages the equality fails by a fifth and more.
    assert policy.parameters["cost"] > 1.2 * (policy.parameters["cost"] - 3 * 4 * 0.5 * 0.75)


@pytest.mark.parametrize(("issuing", "best", "plain"), [("lifo", 1553, 1565), ("fifo", 1457, 1474)])
def test_perishable_returns_of_de_moor(issuing: str, best: float, plain: float) -> None:
    # Their figures are discounted by 0.99 over 365 periods in the steady state: 97.447 average periods.
    config = PerishableConfig(issuing=issuing)
    env = perishable.make(config, perishable.REWARDS["cost"])
    periods = (1 - 0.99**365) / (1 - 0.99)
    assert perishable_rules.make_optimal(env).parameters["cost"] * periods == pytest.approx(best, abs=2)
    found = perishable_rules.make_base_stock(env).parameters
    assert found["cost"] * periods == pytest.approx(plain, abs=2)
    assert found["values"] == [{"lifo": 5, "fifo": 7}[issuing]]


def test_the_beer_game_costs_204_on_the_board_with_stermans_best_levels() -> None:
    # The board's books hold the stock at the beginning of 36 weeks: 24 at the set-up, 24 after the first
    # week, in which 4 cases are asked for; a game here begins after that week.
    envs = beer_game.make_vec(BeerGameConfig(horizon=36), beer_game.REWARDS["cost"], 1)
    envs.reset(seed=0)
    levels = np.array([[28.0, 28, 28, 20, 1, 1]])
    total = 48.0
    for _ in range(36):
        orders = sterman(levels, envs.sim.state, 4.0)
        _, reward, _, _, _ = envs.step(envs.model.orders.actions(orders))
        total -= float(reward[0])
    assert total == 204


def test_a_week_of_the_beer_game_by_hand() -> None:
    model = beer_game.BeerGame(BeerGameConfig())
    state, flow = model.step(model.initial_state(1), np.array([[5, 6, 7, 8]]), np.array([[20.0]]))
    # Retailer: 12 + 4 received, 20 asked for: 4 in backlog. The others: 12 + 4 received, 4 sent.
    assert state["net"].tolist() == [[-4, 12, 12, 12]]
    assert flow.terms["holding"].tolist() == [18]
    assert flow.terms["shortage"].tolist() == [4]
    assert state["mail"][0, :, 0].tolist() == [5, 6, 7, 8]
    assert state["shipments"][0].tolist() == [[4, 4], [4, 4], [4, 4], [4, 0]]
