"""Reward terms: money by name, as a model's `Flow` holds it, and the presets that weigh them."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.api import RewardSpec, RewardTerm
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.model import Flow

DESCRIPTIONS = {
    "holding": "holding rate times stock on hand at the end of the period (and in transit where stated)",
    "shortage": "penalty times demand not met at once: lost units, or units in backlog",
    "purchase": "price times units ordered",
    "fixed": "fixed cost times orders placed",
    "revenue": "price times units sold",
    "spoilage": "cost of waste times units thrown away",
    "transport": "cost of a period in transit times units in transit",
    "expedite": "price of the fast source times units ordered from it",
    "operating": "cost of processing times units shipped",
}


def presets(*names: str) -> dict[str, RewardSpec]:
    """Reward presets of a task: ``cost`` (minus all costs) and, with revenue, ``profit``.

    Args:
        names: The terms in the task's `Flow.terms`; keys of `DESCRIPTIONS`.
    """
    specs = {"cost": _spec(names, revenue_weight=0.0)}
    if "revenue" in names:
        specs["profit"] = _spec(names, revenue_weight=1.0)
    return specs


def _spec(names: tuple[str, ...], revenue_weight: float) -> RewardSpec:
    weights = {name: revenue_weight if name == "revenue" else -1.0 for name in names}
    return RewardSpec(
        tuple(
            RewardTerm(name, TermOf(name), weight, "money", description=DESCRIPTIONS[name])
            for name, weight in weights.items()
        )
    )


@dataclass(frozen=True)
class TermOf:
    """The money of one term of a flow; a class, so that environments can be pickled."""

    name: str

    def __call__(self, flow: Flow) -> Array:
        """Shape ``(num_envs,)``, unweighted."""
        return flow.terms[self.name]
