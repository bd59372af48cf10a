"""Reward terms: money by name, as a model's `Flow` holds it, and the presets that weigh them."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

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


def reward_of(spec: RewardSpec, flow: Flow) -> Array:
    """The reward of a period, ``(num_envs,)``; only terms that weigh something are evaluated, those of
    extensions included.
    """
    total = np.zeros(flow.demand.shape[:1])
    for term in spec.terms:
        if term.weight:
            total = total + term.weight * term.fn(flow)
    return total


def sources_of_others(spec: RewardSpec) -> dict[str, str]:
    """Digests of the files of weighted terms that are not this domain's, by name; part of a cache key."""
    others = foreign_terms(spec)
    digests = {}
    for term in [term for term in spec.terms if term.name in others]:
        function = term.fn if hasattr(term.fn, "__qualname__") else type(term.fn)
        file = getattr(sys.modules.get(function.__module__), "__file__", None)
        source = Path(file).read_bytes() if file and Path(file).is_file() else b""
        digests[term.name] = hashlib.sha256(source + function.__qualname__.encode()).hexdigest()[:16]
    return digests


def foreign_terms(spec: RewardSpec) -> list[str]:
    """Weighted terms that are not money of a flow: those of extensions."""
    return [term.name for term in spec.terms if term.weight and not isinstance(term.fn, TermOf)]


@dataclass(frozen=True)
class TermOf:
    """The money of one term of a flow; a class, so that environments can be pickled."""

    name: str

    def __call__(self, flow: Flow) -> Array:
        """Shape ``(num_envs,)``, unweighted."""
        return flow.terms[self.name]
