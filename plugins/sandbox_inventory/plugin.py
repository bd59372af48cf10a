"""The inventory domain; importing this file loads neither NumPy nor pydantic.

Each family declares its tasks in ``<family>/task.py``.
"""

from __future__ import annotations

from sandbox.api import Domain
from sandbox_inventory.backorders.task import BACKORDERS
from sandbox_inventory.beer_game.task import BEER_GAME, BEER_GAME_CENTRAL
from sandbox_inventory.dual_sourcing.task import DUAL_SOURCING
from sandbox_inventory.joint_replenishment.task import JOINT_REPLENISHMENT
from sandbox_inventory.lost_sales.task import LOST_SALES
from sandbox_inventory.network.task import NETWORK
from sandbox_inventory.newsvendor.task import NEWSVENDOR
from sandbox_inventory.perishable.task import PERISHABLE
from sandbox_inventory.serial.task import SERIAL, SERIAL_AGENTS
from sandbox_inventory.skus.task import SKUS
from sandbox_inventory.warehouse.task import WAREHOUSE

domain = Domain(
    name="inventory",
    title="Inventory control",
    tasks=(
        LOST_SALES,
        NEWSVENDOR,
        BACKORDERS,
        DUAL_SOURCING,
        SERIAL,
        SERIAL_AGENTS,
        BEER_GAME,
        BEER_GAME_CENTRAL,
        WAREHOUSE,
        PERISHABLE,
        JOINT_REPLENISHMENT,
        NETWORK,
        SKUS,
    ),
    default_scenario="inventory/lost-sales",
    requires=("scipy", "networkx", "pettingzoo"),
    extra="inventory",
    sources=(
        "Zipkin 2000, Foundations of Inventory Management",
        "Snyder & Shen 2019, Fundamentals of Supply Chain Theory",
    ),
)
"""Exact, batched models of inventory control, with the optimum beside the agent where it can be computed."""
