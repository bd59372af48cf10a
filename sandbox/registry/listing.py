"""Domains, algorithms, baselines and plugins as plain data, without heavy imports."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from sandbox.registry.discover import registry
from sandbox.registry.resolve import missing_modules

if TYPE_CHECKING:
    from sandbox.api.types import Json


def list_domains() -> list[Json]:
    """Every working domain: ``name``, ``title``, ``tasks``, ``default_scenario``, ``available``."""
    return [
        {
            "name": domain.name,
            "title": domain.title,
            "tasks": [f"{domain.name}/{task.name}" for task in domain.tasks],
            "default_scenario": domain.default_scenario,
            "available": not missing_modules(domain.requires),
        }
        for domain in registry().domains.working()
    ]


def list_algorithms() -> list[Json]:
    """Every working algorithm: ``name``, ``family``, ``backend``, ``available``, ``data``, ``on_policy``,
    ``model_based``, ``learning`` (these three in words), ``needs``.
    """
    return [
        {
            "name": algorithm.name,
            "family": algorithm.family,
            "backend": algorithm.backend,
            "available": not missing_modules(algorithm.requires),
            "data": algorithm.capabilities.data,
            "on_policy": algorithm.capabilities.on_policy,
            "model_based": algorithm.capabilities.model_based,
            "learning": algorithm.capabilities.learning,
            "needs": algorithm.capabilities.needed,
        }
        for algorithm in registry().algorithms.working()
    ]


def list_baselines() -> list[Json]:
    """Every baseline of every task: ``task``, ``name``; ``random`` plays every task."""
    return [
        {"task": f"{domain.name}/{task.name}", "name": name}
        for domain in registry().domains.working()
        for task in domain.tasks
        for name in [*(baseline.name for baseline in task.baselines), "random"]
    ]


def list_plugins() -> list[Json]:
    """Every plugin but collections of claims, working or broken.

    Each has ``name``, ``group``, ``distribution``, ``version``, ``status``, ``error``.
    """
    return [asdict(status) for status in registry().statuses(claims=False)]
