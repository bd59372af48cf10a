"""Views: a replay holds the days that were played, a map the orders of the rule, pictures are drawn."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sandbox.api import ViewAgent
from sandbox.cli.main import main
from sandbox_inventory import views
from sandbox_inventory.backorders.config import BackordersConfig
from sandbox_inventory.backorders.model import REWARDS as BACKORDERS_REWARDS
from sandbox_inventory.backorders.model import Backorders
from sandbox_inventory.backorders.rules import make_optimal
from sandbox_inventory.core.rules import RulePolicy, with_parameters
from sandbox_inventory.dual_sourcing.config import DualSourcingConfig
from sandbox_inventory.dual_sourcing.model import REWARDS as DUAL_REWARDS
from sandbox_inventory.dual_sourcing.model import DualSourcing
from sandbox_inventory.dual_sourcing.rules import dual_index
from sandbox_inventory.lost_sales.config import LostSalesConfig
from sandbox_inventory.lost_sales.model import REWARDS, LostSales
from sandbox_inventory.lost_sales.rules import base_stock

Render = Callable[..., Path]


@pytest.fixture
def render(tmp_path: Path) -> Render:
    """Draws a view by the command, and checks that it succeeded."""

    def draw(view: str, agents: list[str], scenario: str, *changes: str, suffix: str = "png") -> Path:
        path = tmp_path / f"{view}.{suffix}"
        command = ["render", *agents, "--scenario", f"inventory/{scenario}", "--view", view]
        settings = [part for change in changes for part in ("--set", change)]
        assert main([*command, *settings, "--out", str(path)]) == 0
        return path

    return draw


def test_a_replay_holds_every_day_and_its_cost(render: Render) -> None:
    path = render(
        "replay", ["base-stock"], "lost-sales-l2-p4", "horizon=20", "warmup=0", "penalty=4", suffix="json"
    )
    (episode,) = json.loads(path.read_text())["episodes"]
    shown = {series["name"]: np.array(series["values"]) for series in episode["series"]}
    assert episode["frames"] == 20
    stock, lost, demand, cost = (shown[name] for name in ("on hand", "not met at once", "demand", "cost"))
    np.testing.assert_allclose(cost, stock + 4 * lost)  # h = 1, p = 4
    assert np.mean(cost) == pytest.approx(episode["metrics"]["cost"])
    assert 1 - lost.sum() / demand.sum() == pytest.approx(episode["metrics"]["fill_rate"])
    # What is on hand and in transit each evening follows from orders and sales.
    position = stock + shown["in transit"]
    np.testing.assert_allclose(np.diff(position), shown["order"][1:] - (demand - lost)[1:])


@pytest.mark.parametrize(
    ("view", "agents", "scenario", "changes"),
    [
        ("trajectories", ["base-stock", "random"], "lost-sales-l2-p4", ["horizon=30", "warmup=0"]),
        ("policy", ["optimal", "base-stock"], "lost-sales-l2-p4", []),
        ("policy", ["optimal"], "perishable-fifo", []),
        ("levels", ["base-stock"], "lost-sales-l1-p4", ["horizon=60", "warmup=10"]),
        ("bullwhip", ["sterman"], "beer-game-central", []),
    ],
)
def test_a_picture_is_drawn(
    render: Render, view: str, agents: list[str], scenario: str, changes: list[str]
) -> None:
    content = render(view, agents, scenario, *changes).read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) > 5_000


def _orders(
    model: Any, reward: Any, make: Callable[[Any], Any], states: list[tuple[float, float]]
) -> list[float]:
    agent = ViewAgent("rule", make)
    orders: list[float] = views.orders_in_states(model, reward, agent, np.array(states, float)).tolist()
    return orders


def _rule(rule: Any, *parameters: float) -> Callable[[Any], Any]:
    return lambda envs: RulePolicy(envs, with_parameters(rule, np.array(parameters)))


def test_the_map_of_a_rule_shows_its_orders_by_stock_and_next_arrival() -> None:
    # Lead time 3: the second order of the pipeline stands at the mean demand, 5.
    model = LostSales(LostSalesConfig(lead_time=3))
    orders = _orders(model, REWARDS["cost"], _rule(base_stock, 20.0), [(0, 0), (4, 0), (4, 7), (18, 7)])
    assert orders == [15, 11, 4, 0]


def test_the_map_of_net_stock_shows_s_and_S() -> None:
    model = Backorders(BackordersConfig(demand={"mean": 6}, penalty=4, fixed_cost=5))
    orders = _orders(model, BACKORDERS_REWARDS["cost"], make_optimal, [(0, 0), (4, 0), (5, 0)])
    assert orders == [10, 6, 0]


def test_the_map_of_two_sources_shows_their_sum() -> None:
    model = DualSourcing(DualSourcingConfig(regular_lead_time=2, max_order=9))
    # One there, two to come: three at once, and the position of 6 is raised to 9.
    assert _orders(model, DUAL_REWARDS["cost"], _rule(dual_index, 4.0, 5.0), [(1, 2)]) == [6]
