"""Random lead times of orders that do not cross."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from sandbox.cli.main import main
from sandbox_inventory.backorders import model as backorders
from sandbox_inventory.backorders.config import BackordersConfig
from sandbox_inventory.backorders.rules import make_optimal as best_min_max
from sandbox_inventory.core.demand.distribution import probabilities
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.lead_times import over_lead_time, receive_orders, with_thresholds
from sandbox_inventory.core.solvers.markov_chain import average_cost
from sandbox_inventory.core.solvers.value_iteration import solve_growing
from sandbox_inventory.lost_sales import model as lost_sales
from sandbox_inventory.lost_sales import rules
from sandbox_inventory.lost_sales.config import LostSalesConfig
from sandbox_inventory.lost_sales.finite import finite_model
from sandbox_inventory.lost_sales.rules import capped_base_stock, exact_cost
from sandbox_inventory.perishable import model as perishable
from sandbox_inventory.perishable import rules as perishable_rules
from sandbox_inventory.perishable.config import Issuing, PerishableConfig

LAWS = [(1.0,), (0.5, 0.5), (0.25, 0.5, 0.25), (0.0, 0.0, 1.0), (0.1, 0.2, 0.3, 0.4)]
THREE = Demand(kind="uniform", low=0, high=3, whole=True)


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_orders_take_as_long_as_the_law_says_and_do_not_cross(law: tuple[float, ...]) -> None:
    periods = 40_000
    config = LostSalesConfig(lead_time_probabilities=law)
    thresholds = with_thresholds(config.demand, config)[1]
    rng = np.random.default_rng(0)
    drawn = rng.choice(thresholds.values, periods, p=thresholds.probabilities)
    pipeline, arrived = np.zeros((1, len(law) - 1)), []
    # Each order is one unit, so that the units that have arrived tell which orders have: the oldest ones.
    for threshold in drawn:
        arriving, pipeline = receive_orders(pipeline, np.ones(1), np.array([[0.0, threshold]]))
        arrived.append(arriving[0])
    in_total = np.cumsum(arrived)
    took = np.array([np.searchsorted(in_total, order + 1) + 1 - order for order in range(periods - 10)])
    shares = np.bincount(took, minlength=len(law) + 1)[1:] / len(took)
    np.testing.assert_allclose(shares, law, atol=0.015)


@pytest.mark.parametrize(
    ("make", "config"),
    [(lost_sales.LostSales, LostSalesConfig), (backorders.Backorders, BackordersConfig)],
    ids=["lost-sales", "backorders"],
)
def test_a_lead_time_that_is_certain_is_a_lead_time(make: Any, config: Any) -> None:
    rng = np.random.default_rng(1)
    certain, fixed = make(config(lead_time_probabilities=(0, 0, 1))), make(config(lead_time=3))
    states = certain.initial_state(50), fixed.initial_state(50)
    for _ in range(30):
        action, demand = rng.integers(0, 9, 50), rng.integers(0, 9, (50, 1)).astype(float)
        chance = np.concatenate([demand, np.full((50, 1), 3.0)], 1)
        after = certain.step(states[0], action, chance), fixed.step(states[1], action, demand)
        states = after[0][0], after[1][0]
        for name in states[0]:
            np.testing.assert_array_equal(states[0][name], states[1][name])
        for name, value in after[0][1].terms.items():
            np.testing.assert_array_equal(value, after[1][1].terms[name])


def test_two_orders_of_a_hand_computed_path_arrive_together() -> None:
    # Orders 5 and 2 are outstanding, 7 is new. At the next receipt they are 3, 2 and 1 periods old.
    pipeline, new = np.array([[5.0, 2.0]] * 3), np.full(3, 7.0)
    chance = np.array([[0.0, 3.0], [0.0, 2.0], [0.0, 1.0]])
    arriving, after = receive_orders(pipeline, new, chance)
    assert arriving.tolist() == [5.0, 7.0, 14.0]
    assert after.tolist() == [[2.0, 7.0], [0.0, 7.0], [0.0, 0.0]]


def test_demand_over_a_random_lead_time_is_a_mixture() -> None:
    coin = probabilities(Demand(kind="uniform", low=0, high=1, whole=True))
    config = LostSalesConfig(lead_time_probabilities=(0.5, 0.5))
    # Two periods with probability 1/2: 1/4, 1/2, 1/4; three: 1/8, 3/8, 3/8, 1/8.
    np.testing.assert_allclose(over_lead_time(coin, config), [3 / 16, 7 / 16, 5 / 16, 1 / 16])


def test_the_best_min_max_is_the_optimum_of_value_iteration() -> None:
    rng = np.random.default_rng(2)
    for law in LAWS[:3]:
        config = BackordersConfig(
            lead_time_probabilities=law,
            fixed_cost=float(rng.uniform(0, 6)),
            penalty=float(rng.uniform(3, 9)),
            demand=Demand(kind="uniform", low=0, high=2, whole=True),
            max_order=6,
        )
        env = backorders.make(config, backorders.REWARDS["cost"])
        columns = len(law) - 1
        optimum = solve_growing(
            env.core.model,
            [-6, *[0] * columns],
            [8, *[6] * columns],
            [True, *[False] * columns],
            np.arange(7),
            backorders.REWARDS["cost"],
        )
        assert best_min_max(env).parameters["cost"] == pytest.approx(optimum.cost, rel=1e-4)


def _lost(law: tuple[float, ...], **settings: Any) -> Any:
    config = LostSalesConfig(lead_time_probabilities=law, demand=THREE, penalty=6, **settings)
    return lost_sales.make(config, lost_sales.REWARDS["cost"])


@pytest.mark.parametrize("law", [(0.5, 0.5), (0.25, 0.5, 0.25)], ids=str)
def test_lost_sales_have_an_optimum_that_no_rule_beats(law: tuple[float, ...]) -> None:
    env = _lost(law)
    optimum = rules.make_optimal(env).parameters["cost"]
    for make in (
        rules.make_base_stock,
        rules.make_capped_base_stock,
        rules.make_constant,
        rules.make_min_max,
    ):
        assert make(env).parameters["cost"] >= optimum - 1e-6


def test_the_optimum_under_a_certain_lead_time_is_the_known_one() -> None:
    known = lost_sales.make(LostSalesConfig(lead_time=2, demand=THREE, penalty=6), lost_sales.REWARDS["cost"])
    certain = rules.make_optimal(_lost((0.0, 1.0))).parameters["cost"]
    assert certain == pytest.approx(rules.make_optimal(known).parameters["cost"], abs=1e-4)


def test_variance_of_the_lead_time_costs() -> None:
    # The same mean of two periods; known in both cases to the rule that is best.
    costs = [rules.make_optimal(_lost(law)).parameters["cost"] for law in ((0.0, 1.0), (0.25, 0.5, 0.25))]
    assert costs[1] > costs[0]


def test_an_episode_costs_in_the_long_run_what_the_exact_solver_says() -> None:
    env = _lost((0.25, 0.5, 0.25), horizon=2_000, warmup=100)
    policy = rules.make_capped_base_stock(env)
    cost = exact_cost(env, capped_base_stock, np.asarray(policy.parameters["values"]))
    batch = lost_sales.make_vec(env.core.model.config, lost_sales.REWARDS["cost"], 64)
    rule = rules.make_capped_base_stock(batch)
    observation, _ = batch.reset(seed=3)
    for _ in range(2_000):
        observation, *_, info = batch.step(rule.act(observation))
    played = info["final_info"]["metrics"]["cost"]
    assert abs(played.mean() - cost) < 4 * played.std() / 8


def test_the_finite_model_holds_the_arrivals_too() -> None:
    config = LostSalesConfig(lead_time_probabilities=(0.5, 0.5), demand=THREE, penalty=6)
    model = finite_model(config, lost_sales.REWARDS["cost"])
    np.testing.assert_allclose(np.asarray(model.probabilities).sum(-1), 1.0)
    assert np.asarray(model.successors).shape[-1] == 8  # four demands, two thresholds


def test_perishable_items_arrive_fresh_whenever_they_arrive() -> None:
    config = PerishableConfig(life=3, lead_time_probabilities=(0.5, 0.5))
    model = perishable.Perishable(config)
    state = {"ages": np.array([[0.0, 1.0, 0.0]] * 2), "pipeline": np.full((2, 1), 4.0)}
    after, _ = model.step(state, np.array([2, 2]), np.array([[0.0, 1.0], [0.0, 2.0]]))
    assert after["ages"].tolist() == [[1.0, 0.0, 6.0], [1.0, 0.0, 4.0]]
    assert after["pipeline"].tolist() == [[0.0], [2.0]]


@pytest.mark.parametrize("max_order", [2, None])
@pytest.mark.parametrize("issuing", ["fifo", "lifo"])
def test_the_optimum_of_perishables_counts_orders_that_arrive_together(
    max_order: int | None, issuing: Issuing
) -> None:
    # Two orders may arrive in one period: more units of one age than the largest order.
    config = PerishableConfig(
        lead_time_probabilities=(0.5, 0.5),
        max_order=max_order,
        issuing=issuing,
        demand=THREE,
        penalty=20,
        purchase=0,
        waste=1,
        holding=0.1,
    )
    env = perishable.make(config, perishable.REWARDS["cost"])
    policy, model = perishable_rules.make_optimal(env), env.core.model
    played = average_cost(model, lambda state: model.orders.actions(policy._rule(state)), env.reward)
    assert policy.parameters["cost"] == pytest.approx(played, rel=1e-5)
    assert perishable_rules.make_base_stock(env).parameters["cost"] >= played - 1e-5


@pytest.mark.parametrize(
    ("law", "reason"),
    [
        ((0.5, 0.4), "sum to 1"),
        ((1.5, -0.5), "at least 0"),
        ((1.0, 0.0), "ends with 0"),
        ((0.9, 0.05, 0.05), "cross"),
    ],
)
def test_what_is_no_law_of_lead_times_is_refused(law: tuple[float, ...], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        LostSalesConfig(lead_time_probabilities=law)


def test_the_command_says_what_is_wrong_and_that_a_rule_does_not_fit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    scenario = ["--scenario", "inventory/lost-sales-random-lead", "--episodes", "2"]
    assert main(["eval", "s-S", *scenario, "--set", "lead_time_probabilities=[0.9,0.05,0.05]"]) != 0
    assert "orders would have to cross" in " ".join(capsys.readouterr().err.split())
    assert main(["eval", "myopic", *scenario]) != 0
    assert "not of random ones" in " ".join(capsys.readouterr().err.split())


def test_a_table_is_demand_with_these_probabilities() -> None:
    table = Demand(kind="table", values=(0, 2, 5), probabilities=(0.5, 0.25, 0.25))
    assert probabilities(table).tolist() == [0.5, 0, 0.25, 0, 0, 0.25]
    with pytest.raises(ValidationError, match="must rise"):
        Demand(kind="table", values=(2, 1))
    with pytest.raises(ValidationError, match="2 entries for 3 values"):
        Demand(kind="table", values=(0, 1, 2), probabilities=(0.5, 0.5))


@pytest.mark.parametrize(
    ("setting", "way_out"),
    [
        ("lead_time_probabilities=0.5,0.5", "write a list, as in [1, 2]"),
        ("demand=poisson", "write keys with values"),
    ],
)
def test_a_value_of_another_shape_is_answered_with_how_to_write_it(
    setting: str, way_out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", "base-stock", "--scenario", "inventory", "--set", setting]) != 0
    assert way_out in " ".join(capsys.readouterr().err.split())


def test_an_algorithm_that_one_setting_would_fit_is_refused_with_that_setting(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", "inventory/lost-sales-l1-p4", "--algo", "dqn", "--steps", "10"]) != 0
    assert "With --set orders=discrete it fits." in " ".join(capsys.readouterr().err.split())
