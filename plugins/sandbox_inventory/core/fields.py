"""What the numbers of an inventory observation are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sandbox.api import ObservationField
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.demand.paths import grouped

SCALE = "mean demand"
"""Unit of quantities: the mean demand of an item in a period, or of the items where there are several."""

STOCK = ObservationField("stock on hand", SCALE, "after this period's receipt, before the order")
NET = ObservationField("net stock", SCALE, "stock on hand less backlog, after this period's receipt")


def outstanding(count: int, name: str = "outstanding order", unit: str = SCALE) -> list[ObservationField]:
    """Orders under way, next arrival first; none where everything arrives before it is seen."""
    times = tuple(arrival(place + 1) for place in range(count))
    return [ObservationField(name, unit, "on its way, by when it arrives", times)] if count else []


def arrival(periods: int) -> str:
    """When something arrives."""
    return f"in {periods} period" + ("s" if periods > 1 else "")


def counted(noun: str, count: int) -> tuple[str, ...]:
    """Names of some things that have none: ``item 1``, ``item 2``, …"""
    return tuple(f"{noun} {place + 1}" for place in range(count))


def at(name: str, meaning: str, entries: Sequence[str], unit: str = SCALE) -> list[ObservationField]:
    """A quantity at several places."""
    return [ObservationField(name, unit, meaning, tuple(entries))] if entries else []


def common_fields(demands: Sequence[Demand], finite: bool) -> list[ObservationField]:
    """What follows a model's own numbers: what demand to come depends on, and the time."""
    fields = list(_contexts(demands))
    if finite:
        fields.append(ObservationField("time", "horizon", "periods that are over as a share of all, 0 to 1"))
    return fields


def _contexts(demands: Sequence[Demand]) -> Iterable[ObservationField]:
    for demand, items in grouped(demands):
        whose = "" if len(demands) == 1 else " of item " + ", ".join(str(item + 1) for item in items)
        names = [f"item {item + 1}" for item in items] if len(demands) > 1 else [""]
        if demand.kind == "ar1":
            meaning = "before rounding; the coming one is correlated with it"
            entries = tuple(names) if len(demands) > 1 else ()
            yield ObservationField(f"last demand{whose}", "unit", meaning, entries)
        elif demand.kind == "markov":
            regimes = [f"mean {mean:g}" for mean in demand.regimes]
            places = tuple(f"{name} {regime}".strip() for name in names for regime in regimes)
            yield ObservationField(
                f"regime of demand{whose}", "1", "1 for the present regime, else 0", places
            )


def observation_fields(env: Any) -> list[ObservationField]:
    """Of a task with one agent."""
    model = env.core.model
    return [*model.fields(), *common_fields(model.demands, model.finite)]


def agents_fields(env: Any) -> list[ObservationField]:
    """Of each agent of a task with an agent an order."""
    model = env.core.model
    return [*model.agent_fields(), *common_fields(model.demands, model.finite)]
