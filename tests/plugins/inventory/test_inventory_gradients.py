"""The models in torch are the models in NumPy, and their gradients are those of the cost."""

import numpy as np
import pytest

from sandbox.api import InvalidValueError
from sandbox.registry.discover import registry
from sandbox.registry.resolve import resolve

torch = pytest.importorskip("torch")

SYSTEMS = {
    "lost-sales": {"lead_time": 3, "price": 2, "purchase": 1, "orders": "continuous"},
    "lost-sales-at-once": {"lead_time": 0, "orders": "continuous"},
    "dual-sourcing": {"regular_lead_time": 3, "orders": "continuous"},
    "serial": {"lead_times": (0, 1, 2), "demand": {"kind": "normal", "mean": 5, "std": 1}},
}


def system(name):
    """Dynamics, model and reward of a task."""
    task = registry().task(f"inventory/{name.removesuffix('-at-once')}")
    config = resolve(task.config).model_validate(SYSTEMS[name])
    dynamics = resolve(task.dynamics)(config)
    return dynamics, dynamics.model, resolve(task.rewards)["cost"]


def whole_actions(model, rng, count):
    """Actions that order whole quantities where demand is whole, so that nothing is rounded."""
    limits = np.array(model.orders.max_quantity)
    quantities = np.floor(rng.random((count, len(limits))) * (limits + 1))
    return model.orders.actions(quantities[:, 0] if model.orders.flat else quantities)


@pytest.mark.parametrize("name", SYSTEMS)
def test_torch_plays_what_numpy_plays(name):
    dynamics, model, reward = system(name)
    rng = np.random.default_rng(0)
    state = dynamics.begin(rng, 32)
    tensors = {key: torch.from_numpy(values) for key, values in state.items()}
    demand = dynamics.noise(rng, 32, 20)
    for period in range(20):
        action = whole_actions(model, rng, 32).astype(np.float64)
        state, flow = model.step(state, action, demand[period])
        tensors, torch_flow = dynamics.step(
            tensors, torch.from_numpy(action), torch.from_numpy(demand[period]), torch
        )
        for term, values in flow.terms.items():
            np.testing.assert_allclose(torch_flow.terms[term].numpy(), values, rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(reward(torch_flow).total.numpy(), reward(flow).total, rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(
            dynamics.observe(tensors, torch).numpy(), model.observe(state) / model.scale, rtol=1e-5, atol=1e-4
        )


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_gradient_is_the_slope_of_the_cost(name):
    """Between kinks a path's cost is smooth: its gradient is the quotient of differences."""
    dynamics, model, reward = system(name)
    rng = np.random.default_rng(1)
    begin, demand = dynamics.begin(rng, 1), dynamics.noise(rng, 1, 12)
    first = torch.full((1, len(model.orders.max_quantity)), -0.3, dtype=torch.float64, requires_grad=True)

    def cost(action):
        state, total = {key: torch.from_numpy(values) for key, values in begin.items()}, 0.0
        for period in range(12):
            state, flow = dynamics.step(state, action, torch.from_numpy(demand[period]), torch)
            total = total - reward(flow).total.sum()
        return total

    cost(first).backward()
    step = 1e-6
    for order in range(first.shape[1]):
        moved = torch.zeros_like(first)
        moved[0, order] = step
        slope = (cost(first.detach() + moved) - cost(first.detach() - moved)) / (2 * step)
        assert float(first.grad[0, order]) == pytest.approx(float(slope), rel=1e-4, abs=1e-4)


def test_discrete_orders_have_no_gradient_and_remembered_demand_no_dynamics():
    task = registry().task("inventory/lost-sales")
    config = resolve(task.config)
    assert not resolve(task.dynamics)(config(orders="discrete")).differentiable
    with pytest.raises(InvalidValueError, match="independent from period to period, not markov"):
        resolve(task.dynamics)(config(demand={"kind": "markov"}))
