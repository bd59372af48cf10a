"""Tasks as finite Markov decision processes, beside the exact solvers and the simulation."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest
from inventory_support import play

from sandbox.api import FiniteModel, InvalidValueError
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.lost_sales.config import LostSalesConfig
from sandbox_inventory.lost_sales.exact import optimal
from sandbox_inventory.lost_sales.finite import finite_model
from sandbox_inventory.lost_sales.model import REWARDS, make_vec

REWARD = REWARDS["cost"]
SMALL = Demand(kind="poisson", mean=2.0)


def lost_sales(**settings: Any) -> tuple[LostSalesConfig, FiniteModel]:
    """A small system and its checked model."""
    config = LostSalesConfig(**({"demand": SMALL} | settings))
    return config, finite_model(config, REWARD).check()


def gain(model: FiniteModel) -> tuple[float, Any]:
    """Mean reward of a period and the best actions, by relative value iteration."""
    values = np.zeros(model.num_states)
    for _ in range(2_000):
        q = model.action_values(values)
        change = q.max(axis=1) - values
        values = q.max(axis=1) - q.max(axis=1)[0]
        if np.ptp(change) < 1e-9:
            return float(change.max() + change.min()) / 2, q.argmax(axis=1)
    raise AssertionError("it did not converge")


@pytest.mark.parametrize("lead_time", [0, 1, 2])
def test_the_average_cost_of_lost_sales_is_that_of_its_exact_solver(lead_time: int) -> None:
    config, model = lost_sales(lead_time=lead_time, penalty=9)
    assert model.criterion == "average"
    assert -gain(model)[0] == pytest.approx(optimal(config, REWARD.weights).cost, abs=1e-6)


def test_a_fixed_cost_and_a_price_are_in_the_model_too() -> None:
    config, model = lost_sales(lead_time=1, penalty=9, fixed_cost=4, purchase=0.5, price=1.5)
    assert -gain(model)[0] == pytest.approx(optimal(config, REWARD.weights).cost, abs=1e-6)


@pytest.mark.parametrize("orders", ["discrete", "continuous"])
def test_playing_the_models_best_actions_earns_its_gain(orders: str) -> None:
    config, model = lost_sales(lead_time=2, penalty=4, horizon=4_000, warmup=100, orders=orders)
    best, actions = gain(model)

    class Planned:
        def reset(self, num_envs: int, seed: int) -> None:
            pass

        def act(self, observation: Any) -> Any:
            return model.actions[actions[model.state_index(observation)]]

    envs = make_vec(config, REWARD, 16)
    cost = play(envs, Planned())["cost"]
    assert cost.mean() == pytest.approx(-best, abs=4 * cost.std() / 4)


def test_states_and_what_is_observed_in_them_are_one_to_one() -> None:
    _, model = lost_sales(lead_time=2, penalty=9, initial_stock=3)
    states = np.arange(model.num_states)
    assert model.state_index(model.observe(states)).tolist() == states.tolist()
    assert model.observe(np.flatnonzero(model.initial)).tolist() == [[1.5, 0.0]]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lead_time": 6, "penalty": 39}, "transitions; at most 20,000,000"),
        ({"demand": Demand(kind="normal", mean=5, std=2)}, "in whole units"),
        ({"lead_time": 1, "initial_stock": 1.5}, "states have whole units"),
    ],
)
def test_what_has_no_small_table_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        lost_sales(**settings)


def solved_gain(model: FiniteModel) -> float:
    """Mean reward of a period by policy iteration."""
    from sandbox.backends.tabular.planning import begin, improve

    solution = begin(model.check())
    while not solution.done:
        solution = improve(model, solution, 1e-9)
    return solution.figures["gain"]


@pytest.mark.parametrize(
    ("family", "settings"),
    [
        ("backorders", {"demand": SMALL, "fixed_cost": 10}),
        (
            "backorders",
            {"demand": SMALL, "fixed_cost": 5, "max_order": 4, "initial_stock": 2},
        ),
        ("dual_sourcing", {"regular_lead_time": 2}),
        ("dual_sourcing", {"regular_lead_time": 2, "orders": "continuous"}),
        ("perishable", {"life": 2, "lead_time": 1, "max_order": 6, "demand": SMALL}),
        ("perishable", {"life": 2, "lead_time": 0, "issuing": "lifo", "max_order": 6, "demand": SMALL}),
        ("perishable", {"lead_time_probabilities": (0.5, 0.5), "max_order": 4, "demand": SMALL}),
    ],
)
def test_the_gain_of_other_families_is_the_cost_of_their_exact_solver(
    family: str, settings: dict[str, Any]
) -> None:
    system = import_module(f"sandbox_inventory.{family}.model")
    rules = import_module(f"sandbox_inventory.{family}.rules")
    name = "".join(part.title() for part in family.split("_")) + "Config"
    config = getattr(import_module(f"sandbox_inventory.{family}.config"), name)(**settings)
    reward = system.REWARDS["cost"]
    make_model = import_module(f"sandbox_inventory.{family}.finite").finite_model
    best = rules.make_optimal(system.make(config, reward)).parameters["cost"]
    assert -solved_gain(make_model(config, reward)) == pytest.approx(best, rel=1e-4)


def test_the_order_up_to_levels_of_zheng_and_federgruen() -> None:
    # 1991, table 1: Poisson demand of mean 10, K = 64, h = 1, p = 9: (s, S) = (6, 40), cost 35.02.
    from sandbox_inventory.backorders.config import BackordersConfig
    from sandbox_inventory.backorders.finite import finite_model as backorders

    model = backorders(BackordersConfig(demand=Demand(kind="poisson", mean=10), max_order=80), REWARD)
    assert -solved_gain(model) == pytest.approx(35.02, abs=0.005)


@pytest.mark.parametrize("family", ["backorders", "dual_sourcing", "perishable"])
def test_the_states_of_other_families_and_what_is_observed_are_one_to_one(family: str) -> None:
    system = import_module(f"sandbox_inventory.{family}.model")
    name = "".join(part.title() for part in family.split("_")) + "Config"
    settings = {} if family == "dual_sourcing" else {"max_order": 12, "demand": SMALL}
    config = getattr(import_module(f"sandbox_inventory.{family}.config"), name)(**settings)
    model = import_module(f"sandbox_inventory.{family}.finite").finite_model(config, system.REWARDS["cost"])
    states = np.arange(model.num_states)
    assert model.state_index(model.observe(states)).tolist() == states.tolist()
    env = system.make(config, system.REWARDS["cost"])
    observation, _ = env.reset(seed=0)
    assert model.state_index(observation[None]).tolist() == np.flatnonzero(model.initial).tolist()


def test_a_system_with_too_many_states_is_refused_by_its_name() -> None:
    from sandbox_inventory.perishable.config import PerishableConfig
    from sandbox_inventory.perishable.finite import finite_model as perishable

    with pytest.raises(InvalidValueError, match="transitions; at most 20,000,000"):
        perishable(PerishableConfig(life=6, lead_time=3), REWARD)
