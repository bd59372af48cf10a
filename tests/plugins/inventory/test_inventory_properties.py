"""What holds for every task and any parameters: conservation, costs, batches, seeds, and the edge cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.registry.discover import registry
from sandbox.registry.resolve import resolve
from sandbox_inventory.core.simulation import Simulation

FEW = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])

_lead = st.integers(0, 4)
_rate = st.floats(0, 20, allow_nan=False).map(lambda x: round(x, 2))
_demand = st.one_of(
    st.builds(lambda mean: {"kind": "poisson", "mean": mean}, st.sampled_from([0.0, 0.5, 3.0, 9.0])),
    st.builds(lambda mean: {"kind": "geometric", "mean": mean}, st.sampled_from([1.0, 4.0])),
    st.just({"kind": "negative-binomial", "mean": 4, "std": 4}),
    st.just({"kind": "uniform", "low": 0, "high": 6, "whole": True}),
    st.just({"kind": "gamma", "mean": 4, "std": 2, "whole": True}),
    st.just({"kind": "ar1", "mean": 6, "std": 2, "whole": True}),
    st.just({"kind": "markov", "regimes": [1, 8]}),
)
_orders = st.sampled_from(["discrete", "continuous"])

CONFIGS: dict[str, dict[str, Any]] = {
    "lost-sales": {
        "lead_time": _lead,
        "penalty": _rate,
        "holding": _rate,
        "fixed_cost": _rate,
        "demand": _demand,
    },
    "newsvendor": {"penalty": _rate, "holding": _rate, "demand": _demand},
    "backorders": {
        "lead_time": _lead,
        "penalty": _rate,
        "demand": _demand,
        "initial_stock": st.integers(-20, 20),
        "fixed_cost": _rate,
    },
    "dual-sourcing": {"regular_lead_time": st.integers(1, 4), "demand": _demand, "penalty": _rate},
    "serial": {
        "lead_times": st.lists(_lead, min_size=3, max_size=3),
        "demand": _demand,
        "penalty": _rate,
    },
    "beer-game-central": {
        "order_delay": st.integers(1, 3),
        "shipping_delay": st.integers(1, 3),
        "production_delay": st.integers(1, 3),
        "demand": _demand,
    },
    "warehouse": {
        "retailers": st.integers(1, 4),
        "warehouse_lead_time": _lead,
        "retailer_lead_time": _lead,
        "lost": st.booleans(),
        "allocation": st.sampled_from(["proportional", "min-shortage"]),
        "demand": _demand,
    },
    "perishable": {
        "life": st.integers(1, 5),
        "lead_time": _lead,
        "issuing": st.sampled_from(["fifo", "lifo"]),
        "demand": _demand,
    },
    "joint-replenishment": {"fixed_cost": _rate, "means": st.just([1.0, 3.0, 0.0])},
    "network": {
        "backlog": st.booleans(),
        "event_order": st.sampled_from(["sandbox", "or-gym"]),
    },
    "skus": {"items": st.integers(1, 6), "lead_time": st.integers(1, 4), "periods": st.just(150)},
}
SINGLE = [task for task in registry().domain("inventory").tasks if task.agents == "single"]


def _model(task: Any, values: dict[str, Any]) -> Any:
    config = resolve(task.config).model_validate({**values, "horizon": 40, "warmup": 0})
    return resolve(task.make)(config, resolve(task.rewards)[task.default_reward], None).core.model


@pytest.mark.parametrize("task", SINGLE, ids=lambda task: task.name)
def test_every_task_is_covered(task: Any) -> None:
    assert task.name in CONFIGS


@pytest.mark.parametrize("task", SINGLE, ids=lambda task: task.name)
@FEW
@given(data=st.data())
def test_stock_is_conserved_and_costs_are_not_negative(task: Any, data: Any) -> None:
    values = {name: data.draw(strategy, label=name) for name, strategy in CONFIGS[task.name].items()}
    model = _model(task, {**values, "orders": data.draw(_orders, label="orders")})
    sim = Simulation(model, 4)
    sim.reset([np.random.default_rng(data.draw(st.integers(0, 9)) + env) for env in range(4)])
    model.action_space.seed(data.draw(st.integers(0, 9)))
    whole = model.orders.whole
    before = model.units(sim.state)
    while not sim.ended:
        flow = sim.step(np.stack([model.action_space.sample() for _ in range(4)]))
        after = model.units(sim.state)
        spoiled = 0.0 if flow.spoiled is None else flow.spoiled
        np.testing.assert_allclose(before + flow.received, after + flow.sold + spoiled, atol=1e-7)
        assert all((money >= -1e-9).all() for money in flow.terms.values())
        assert (flow.filled <= flow.demand + 1e-9).all()
        assert (flow.stock >= -1e-9).all()
        if whole:
            for name, part in sim.state.items():
                if name != "recent":
                    assert (part % 1 == 0).all(), name
        before = after
    metrics = sim.metrics()
    assert ((metrics["fill_rate"] >= -1e-12) & (metrics["fill_rate"] <= 1 + 1e-12)).all()
    assert ((metrics["service_level"] >= 0) & (metrics["service_level"] <= 1)).all()


@pytest.mark.parametrize("task", SINGLE, ids=lambda task: task.name)
@FEW
@given(data=st.data())
def test_a_row_does_not_depend_on_its_batch(task: Any, data: Any) -> None:
    values = {name: data.draw(strategy, label=name) for name, strategy in CONFIGS[task.name].items()}
    model = _model(task, values)
    alone, together = Simulation(model, 1), Simulation(model, 3)
    alone.reset([np.random.default_rng(7)])
    together.reset([np.random.default_rng(seed) for seed in (5, 6, 7)])
    model.action_space.seed(3)
    while not alone.ended:
        action = model.action_space.sample()
        single, batch = alone.step(np.asarray(action)[None]), together.step(np.stack([action] * 3))
        for name, money in single.terms.items():
            assert money[0] == batch.terms[name][2]
        np.testing.assert_array_equal(alone.observe()[0], together.observe()[2])


@pytest.mark.parametrize("task", SINGLE, ids=lambda task: task.name)
def test_the_model_does_not_change_the_state_it_is_given(task: Any) -> None:
    model = _model(task, {})
    state = model.initial_state(2)
    kept = {name: part.copy() for name, part in state.items()}
    model.action_space.seed(0)
    model.step(state, np.stack([model.action_space.sample()] * 2), np.full((2, len(model.demands)), 3.0))
    for name, part in state.items():
        np.testing.assert_array_equal(part, kept[name])


NO_DEMAND = {"kind": "poisson", "mean": 0}


@pytest.mark.parametrize("name", ["lost-sales", "backorders", "dual-sourcing", "perishable", "warehouse"])
def test_without_demand_and_orders_nothing_costs(name: str) -> None:
    task = registry().task(f"inventory/{name}")
    sim = Simulation(_model(task, {"demand": NO_DEMAND}), 2)
    sim.reset([np.random.default_rng(0), np.random.default_rng(1)])
    shape = sim.model.action_space.shape
    while not sim.ended:
        flow = sim.step(np.zeros((2, *shape), int))
        assert all((money == 0).all() for money in flow.terms.values())
    assert (sim.metrics()["fill_rate"] == 1).all()


def test_who_never_orders_loses_everything() -> None:
    task = registry().task("inventory/lost-sales")
    sim = Simulation(_model(task, {"penalty": 4, "demand": {"kind": "poisson", "mean": 5}}), 1)
    sim.reset([np.random.default_rng(0)])
    while not sim.ended:
        flow = sim.step(np.zeros(1, int))
        assert flow.terms["shortage"][0] == 4 * flow.demand[0]
    assert sim.metrics()["fill_rate"][0] == 0
    assert sim.metrics()["stockouts"][0] > 35
