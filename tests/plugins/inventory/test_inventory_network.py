"""Networks: days by hand, conservation, shares, rules, or-gym's profits, graphs that are refused."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from inventory_support import days, money, one_day, series

from sandbox.api import InvalidValueError
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.network.config import NetworkConfig
from sandbox_inventory.network.model import REWARDS, Network, make_vec
from sandbox_inventory.network.rules import base_stock, positions
from sandbox_inventory.network.topology import OUTSIDE, topology_of


def _chain(**settings: Any) -> Network:
    """Outside → depot (lead time 2) → shop (lead time 1), which has customers."""
    return Network(
        NetworkConfig.model_validate(
            {
                "nodes": [
                    {"name": "shop", "initial_stock": 5, "holding": 1},
                    {"name": "depot", "initial_stock": 10, "holding": 0.5, "operating": 0.2, "capacity": 6},
                    {"name": "out"},
                ],
                "links": [
                    {"source": "depot", "target": "shop", "lead_time": 1, "transit": 0.1},
                    {"source": "out", "target": "depot", "lead_time": 2, "price": 3},
                ],
                "markets": [{"node": "shop", "price": 10, "penalty": 2}],
                **settings,
            }
        )
    )


def test_two_days_of_a_chain_by_hand() -> None:
    # Orders are (depot to shop, outside to depot). Of 8 from the depot its capacity lets 6 pass.
    states, flows = days(_chain(), quantities=[(8, 4), (0, 0)], demand=[7, 1])
    assert series(states, "stock") == [[6, 4], [3, 8]]
    assert series(states, "backlog") == [[2], [0]]
    assert series(states, "in_transit") == [[[0, 0], [4, 0]], [[0, 0], [0, 0]]]
    assert money(flows[0]) == pytest.approx(
        {
            "holding": 0 * 1 + 4 * 0.5,
            "shortage": 2 * 2,
            "purchase": 4 * 3,  # what the shop pays to the depot cancels
            "transport": 6 * 0.1,
            "operating": 6 * 0.2,
            "revenue": 5 * 10,
        }
    )
    assert money(flows[1])["revenue"] == 30  # the backlog of 2 and the demand of 1
    assert [float(flow.filled[0]) for flow in flows] == [5, 1]
    assert [float(flow.received[0]) for flow in flows] == [4, 0]


def test_the_profit_is_revenue_less_the_costs() -> None:
    _, flow = one_day(_chain(), (8, 4), 7)
    assert REWARDS["profit"](flow).total[0] == pytest.approx(50 - 2 - 4 - 12 - 0.6 - 1.2)
    assert REWARDS["cost"](flow).total[0] == pytest.approx(-(2 + 4 + 12 + 0.6 + 1.2))


def test_without_a_backlog_unmet_demand_is_lost() -> None:
    states, flows = days(_chain(backlog=False), quantities=[(8, 4), (0, 0)], demand=[7, 1])
    assert series(states, "backlog") == [[0], [0]]
    assert [money(flow)["revenue"] for flow in flows] == [50, 10]


@pytest.mark.parametrize("event_order", ["sandbox", "or-gym"])
@pytest.mark.parametrize("lead_time", [0, 1, 3])
def test_a_shipment_is_sold_after_its_lead_time(event_order: str, lead_time: int) -> None:
    config = NetworkConfig.model_validate(
        {
            "nodes": [{"name": "shop"}, {"name": "out"}],
            "links": [{"source": "out", "target": "shop", "lead_time": lead_time}],
            "markets": [{"node": "shop", "price": 1}],
            "event_order": event_order,
            "backlog": False,
        }
    )
    orders = [(9,)] + [(0,)] * lead_time
    _, flows = days(Network(config), orders, [1] * (lead_time + 1))
    assert [money(flow)["revenue"] for flow in flows] == [0] * lead_time + [1]


def test_without_lead_times_a_unit_passes_the_whole_network_in_a_period() -> None:
    names = ("a", "b", "c", "out")
    config = NetworkConfig.model_validate(
        {
            "nodes": [{"name": name} for name in names],
            # Written downstream first: suppliers ship upstream first all the same.
            "links": [{"source": b, "target": a} for a, b in pairwise(names)],
            "markets": [{"node": "a", "price": 1}],
        }
    )
    _, flow = one_day(Network(config), (4, 4, 4), 4)
    assert money(flow)["revenue"] == 4


def test_a_short_supplier_shares_by_orders_in_whole_units() -> None:
    config = NetworkConfig.model_validate(
        {
            "nodes": [
                {"name": "left"},
                {"name": "right"},
                {"name": "hub", "initial_stock": 7},
                {"name": "out"},
            ],
            "links": [
                {"source": "hub", "target": "left"},
                {"source": "hub", "target": "right"},
                {"source": "out", "target": "hub"},
            ],
            "markets": [{"node": "left"}, {"node": "right"}],
        }
    )
    state, _ = one_day(Network(config), (4, 10, 0), (0, 0))
    assert state["stock"].tolist() == [[2, 5, 0]]  # 7·4/14 and 7·10/14


def test_markets_of_a_node_are_served_in_their_order() -> None:
    model = _chain(
        markets=[{"node": "shop", "price": 10}, {"node": "shop", "price": 1}, {"node": "depot", "price": 2}]
    )
    state, flow = one_day(model, (0, 0), (3, 4, 1))
    assert money(flow)["revenue"] == 3 * 10 + 2 * 1 + 1 * 2
    assert state["backlog"].tolist() == [[0, 2, 0]]


def test_units_in_a_random_network_are_neither_made_nor_lost() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        count = int(rng.integers(2, 7))
        links = [
            {"source": f"n{i}", "target": f"n{j}", "lead_time": int(rng.integers(0, 4))}
            for j in range(count)
            for i in range(j + 1, count + 1)
            if i == j + 1 or rng.random() < 0.4
        ]
        config = NetworkConfig.model_validate(
            {
                "nodes": [
                    {"name": f"n{i}", "initial_stock": int(rng.integers(0, 20)) if i < count else 0}
                    | ({"capacity": 15} if i > 0 else {})
                    for i in range(count + 1)
                ],
                "links": links,
                "markets": [{"node": "n0"}, {"node": f"n{count - 1}"}],
                "event_order": str(rng.choice(["sandbox", "or-gym"])),
                "backlog": bool(rng.random() < 0.5),
            }
        )
        model = Network(config)
        state = model.initial_state(1)
        for _ in range(15):
            before = model.units(state)
            quantities = rng.integers(0, 12, len(links))
            state, flow = one_day(model, quantities, rng.integers(0, 9, 2), state)
            assert before + flow.received == model.units(state) + flow.sold
            assert all((part >= 0).all() for part in state.values())


# Topology and rules


def test_the_topology_of_a_diamond() -> None:
    config = NetworkConfig.model_validate(
        {
            "nodes": [{"name": name} for name in ("shop", "left", "right", "hub", "out")],
            "links": [
                {"source": "left", "target": "shop"},
                {"source": "right", "target": "shop"},
                {"source": "hub", "target": "left"},
                {"source": "hub", "target": "right"},
                {"source": "out", "target": "hub"},
            ],
            "markets": [{"node": "shop"}],
        }
    )
    topology = topology_of(config)
    assert topology.nodes == ("shop", "left", "right", "hub")  # the outside holds no stock
    assert topology.source.tolist() == [1, 2, 3, 3, OUTSIDE]
    assert topology.target.tolist() == [0, 0, 1, 2, 3]
    assert topology.below.tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 1, 1]]
    upstream_first = [links.tolist() for links in topology.suppliers]
    assert upstream_first.index([4]) < upstream_first.index([2, 3])
    assert upstream_first.index([2, 3]) < min(upstream_first.index([0]), upstream_first.index([1]))
    # Two units short at the shop are ordered in equal parts from both of its suppliers.
    model = Network(config)
    orders = base_stock(model, np.array([2.0, 0, 0, 0]), model.initial_state(1), False)
    assert orders.tolist() == [[1, 1, 0, 0, 0]]


def test_positions_count_units_under_way_and_the_backlog() -> None:
    model = _chain()
    state = model.initial_state(1)
    state["in_transit"][0] = [[2, 0], [4, 1]]
    state["backlog"][0] = [3]
    assert positions(model, state, echelon=False).tolist() == [[5 + 2 - 3, 10 + 5]]
    assert positions(model, state, echelon=True).tolist() == [[4, 19]]
    assert base_stock(model, np.array([6.0, 30.0]), state, echelon=True).tolist() == [[2, 11]]
    assert base_stock(model, np.array([6.0, 30.0]), state, echelon=False).tolist() == [[2, 15]]


# or-gym


@pytest.mark.parametrize(
    ("backlog", "levels", "mean", "std"),
    [(True, (90, 211, 414), 410.1, 33.2), (False, (91, 210, 406), 406.9, 27.8)],
)
def test_or_gyms_environments_earn_what_the_original_code_does(
    backlog: bool, levels: tuple[int, ...], mean: float, std: float
) -> None:
    envs = make_vec(NetworkConfig(backlog=backlog, event_order="or-gym"), REWARDS["profit"], 600)
    envs.reset(seed=list(range(600)))
    total = np.zeros(600)
    for period in range(30):
        orders = base_stock(envs.core.model, np.array(levels, float), envs.core.sim.state, True)
        _, reward, _, _, _ = envs.step(envs.core.model.orders.actions(orders))
        total += 0.97**period * reward  # its reward is discounted; ours is not
    assert total.mean() == pytest.approx(mean, abs=4.5)
    assert total.std() == pytest.approx(std, rel=0.1)


def test_the_two_orders_of_events_differ_in_what_a_supplier_may_ship() -> None:
    shipped = {}
    for event_order in ("sandbox", "or-gym"):
        config = NetworkConfig.model_validate(
            {
                "nodes": [{"name": "shop"}, {"name": "depot"}, {"name": "out"}],
                "links": [
                    {"source": "depot", "target": "shop", "lead_time": 1},
                    {"source": "out", "target": "depot", "lead_time": 1},
                ],
                "markets": [{"node": "shop"}],
                "event_order": event_order,
            }
        )
        states, _ = days(Network(config), [(5, 5), (5, 5)], [0, 0])
        shipped[event_order] = states[-1]["stock"][0, 0] + states[-1]["in_transit"][0, 0].sum()
    # In the second period the depot has its first delivery: it may pass it on, or only one period later.
    assert shipped == {"sandbox": 5, "or-gym": 0}


# Configuration


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"links": [{"source": "a", "target": "b"}, {"source": "b", "target": "a"}]}, "circle"),
        ({"links": [{"source": "a", "target": "x"}]}, "'x', which is no node"),
        ({"links": [{"source": "a", "target": "b"}] * 2}, "same ends"),
        ({"markets": [{"node": "a"}]}, "needs a node with a supplier"),
        ({"markets": [{"node": "x"}]}, "'x', which is no node"),
        ({"nodes": [{"name": "a"}, {"name": "a"}]}, "same name"),
    ],
)
def test_impossible_graphs_are_refused(change: dict[str, Any], message: str) -> None:
    graph = {
        "nodes": [{"name": "a"}, {"name": "b"}],
        "links": [{"source": "a", "target": "b"}],
        "markets": [{"node": "b"}],
    }
    with pytest.raises(ValueError, match=message):
        NetworkConfig.model_validate({**graph, **change})


@pytest.mark.parametrize(
    ("node", "link", "message"),
    [
        ({"name": "out", "initial_stock": 5}, {}, "initial_stock of 'out' has no effect"),
        ({"name": "out", "holding": 1}, {}, "holding of 'out' has no effect"),
        ({"name": "out"}, {"price": 9}, "price of the link from 'depot' to 'shop' has no effect"),
        ({"name": "out"}, {"transit": 9}, "transit of the link from 'depot' to 'shop' has no effect"),
        ({"name": "island"}, {}, "no link begins or ends at the node 'island'"),
        ({"name": "shop", "capacity": 3}, {}, "capacity of 'shop' has no effect"),
        ({"name": "shop", "operating": 3}, {}, "operating of 'shop' has no effect"),
    ],
)
def test_fields_without_effect_are_refused(node: dict[str, Any], link: dict[str, Any], message: str) -> None:
    nodes = {name: {"name": name} for name in ("shop", "depot", "out")} | {node["name"]: node}
    with pytest.raises(ValueError, match=message):
        NetworkConfig.model_validate(
            {
                "nodes": list(nodes.values()),
                "links": [
                    {"source": "depot", "target": "shop", **link},
                    {"source": "out", "target": "depot"},
                ],
                "markets": [{"node": "shop"}],
            }
        )


@pytest.mark.parametrize("compiled", [False, True])
def test_a_capacity_outside_limits_what_can_be_bought(compiled: bool) -> None:
    config = NetworkConfig.model_validate(
        {
            "nodes": [{"name": "shop"}, {"name": "stall"}, {"name": "mine", "capacity": 10}],
            "links": [{"source": "mine", "target": "shop"}, {"source": "mine", "target": "stall"}],
            "markets": [{"node": "shop"}, {"node": "stall"}],
        }
    )
    model, rows = Network(config), 100 if compiled else 1
    orders = np.tile([[15, 15], [4, 3]], (rows, 1))
    _, flow = model.step(model.initial_state(2 * rows), orders, np.zeros((2 * rows, 2)))
    assert flow.received[:2].tolist() == [10, 7]


def test_no_more_whole_units_are_ordered_than_a_link_carries() -> None:
    config = {"nodes": [{"name": "shop"}, {"name": "mine"}], "markets": [{"node": "shop"}]}
    link = {"source": "mine", "target": "shop", "capacity": 2.5}
    model = Network(NetworkConfig.model_validate({**config, "links": [link]}))
    assert model.action_space.nvec.tolist() == [3]  # 0, 1 or 2 units
    with pytest.raises(InvalidValueError, match=r"at most 0\.5 units hold no whole unit"):
        Network(NetworkConfig.model_validate({**config, "links": [{**link, "capacity": 0.5}]}))


def test_real_demand_is_served_in_fractions() -> None:
    model = _chain(
        orders="continuous",
        markets=[{"node": "shop", "price": 10, "demand": Demand(kind="gamma", mean=4, std=1)}],
    )
    assert not model.orders.whole
    state, _ = one_day(model, (2.5, 0), 1.25)
    assert state["stock"].tolist() == [[pytest.approx(6.25), pytest.approx(7.5)]]
