"""What there is: domains, scenarios, algorithms, baselines and plugins, found without heavy imports."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.registry import missing_modules, registry
from sandbox.scenarios import entries

if TYPE_CHECKING:
    from sandbox.store import Run


def list_domains() -> list[dict[str, Any]]:
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


def list_scenarios() -> list[dict[str, Any]]:
    """Every readable scenario: ``id``, ``task``, ``title``, ``metric``, ``agents``."""
    return [
        {
            "id": entry.id,
            "task": entry.task,
            "title": entry.title,
            "metric": entry.metric,
            "agents": entry.agents,
        }
        for entry in entries()
        if entry.error is None
    ]


def list_algorithms() -> list[dict[str, Any]]:
    """Every working algorithm: ``name``, ``family``, ``backend``, ``available``."""
    return [
        {
            "name": algorithm.name,
            "family": algorithm.family,
            "backend": algorithm.backend,
            "available": not missing_modules(algorithm.requires),
        }
        for algorithm in registry().algorithms.working()
    ]


def list_baselines() -> list[dict[str, Any]]:
    """Every baseline of every task: ``task``, ``name``; ``random`` plays every task."""
    return [
        {"task": f"{domain.name}/{task.name}", "name": name}
        for domain in registry().domains.working()
        for task in domain.tasks
        for name in [*(baseline.name for baseline in task.baselines), "random"]
    ]


def list_plugins() -> list[dict[str, Any]]:
    """Every plugin, working or broken: ``name``, ``group``, ``distribution``, ``version``, ``status``,
    ``error``.
    """
    return [asdict(status) for status in registry().statuses()]


def load(path: str | Path) -> Run:
    """The run in a directory.

    Raises:
        DamagedRunError: If it is not one.
    """
    from sandbox.store import Run

    return Run.open(path)
