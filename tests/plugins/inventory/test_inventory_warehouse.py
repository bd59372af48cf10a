"""One warehouse, many retailers: days by hand with both allocations, and the echelon rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from inventory_support import days, money, one_day, ordered, series
from scipy import stats

from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.rules import exact_rule_cost
from sandbox_inventory.serial.config import SerialConfig
from sandbox_inventory.serial.exact import optimal
from sandbox_inventory.warehouse.config import WarehouseConfig
from sandbox_inventory.warehouse.model import REWARDS, Warehouse, make
from sandbox_inventory.warehouse.rules import echelon_base_stock, make_base_stock


def _model(**settings: Any) -> Warehouse:
    """Two retailers with 4 units each, 10 at the warehouse, two periods from outside, one to a retailer."""
    defaults: dict[str, Any] = {
        "retailers": 2,
        "warehouse_lead_time": 2,
        "retailer_lead_time": 1,
        "initial_warehouse": 10,
        "initial_stock": 4,
        "max_order": 20,
    }
    return Warehouse(WarehouseConfig(**{**defaults, **settings}))


def test_two_days_with_enough_at_the_warehouse_by_hand() -> None:
    # Orders are (warehouse, retailer 1, retailer 2).
    states, flows = days(_model(), quantities=[(6, 2, 3), (0, 4, 0)], demand=[(6, 3), (1, 2)])
    # Day 1: 4 - 6 = -2 and 4 - 3 = 1, then 2 and 3 arrive. Day 2: 0 - 1 = -1 and 4 - 2 = 2, then 4 arrive.
    assert series(states, "net") == [[0, 4], [3, 2]]
    assert series(states, "warehouse") == [5, 7]  # 10 - 5; 5 - 4 and the 6 of the day before
    assert [money(flow)["holding"] for flow in flows] == [0.5 * 5 + 1, 0.5 * 1 + 2]
    assert [money(flow)["shortage"] for flow in flows] == [18, 9]
    assert [flow.orders[0].tolist() for flow in flows] == [[5, 6], [4, 0]]
    assert [float(flow.filled[0]) for flow in flows] == [7, 2]
    assert [float(flow.sold[0]) for flow in flows] == [9, 3]  # two and one units a day late


def test_what_is_lost_is_not_served_later() -> None:
    states, flows = days(_model(lost=True), quantities=[(0, 2, 3), (0, 0, 0)], demand=[(6, 3), (1, 2)])
    assert series(states, "net") == [[2, 4], [1, 2]]
    assert [money(flow)["shortage"] for flow in flows] == [18, 0]
    assert [float(flow.sold[0]) for flow in flows] == [7, 3]


def test_a_short_warehouse_is_shared_by_orders() -> None:
    # 10 for orders of 5 and 7: 4.17 and 5.83, in whole units 4 and 6.
    state, flow = one_day(_model(), (0, 5, 7), (0, 0))
    assert state["net"].tolist() == [[8, 10]]
    assert state["warehouse"].tolist() == [0]
    assert flow.orders.tolist() == [[10, 0]]


def test_a_short_warehouse_evens_out_the_positions() -> None:
    model = _model(allocation="min-shortage", initial_warehouse=6)
    state = model.initial_state(1)
    state["net"][0] = [1, 5]
    # 6 for orders of 9 and 9: both to 6, five for the lower one and one for the other.
    after, _ = one_day(model, (0, 9, 9), (0, 0), state)
    assert after["net"].tolist() == [[6, 6]]


def test_units_on_their_way_count_in_the_position_that_is_evened_out() -> None:
    model = _model(allocation="min-shortage", initial_warehouse=4, retailer_lead_time=2)
    state = model.initial_state(1)
    state["net"][0], state["in_transit"][0] = [3, 3], [[4, 0]]
    after, _ = one_day(model, (0, 9, 9), (0, 0), state)
    assert after["in_transit"][0].tolist() == [[0, 4]]  # the second retailer's 3 are raised to 7
    assert after["net"].tolist() == [[7, 3]]


@pytest.mark.parametrize(("warehouse", "retailer"), [(0, 0), (0, 2), (2, 0), (3, 2)])
def test_a_unit_reaches_the_customer_after_both_lead_times(warehouse: int, retailer: int) -> None:
    model = _model(
        warehouse_lead_time=warehouse,
        retailer_lead_time=retailer,
        initial_warehouse=0,
        initial_stock=0,
        retailers=1,
    )
    arrives = warehouse + retailer
    quantities = [(3 if day == 0 else 0, 3 if day == warehouse else 0) for day in range(arrives + 1)]
    _, flows = days(model, quantities, [0] * arrives + [3])
    assert money(flows[-1])["shortage"] == 0
    assert flows[-1].filled.tolist() == [3]


def test_units_on_their_way_to_retailers_cost_where_that_is_asked_for() -> None:
    _, flows = days(_model(transit=0.3, retailer_lead_time=2), [(0, 2, 3), (0, 1, 0)], [(0, 0), (0, 0)])
    assert [money(flow)["transport"] for flow in flows] == pytest.approx([0.3 * 5, 0.3 * 6])


def test_retailers_may_have_demand_of_their_own() -> None:
    model = _model(means=(1, 5), max_order=None)
    assert [demand.mean for demand in model.demands] == [1, 5]
    assert [*model.means, model.scale] == pytest.approx([1, 5, 3])
    # Each retailer's own: a demand that is exceeded with a probability below 1e-9.
    small, large = (float(stats.poisson(mean).isf(1e-9)) for mean in (1, 5))
    assert model.orders.max_quantity == (small + large, small, large)


def test_a_mean_for_each_retailer_is_asked_for() -> None:
    with pytest.raises(ValueError, match="needs 3 entries"):
        WarehouseConfig(retailers=3, means=(1, 2))


def test_the_warehouse_orders_by_the_whole_system_and_a_retailer_by_its_own_position() -> None:
    # Retailers' positions 1 + 1 and -1; the system has 3 + 2 + 1 = 6.
    state = {"warehouse": 3, "inbound": [2], "net": [1, -1], "in_transit": [[1, 0]]}
    assert ordered(echelon_base_stock, [20, 5], **state) == [14, 3, 6]
    assert ordered(echelon_base_stock, [5, 1], **state) == [0, 0, 2]


def test_one_retailer_is_a_serial_system() -> None:
    # Local rates of 1/2 and 1 are echelon rates of 1/2 each; units in transit cost what they cost above.
    demand = Demand(kind="uniform", low=0, high=2, whole=True)
    serial = SerialConfig(
        lead_times=(1, 2), echelon_holding=(0.5, 0.5), penalty=9, demand=demand, orders="discrete"
    )
    result = optimal(serial, {"holding": -1, "transport": -1, "shortage": -1})
    config = WarehouseConfig(retailers=1, warehouse_holding=0.5, holding=1, transit=0.5, demand=demand)
    env = make(config.model_copy(update={"max_order": 12}), REWARDS["cost"])
    retailer_level, system_level = result.levels

    def cost(*levels: float) -> float:
        return exact_rule_cost(env, echelon_base_stock, np.array(levels), max_states=3_000)

    assert cost(system_level, retailer_level) == pytest.approx(result.cost, abs=1e-5)
    for change in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        assert cost(system_level + change[0], retailer_level + change[1]) > result.cost - 1e-5


def test_the_search_finds_the_levels_of_the_serial_system() -> None:
    demand = Demand(kind="uniform", low=0, high=2, whole=True)
    config = WarehouseConfig(
        retailers=1, warehouse_lead_time=1, warehouse_holding=0.5, holding=1, transit=0.5, demand=demand
    )
    serial = SerialConfig(
        lead_times=(1, 1), echelon_holding=(0.5, 0.5), penalty=9, demand=demand, orders="discrete"
    )
    result = optimal(serial, {"holding": -1, "transport": -1, "shortage": -1})
    parameters = make_base_stock(make(config, REWARDS["cost"])).parameters
    assert parameters["cost"] == pytest.approx(result.cost, rel=0.01)
