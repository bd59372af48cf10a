"""What the serial family offers: one decision maker, or one agent a stage."""

from __future__ import annotations

from sandbox.api import Baseline
from sandbox_inventory.core.task import BULLWHIP, PADDED_PIPELINE, inventory_task

CLARK_SCARF = "Clark & Scarf 1960, Management Science 6(4)"
RULES = "sandbox_inventory.serial.rules"
BASELINES = (
    Baseline(
        "optimal",
        f"{RULES}:make_optimal",
        "echelon base-stock with the optimal levels",
        CLARK_SCARF,
        optimal_in="cost",
    ),
    Baseline("base-stock", f"{RULES}:make_local", "local base-stock levels, optimised by simulation"),
)

SERIAL = inventory_task(
    "serial",
    "Serial multi-echelon system, one decision maker",
    family="serial",
    config="SerialConfig",
    baselines=BASELINES,
    sources=(CLARK_SCARF, "Snyder & Shen 2019, Fundamentals of Supply Chain Theory, section 6.2"),
    dynamics=True,
    views=(BULLWHIP,),
    expected_failures=PADDED_PIPELINE,
)

SERIAL_AGENTS = inventory_task(
    "serial-agents",
    "Serial multi-echelon system, one agent a stage",
    family="serial",
    config="SerialConfig",
    baselines=BASELINES,
    sources=(CLARK_SCARF,),
    agents="parallel",
    views=(BULLWHIP,),
)
