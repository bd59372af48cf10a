"""Networks: or-gym's published profits with its order of events, graphs that are refused, and traces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sandbox.api import BrokenFileError
from sandbox_inventory.network import model as network
from sandbox_inventory.network.config import NetworkConfig
from sandbox_inventory.network.rules import base_stock
from sandbox_inventory.skus.config import SkusConfig
from sandbox_inventory.skus.generator import generated_traces
from sandbox_inventory.skus.model import Skus
from sandbox_inventory.skus.traces import read_traces


@pytest.mark.parametrize(
    ("backlog", "levels", "mean", "std"),
    [(True, (90, 211, 414), 410.1, 33.2), (False, (91, 210, 406), 406.9, 27.8)],
)
def test_or_gyms_environments_earn_what_the_original_code_does(
    backlog: bool, levels: tuple[int, ...], mean: float, std: float
) -> None:
    config = NetworkConfig(backlog=backlog, event_order="or-gym")
    envs = network.make_vec(config, network.REWARDS["profit"], 600)
    envs.reset(seed=list(range(600)))
    total = np.zeros(600)
    for period in range(30):
        orders = base_stock(envs.model, np.array(levels, float), envs.sim.state, True)
        _, reward, _, _, _ = envs.step(envs.model.orders.actions(orders))
        total += 0.97**period * reward  # its reward is discounted; ours is not
    assert total.mean() == pytest.approx(mean, abs=4.5)
    assert total.std() == pytest.approx(std, rel=0.1)


def test_the_two_orders_of_events_differ_in_what_a_supplier_may_ship() -> None:
    nodes = [{"name": "shop", "initial_stock": 0}, {"name": "depot", "initial_stock": 0}, {"name": "out"}]
    links = [
        {"source": "depot", "target": "shop", "lead_time": 1},
        {"source": "out", "target": "depot", "lead_time": 1},
    ]
    shipped = {}
    for order in ("sandbox", "or-gym"):
        config = NetworkConfig.model_validate(
            {"nodes": nodes, "links": links, "markets": [{"node": "shop"}], "event_order": order}
        )
        model = network.Network(config)
        state = model.initial_state(1)
        for _ in range(2):
            state, _ = model.step(state, np.array([[5, 5]]), np.zeros((1, 1)))
        shipped[order] = state["stock"][0, 0] + state["in_transit"][0, 0].sum()
    # In the second period the depot has its first delivery: it may pass it on, or only one period later.
    assert shipped == {"sandbox": 5, "or-gym": 0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"links": [{"source": "a", "target": "b"}, {"source": "b", "target": "a"}]}, "circle"),
        ({"links": [{"source": "a", "target": "x"}]}, "'x', which is no node"),
        ({"markets": [{"node": "a"}]}, "needs a node with a supplier"),
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


def test_traces_are_read_from_csv_and_parquet_alike(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = "period,sku,demand\n0,apple,3\n1,pear,2\n3,apple,1.5\n"
    (tmp_path / "demand.csv").write_text(text)
    table = pa.table({"period": [0, 1, 3], "sku": ["apple", "pear", "apple"], "demand": [3.0, 2.0, 1.5]})
    pq.write_table(table, tmp_path / "demand.parquet")
    for name in ("demand.csv", "demand.parquet"):
        demand, names = read_traces(tmp_path / name)
        assert names == ["apple", "pear"]
        assert demand.tolist() == [[3, 0], [0, 2], [0, 0], [1.5, 0]]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2024-01-02,apple,-1", "line 3.*at least 0"),
        ("2024-01-02,apple,many", "line 3.*no number"),
        ("yesterday,apple,1", "line 3.*neither a number"),
        ("2024-01-02,,1", "line 3.*no sku"),
        ("2024-01-02,apple", "line 3.*2 fields"),
        ("2024-01-02,apple,nan", "line 3.*finite"),
    ],
)
def test_a_bad_row_is_named_by_file_line_and_reason(tmp_path: Path, row: str, reason: str) -> None:
    path = tmp_path / "demand.csv"
    path.write_text(f"period,sku,demand\n2024-01-01,apple,1\n{row}\n")
    with pytest.raises(BrokenFileError, match=f"demand.csv, {reason}"):
        read_traces(path)


def test_the_generator_repeats_itself_and_some_items_sell_only_now_and_then() -> None:
    demand = generated_traces(3, 60, 730)
    np.testing.assert_array_equal(demand, generated_traces(3, 60, 730))
    assert (demand != generated_traces(4, 60, 730)).any()
    idle = (demand == 0).mean(0)
    assert (idle > 0.45).mean() == pytest.approx(1 / 3, abs=0.2)
    assert (demand % 1 == 0).all()


def test_training_and_evaluation_play_different_parts_of_the_traces() -> None:
    first = Skus(SkusConfig(items=3, periods=400, part="first"))
    last = Skus(SkusConfig(items=3, periods=400, part="last"))
    whole = generated_traces(0, 3, 400)
    np.testing.assert_array_equal(np.concatenate([first.traces, last.traces]), whole)
    np.testing.assert_array_equal(first.means, last.means)  # what is known before the evaluation
