"""Receipts, pipelines, orders, shares, rewards and metrics, by hand."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from inventory_support import made

from sandbox.api import InvalidValueError
from sandbox.registry.discover import registry
from sandbox_inventory.core.allocation import lowest_first_shares, proportional_shares, whole_shares
from sandbox_inventory.core.arrays import advance, receive
from sandbox_inventory.core.config import InventoryConfig, OrderingConfig
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.metrics import EpisodeMetrics
from sandbox_inventory.core.model import Flow
from sandbox_inventory.core.orders import make_orders, order_limit
from sandbox_inventory.core.reward import DESCRIPTIONS, presets
from sandbox_inventory.core.simulation import Simulation
from sandbox_inventory.lost_sales.config import LostSalesConfig
from sandbox_inventory.lost_sales.model import REWARDS, LostSales, make, make_vec


@pytest.mark.parametrize(
    ("net", "quantity", "after", "served"),
    [(-3, 5, 2, 3), (-3, 2, -1, 2), (-3, 0, -3, 0), (4, 5, 9, 0), (0, 5, 5, 0)],
)
def test_a_receipt_serves_the_backlog_first(net: float, quantity: float, after: float, served: float) -> None:
    result = receive(np.array([float(net)]), np.array([float(quantity)]))
    assert [float(part[0]) for part in result] == [after, served]


def test_a_pipeline_gives_its_first_order_and_takes_the_new_one_at_its_end() -> None:
    arriving, pipeline = advance(np.array([[2.0, 3.0]]), np.array([7.0]))
    assert arriving.tolist() == [2]
    assert pipeline.tolist() == [[3, 7]]


def test_an_order_passes_an_empty_pipeline_at_once() -> None:
    arriving, pipeline = advance(np.zeros((1, 0)), np.array([7.0]))
    assert arriving.tolist() == [7]
    assert pipeline.shape == (1, 0)


# Orders


def test_a_discrete_action_is_the_quantity() -> None:
    orders = make_orders("discrete", (5,), whole=True, flat=True)
    assert orders.space == spaces.Discrete(6)
    assert orders.quantities(np.array([0, 3, 5])).tolist() == [0, 3, 5]
    assert orders.actions(np.array([-1.0, 3.0, 9.0])).tolist() == [0, 3, 5]


def test_several_discrete_orders_are_a_multi_discrete_action() -> None:
    orders = make_orders("discrete", (5, 2.5), whole=False)
    assert orders.space == spaces.MultiDiscrete([6, 3])  # two whole units are within a limit of 2.5
    assert orders.quantities(np.array([[4, 2]])).tolist() == [[4, 2]]


def test_a_continuous_action_is_scaled_to_the_largest_order() -> None:
    orders = make_orders("continuous", (10,), whole=False, flat=True)
    assert orders.space == spaces.Box(-1.0, 1.0, (1,), np.float32)
    assert orders.quantities(np.array([[-1.0], [-0.5], [0.0], [1.0], [3.0]])).tolist() == [0, 2.5, 5, 10, 10]


def test_a_continuous_order_of_whole_units_is_rounded() -> None:
    orders = make_orders("continuous", (10,), whole=True, flat=True)
    assert orders.quantities(np.array([[-0.76], [0.13]])).tolist() == [1, 6]


@pytest.mark.parametrize("limit", [1, 12, 97, 4000])
def test_every_whole_quantity_can_be_ordered_by_a_continuous_action(limit: int) -> None:
    orders = make_orders("continuous", (limit,), whole=True, flat=True)
    quantities = np.arange(limit + 1.0)
    np.testing.assert_array_equal(orders.quantities(orders.actions(quantities)), quantities)


def test_the_default_limit_is_a_demand_that_hardly_occurs_plus_one_and_a_half_lots() -> None:
    # P(d > 33) = 2e-9 and P(d > 34) = 6e-10 at mean 10; lot √(2·64·10·(1 + 9)/(1·9)) = 37.71.
    config, demand = OrderingConfig(), Demand(mean=10)
    assert order_limit(config, demand) == 34
    assert order_limit(config, demand, fixed_cost=64, holding=1, penalty=9) == np.ceil(34 + 1.5 * 37.7124)
    assert order_limit(config, demand, fixed_cost=64, holding=0, penalty=9) == 34


def test_the_default_limit_lets_a_backlog_end_where_demand_does_not_vary() -> None:
    steady = Demand(kind="uniform", low=10, high=10, whole=True)
    assert order_limit(OrderingConfig(), steady) == 20


@pytest.mark.parametrize(("mean", "limit"), [(5, 12), (20, 48), (0.3, 1)])
def test_a_limit_in_periods_of_demand_follows_the_demand(mean: float, limit: float) -> None:
    assert order_limit(OrderingConfig(order_cover=2.4), Demand(mean=mean)) == limit
    assert order_limit(OrderingConfig(order_cover=2.4, max_order=7), Demand(mean=mean)) == 7


def test_a_limit_follows_the_stated_mean_of_rounded_demand() -> None:
    # Rounding lifts the mean of this demand to 4.0003: the limit stays 10.
    demand = Demand(kind="gamma", mean=4, std=2, whole=True)
    assert order_limit(OrderingConfig(order_cover=2.5), demand) == 10


def test_a_continuous_limit_of_whole_units_is_whole() -> None:
    orders = make_orders("continuous", (11.6,), whole=True, flat=True)  # 11 whole units are within it
    assert orders.quantities(np.array([[1.0]])).tolist() == [11]


# Shares of a short supplier


def test_a_short_supplier_is_shared_in_proportion_to_the_orders() -> None:
    assert proportional_shares(np.array([[2.0, 6.0]]), np.array([4.0])).tolist() == [[1, 3]]


def test_a_supplier_with_enough_sends_the_orders() -> None:
    assert proportional_shares(np.array([[2.0, 6.0]]), np.array([9.0])).tolist() == [[2, 6]]


def test_the_largest_remainders_are_rounded_up() -> None:
    # 6 units for orders of 1, 5, 6: shares 0.5, 2.5, 3; one unit is left for the first remainder of a half.
    shares = proportional_shares(np.array([[1.0, 5.0, 6.0]]), np.array([6.0]))
    assert shares.tolist() == [[0.5, 2.5, 3]]
    assert whole_shares(shares, np.array([[1.0, 5.0, 6.0]]), np.array([6.0])).tolist() == [[1, 2, 3]]


def test_min_shortage_raises_the_lowest_positions_to_a_common_level() -> None:
    wanted, position = np.array([[9.0, 9.0]]), np.array([[0.0, 5.0]])
    np.testing.assert_allclose(lowest_first_shares(wanted, np.array([3.0]), position), [[3, 0]], atol=1e-9)
    np.testing.assert_allclose(lowest_first_shares(wanted, np.array([9.0]), position), [[7, 2]], atol=1e-9)


def test_min_shortage_never_sends_more_than_was_ordered() -> None:
    shares = lowest_first_shares(np.array([[4.0, 4.0]]), np.array([6.0]), np.array([[0.0, 5.0]]))
    np.testing.assert_allclose(shares, [[4, 2]], atol=1e-9)


@given(
    orders=st.lists(st.integers(0, 30), min_size=1, max_size=6),
    available=st.integers(0, 200),
    positions=st.lists(st.integers(-10, 30), min_size=6, max_size=6),
)
def test_shares_use_up_what_there_is_and_exceed_no_order(
    orders: list[int], available: int, positions: list[int]
) -> None:
    wanted, there = np.array([orders], float), np.array([float(available)])
    total = np.minimum(there, wanted.sum(1))
    position = np.array([positions[: len(orders)]], float)
    for share in (proportional_shares(wanted, there), lowest_first_shares(wanted, there, position)):
        assert share.sum() == pytest.approx(total[0])
        assert (share <= wanted + 1e-9).all()
        whole = whole_shares(np.minimum(share, wanted), wanted, total)
        assert whole.sum() == total[0]
        assert (whole % 1 == 0).all()
        assert ((whole >= 0) & (whole <= wanted)).all()


# Rewards


def test_the_preset_cost_leaves_revenue_out_and_profit_counts_it() -> None:
    specs = presets("holding", "revenue")
    assert specs["cost"].weights == {"holding": -1, "revenue": 0}
    assert specs["profit"].weights == {"holding": -1, "revenue": 1}
    assert set(presets("holding", "shortage")) == {"cost"}


def test_a_reward_is_minus_its_costs_and_shows_the_unweighted_terms() -> None:
    breakdown = presets("holding", "revenue")["profit"](_flow(holding=3, revenue=10))
    assert breakdown.total.tolist() == [7]
    assert {name: values.tolist() for name, values in breakdown.terms.items()} == {
        "holding": [3],
        "revenue": [10],
    }


def test_every_term_says_what_it_is() -> None:
    for term in presets(*DESCRIPTIONS)["cost"].terms:
        assert term.description
        assert term.unit == "money"


# Metrics


def _flow(
    demand: float = 0, filled: float = 0, stock: float = 0, order: float = 0, sold: float = 0, **terms: float
) -> Flow:
    return Flow(
        {name: np.array([float(value)]) for name, value in terms.items()},
        np.array([float(demand)]),
        np.array([float(filled)]),
        np.array([float(stock)]),
        np.array([[float(order)]]),
        np.array([float(order)]),
        np.array([float(sold)]),
    )


def _metrics(*flows: Flow) -> dict[str, float]:
    metrics = EpisodeMetrics(1)
    for flow in flows:
        metrics.add(flow)
    return {name: float(values[0]) for name, values in metrics.metrics().items()}


def test_metrics_of_two_periods_by_hand() -> None:
    metrics = _metrics(
        _flow(demand=5, filled=3, stock=0, order=4, sold=3, holding=0, shortage=8, revenue=6),
        _flow(demand=1, filled=1, stock=2, order=0, sold=1, holding=2, shortage=0, revenue=2),
    )
    assert metrics["cost"] == 5  # (8 + 2) / 2
    assert metrics["profit"] == -1  # (6 + 2 - 10) / 2
    assert metrics["fill_rate"] == pytest.approx(4 / 6)
    assert metrics["service_level"] == 0.5
    assert metrics["stockouts"] == 1
    assert metrics["stock"] == 1
    assert metrics["turnover"] == 2  # 2 units a period over a stock of 1
    assert metrics["spoiled"] == 0
    assert metrics["bullwhip"] == 1  # orders 4, 0 and demand 5, 1 vary alike


def test_without_any_stock_there_is_no_turnover() -> None:
    assert _metrics(_flow(demand=5, order=5, sold=5))["turnover"] == 0


def test_the_bullwhip_is_the_ratio_of_variances() -> None:
    flows = [_flow(demand=d, order=q) for d, q in ((4, 0), (6, 10), (4, 0), (6, 10))]
    assert _metrics(*flows)["bullwhip"] == 25  # variance 25 over variance 1


def test_without_demand_all_of_it_is_served_and_nothing_varies() -> None:
    metrics = _metrics(_flow(), _flow())
    assert (metrics["fill_rate"], metrics["service_level"], metrics["bullwhip"]) == (1, 1, 1)


def test_metrics_begin_after_the_warm_up_and_rewards_do_not() -> None:
    demand = Demand(kind="trace", values=(9, 9, 2))
    config = LostSalesConfig(lead_time=1, penalty=4, horizon=4, warmup=2, demand=demand)
    env = make(config, REWARDS["cost"])
    env.reset(seed=0)
    rewards, info = [], {}
    for _ in range(4):
        _, reward, _, _, info = env.step(0)
        rewards.append(reward)
    assert rewards == [-36, -36, -8, -8]
    assert info["metrics"]["cost"] == 8
    assert info["metrics"]["stockouts"] == 2


def test_a_warm_up_as_long_as_the_horizon_is_refused() -> None:
    with pytest.raises(ValueError, match=r"warmup \(10\) must be shorter than horizon \(10\)"):
        InventoryConfig(horizon=10, warmup=10)


# Simulation and environments


def test_a_step_before_the_reset_or_after_the_end_is_an_error() -> None:
    sim = Simulation(LostSales(LostSalesConfig(horizon=1)), 1)
    with pytest.raises(RuntimeError, match="reset"):
        sim.step(np.array([0]))
    sim.reset([np.random.default_rng(0)])
    sim.step(np.array([0]))
    with pytest.raises(RuntimeError, match="reset"):
        sim.step(np.array([0]))


def test_observations_are_in_multiples_of_the_mean_demand() -> None:
    demand = Demand(kind="trace", values=(5, 5))
    env = make(LostSalesConfig(lead_time=3, initial_stock=10, demand=demand), REWARDS["cost"])
    assert env.reset(seed=0)[0].tolist() == [2, 0, 0]
    assert env.step(4)[0].tolist() == [1, 0, np.float32(0.8)]  # 5 left; the order arrives two periods on


def test_the_context_of_the_demand_is_observed_after_the_state() -> None:
    demand = Demand(kind="markov", regimes=(1, 9), persistence=1)
    env = make(LostSalesConfig(lead_time=1, demand=demand), REWARDS["cost"])
    observation, _ = env.reset(seed=0)
    assert sorted(observation[1:].tolist()) == [0, 1]
    regime = observation[1:].tolist()
    assert all(env.step(0)[0][1:].tolist() == regime for _ in range(300))  # beyond a block of demand


def test_the_end_of_a_batch_comes_with_the_last_observations() -> None:
    envs = make_vec(LostSalesConfig(lead_time=1, horizon=2, initial_stock=7), REWARDS["cost"], 2)
    envs.reset(seed=0)
    envs.step(np.array([0, 3]))
    observation, _, terminated, truncated, info = envs.step(np.array([0, 3]))
    assert truncated.all()
    assert not terminated.any()
    np.testing.assert_allclose(observation[:, 0], 7 / 5)  # of the next episode
    assert (np.stack(info["final_obs"])[:, 0] != 7 / 5).all()
    assert info["_final_info"].all()


def test_an_unknown_render_mode_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="cannot render as 'human'"):
        make(LostSalesConfig(), REWARDS["cost"], "human")


def test_a_frame_is_a_picture_of_the_last_periods() -> None:
    env = make(LostSalesConfig(horizon=70), REWARDS["cost"], "rgb_array")
    env.reset(seed=0)
    blank: Any = env.render()
    for _ in range(65):
        env.step(5)
    frame: Any = env.render()
    assert blank.shape == frame.shape == (400, 640, 3)
    assert frame.dtype == np.uint8
    assert (frame != blank).any()


def test_checkpoints_of_version_0_1_name_state_arrays_otherwise() -> None:
    from sandbox_inventory.network.config import NetworkConfig
    from sandbox_inventory.network.model import Network

    first, second = Simulation(Network(NetworkConfig()), 1), Simulation(Network(NetworkConfig()), 1)
    first.reset([np.random.default_rng(0)])
    first.step(first.model.action_space.sample()[None])
    saved = first.get_state()
    former = {"in_transit": "way", "backlog": "owed"}
    saved["state"] = {former.get(name, name): values for name, values in saved["state"].items()}
    second.reset([np.random.default_rng(1)])
    second.set_state(saved)
    np.testing.assert_array_equal(first.observe(), second.observe())


@pytest.mark.parametrize("task", registry().domain("inventory").tasks, ids=lambda task: task.name)
def test_environments_can_be_pickled_in_the_middle_of_an_episode(task: Any) -> None:
    envs = made(task, 2) if task.agents == "single" else made(task)
    envs.reset(seed=3)
    copy = pickle.loads(pickle.dumps(envs))  # noqa: S301 - its own bytes
    if task.agents == "parallel":
        actions = {agent: envs.action_space(agent).sample() for agent in envs.agents}
        first, second = envs.step(actions)[1], copy.step(actions)[1]
        assert first == second
    else:
        envs.action_space.seed(0)
        actions = envs.action_space.sample()
        np.testing.assert_array_equal(envs.step(actions)[1], copy.step(actions)[1])
