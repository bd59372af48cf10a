"""Tasks as finite Markov decision processes, beside the exact solvers and the simulation."""

from __future__ import annotations

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
