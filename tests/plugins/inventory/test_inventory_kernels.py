"""Compiled loops give what the NumPy code gives, to the last bit."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sandbox
from sandbox_inventory.core import compiled, simulation
from sandbox_inventory.core.allocation import whole_shares
from sandbox_inventory.core.arrays import column_sum, weighted_sum
from sandbox_inventory.core.demand import sampling
from sandbox_inventory.core.demand.distribution import probabilities
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.network import model as network

pytest.importorskip("numba")
NUM_ENVS = compiled.MIN_COMPILED_ENVS + 6


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Switches compiled code off."""

    def off() -> None:
        for module in (network, simulation, sampling):
            monkeypatch.setattr(module, "kernels", lambda num_envs, name="": None)

    return off


def _played(scenario: str, changes: list[str]) -> list[Any]:
    envs = sandbox.make_vec(scenario, NUM_ENVS, changes=changes)
    envs.action_space.seed(3)
    trace: list[Any] = [envs.reset(seed=5)[0]]
    for _ in range(70):
        observation, reward, terminated, truncated, info = envs.step(envs.action_space.sample())
        trace += [observation, reward, terminated, truncated, *info.get("reward_terms", {}).values()]
        if "final_info" in info:
            trace += list(info["final_info"]["metrics"].values())
    return trace


@pytest.mark.parametrize(
    ("scenario", "changes"),
    [
        ("inventory/or-gym-v0", []),
        ("inventory/or-gym-v1", []),
        ("inventory/or-gym-v1", ["event_order=sandbox"]),
        ("inventory/or-gym-network", []),
        ("inventory/or-gym-network", ["event_order=sandbox", "orders=continuous"]),
        ("inventory/network-diamond", []),
        ("inventory/network-diamond", ["backlog=false"]),
        ("inventory/lost-sales", []),
        ("inventory/skus", []),
    ],
)
def test_a_batch_plays_the_same_with_and_without_compiled_code(
    scenario: str, changes: list[str], plain: Any
) -> None:
    fast = _played(scenario, changes)
    plain()
    slow = _played(scenario, changes)
    assert len(fast) == len(slow)
    for with_kernels, without in zip(fast, slow, strict=True):
        np.testing.assert_array_equal(with_kernels, without)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=6),
    st.integers(0, 60),
)
def test_scarce_stock_is_shared_as_in_the_numpy_code(wanted: list[int], there: int) -> None:
    from sandbox_inventory.network.kernels import share

    asked = np.array(wanted, float)
    total = asked.sum()
    given_out = asked.copy()
    sent = share(given_out, np.arange(len(asked)), 0, len(asked), float(there), total)
    part = np.minimum(there / np.maximum(total, 1e-12), 1.0)
    expected = whole_shares((asked * part)[None], asked[None], np.minimum([float(there)], total))[0]
    np.testing.assert_array_equal(given_out, expected)
    assert sent == min(there, total)


@pytest.mark.parametrize(
    "demand",
    [
        Demand(mean=0),
        Demand(mean=5),
        Demand(mean=900),
        Demand(kind="geometric", mean=7),
        Demand(kind="negative-binomial", mean=4, std=3),
    ],
)
def test_drawn_demand_is_the_quantile_of_its_uniform_number(demand: Demand, plain: Any) -> None:
    uniform = np.random.default_rng(1).random((NUM_ENVS, 64))
    uniform[0, :3] = 0.0, 1.0 - 2**-53, 0.5
    values = sampling.quantiles(demand, uniform)
    plain()
    np.testing.assert_array_equal(values, sampling.quantiles(demand, uniform))
    below = np.concatenate([[0.0], np.cumsum(probabilities(demand))])
    place = values.astype(int)
    assert (below[place] <= uniform).all()
    assert (uniform < below[place + 1] + 1e-12).all()


def test_sums_are_taken_column_after_column() -> None:
    values = np.random.default_rng(2).random((4, 30))
    assert column_sum(values)[0] == sum(values[0].tolist())
    assert weighted_sum(values, values[0])[1] == sum((values[1] * values[0]).tolist())


def test_listing_scenarios_loads_no_numba() -> None:
    code = "import sys; from sandbox.cli.main import app; app(['list'], standalone_mode=False); "
    code += "assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
