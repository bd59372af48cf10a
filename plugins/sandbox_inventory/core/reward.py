"""Reward terms: money by name, as a model's `Flow` gives it; presets weigh them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.api import RewardSpec, RewardTerm

DESCRIPTIONS = {
    "holding": "stock on hand at the end of the period (and in transit where the model says so), times h",
    "shortage": "demand not met at once: lost units, or units in backlog, times p",
    "purchase": "units ordered, times their price",
    "fixed": "orders placed, times the fixed cost of one",
    "revenue": "units sold, times the price",
    "spoilage": "units thrown away, times their cost",
    "transport": "units in transit, times the cost of a period",
    "expedite": "units ordered from the fast source, times its price",
    "operating": "units made, times the cost of making one",
}


def presets(*names: str) -> dict[str, RewardSpec]:
    """``cost``: minus all costs; ``profit``: revenue less all costs, where there is revenue.

    Args:
        names: The terms that the task's model reports.
    """
    specs = {"cost": _spec(names, revenue=0.0)}
    if "revenue" in names:
        specs["profit"] = _spec(names, revenue=1.0)
    return specs


def _spec(names: tuple[str, ...], revenue: float) -> RewardSpec:
    return RewardSpec(
        tuple(
            RewardTerm(
                name, _term(name), revenue if name == "revenue" else -1.0, "money", "", DESCRIPTIONS[name]
            )
            for name in names
        )
    )


def _term(name: str) -> Callable[[Any], Any]:
    def value(flow: Any) -> Any:
        return flow.terms[name]

    return value
